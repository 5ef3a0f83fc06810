"""The only room that opens clips for reading (PyAV): what they are, their sound, small gray frames.

All times count from clip zero, which is the container's start time. Files from outside are opened with restricted
formats and protocols (a text named .mp4 could make the library read the files it names), and in a process with limits
(see limits.py).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

from pipeline import ffmpeg
from pipeline.errors import ClipError
from pipeline.model import Audio, Clip, Picture, Sound, Span, Still

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_RATES = tuple(
    Fraction(rate)
    for rate in (
        "10",
        "12",
        "12.5",
        "15",
        "20",
        "24000/1001",
        "24",
        "25",
        "30000/1001",
        "30",
        "48",
        "50",
        "60000/1001",
        "60",
    )
)
_STEADY = Fraction(1, 10)  # gaps that differ by less than this part of a frame are rounding, not a variable rate
_CUT_OFF_SECONDS = 0.5  # a file that is this much shorter than it says was cut off
_WORTH_A_NOTE_MS = 500
_STRAY_SECONDS = 0.02  # sound packets this near to their place are simply joined: time stamps are rounded
_ONE_SIDED = 0.1  # of the other side's level (20 dB): a microphone on one channel alone
_GRAY_WIDTH = 480  # for sharpness
_BLOCK = 1 << 20

_TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 13: "iec61966-2-1", 14: "bt2020-10",
    15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67",
}  # fmt: skip
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"}
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
_HDR = {"smpte2084": "pq", "arib-std-b67": "hlg"}

_RE_EXPORT = "If it plays elsewhere, re-export it as MP4 and try again."


# --- a file from outside ----------------------------------------------------------------------------------------------


def signature(path: Path) -> tuple[int, int]:
    """Size in bytes and date in ns of a file that may be a clip. ClipError where it cannot be one."""
    name = printable(path)
    try:
        found = path.stat()
    except OSError as fault:
        if isinstance(fault, PermissionError):
            raise ClipError(f"{name} may not be read.", "Give yourself the right to read it.") from fault
        raise ClipError(f"There is no file {name}.", "Check the name, and the folder you are in.") from fault
    if stat.S_ISDIR(found.st_mode):
        raise ClipError(f"{name} is a folder.", "Name the clips in it, for example with a star: FOLDER/*.mp4")
    if not stat.S_ISREG(found.st_mode):
        raise ClipError(f"{name} is not a file.", "Copy the clip into a file first.")
    if found.st_size == 0:
        raise ClipError(f"{name} is empty.", "Copy it again from the phone or camera.")
    if not os.access(path, os.R_OK):
        raise ClipError(f"{name} may not be read.", "Give yourself the right to read it.")
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError as fault:
        raise ClipError(f"The name of {name} is no text.", "Rename it.") from fault
    return found.st_size, found.st_mtime_ns


def printable(path: Path) -> str:
    """A file's name that cannot play with the terminal."""
    return "".join(c if c.isprintable() else "?" for c in path.name) or str(path)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    limits = {"format_whitelist": ffmpeg.FORMATS, "protocol_whitelist": ffmpeg.PROTOCOLS}
    try:
        container = av.open(f"file:{path}", options=limits, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as fault:
        raise ClipError(
            f"{printable(path)} is no video or sound that can be read.",
            "Copy it again from the phone or camera, since it may be cut off. " + _RE_EXPORT,
        ) from fault
    try:
        yield container
    finally:
        container.close()


def _zero(container: InputContainer) -> Fraction:
    return Fraction(container.start_time or 0, av.time_base)


def _picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & stream.disposition.attached_pic:
            stream.codec_context.options = {"max_pixels": str(ffmpeg.MAX_PIXELS)}
            return stream
    return None


# --- probe ------------------------------------------------------------------------------------------------------------


def probe(path: Path) -> Clip:
    """Everything about a clip that its file tells. ClipError where it cannot become a video."""
    signature(path)
    first = _first_frame(path)
    with _opened(path) as container:
        seen = _seen(container)
        zero, stated = _zero(container), container.duration
        picture = _picture(container, first, seen, zero) if first is not None else None
        audio = _audio(container, seen, zero)
        if picture is None and audio is None:
            raise ClipError(f"{printable(path)} has neither pictures nor sound that can be read.", _RE_EXPORT)
        duration = max(part.end_ms for part in (picture, audio) if part is not None)
        kind = container.format.name
        notes = _notes(container, picture, audio, duration, stated)
    return Clip(path, _hash(path), duration, picture, audio, kind, notes)


def _first_frame(path: Path) -> VideoFrame | None:
    """The first picture that can be decoded; None where there is none."""
    with _opened(path) as container:
        stream = _picture_stream(container)
        if stream is None:
            return None
        _bounded(stream, path)
        for packet in _packets(container, stream):
            with suppress(av.error.FFmpegError):
                for frame in packet.decode():
                    return cast("VideoFrame", frame)
    return None


def _bounded(stream: VideoStream, path: Path) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > ffmpeg.MAX_PIXELS:
        raise ClipError(
            f"The pictures of {printable(path)} are too large: {width}x{height}.",
            "Export it at 3840x2160 or less, and try again.",
        )


def _packets(container: InputContainer, *streams: Any) -> Iterator[Any]:
    """All packets that can be read; a file that is cut off simply ends."""
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        yield packet


@dataclass(slots=True)
class _Times:
    """Of one stream's packets: their times, and where the last one ends, in units of the stream's time base."""

    starts: list[int] = field(default_factory=list)
    end: int = 0
    last: int = 0  # the longest-lasting packet's duration


def _seen(container: InputContainer) -> dict[int, _Times]:
    """Every packet of the streams that count, since containers lie about durations, or do not know them."""
    wanted = [stream for stream in (_picture_stream(container), _sound_stream(container)) if stream is not None]
    seen = {stream.index: _Times() for stream in wanted}
    for packet in _packets(container, *wanted):
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None and packet.size:
            times = seen[packet.stream_index]
            times.starts.append(start)
            times.end = max(times.end, start + (packet.duration or 0))
    return seen


def _sound_stream(container: InputContainer) -> Any:
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _picture(container: InputContainer, frame: VideoFrame, seen: dict[int, _Times], zero: Fraction) -> Picture | None:
    stream = _picture_stream(container)
    if stream is None or not seen[stream.index].starts:
        return None
    base = stream.time_base or Fraction(1, 1000)
    times = sorted({start * base - zero for start in seen[stream.index].starts})
    gaps = [b - a for a, b in itertools.pairwise(times)]
    fps = rate_of(times)
    end = max(seen[stream.index].end * base - zero, times[-1] + 1 / fps)
    sar = Fraction(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    rotation = int(frame.rotation)
    width, height = _shown(frame.width, frame.height, sar, rotation)
    transfer = _TRANSFERS.get(int(frame.color_trc), "")
    return Picture(
        codec=stream.codec_context.name,
        pixel_format=frame.format.name,
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        rotation=rotation,
        sar=sar,
        fps=fps,
        variable=any(abs(gap - 1 / fps) > max(_STEADY / fps, base) for gap in gaps),
        longest_gap_ms=_ms(max(gaps, default=1 / fps)),
        start_ms=_ms(times[0]),
        end_ms=_ms(end),
        frames=len(times),
        hdr=_HDR.get(transfer, ""),
        matrix=_MATRICES.get(int(frame.colorspace), ""),
        primaries=_PRIMARIES.get(int(frame.color_primaries), ""),
        transfer=transfer,
        color_range=_range(frame),
        interlaced=bool(frame.interlaced_frame),
    )


def _shown(width: int, height: int, sar: Fraction, rotation: int) -> tuple[int, int]:
    """Size as it is to be shown: with square pixels, and after rotation."""
    wide = max(1, round(width * sar))
    return (height, wide) if rotation % 180 else (wide, height)


def _range(frame: VideoFrame) -> str:
    return "pc" if frame.format.name.startswith("yuvj") else {1: "tv", 2: "pc"}.get(int(frame.color_range), "")


def rate_of(times: Sequence[Fraction]) -> Fraction:
    """The standard frame rate nearest to that of pictures at these times (seconds, in order), 60 at most.

    Phones drop and delay pictures, so where the average is no standard rate the commonest gap tells.
    """
    if len(times) < 2:
        return Fraction(30)
    average = (len(times) - 1) / (times[-1] - times[0])
    commonest = 1 / statistics.median(b - a for a, b in itertools.pairwise(times))
    found = average if abs(average / commonest - 1) < Fraction(1, 100) else commonest
    return min(_RATES, key=lambda rate: abs(rate / found - 1))


def _audio(container: InputContainer, seen: dict[int, _Times], zero: Fraction) -> Audio | None:
    stream = _sound_stream(container)
    if stream is None or not seen[stream.index].starts or not stream.codec_context.sample_rate:
        return None
    base, times = stream.time_base or Fraction(1, 1000), seen[stream.index]
    context = stream.codec_context
    return Audio(
        codec=context.name,
        rate=context.sample_rate,
        channels=context.channels,
        layout=context.layout.name,
        start_ms=_ms(min(times.starts) * base - zero),
        end_ms=max(1, _ms(times.end * base - zero)),
    )


def _notes(
    container: InputContainer, picture: Picture | None, audio: Audio | None, duration: int, stated: int | None
) -> tuple[str, ...]:
    notes = []
    if stated and stated / av.time_base - duration / 1000 > _CUT_OFF_SECONDS:
        whole = stated / av.time_base
        notes.append(f"The file is cut off: it promises {whole:.1f} s, and {duration / 1000:.1f} s could be read.")
    if picture is None:
        broken = _picture_stream(container) is not None
        notes.append(
            "Its pictures cannot be read." if broken else "There are no pictures: the video shows a plain color."
        )
    if audio is None:
        notes.append("There is no sound, so there are no captions.")
    if picture is not None and audio is not None:
        held = (audio.end_ms - picture.end_ms) / 1000
        if held * 1000 > _WORTH_A_NOTE_MS:
            notes.append(f"The pictures end {held:.1f} s before the sound: the last one is held.")
        if -held * 1000 > _WORTH_A_NOTE_MS:
            notes.append(f"The sound ends {-held:.1f} s before the pictures.")
    return tuple(notes)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ms(seconds: Fraction) -> int:
    return round(seconds * 1000)


# --- sound ------------------------------------------------------------------------------------------------------------


def sound(clip: Clip, out: Path, *, rate: int, channels: int, dtype: str) -> Sound | None:
    """Decodes a clip's sound to raw samples in `out`, from clip zero on. None where there is none.

    Packets lie where their time stamps say: gaps are silence, what cannot be decoded is a gap. One side alone is laid
    on both; more than two channels become stereo as their layout wants it.
    """
    if clip.audio is None:
        return None
    raw = out.with_suffix(".stereo")
    with raw.open("wb") as file:
        levels = np.zeros(2)
        sides = min(2, clip.audio.channels)
        for block in _decoded(clip, rate, sides):
            levels[:sides] += np.square(block, dtype=np.float64).sum(axis=0)
            file.write(block.tobytes())
    taken = _sides(levels, sides)
    count = raw.stat().st_size // (4 * sides)
    with raw.open("rb") as source, out.open("wb") as target:
        while (block := np.fromfile(source, np.float32, _BLOCK * sides)).size:
            mixed = _mixed(block.reshape(-1, sides)[:, taken], channels)
            target.write(_as(mixed, dtype).tobytes())
    raw.unlink()
    return Sound(out, rate, channels, count, dtype) if count else None


def _sides(levels: NDArray[np.float64], sides: int) -> list[int]:
    """Which channels to take: both, or the one that alone carries sound."""
    if sides == 1:
        return [0]
    loud = int(np.argmax(levels))
    return [loud] if levels[1 - loud] < levels[loud] * _ONE_SIDED**2 else [0, 1]


def _mixed(block: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    if channels == 1:
        mono: NDArray[np.float32] = block.mean(axis=1, keepdims=True, dtype=np.float32)
        return mono
    return np.repeat(block, 2, axis=1) if block.shape[1] == 1 else block


def _as(block: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    if dtype == "<f4":
        return block
    return np.round(np.clip(block, -1, 1) * 32767).astype(dtype)


def _decoded(clip: Clip, rate: int, sides: int) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples, shape (n, sides), that follow each other without gap from clip zero on."""
    resampler = av.AudioResampler(format="flt", layout="mono" if sides == 1 else "stereo", rate=rate)
    skip = None
    with _opened(clip.path) as container:
        stream = _sound_stream(container)
        for frame in _placed(_frames(container, stream), _zero(container)):
            if skip is None:
                skip = max(0, -round(_place(frame, _zero(container)) * rate)) if frame.pts is not None else 0
            frame.pts = None
            for block in _resampled(resampler, frame, sides):
                yield block[skip:]
                skip = max(0, skip - len(block))
    yield from _resampled(resampler, None, sides)


def _resampled(resampler: Any, frame: AudioFrame | None, sides: int) -> Iterator[NDArray[np.float32]]:
    with suppress(av.error.FFmpegError, ValueError):
        for out in resampler.resample(frame):
            yield out.to_ndarray().reshape(-1, sides)


def _frames(container: InputContainer, stream: Any) -> Iterator[AudioFrame]:
    for packet in _packets(container, stream):
        with suppress(av.error.FFmpegError):
            yield from packet.decode()


def _place(frame: AudioFrame, zero: Fraction) -> Fraction:
    assert frame.pts is not None and frame.time_base is not None
    return frame.pts * frame.time_base - zero


def _placed(frames: Iterator[AudioFrame], zero: Fraction) -> Iterator[AudioFrame]:
    """The frames, with silence where one is missing, and without those that come twice."""
    written = Fraction(0)
    for frame in frames:
        if frame.pts is not None:
            start = _place(frame, zero)
            if start > written + Fraction(_STRAY_SECONDS):
                yield from _silence(frame, round((start - written) * frame.sample_rate))
                written = start
            elif start + Fraction(frame.samples, frame.sample_rate) < written - Fraction(_STRAY_SECONDS):
                continue
            elif written == 0:
                written = start
        written += Fraction(frame.samples, frame.sample_rate)
        yield frame


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    while samples > 0:
        count = min(samples, like.sample_rate)
        empty = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=count)
        for plane in empty.planes:
            plane.update(bytes(plane.buffer_size))
        empty.sample_rate = like.sample_rate
        yield empty
        samples -= count


def samples(sound: Sound, start: int, stop: int) -> NDArray[np.float32]:
    """Samples start..stop, shape (stop - start, channels), -1..1; zeros outside the sound. Reads no more than that."""
    first, last = max(0, min(start, sound.samples)), max(0, min(stop, sound.samples))
    size = np.dtype(sound.dtype).itemsize * sound.channels
    wanted = (last - first) * sound.channels
    read = np.fromfile(sound.path, sound.dtype, wanted, offset=first * size) if wanted > 0 else np.empty(0, sound.dtype)
    block = read.astype(np.float32) / (1.0 if sound.dtype == "<f4" else 32768.0)
    inside = np.zeros((stop - start, sound.channels), np.float32)
    inside[first - start : first - start + len(block) // sound.channels] = block.reshape(-1, sound.channels)
    return inside


# --- small pictures ---------------------------------------------------------------------------------------------------


def grays(clip: Clip, spans: Sequence[Span], *, every_ms: int, width: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Small gray pictures of these spans, about one every `every_ms`: their time and their pixels, as they are coded.

    Pictures to which no other refers are not decoded at all, which halves the work.
    """
    if clip.picture is None or not spans:
        return
    size = _small(clip.picture, width)
    with _opened(clip.path) as container:
        stream = _picture_stream(container)
        assert stream is not None
        stream.thread_type = "AUTO"
        stream.codec_context.skip_frame = "NONREF"
        for span in spans:
            due = span.start_ms
            for at, frame in _from(container, stream, span.start_ms):
                if at >= span.end_ms:
                    break
                if at >= due:
                    yield at, _gray(frame, size)
                    due = at + every_ms


def _small(picture: Picture, width: int) -> tuple[int, int]:
    return width, max(2, round(picture.coded_height * width / picture.coded_width / 2) * 2)


def _gray(frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", frame.reformat(*size, format="gray").to_ndarray())


def _from(container: InputContainer, stream: VideoStream, start_ms: int) -> Iterator[tuple[int, VideoFrame]]:
    """Decoded pictures and their times, from the key frame at or before `start_ms` on."""
    zero, base = _zero(container), stream.time_base or Fraction(1, 1000)
    with suppress(av.error.FFmpegError):
        container.seek(int((Fraction(start_ms, 1000) + zero) / base), stream=stream, backward=True)
    for packet in _packets(container, stream):
        with suppress(av.error.FFmpegError):
            for frame in packet.decode():
                if frame.pts is not None:
                    yield _ms(frame.pts * base - zero), frame


def sharpness(clip: Clip, times_ms: Sequence[int]) -> tuple[Still, ...]:
    """How sharp the pictures near these times are:

    of each, the key frame at or before it, since that alone is cheap.
    """
    if clip.picture is None:
        return ()
    found: dict[int, float] = {}
    size = _small(clip.picture, _GRAY_WIDTH)
    with _opened(clip.path) as container:
        stream = _picture_stream(container)
        assert stream is not None
        for wanted in times_ms:
            for at, frame in _from(container, stream, wanted):
                if at not in found:
                    found[at] = _laplacian(_gray(frame, size))
                break
    return tuple(Still(at, sharp) for at, sharp in sorted(found.items()))


def _laplacian(gray: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian, a common measure of focus."""
    g = gray.astype(np.float32)
    return float(np.var(g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]))
