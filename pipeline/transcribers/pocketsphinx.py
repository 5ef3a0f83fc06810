"""PocketSphinx: the embedded engine. Its English model lies inside its wheel, so it works where nothing can be
downloaded.

Its words are a draft: good enough to cut by. It also times a given text to the sound, which it does well.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pipeline import limits, media
from pipeline.model import Hints, Sound, Span, Transcript, Word
from pipeline.transcribers import guards, pronounce

_FRAME_MS = 10
_PAD_MS = 200  # around speech: the detector cuts soft first and last sounds off
_PAUSE_MS = 600  # a longer one ends a segment, and is taken for the end of a sentence
_LONGEST_MS = 15_000
_BREATH_FRAMES = 20
_SECONDS_A_SEGMENT = 300
# Without its second pass (fwdflat) it is faster and, on recorded clips, hears a little better; no segment may explode.
# The words that may end in a frame (maxwpf) stay without a limit: with one, a stretch that ends in the middle of a word
# finds no way to its end, and all that was said in it is lost.
_SETTINGS = {"loglevel": "FATAL", "fwdflat": False, "maxhmmpf": 5000, "cmn": "batch"}


# What the engine mishears must not put these into a colleague's mouth; who did say one can write it in by hand.
_NEVER_GUESSED = re.compile(r"fuck|motherfuck|shit|bullshit|cunt|nigg|faggot|bitch|whore|slut|asshole")


class Engine:
    """Decodes each stretch of speech on its own, several at once, in processes: it holds Python's lock."""

    name = "pocketsphinx"
    model = "en-us"
    languages = frozenset({"en"})

    def lacks(self) -> str:
        if importlib.util.find_spec("pocketsphinx") is None:
            return "pocketsphinx is not installed\npip install --force-reinstall pocketsphinx"
        return ""

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """Draft words of English speech, capitals and periods by the pauses."""
        end_ms = sound.samples * 1000 // sound.rate
        parts = segments(breathed(sound, hints.speech or (Span(0, end_ms),)), end_ms)
        words: list[Word] = []
        begins = True
        workers = min(len(parts), os.cpu_count() or 1)
        with limits.processes(workers) as pool:
            jobs = [pool.submit(decode, sound, part) for part in parts]
            for done, (job, part) in enumerate(zip(jobs, parts, strict=True), start=1):
                found = limits.result(pool, job, _SECONDS_A_SEGMENT)
                ends = _is_sentence_end(parts, part)
                words += _written(found, begins, ends)
                begins = ends or (begins and not found)
                progress(done / len(parts))
        return Transcript(guards.in_order(words, end_ms), self.name, self.model, "en", draft=True)


