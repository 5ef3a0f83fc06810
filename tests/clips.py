"""Awkward and hopeless clips, made on the spot: name -> a function that makes one in a folder and returns its path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import av

from pipeline import ffmpeg

Maker = Callable[[Path], Path]

_PICTURE = ["-f", "lavfi", "-i", "testsrc=s=320x240:r=30:d=1.5"]
_TONE = ["-f", "lavfi", "-i", "sine=440:r=48000:d=1.5"]
_FAST = ["-preset", "ultrafast", "-g", "15"]


def made(folder: Path, name: str, *arguments: str) -> Path:
    """Runs ffmpeg with these arguments and the file's name behind them."""
    path = folder / name
    ffmpeg.run([*arguments, f"file:{path}"])
    return path


def ordinary(folder: Path, name: str = "clip.mp4") -> Path:
    return made(folder, name, *_PICTURE, *_TONE, *_FAST, "-pix_fmt", "yuv420p", "-c:a", "aac")


def _with(*options: str, picture: str = "testsrc=s=320x240:r=30:d=1.5", name: str = "clip.mp4") -> Maker:
    """An ordinary clip with other options."""
    source = ["-f", "lavfi", "-i", picture]
    return lambda folder: made(folder, name, *source, *_TONE, *_FAST, "-c:a", "aac", "-pix_fmt", "yuv420p", *options)


def _sound(name: str, *options: str) -> Maker:
    return lambda folder: made(folder, name, *_PICTURE, *_TONE, *_FAST, "-pix_fmt", "yuv420p", *options)


def _lengths(picture: str, sound: str) -> Maker:
    """A clip whose sound and pictures are of different length, in seconds."""
    sources = ["-f", "lavfi", "-i", f"testsrc=s=320x240:r=30:d={picture}", "-f", "lavfi", "-i", f"sine=440:d={sound}"]
    return lambda folder: made(folder, "clip.mp4", *sources, *_FAST, "-pix_fmt", "yuv420p", "-c:a", "aac")


def _rotated(folder: Path) -> Path:
    return made(folder, "clip.mp4", "-display_rotation", "90", "-i", str(ordinary(folder, "flat.mp4")), "-c", "copy")


def _hlg(folder: Path) -> Path:
    """As phones record: HEVC, 10 bit, HLG."""
    tags = ["-vf", "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv"]
    codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"]
    return made(folder, "clip.mov", *_PICTURE, *_TONE, *codec, *tags, "-tag:v", "hvc1", "-c:a", "aac")


def _variable(folder: Path) -> Path:
    jitter = ["-vf", "setpts='(N+0.3*mod(N*7,3))/30/TB'", "-fps_mode", "passthrough"]
    return made(folder, "clip.mp4", *_PICTURE, *_TONE, *jitter, *_FAST, "-pix_fmt", "yuv420p", "-c:a", "aac")


def _no_duration(folder: Path) -> Path:
    """As a browser's MediaRecorder writes it: a stream, so nothing could be filled in afterwards."""
    live = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-f", "webm", "-live", "1"]
    return made(folder, "clip.webm", *_PICTURE, *_TONE, "-pix_fmt", "yuv420p", *live)


def _cut_off(folder: Path) -> Path:
    whole = made(
        folder, "whole.mp4", "-f", "lavfi", "-i", "testsrc=s=320x240:r=30:d=4", "-f", "lavfi", "-i", "sine=440:d=4",
        *_FAST, "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart",
    )  # fmt: skip
    path = folder / "clip.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    return path


def _broken_packets(folder: Path) -> Path:
    """Bytes in the middle of the media data are overwritten."""
    path = ordinary(folder)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    middle = start + (len(data) - start) // 3
    for at in range(middle, middle + 6000, 50):
        data[at : at + 5] = b"\xff\x00\xa5\x5a\x13"
    path.write_bytes(data)
    return path


def _edit_list(folder: Path) -> Path:
    """As phones trim: the file keeps the pictures since the key frame, and says from which one on it is shown."""
    whole = _lengths("3", "3")(folder).rename(folder / "whole.mp4")
    return made(folder, "clip.mp4", "-ss", "1.25", "-i", str(whole), "-c", "copy")


def _changing_sound(folder: Path) -> Path:
    """The sound changes its rate and its channels midway, as after a call came in."""
    first = made(folder, "first.ts", "-f", "lavfi", "-i", "sine=440:r=48000:d=1", "-c:a", "aac", "-ac", "1")
    later = ["-output_ts_offset", "1", "-f", "lavfi", "-i", "sine=440:r=44100:d=1", "-c:a", "aac", "-ac", "2"]
    second = made(folder, "second.ts", *later[2:], *later[:2])
    path = folder / "clip.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path


def _unknown_pictures(folder: Path) -> Path:
    """The sound is fine, the pictures are of a kind that nobody knows."""
    path = made(folder, "clip.avi", *_PICTURE, *_TONE, "-c:v", "mpeg4", "-c:a", "mp3")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"QQQQ"))
    return path


def _named(name: str) -> Maker:
    def make(folder: Path) -> Path:
        return ordinary(folder).rename(folder / name)

    return make


