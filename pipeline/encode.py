"""One chunk's ffmpeg run as a value: what it reads, how the picture becomes one of the format, what is burnt and laid
over.

Nothing is started here. The run happens in a work folder that holds subtitles, fonts and graphics under plain names, so
that no path has to go through the filter graph. A job's key is the hash of all that affects the chunk's pixels,
relative to the chunk.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline import captions, ffmpeg, graph
from pipeline.chunks import Chunk, Stretch
from pipeline.model import Brand, Format, Picture, Plan, Rect, Variant

_LEAD_SECONDS = Fraction(1, 2)  # decoded before a chunk, so that the frame still on screen is known
_CAPTION_ROOM = 600  # frames by which captions are moved, so that a cue may begin before its chunk
_SCALE: dict[str, graph.Value] = {
    "flags": "bicubic+accurate_rnd+full_chroma_int+bitexact"
}  # the same pixels with and without SIMD
_BT709: dict[str, graph.Value] = {
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "range": "tv",
}
_PALER: dict[str, graph.Value] = {"u": "128+(val-128)*0.6", "v": "128+(val-128)*0.6"}  # dark and colorful is garish
_BLUR_DIVISOR = 8  # blur is made at an eighth of the size: nobody sees it, and it is 64 times cheaper
_SOURCE = "file:SOURCE"  # stands for the clip, so that its place is no part of a key
_SAME_SHAPE = 0.02  # shapes closer than this are filled, not padded


@dataclass(frozen=True, slots=True)
class Quality:
    """The encoder's settings (x264). `threads` is fixed, since the bytes depend on it.

    Chunks run side by side, one a core. With two threads each, no core idles where a single chunk is left: the one that
    a corrected word changes is there after 70 % of the time.
    """

    preset: str = "veryfast"
    crf: int = 19  # 20 falls short of VMAF 93 on recorded speech
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Kit:
    """What lies ready for drawing:

    the graphics of a variant by kind ("logo", "lower_third", "bumper", "end_card"), and the fonts.
    """

    brand: Brand
    graphics: Mapping[str, Path]
    fonts: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk's ffmpeg run as a value:

    arguments with plain names, the files that it needs, and the frames that must come out.
    """

    arguments: tuple[str, ...]
    source: Path | None
    subtitles: str
    files: tuple[tuple[str, Path], ...]
    frames: int
    key: str
    output: str = "chunk.mp4"

    def run_on(self, source: Path | None) -> list[str]:
        """The arguments for the file that is really read."""
        return [f"file:{source}" if part == _SOURCE else part for part in self.arguments]


def job(plan: Plan, variant: Variant, chunk: Chunk, kit: Kit, quality: Quality) -> Job:
    clip = plan.clips[chunk.clip]
    band = captions.band(variant.format)
    style = captions.style(variant.format, kit.brand).within(band)
    cues = () if plan.captions == "file" else variant.cues
    lit = plan.captions == "highlight"
    subtitles = captions.ass(cues, style, fps=plan.fps, first=chunk.at, frames=chunk.frames, highlight=lit)
    shown = _overlays(variant, chunk)
    base = _card(plan, variant, chunk, kit) if chunk.card else _footage(plan, variant, chunk, kit)
    stream = base.then("setparams", **_BT709)
    for name, x, y, skip, wait in shown:
        still = name.endswith(".png")
        top = graph.own(name) if still else _from_frame(graph.own(name), skip, wait, plan.fps)
        stream = stream.under(_layer(top), x=x, y=y, eof_action="repeat" if still else "pass", format="yuv420")
    if subtitles:
        states = captions.changes(cues, first=chunk.at, frames=chunk.frames, highlight=lit)
        top = _captions(band, states, chunk.frames, plan.fps)
        stream = stream.under(top, x=band.x, y=band.y, eof_action="repeat", format="yuv420")
    stream = stream.then("trim", end_frame=chunk.frames).then("setsar", 1)
    arguments = graph.command(stream, "chunk.mp4", _output(plan.fps, chunk.frames, quality))
    files = [(name, kit.graphics[name.partition(".")[0]]) for name, *_ in shown]
    files += [(f"fonts/{path.name}", path) for path in kit.fonts] if subtitles else []
    source = clip.path if clip.picture else None
    return Job(
        arguments=tuple(arguments),
        source=source,
        subtitles=subtitles,
        files=tuple(files),
        frames=chunk.frames,
        key=_key(arguments, clip.sha256 if source else "", subtitles, files),
    )