def breathed(sound: Sound, speech: Sequence[Span]) -> tuple[Span, ...]:
    """The stretches of speech, none much longer than 15 s: a longer one is cut where it is most quiet."""
    short: list[Span] = []
    for span in speech:
        rest = span
        while rest.ms > _LONGEST_MS + _PAUSE_MS:
            at = _most_quiet(sound, Span(rest.start_ms + _LONGEST_MS // 2, rest.start_ms + _LONGEST_MS))
            short.append(Span(rest.start_ms, at))
            rest = Span(at, rest.end_ms)
        short.append(rest)
    return tuple(short)


def _most_quiet(sound: Sound, span: Span) -> int:
    """The middle of the quietest fifth of a second."""
    import numpy as np

    samples = media.samples(sound, span.start_ms * sound.rate // 1000, span.end_ms * sound.rate // 1000)[:, 0]
    step = sound.rate * _FRAME_MS // 1000
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    power = np.convolve((frames**2).mean(axis=1), np.ones(_BREATH_FRAMES), mode="valid")
    return span.start_ms + (int(power.argmin()) + _BREATH_FRAMES // 2) * _FRAME_MS


def segments(speech: Sequence[Span], end_ms: int) -> tuple[Span, ...]:
    """Stretches of speech joined over short pauses, 15 s at most, padded into the silence around them."""
    joined: list[Span] = []
    for span in speech:
        if (
            joined
            and span.start_ms - joined[-1].end_ms <= _PAUSE_MS
            and span.end_ms - joined[-1].start_ms <= _LONGEST_MS
        ):
            joined[-1] = Span(joined[-1].start_ms, span.end_ms)
        else:
            joined.append(span)
    edges = [0, *((a.end_ms + b.start_ms) // 2 for a, b in itertools.pairwise(joined)), end_ms]
    return tuple(
        Span(max(span.start_ms - _PAD_MS, edges[n]), min(span.end_ms + _PAD_MS, edges[n + 1]))
        for n, span in enumerate(joined)
    )


def _is_sentence_end(parts: Sequence[Span], part: Span) -> bool:
    following = next((other for other in parts if other.start_ms >= part.end_ms), None)
    return following is None or following.start_ms - part.end_ms >= _PAUSE_MS - 2 * _PAD_MS


@functools.cache
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(**_SETTINGS)


def decode(sound: Sound, part: Span) -> list[Word]:
    """The words of one stretch, as they are in the dictionary, whatever this process has heard before."""
    decoder = _decoder()
    decoder.reinit_feat()  # else a sound colors the next one, and the words depend on who was free to listen
    _listen(decoder, sound, part)
    if decoder.hyp() is None:
        return []
    return [
        _word(segment, part.start_ms, min(1.0, segment.prob))  # a posterior; rounding takes it a little over 1
        for segment in decoder.seg()
        if segment.word[0] not in "<[+(" and not _NEVER_GUESSED.match(segment.word)
    ]


def _listen(decoder: Any, sound: Sound, part: Span, only: Sequence[Span] = ()) -> None:
    first, last = (ms * sound.rate // 1000 for ms in (part.start_ms, part.end_ms))
    samples = (media.samples(sound, first, last)[:, 0] * 32768).astype("<i2")
    for silent in _between(only, part) if only else ():
        start, end = ((ms - part.start_ms) * sound.rate // 1000 for ms in (silent.start_ms, silent.end_ms))
        samples[start:end] = 0
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()


def _between(spans: Sequence[Span], whole: Span) -> list[Span]:
    """What of the whole lies outside all spans and their padding."""
    inner = [ms for span in spans for ms in (span.start_ms - _PAD_MS, span.end_ms + _PAD_MS)]
    edges = [whole.start_ms, *inner, whole.end_ms]
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _word(segment: Any, start_ms: int, confidence: float) -> Word:
    text = re.sub(r"\(\d+\)$", "", segment.word)  # "read(2)" is the second way to say it
    start, end = start_ms + segment.start_frame * _FRAME_MS, start_ms + (segment.end_frame + 1) * _FRAME_MS
    return Word(text, start, end, confidence)


def _written(words: Sequence[Word], begins: bool, ends: bool) -> list[Word]:
    """A segment as people write: a capital where a sentence begins, a period where it ends, and "I" large."""
    texts = [re.sub(r"^i(?=$|')", "I", word.text) for word in words]
    if texts:
        texts[0] = texts[0][0].upper() + texts[0][1:] if begins else texts[0]
        texts[-1] += "." if ends else ""
    return [Word(text, word.start_ms, word.end_ms, word.confidence) for text, word in zip(texts, words, strict=True)]


def common_words() -> frozenset[str]:
    """The words of the English dictionary, which nobody has to teach; none where the engine is not installed."""
    if Engine().lacks():
        return frozenset()
    from pocketsphinx import get_model_path

    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as lines:
        return frozenset(line.partition(" ")[0] for line in lines)


# --- a given text -----------------------------------------------------------------------------------------------------


@contextmanager
def aligner() -> Iterator[Executor]:
    """A process that aligns one text after another. It gets ready while its user still reads the sound."""
    with limits.processes() as pool:
        pool.submit(_library)
        yield pool


def _library() -> None:
    import pocketsphinx  # noqa: F401 - loaded before it is needed


def align(
    sound: Sound, text: str, language: str = "en", speech: Sequence[Span] = (), pool: Executor | None = None
) -> Transcript:
    """Times a given text to the sound (16 kHz, mono). Words keep their spelling and punctuation.

    Words that the dictionary lacks are sounded out by rule. Where text and sound do not fit at all, the words are laid
    evenly where somebody speaks. `pool` is an `aligner`; without it, this call has one of its own.
    """
    end_ms = sound.samples * 1000 // sound.rate
    tokens = text.split()
    seconds = _SECONDS_A_SEGMENT + end_ms / 1000  # half an hour takes about six minutes: it grows with the square
    with nullcontext(pool) if pool else aligner() as at_work:
        times = limits.call(at_work, seconds, times_of, sound, tuple(tokens), speech) if tokens else []
    words = [Word(token, start, end, sure) for token, (start, end, sure) in zip(tokens, times, strict=True)]
    return Transcript(guards.in_order(words, end_ms), "aligned", "en-us", language)


def times_of(sound: Sound, tokens: tuple[str, ...], speech: Sequence[Span] = ()) -> list[tuple[int, int, float]]:
    """Start and end in ms of every token, and how sure that is (0 where it had to be guessed).

    What lies outside `speech` is not listened to, so that no word lands in a bang.
    """
    spoken = [pronounce.spoken(token) for token in tokens]
    end_ms = sound.samples * 1000 // sound.rate
    found = _aligned(sound, [word for words in spoken for word in words], end_ms, speech)
    if not found:
        return _evenly(tokens, speech or (Span(0, end_ms),))
    times: list[tuple[int, int, float]] = []
    at = 0
    for words in spoken:
        if words:
            times.append((found[at][0], found[at + len(words) - 1][1], 1.0))
        else:  # a dash, a bracket: nothing is heard, so it stands with the word before
            before = times[-1][1] if times else 0
            times.append((max(0, before - 1), before, 0.0))
        at += len(words)
    return times


def _aligned(sound: Sound, words: Sequence[str], end_ms: int, speech: Sequence[Span]) -> list[tuple[int, int]]:
    """Start and end of each word; empty where the text does not fit the sound."""
    from pocketsphinx import Decoder

    if not words:
        return []
    decoder = Decoder(loglevel="FATAL", lm=None, cmn="batch")
    for word in dict.fromkeys(words):
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, pronounce.phones(word), True)
    try:
        decoder.set_align_text(" ".join(words))
        _listen(decoder, sound, Span(0, end_ms), speech)
        heard = [_word(segment, 0, 1.0) for segment in decoder.seg() or () if segment.word[0] not in "<[+("]
    except (RuntimeError, TypeError):
        return []
    return [(word.start_ms, word.end_ms) for word in heard] if len(heard) == len(words) else []


def _evenly(tokens: Sequence[str], speech: Sequence[Span]) -> list[tuple[int, int, float]]:
    """Times by the length of the words, as if the stretches of speech lay end to end."""
    letters, spoken_ms = sum(map(len, tokens)), sum(span.ms for span in speech)
    times, at = [], 0
    for token in tokens:
        start, at = at, at + len(token)
        first = _spoken_at(start * spoken_ms // letters, speech)
        times.append((first, max(first, _spoken_at(at * spoken_ms // letters - 1, speech) + 1), 0.0))
    return times


def _spoken_at(ms: int, speech: Sequence[Span]) -> int:
    """The clip time of the moment after `ms` of speech."""
    for span in speech:
        if ms < span.ms:
            return span.start_ms + max(0, ms)
        ms -= span.ms
    return speech[-1].end_ms
