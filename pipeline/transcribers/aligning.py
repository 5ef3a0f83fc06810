"""A given text, timed by the sound it is said in: for sentences that were corrected, and for a recipe's script.

A stretch of speech is listened to as a whole, with all the words that are said in it, since a model places a word by
its neighbors too. What the encoder makes of a stretch is nine tenths of the work, and is kept for the next correction.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline import edit
from pipeline.edit import Text
from pipeline.model import Sound, Span, Word
from pipeline.shelf import Store, fingerprint
from pipeline.transcribers import subwords
from pipeline.transcribers.listening import Listener
from pipeline.transcribers.stretches import WINDOW_MS, Part, Window, stretches
from pipeline.wording import settled

if TYPE_CHECKING:
    from pipeline.transcribers.listening import Encoded, Samples

_SHA256 = 32  # bytes


class Aligner(Protocol):
    """Who times a text: an engine in its process."""

    def align(
        self, sound: Sound, tokens: Sequence[str], stretch: Span, speech: Sequence[Span], language: str
    ) -> tuple[Word, ...]:
        """The tokens as words in a stretch of at most 28.5 s; confidence 0 where one could not be placed.

        TranscriberError where the engine fails.
        """


@dataclass(frozen=True, slots=True)
class Encodings:
    """What encoders made of stretches, on disk; about 1.5 MB each. `made_by` names the engine and its model."""

    store: Store
    made_by: str

    def of(self, listener: Listener, samples: Samples) -> Encoded:
        """What the listener's encoder makes of a window. One that can no longer be read whole is made again."""
        key = fingerprint([self.made_by, hashlib.sha256(samples.tobytes()).hexdigest()])
        if self.store.has(key):
            with contextlib.suppress(OSError, ValueError):
                return _read(self.store.path(key))
            self.store.path(key).unlink(missing_ok=True)
        made = listener.encoded(samples)
        self.store.keep(key, lambda draft: _write(draft, made))
        return made


def _write(path: Path, made: Encoded) -> None:
    data = io.BytesIO()
    np.save(data, made, allow_pickle=False)
    path.write_bytes(hashlib.sha256(data.getvalue()).digest() + data.getvalue())


def _read(path: Path) -> Encoded:
    """ValueError where it is not what was written."""
    told = path.read_bytes()
    if hashlib.sha256(told[_SHA256:]).digest() != told[:_SHA256]:
        raise ValueError(path)
    read: Encoded = np.load(io.BytesIO(told[_SHA256:]), allow_pickle=False)
    return read


def align(
    listener: Listener,
    sound: Sound,
    tokens: Sequence[str],
    stretch: Span,
    speech: Sequence[Span],
    language: str,
    kept: Encodings | None = None,
) -> tuple[Word, ...]:
    """Times tokens to a stretch of sound (16 kHz, mono) of at most 28.5 s, in the order in which they are said.

    The engine's lead is taken off, and no word lies outside of `speech` (where the stretch has none: of the stretch).
    A word that could not be placed has confidence 0, and shares what its neighbors leave of the speech; a token that
    says nothing (a dash) stands at the end of the word before it, as sure as that one.
    """
    window = Window((Part(0, stretch),))
    samples = window.samples(sound)
    made = kept.of(listener, samples) if kept else listener.encoded(samples)
    times = listener.aligned(made, stretch.ms, tokens, language)
    raw = [Word(token, *time) for token, time in zip(tokens, times, strict=True)]
    placed = [
        replace(word, confidence=at.confidence)
        for word, at in zip(window.placed(raw, listener.lead_ms, speech), raw, strict=True)
    ]
    near = [Span(max(span.start_ms, stretch.start_ms), min(span.end_ms, stretch.end_ms)) for span in speech]
    aloud = [number for number, token in enumerate(tokens) if any(map(subwords.is_said, token))]
    spans = [span for span in near if span.ms > 0] or [stretch]
    told = dict(zip(aloud, settled([placed[number] for number in aloud], spans), strict=True))
    return tuple(_in_order(tokens, told, spans[0].start_ms, stretch.end_ms))


def _in_order(tokens: Sequence[str], told: dict[int, Word], start_ms: int, end_ms: int) -> list[Word]:
    """All tokens one after the other, each of them with a length."""
    ordered: list[Word] = []
    at, sure = start_ms, next((word.confidence for word in told.values()), 0.0)
    for number, token in enumerate(tokens):
        word = told.get(number, Word(token, at, at, sure))
        start = min(max(word.start_ms, at), end_ms - 1)
        at, sure = max(word.end_ms, start + 1), word.confidence
        ordered.append(Word(token, start, at, round(sure, 3)))
    return ordered


def placed(
    text: Text, beside: Sequence[Word], speech: Sequence[Span], sound: Sound, language: str, aligner: Aligner | None
) -> Text:
    """A text with its fresh words where they are heard; the words that stay keep their times.

    `beside` are the words of the clip that are not the text's, in order: those of the same stretch are listened to
    with it. A fresh word that could not be placed gets confidence 0: all of them where there is no aligner, or where
    nobody speaks. TranscriberError where the aligner fails.
    """
    spoken = stretches(speech, sound.samples * 1000 // sound.rate)
    found = [replace(word, confidence=0.0) for word in text.words]
    asked: dict[tuple[Span, int, int], tuple[Word, ...]] = {}  # two runs of one stretch are heard in one go
    for gap in edit.gaps(text):
        stretch = _stretch(spoken, gap.room)
        if aligner is None or stretch is None:
            continue
        first, last = _within(text.words, gap.first, gap.last, stretch)
        before = [w for w in beside if stretch.start_ms <= _middle(w) < text.start_ms] if first == 0 else []
        after = [w for w in beside if text.end_ms <= _middle(w) < stretch.end_ms] if last == len(text.words) else []
        said = [word.text for word in (*before, *text.words[first:last], *after)]
        key = (stretch, first, last)
        heard = asked[key] = asked.get(key) or aligner.align(sound, said, stretch, speech, language)
        own = heard[len(before) + gap.first - first :]
        found[gap.first : gap.last] = own[: gap.last - gap.first]
    return edit.timed(text, found, speech)


def _stretch(spoken: Sequence[Span], room: Span) -> Span | None:
    """The stretches in which the room lies, as one; None where nobody speaks in it.

    Of a longer one than an engine can hear in one go, the part that begins with the room.
    """
    inside = [span for span in spoken if span.start_ms < room.end_ms and span.end_ms > room.start_ms]
    if not inside:
        return None
    whole = Span(inside[0].start_ms, inside[-1].end_ms)
    if whole.ms <= WINDOW_MS:
        return whole
    start = max(whole.start_ms, room.start_ms)
    return Span(start, min(start + WINDOW_MS, whole.end_ms))


def _within(words: Sequence[Word], first: int, last: int, stretch: Span) -> tuple[int, int]:
    """first..last and the words around them that lie in the stretch."""
    while first > 0 and _middle(words[first - 1]) >= stretch.start_ms:
        first -= 1
    while last < len(words) and _middle(words[last]) < stretch.end_ms:
        last += 1
    return first, last


def _middle(word: Word) -> float:
    return (word.start_ms + word.end_ms) / 2