def still(plan: Plan, variant: Variant, clip: int, frame: int, kit: Kit, *, key: bool) -> Job:
    """One grid frame of a clip as a BMP, with nothing over it. A `key` frame is read without those before it."""
    held = Chunk(clip=clip, stretches=(Stretch(frame, frame + 1),), at=0, frames=1)
    stream = _footage(plan, variant, held, kit, skip_frame="nokey" if key else "default").then("trim", end_frame=1)
    stream = stream.then("scale", in_color_matrix="bt709", in_range="tv", **_SCALE).then("format", "rgb24")
    arguments = graph.command(stream, "still.bmp", [("frames:v", 1), ("fflags", "+bitexact")])
    source = plan.clips[clip].path if plan.clips[clip].picture else None
    return Job(tuple(arguments), source, "", (), 1, "", "still.bmp")


def _key(arguments: Sequence[str], source: str, subtitles: str, files: Sequence[tuple[str, Path]]) -> str:
    hashes = [(name, _hash_of(path, path.stat().st_mtime_ns)) for name, path in files]
    causes = [ffmpeg.version(), list(arguments), source, subtitles, hashes]
    return hashlib.sha256(json.dumps(causes).encode()).hexdigest()[:32]


_hashes: dict[tuple[Path, int], str] = {}


def _hash_of(path: Path, changed: int) -> str:
    if (path, changed) not in _hashes:
        _hashes[path, changed] = hashlib.sha256(path.read_bytes()).hexdigest()
    return _hashes[path, changed]


def _output(fps: Fraction, frames: int, quality: Quality) -> list[tuple[str, graph.Value | None]]:
    """MP4 pieces that join without a seam:

    High profile, BT.709, closed GOPs of two seconds, exact time stamps, no date.
    """
    gop = round(2 * fps)
    scale = timescale(fps)
    return [
        ("an", None),
        ("sn", None),
        ("dn", None),
        ("fps_mode", "passthrough"),
        ("enc_time_base", f"{fps.denominator}/{fps.numerator}"),
        ("frames:v", frames),
        ("c:v", "libx264"),
        ("preset", quality.preset),
        ("crf", quality.crf),
        ("profile:v", "high"),
        ("pix_fmt", "yuv420p"),
        ("g", gop),
        ("keyint_min", gop),
        ("sc_threshold", 0),
        ("flags", "+cgop+bitexact"),
        ("threads", quality.threads),
        ("x264-params", "stitchable=1"),
        ("colorspace", "bt709"),
        ("color_primaries", "bt709"),
        ("color_trc", "bt709"),
        ("color_range", "tv"),
        ("video_track_timescale", scale),
        ("movie_timescale", scale),
        ("map_metadata", -1),
        ("fflags", "+bitexact"),
    ]


def timescale(fps: Fraction) -> int:
    return fps.numerator if fps.denominator != 1 else 512 * fps.numerator


def _captions(band: Rect, changes: Sequence[int], frames: int, fps: Fraction) -> graph.Stream:
    """The captions on a transparent band, a picture for each frame at which they change.

    overlay holds each until the next: libass takes longer for a frame than all else that is laid over it.
    """
    rate = f"{fps.numerator}/{fps.denominator}"
    clear = graph.color("black@0", band.width, band.height, rate, "yuva420p").then("trim", end_frame=frames)
    wanted = clear.then("setparams", **_BT709).then("select", "+".join(f"eq(n,{at})" for at in changes))
    drawn = wanted.then("setpts", f"PTS+{_CAPTION_ROOM}").then("ass", f="c.ass", fontsdir="fonts", alpha=1)
    return drawn.then("setpts", f"PTS-{_CAPTION_ROOM}")


