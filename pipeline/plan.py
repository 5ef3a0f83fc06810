"""PURE: everything decided, in frames -> Plan.

What is kept of each clip is laid end to end on one grid of `fps`; words, cues, layers and cards find their frames
there.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline import caption_rules, captions
from pipeline.model import (
    Brand,
    Card,
    Clip,
    Cue,
    CueWord,
    FontMetrics,
    Format,
    Layer,
    Person,
    Piece,
    Plan,
    Recipe,
    Rect,
    Transcript,
    Variant,
)

_DEFAULT_FPS = Fraction(30)
_LOWER_THIRD_AFTER_MS = 500  # the face first, then the name
_UNBRANDED = "-unbranded"


@dataclass(frozen=True, slots=True)
class Look:
    """What a video looks like. `ink` gives the part of a card ("bumper", "end_card") that the brand covers."""

    brand: Brand
    person: Person | None
    metrics: FontMetrics
    ink: Callable[[str, Format], Rect]


def rate(clips: Sequence[Clip]) -> Fraction:
    """The frame rate of the finished video:

    the highest among the clips, so that no movement is lost; 30 where there is no picture.
    """
    return max((clip.picture.fps for clip in clips if clip.picture is not None), default=_DEFAULT_FPS)


def grid_frames(clip: Clip, fps: Fraction) -> int:
    """How many grid frames a clip covers: as long as its longer stream, and at least one."""
    return max(1, math.ceil(clip.duration_ms * fps / 1000))


def decide(
    clips: Sequence[Clip],
    pieces: Sequence[Piece],
    transcripts: Sequence[Transcript],
    recipe: Recipe,
    look: Look,
    formats: Mapping[str, Format],
) -> Plan:
    """The plan of a take. `pieces` covers every clip from end to end.

    The recipe names the variants by their format, with "-unbranded" behind it for one without the brand.
    """
    fps = rate(clips)
    language = next((each.language for each in transcripts if each.language), recipe.language or "")
    words = spoken(pieces, transcripts, fps)
    kept = tuple(piece for piece in pieces if piece.kept)
    variants = tuple(
        _variant(
            formats[name.removesuffix(_UNBRANDED)],
            recipe.branded and not name.endswith(_UNBRANDED),
            kept,
            words,
            language,
            look,
            fps,
        )
        for name in recipe.formats
    )
    return Plan(
        fps=fps,
        clips=tuple(clips),
        pieces=tuple(pieces),
        variants=variants,
        fit=recipe.fit,
        captions=recipe.captions,
        title=recipe.topic,
        language=language,
        notes=tuple(note for clip in clips for note in clip.notes) + _warnings(variants, look.brand),
    )


def spoken(pieces: Sequence[Piece], transcripts: Sequence[Transcript], fps: Fraction) -> tuple[CueWord, ...]:
    """The words that are kept, at their frames in the kept timeline.

    A word belongs to the piece that holds its middle; what lies outside its clip is left out.
    """
    at = 0
    words: list[CueWord] = []
    for clip, transcript in enumerate(transcripts):
        own = _without_seams([piece for piece in pieces if piece.clip == clip])
        starts = [piece.start for piece in own]
        offsets = _offsets(own, at)
        for word in transcript.words:
            first = math.floor(word.start_ms * fps / 1000)
            last = math.ceil(word.end_ms * fps / 1000)
            middle = (first + last) // 2
            found = bisect_right(starts, middle) - 1
            if found >= 0 and own[found].kept and middle < own[found].end:
                piece, offset = own[found], offsets[found]
                start = offset + min(max(first, piece.start), piece.end - 1) - piece.start
                end = offset + min(max(last, piece.start + 1), piece.end) - piece.start
                words.append(CueWord(word.text, start, max(end, start + 1)))
        at += sum(piece.frames for piece in own if piece.kept)
    return tuple(words)


def _offsets(pieces: Sequence[Piece], at: int) -> list[int]:
    """Where in the kept timeline each piece begins."""
    offsets = []
    for piece in pieces:
        offsets.append(at)
        at += piece.frames if piece.kept else 0
    return offsets


def _without_seams(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, those that go on from each other as one: where only the reason changes, nothing is cut."""
    whole: list[Piece] = []
    for piece in pieces:
        last = whole[-1] if whole else None
        if last and (last.clip, last.end, last.kept) == (piece.clip, piece.start, piece.kept):
            whole[-1] = replace(last, end=piece.end)
        else:
            whole.append(piece)
    return whole


