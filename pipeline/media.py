"""The only room that opens clips for reading (PyAV): what they are, their sound, small gray frames.

All times count from clip zero, which is the container's start time. Files from outside are opened with restricted
formats and protocols (a text named .mp4 could make the library read the files it names), and in a process with limits
(see limits.py).
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
import stat
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import av
import numpy as np

from pipeline import ffmpeg
from pipeline.errors import ClipError
from pipeline.model import Audio, Clip, Picture, Sound, Span, Still
from pipeline.wording import printable

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    _Float = TypeVar("_Float", np.float32, np.float64)

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
_LONGEST_HOURS = 4  # what claims to be longer has broken time stamps, and its silence would fill the disk
_STRAY_SECONDS = 0.02  # sound packets this near to their place are simply joined: time stamps are rounded
_TASTE, _TASTE_EVERY = 16, 400  # packets of sound that are decoded to learn which sides carry it: one in 25
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
_COPY_AGAIN = "Copy it again from the phone or camera."

_IMAGE = ("is an image, not a clip.", "Name a clip: a recording with moving pictures or sound.")
_PLAYLIST = ("is a playlist, not a clip.", "Name the clips that it lists.")
_UNFINISHED = (
    "has no index (moov): its recording was never finished, or its end is missing.",
    "Copy it again from the phone or camera; if it does not play there either, record it again.",
)
_NO_CLIP = ("is no video or sound that can be read.", f"{_COPY_AGAIN} {_RE_EXPORT}")
_SIGNS = (  # how files begin that are taken for clips by their name alone
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", _IMAGE),
    (rb"ffconcat|#EXTM3U|<\?xml|<MPD|v=0", _PLAYLIST),
    (rb"....ftyp", _UNFINISHED),
)
_IMAGE_BRANDS = {"avif", "heic", "heix", "mif1", "msf1"}  # images in the same boxes as MP4 (ISO/IEC 23008-12)


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
        raise ClipError(f"{name} is empty.", _COPY_AGAIN)
    if not os.access(path, os.R_OK):
        raise ClipError(f"{name} may not be read.", "Give yourself the right to read it.")
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError as fault:
        raise ClipError(f"The name of {name} is no text.", "Rename it.") from fault
    return found.st_size, found.st_mtime_ns


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    limits = {"format_whitelist": ffmpeg.FORMATS, "protocol_whitelist": ffmpeg.PROTOCOLS}
    try:
        container = av.open(f"file:{path}", options=limits, metadata_errors="replace")
    except MemoryError:
        raise  # that is a matter of limits
    except (av.error.FFmpegError, ValueError) as fault:
        signature(path)  # it may be gone, or empty, since it was looked at
        what, cure = _looks_like(path)
        raise ClipError(f"{printable(path)} {what}", cure) from fault
    try:
        yield container
    finally:
        container.close()


def _looks_like(path: Path) -> tuple[str, str]:
    """What a file is that is no clip, by how it begins, and the cure."""
    with path.open("rb") as file:
        start = file.read(16)
    return next((what for sign, what in _SIGNS if re.match(sign, start, re.DOTALL)), _NO_CLIP)


@contextmanager
def _tolerant() -> Iterator[None]:
    """Broken data is passed over; want of memory is not, since that is a matter of limits."""
    try:
        yield
    except MemoryError:
        raise
    except av.error.FFmpegError:
        pass


def _zero(container: InputContainer) -> Fraction:
    return Fraction(container.start_time or 0, av.time_base)


def _picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & stream.disposition.attached_pic:
            if stream.codec_context is not None:  # as it is where nobody knows the codec
                stream.codec_context.options = {"max_pixels": str(ffmpeg.MAX_PIXELS)}
            return stream
    return None


# --- probe ------------------------------------------------------------------------------------------------------------


def probe(path: Path) -> Clip:
    """Everything about a clip that its file tells. ClipError where it cannot become a video."""
    signature(path)
    first = _first_frame(path)
    with _opened(path) as container:
        if container.metadata.get("major_brand", "").strip() in _IMAGE_BRANDS:
            raise ClipError(f"{printable(path)} {_IMAGE[0]}", _IMAGE[1])
        seen = _seen(container, path)
        zero = _zero(container)
        picture = _picture(container, first, seen, zero) if first is not None else None
        audio = _audio(container, seen, zero)
        duration = _duration(path, picture, audio)
        kind = container.format.name
        notes = _notes(container, seen, picture, audio, duration)
    return Clip(path, sha256(path), duration, picture, audio, kind, notes)


def _duration(path: Path, picture: Picture | None, audio: Audio | None) -> int:
    """Milliseconds to the end of the longer part. ClipError where there is none, or no sane one."""
    duration = max((part.end_ms for part in (picture, audio) if part is not None), default=None)
    if duration is None:
        raise ClipError(f"{printable(path)} has neither pictures nor sound that can be read.", _RE_EXPORT)
    if duration > _LONGEST_HOURS * 3_600_000:
        raise ClipError(
            f"{printable(path)} claims to last {duration / 3_600_000:.0f} hours; "
            f"no more than {_LONGEST_HOURS} are taken.",
            "Cut it into shorter clips. If it is short, its time stamps are broken: re-export it as MP4 and try again.",
        )
    return max(1, duration)


def _first_frame(path: Path) -> VideoFrame | None:
    """The first picture that can be decoded; None where there is none."""
    with _opened(path) as container:
        stream = _picture_stream(container)
        if stream is None or stream.codec_context is None:
            return None
        _bounded(stream, path)
        for packet in _packets(container, stream):
            with _tolerant():
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
        except MemoryError:
            raise
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        yield packet


@dataclass(slots=True)
class _Seen:
    """What a stream's packets tell: their times, and where the last one ends, in units of the stream's time base."""

    starts: list[int] = field(default_factory=list)
    end: int = 0
    damaged: int = 0  # packets
    decodes: bool = False  # sound: whether anything of it could be heard, and how much of it on which side
    levels: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def note(self, packet: Any) -> None:
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None:
            self.starts.append(start)
            self.end = max(self.end, start + (packet.duration or 0))

    def taste(self, packet: Any, sides: int) -> None:
        """Hears a little of the sound, again and again: enough to tell which sides carry it."""
        if self.decodes and (sides != 2 or len(self.starts) % _TASTE_EVERY >= _TASTE):
            return
        with _tolerant():
            for frame in packet.decode():
                self.decodes = True
                self.levels += _power(frame) if sides == 2 else 0


def _power(frame: AudioFrame) -> NDArray[np.float64]:
    """How much sound is on the left and on the right, in units of its own format; nothing where it has other sides."""
    if len(frame.layout.channels) != 2:
        return np.zeros(2)
    samples = frame.to_ndarray().astype(np.float64) - (128 if frame.format.name.startswith("u8") else 0)
    sides = samples if frame.format.is_planar else samples.reshape(-1, 2).T
    return np.asarray(np.square(_finite(sides)).sum(axis=1))


def _seen(container: InputContainer, path: Path) -> dict[int, _Seen]:
    """Every packet of the streams that count, since containers lie about durations, or do not know them."""
    picture, heard = _picture_stream(container), _sound_stream(container)
    wanted = [stream for stream in (picture, heard) if stream is not None]
    seen = {stream.index: _Seen() for stream in wanted}
    prefix = _prefix(picture)
    for packet in _packets(container, *wanted):
        if not packet.size or packet.is_discard:  # what lies before an edit list's start is not shown
            continue
        if packet.has_sidedata("encryption_info"):
            raise ClipError(f"{printable(path)} is encrypted.", "Ask whoever made it for a copy without protection.")
        found = seen[packet.stream_index]
        found.note(packet)
        if packet.stream is heard:
            found.taste(packet, heard.codec_context.channels)
        elif packet.is_corrupt or (prefix and _torn(packet, prefix)):
            found.damaged += 1
    return seen


def _prefix(stream: VideoStream | None) -> int:
    """How many bytes say the length of each part (NAL unit) of a packet; 0 where packets are not made like that."""
    if stream is None or stream.codec_context is None:
        return 0
    extra = stream.codec_context.extradata or b""
    at = {"h264": 4, "hevc": 21}.get(stream.codec_context.name, 0)  # in avcC and hvcC (ISO/IEC 14496-15)
    return (extra[at] & 3) + 1 if at and len(extra) > at and extra[0] == 1 else 0


def _torn(packet: Any, prefix: int) -> bool:
    """Whether a packet is damaged: the lengths of its parts do not add up. Finds most damage without decoding."""
    data, at = memoryview(packet), 0
    while at + prefix < len(data):
        length = int.from_bytes(data[at : at + prefix], "big")
        if length == 0:
            return True
        at += prefix + length
    return at != len(data)


def _sound_stream(container: InputContainer) -> Any:
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _picture(container: InputContainer, frame: VideoFrame, seen: dict[int, _Seen], zero: Fraction) -> Picture | None:
    stream = _picture_stream(container)
    if stream is None or not seen[stream.index].starts:
        return None
    base = stream.time_base or Fraction(1, 1000)
    ticks = sorted(set(seen[stream.index].starts))
    gaps = [float((b - a) * base) for a, b in itertools.pairwise(ticks)]
    fps = rate_of([tick * base for tick in ticks])
    end = max(seen[stream.index].end * base, ticks[-1] * base + 1 / fps) - zero
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
        longest_gap_ms=round(1000 * max(gaps, default=1 / fps)),
        start_ms=max(0, _ms(ticks[0] * base - zero)),
        end_ms=_end_ms(end, fps),
        frames=len(ticks),
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


def _end_ms(end: Fraction, fps: Fraction) -> int:
    """The end in whole milliseconds, never past it, so that no frame is added by rounding (100 frames stay 100)."""
    frames = round(end * fps)
    return math.floor(1000 * (frames / fps if abs(end * fps - frames) < _STEADY else end))


def rate_of(times: Sequence[Fraction]) -> Fraction:
    """The standard frame rate nearest to that of pictures at these times (seconds, in order), 60 at most.

    Phones drop and delay pictures, so a gap counts as many slots as it is commonest gaps long. 29.97 and 30 can only
    be told apart where the slots are steady.
    """
    if len(times) < 2:
        return Fraction(30)
    gaps = [float(b - a) for a, b in itertools.pairwise(times)]
    commonest = statistics.median(gaps)
    found = sum(max(1, round(gap / commonest)) for gap in gaps) / float(times[-1] - times[0])
    steady = all(abs(gap * found - round(gap * found)) < _STEADY for gap in gaps)
    rates = [rate for rate in _RATES if steady or rate.denominator < 1001]
    return min(rates, key=lambda rate: abs(rate / found - 1))


def _audio(container: InputContainer, seen: dict[int, _Seen], zero: Fraction) -> Audio | None:
    stream = _sound_stream(container)
    if stream is None or not seen[stream.index].decodes or not seen[stream.index].starts:
        return None
    base, times = stream.time_base or Fraction(1, 1000), seen[stream.index]
    context = stream.codec_context
    return Audio(
        codec=context.name,
        rate=context.sample_rate,
        channels=context.channels,
        layout=context.layout.name,
        start_ms=max(0, _ms(min(times.starts) * base - zero)),
        end_ms=max(1, math.floor(1000 * (times.end * base - zero))),
    )


def _notes(
    container: InputContainer,
    seen: dict[int, _Seen],
    picture: Picture | None,
    audio: Audio | None,
    duration: int,
) -> tuple[str, ...]:
    """What a user should know, in sentences."""
    notes = []
    stated = (container.duration or 0) / av.time_base
    cut_off = stated - duration / 1000 > _CUT_OFF_SECONDS
    if cut_off:
        notes.append(f"The file is cut off: it promises {stated:.1f} s, and {duration / 1000:.1f} s could be read.")
    damaged = sum(found.damaged for found in seen.values()) - cut_off  # the last one that is there is not whole
    if damaged > 0:
        notes.append(f"The file is damaged ({damaged} of its pictures): what can be read of them is shown.")
    if picture is None:
        broken = _picture_stream(container) is not None
        notes.append(
            "Its pictures cannot be read." if broken else "There are no pictures: the video shows a plain color."
        )
    if audio is None:
        broken = bool(container.streams.audio)
        notes.append(f"{'Its sound cannot be read' if broken else 'There is no sound'}, so there are no captions.")
    elif audio.channels == 2 and len(_sides(seen[_sound_stream(container).index].levels, 2)) == 1:
        notes.append("Only one of its two channels carries sound: it is used for both sides.")
    return (*notes, *_ends(picture, audio))


def _ends(picture: Picture | None, audio: Audio | None) -> Iterator[str]:
    if picture is None or audio is None:
        return
    held = audio.end_ms - picture.end_ms
    if held > _WORTH_A_NOTE_MS:
        yield f"The pictures end {held / 1000:.1f} s before the sound: the last one is held."
    if -held > _WORTH_A_NOTE_MS:
        yield f"The sound ends {-held / 1000:.1f} s before the pictures."


def sha256(path: Path) -> str:
    """By this a clip is known wherever it lies, in hexadecimal digits. OSError where it cannot be read."""
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
    line = _Line(rate, sides)
    with _opened(clip.path) as container:
        zero = _zero(container)
        for packet in _packets(container, _sound_stream(container)):
            with _tolerant():
                for frame in packet.decode():
                    place = None if frame.pts is None else frame.pts * frame.time_base - zero
                    yield from line.put(frame, place)
    yield from line.put(None, None)


class _Line:
    """Lays decoded sound on the clip's time line.

    Gaps become silence, and what comes twice or before zero is dropped.
    """

    def __init__(self, rate: int, sides: int) -> None:
        self._rate, self._sides = rate, sides
        self._resampler: Any = None
        self._kind: tuple[object, ...] = ()
        self._reached = Fraction(0)  # seconds that were laid
        self._skip = 0  # samples to be dropped

    def put(self, frame: AudioFrame | None, place: Fraction | None) -> Iterator[NDArray[np.float32]]:
        """Blocks that became ready; no frame ends it. `place` is where the frame begins, seconds since clip zero."""
        if frame is None or self._kind != _kind(frame):
            yield from self._resampled(None)
            self._resampler, self._kind = None, () if frame is None else _kind(frame)
        if frame is None:
            return
        late = Fraction(0) if place is None else place - self._reached
        if abs(late) > _STRAY_SECONDS or (late and not self._reached):
            self._reached += late
            self._skip += max(0, round(-late * self._rate))
            for empty in _silence(frame, round(late * frame.sample_rate)):
                yield from self._resampled(empty)
        self._reached += Fraction(frame.samples, frame.sample_rate)
        frame.pts = None
        yield from self._resampled(frame)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        """What the resampler gives for a frame, or its rest for none."""
        if self._resampler is None:
            if frame is None:
                return
            layout = "mono" if self._sides == 1 else "stereo"
            self._resampler = av.AudioResampler(format="flt", layout=layout, rate=self._rate)
        for block in _resampled(self._resampler, frame, self._sides):
            yield _finite(block[self._skip :])
            self._skip = max(0, self._skip - len(block))


def _kind(frame: AudioFrame) -> tuple[object, ...]:
    """What a resampler is made for. Some streams change it on the way."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _resampled(resampler: Any, frame: AudioFrame | None, sides: int) -> Iterator[NDArray[np.float32]]:
    with _tolerant():
        for out in resampler.resample(frame):
            yield out.to_ndarray().reshape(-1, sides)


def _finite(block: NDArray[_Float]) -> NDArray[_Float]:
    """Files with float samples can hold what is no number: silence."""
    return block if np.isfinite(block).all() else np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    """Empty frames of the same kind, a second at most each."""
    while samples > 0:
        count = min(samples, like.sample_rate)
        empty = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=count)
        for plane in empty.planes:
            plane.update((b"\x80" if like.format.name.startswith("u8") else b"\0") * plane.buffer_size)
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
    with _tolerant():
        container.seek(int((Fraction(start_ms, 1000) + zero) / base), stream=stream, backward=True)
    for packet in _packets(container, stream):
        with _tolerant():
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