def _overlays(variant: Variant, chunk: Chunk) -> list[tuple[str, int, int, int, int]]:
    """What lies over this chunk: name, x, y, frames of it already shown before, frames to wait."""
    if chunk.card is not None:
        return [(f"{chunk.card.kind}.mov", chunk.card.ink.x, chunk.card.ink.y, 0, 0)]
    shown = []
    for layer in variant.layers:
        if layer.start < chunk.at + chunk.frames and chunk.at < layer.end:
            skip, wait = max(0, chunk.at - layer.start), max(0, layer.start - chunk.at)
            name = "logo.png" if layer.kind == "logo" else f"{layer.kind}.mov"
            shown.append((name, layer.place.x, layer.place.y, skip, wait))
    return shown


def _layer(stream: graph.Stream) -> graph.Stream:
    """A graphic in the picture's own colors.

    Left to itself, overlay makes the whole picture RGB and back for every graphic: half of a chunk's time.
    """
    return stream.then("scale", out_color_matrix="bt709", out_range="tv", **_SCALE).then("format", "yuva420p")


def _from_frame(stream: graph.Stream, skip: int, wait: int, fps: Fraction) -> graph.Stream:
    delay = f"PTS-STARTPTS+{wait}/({fps.numerator}/{fps.denominator})/TB"
    return stream.then("trim", start_frame=skip).then("setpts", delay)


def _footage(plan: Plan, variant: Variant, chunk: Chunk, kit: Kit, **reading: graph.Value) -> graph.Stream:
    clip = plan.clips[chunk.clip]
    if clip.picture is None:
        return _plain(variant.format, kit.brand, plan.fps)
    first = _seek_frame(clip.picture, chunk.stretches[0].start, plan.fps)
    stream = _grid(clip.picture, first, chunk.stretches[-1].end, plan.fps, **reading)
    wanted = "+".join(f"between(n,{part.start - first},{part.end - first - 1})" for part in chunk.stretches)
    stream = stream.then("select", wanted).then("setpts", "N")
    return _fitted(_standard_color(stream, clip.picture), clip.picture, variant.format, plan.fit)


def _card(plan: Plan, variant: Variant, chunk: Chunk, kit: Kit) -> graph.Stream:
    """One held picture of the clip, blurred and darkened, for as long as the card stands."""
    clip = plan.clips[chunk.clip]
    shape = variant.format
    if clip.picture is None:
        return _plain(shape, kit.brand, plan.fps)
    held = chunk.stretches[0].start
    first = _seek_frame(clip.picture, held, plan.fps)
    stream = _grid(clip.picture, first, held + 1, plan.fps)
    stream = stream.then("trim", start_frame=held - first, end_frame=held - first + 1).then("setpts", "N")
    stream = _covering(_standard_color(stream, clip.picture), shape.width, shape.height)
    stream = _blurred(stream, shape, sigma=5).then("lutyuv", y="16+(val-16)*0.42", **_PALER)
    return stream.then("tpad", stop_mode="clone", stop=-1)


def _seek_frame(picture: Picture, wanted: int, fps: Fraction) -> int:
    """Where decoding starts: a lead before the frame that is wanted, and never behind the last picture."""
    lead = max(_LEAD_SECONDS, Fraction(picture.longest_gap_ms, 1000))
    last = int(max(0, picture.end_ms - 1) * fps / 1000)
    return max(0, min(wanted, last) - math.ceil(lead * fps))


def _grid(picture: Picture, first: int, end: int, fps: Fraction, **reading: graph.Value) -> graph.Stream:
    """The clip from grid frame `first` on, one frame a grid slot; its last picture is held up to frame `end`.

    `reading` are options for the decoder.
    """
    seek = {"ss": f"{float(first / fps):.6f}"} if first else {}
    stream = graph.clip(
        Path("SOURCE"),
        protocol_whitelist=ffmpeg.PROTOCOLS,
        format_whitelist=ffmpeg.FORMATS,
        max_pixels=ffmpeg.MAX_PIXELS,
        threads=1,
        **seek,
        **reading,
    )
    if picture.interlaced:
        stream = stream.then("bwdif", mode="send_frame", deint="interlaced")
    stream = stream.then("fps", fps=f"{fps.numerator}/{fps.denominator}", start_time=0)
    return stream.then("tpad", stop_mode="clone", stop=end - first)