def _cuts(kept: Sequence[Piece]) -> tuple[int, ...]:
    """The frames of the kept timeline where the picture jumps."""
    return tuple(_offsets(_without_seams(kept), 0)[1:])


def _variant(
    shape: Format,
    branded: bool,
    kept: Sequence[Piece],
    words: Sequence[CueWord],
    language: str,
    look: Look,
    fps: Fraction,
) -> Variant:
    content = sum(piece.frames for piece in kept)
    opening, closing = _cards(shape, kept, look, fps) if branded else (None, None)
    start = opening.frames if opening else 0
    layers = _layers(shape, start, content, look, fps) if branded else ()
    fits = captions.fits(look.metrics, shape)
    rules = caption_rules.spoken(shape.rules, language)
    cues, violations = captions.cues(words, rules, fps=fps, frames=content, breaks=_cuts(kept), fits=fits)
    total = start + content + (closing.frames if closing else 0)
    return Variant(
        name=shape.name if branded else shape.name + _UNBRANDED,
        format=shape,
        branded=branded,
        cues=tuple(_later(cue, start) for cue in cues),
        layers=layers,
        opening=opening,
        closing=closing,
        frames=total,
        footprint_percent=footprint(shape, layers, closing, total - start),
        violations=violations,
        missing_glyphs=look.metrics.missing("".join(word.text for word in words)),
    )


def _later(cue: Cue, frames: int) -> Cue:
    lines = tuple(
        tuple(replace(word, start=word.start + frames, end=word.end + frames) for word in line) for line in cue.lines
    )
    return Cue(cue.start + frames, cue.end + frames, lines)


def _cards(shape: Format, kept: Sequence[Piece], look: Look, fps: Fraction) -> tuple[Card | None, Card | None]:
    """The bumper over the first kept frame, and the end card over the last."""
    first, last = kept[0], kept[-1]
    bumper, end_card = (_frames(ms, fps) for ms in (look.brand.bumper_ms, look.brand.end_card_ms))
    opening = Card("bumper", first.clip, first.start, bumper, look.ink("bumper", shape)) if bumper else None
    closing = Card("end_card", last.clip, last.end - 1, end_card, look.ink("end_card", shape)) if end_card else None
    return opening, closing


def _layers(shape: Format, start: int, content: int, look: Look, fps: Fraction) -> tuple[Layer, ...]:
    layers = []
    if look.brand.logo is not None:
        layers.append(Layer("logo", start, start + content, shape.logo))
    first = start + _frames(_LOWER_THIRD_AFTER_MS, fps)
    last = min(first + _frames(look.brand.lower_third_ms, fps), start + content)
    if look.person is not None and last > first:
        layers.append(Layer("lower_third", first, last, shape.lower_third))
    return tuple(layers)


def _frames(ms: int, fps: Fraction) -> int:
    return round(ms * fps / 1000)


def footprint(shape: Format, layers: Iterable[Layer], closing: Card | None, frames: int) -> float:
    """Brand pixels x frames in percent of all pixels x `frames`, which are those of the video without its bumper."""
    covered = sum(layer.place.area * (layer.end - layer.start) for layer in layers)
    covered += closing.ink.area * closing.frames if closing else 0
    return round(100 * covered / (shape.width * shape.height * max(1, frames)), 2)


def _warnings(variants: Sequence[Variant], brand: Brand) -> tuple[str, ...]:
    notes = []
    for variant in variants:
        if variant.footprint_percent > brand.budget_percent:
            notes.append(
                f"The brand takes {variant.footprint_percent:.2f} % of {variant.name}; "
                f"its budget is {brand.budget_percent:.1f} %. "
                "A longer clip, a smaller logo or a shorter end card brings it down."
            )
        if variant.missing_glyphs:
            notes.append(
                f"The font {brand.font} cannot draw {variant.missing_glyphs[:20]} in the captions of {variant.name}. "
                "Put a font that can into the brand's folder fonts/ and name it in brand.toml."
            )
    return tuple(notes)