AWKWARD: Mapping[str, Maker] = {
    "cut off": _cut_off,
    "broken packets": _broken_packets,
    "sound only": lambda folder: made(folder, "clip.m4a", *_TONE, "-c:a", "aac"),
    "picture only": lambda folder: made(folder, "clip.mp4", *_PICTURE, *_FAST, "-pix_fmt", "yuv420p"),
    "0.2 s": _lengths("0.2", "0.2"),
    "one frame": lambda folder: made(folder, "clip.mp4", *_PICTURE, "-frames:v", "1", "-pix_fmt", "yuv420p"),
    "odd size": _with("-pix_fmt", "yuv444p", picture="testsrc=s=853x479:r=30:d=1.5"),
    "pixels not square": _with("-vf", "setsar=2/3"),
    "interlaced": _with("-vf", "interlace", "-flags", "+ildct+ilme"),
    "4:2:2": _with("-pix_fmt", "yuv422p"),
    "4:4:4": _with("-pix_fmt", "yuv444p"),
    "5.1": _sound("clip.mp4", "-c:a", "aac", "-ac", "6"),
    "mono": _sound("clip.mp4", "-c:a", "aac", "-ac", "1"),
    "8 kHz": _sound("clip.mp4", "-c:a", "aac", "-ar", "8000"),
    "one side": _sound("clip.mov", "-c:a", "aac", "-af", "pan=stereo|c0=c0|c1=0*c0"),
    "sound longer": _lengths("0.7", "2"),
    "picture longer": _lengths("2", "0.7"),
    "rotated": _rotated,
    "hlg": _hlg,
    "variable rate": _variable,
    "no duration": _no_duration,
    "mpeg-ts": _sound("clip.ts", "-c:a", "aac"),
    "avi": _sound("clip.avi", "-c:a", "mp3"),
    "edit list": _edit_list,
    "sound that changes": _changing_sound,
    "unknown pictures": _unknown_pictures,
    "spaces and quotes": _named('it\'s "my" clip.mp4'),
    "emoji and brackets": _named("🎬 [a],b;c=d:e.mp4"),
    "percent": _named("clip-%d-%04d.mp4"),
    "newline": _named("two\nlines.mp4"),
    "leading dash": _named("-y.mp4"),
}

# --- what nothing can be made of --------------------------------------------------------------------------------------


def _text(folder: Path) -> Path:
    path = folder / "clip.mp4"
    path.write_text("This is no video.\n" * 100)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "clip.mp4"
    path.touch()
    return path


def _folder(folder: Path) -> Path:
    path = folder / "clip.mp4"
    path.mkdir()
    return path


def _without_index(folder: Path) -> Path:
    """An MP4 whose recording was never finished: media data, no moov."""
    whole = ordinary(folder, "whole.mp4").read_bytes()
    path = folder / "clip.mp4"
    path.write_bytes(whole[: whole.rindex(b"moov") - 4])
    return path


def _image(folder: Path) -> Path:
    path = made(folder, "still.png", *_PICTURE, "-frames:v", "1")
    return path.rename(folder / "clip.mp4")


def _pipe(folder: Path) -> Path:
    path = folder / "clip.mp4"
    os.mkfifo(path)
    return path


def _phone_image(folder: Path) -> Path:
    """In the same boxes as MP4."""
    still = ["-frames:v", "1", "-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8"]
    return made(folder, "still.avif", *_PICTURE, *still).rename(folder / "clip.mp4")


def _encrypted(folder: Path) -> Path:
    key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "0f" * 16, "-encryption_kid", "f0" * 16]
    return made(folder, "clip.mp4", "-i", str(ordinary(folder, "plain.mp4")), "-c", "copy", *key)


def _endless(folder: Path) -> Path:
    """A second of sound, a time stamp that jumps by 200 hours, and a second more."""
    path = folder / "clip.mkv"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=48000, layout="mono")
        for start in (0, 200 * 3600 * 48000):
            frame = av.AudioFrame(format="s16", layout="mono", samples=48000)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts = 48000, start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def concat(path: Path, names: str) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile '{names}'\n")
    return path


def hls(path: Path, names: str) -> Path:
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{names}\n#EXT-X-ENDLIST\n")
    return path


def dash(path: Path, names: str) -> Path:
    profile = "urn:mpeg:dash:profile:isoff-on-demand:2011"
    path.write_text(
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="{profile}" type="static" '
        'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1000"><BaseURL>{names}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    return path


def sdp(path: Path, names: str) -> Path:
    path.write_text(f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={names}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 50000 RTP/AVP 96\n")
    return path


DISGUISES: Mapping[str, Callable[[Path, str], Path]] = {"concat": concat, "hls": hls, "dash": dash, "sdp": sdp}


def _disguised(write: Callable[[Path, str], Path]) -> Maker:
    return lambda folder: write(folder / "clip.mp4", str(ordinary(folder, "canary.mp4")))


HOPELESS: Mapping[str, Maker] = {
    "missing": lambda folder: folder / "missing.mp4",
    "a folder": _folder,
    "empty": _empty,
    "text": _text,
    "an image": _image,
    "no index": _without_index,
    "a pipe": _pipe,
    "a phone's image": _phone_image,
    "encrypted": _encrypted,
    "endless": _endless,
    **{f"disguised {name}": _disguised(write) for name, write in DISGUISES.items()},
}


def packets(path: Path) -> int:
    """How many pictures a file holds."""
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)