def _plain(shape: Format, brand: Brand, fps: Fraction) -> graph.Stream:
    red, green, blue = brand.colors.background
    rate = f"{fps.numerator}/{fps.denominator}"
    stream = graph.color(f"0x{red:02x}{green:02x}{blue:02x}", shape.width, shape.height, rate)
    return (
        stream.then("format", "gbrp")
        .then("scale", out_color_matrix="bt709", out_range="tv", **_SCALE)
        .then("format", "yuv420p")
    )


def _standard_color(stream: graph.Stream, picture: Picture) -> graph.Stream:
    """BT.709, video range: HDR is tone-mapped, so that HLG and PQ whites end at 90 % and skin stays skin."""
    if picture.hdr:
        tags = {"colorspace": picture.matrix or "bt2020nc", "color_primaries": picture.primaries or "bt2020"}
        transfer = {"hlg": "arib-std-b67", "pq": "smpte2084"}[picture.hdr]
        stream = stream.then("setparams", color_trc=transfer, range=picture.color_range or "tv", **tags)
        stream = stream.then("zscale", transfer="linear", npl=203).then("format", "gbrpf32le")
        stream = stream.then("zscale", primaries="bt709").then("tonemap", tonemap="mobius", param=0.3, desat=2)
        stream = stream.then("zscale", transfer="bt709", matrix="bt709", range="tv", dither="error_diffusion")
        return stream.then("format", "yuv420p")
    return stream.then(
        "scale",
        in_color_matrix=_matrix(picture),
        out_color_matrix="bt709",
        in_range=picture.color_range or "tv",
        out_range="tv",
        **_SCALE,
    ).then("format", "yuv420p")


def _matrix(picture: Picture) -> str:
    """The clip's color matrix.

    Where it does not say: BT.601 for standard definition, as its makers mean it, else BT.709.
    """
    known = {
        "bt709": "bt709",
        "smpte170m": "bt601",
        "bt470bg": "bt601",
        "bt2020nc": "bt2020",
        "smpte240m": "smpte240m",
        "fcc": "fcc",
    }
    return known.get(picture.matrix) or ("bt601" if picture.height < 720 and picture.width < 1280 else "bt709")


def _fitted(stream: graph.Stream, picture: Picture, shape: Format, fit: str) -> graph.Stream:
    """The picture in the format's frame:

    filled where the shapes agree or `fit` is "crop", else whole, over its own blur.
    """
    wanted, given = shape.width / shape.height, picture.width / picture.height
    if fit == "crop" or abs(given / wanted - 1) < _SAME_SHAPE:
        return _covering(stream, shape.width, shape.height)
    front, back = stream.split()
    back = _blurred(_covering(back, *_small(shape)), shape, sigma=4).then("lutyuv", y="16+(val-16)*0.7")
    front = _scaled(front, shape.width, shape.height, "decrease")
    return back.under(front, x="(W-w)/2", y="(H-h)/2", format="yuv420", shortest=1)


def _small(shape: Format) -> tuple[int, int]:
    return shape.width // _BLUR_DIVISOR // 2 * 2, shape.height // _BLUR_DIVISOR // 2 * 2


def _blurred(stream: graph.Stream, shape: Format, sigma: float) -> graph.Stream:
    small = stream.then("scale", *_small(shape), **_SCALE).then("gblur", sigma=sigma)
    return small.then("scale", shape.width, shape.height, **{**_SCALE, "flags": "bilinear+accurate_rnd+bitexact"})


def _covering(stream: graph.Stream, width: int, height: int) -> graph.Stream:
    return _scaled(stream, width, height, "increase").then("crop", width, height)


def _scaled(stream: graph.Stream, width: int, height: int, how: str) -> graph.Stream:
    return stream.then(
        "scale", width, height, force_original_aspect_ratio=how, force_divisible_by=2, reset_sar=1, **_SCALE
    ).then("setsar", 1)
