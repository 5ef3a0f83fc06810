"""How a clip is heard: its speech in windows, one after another, by an engine in a process of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeVar

from pipeline import limits
from pipeline.errors import LimitError, TranscriberError
from pipeline.model import Activity, Hints, Sound, Span, Transcript, Word
from pipeline.shelf import Store
from pipeline.transcribers import aligning, borders, fillers, guards, stretches
from pipeline.transcribers.aligning import Encodings
from pipeline.transcribers.language import code, named
from pipeline.transcribers.listening import Engine, Listener
from pipeline.transcribers.stretches import Window
from pipeline.wording import clock

T = TypeVar("T")

_SECONDS_A_WINDOW = 900  # for the largest model on the slowest machine, which also has to load it
# Of a language (tried 2026-11 on recorded English, and on English, German and French by espeak-ng, alone and mixed):
_ONE_ALONE = 0.85  # a window of one language is at least so sure of it; one of two languages was at most .78
_LIKELY, _UNLIKELY = 0.45, 0.1  # another one than before is likelier, and that of before less likely, than this
_ENOUGH_MS = 4000  # of speech, to tell a language by


class Ear:
    """An engine at work. Its process starts when there is something to hear, and ends with `close`.

    One process holds the model for all clips of a take: whoever hears, and whoever aligns corrected text later. What
    the encoder makes of stretches that were corrected is kept in `encoded`.
    """

    def __init__(self, engine: Engine, encoded: Store | None = None) -> None:
        self.engine = engine
        self._kept = Encodings(encoded, f"{engine.name} {engine.model}") if encoded else None
        self._stack = ExitStack()
        self._pool: Executor | None = None

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._pool = None
        self._stack.close()

    def get_ready(self) -> None:
        """Starts loading the model, while its user still does something else."""
        if self._pool is None:
            self._pool = self._stack.enter_context(limits.processes(memory=None))
            self._pool.submit(_load, self.engine)

    def ask(self, task: Callable[..., T], *arguments: object) -> T:
        """What `task(listener, *arguments)` returns, done by the process. Raises TranscriberError."""
        self.get_ready()
        assert self._pool is not None
        try:
            answer: T = limits.call(self._pool, _SECONDS_A_WINDOW, _by_listener, self.engine, task, *arguments)
        except (LimitError, RuntimeError, ValueError, KeyError, OSError, MemoryError) as fault:
            self.close()
            raise TranscriberError(
                f"{self.engine.name} failed with its model {self.engine.model} while it listened.",
                "Look with candid models check whether the model is whole; a smaller one takes less memory.",
            ) from fault
        return answer

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """What is said in `sound` (16 kHz, mono). Nothing is decoded where nobody speaks. Raises TranscriberError."""
        activity, end_ms = hints.activity, sound.samples * 1000 // sound.rate
        found = stretches.windows(stretches.stretches(activity.speech, end_ms, activity.levels))
        if not found:
            return Transcript(engine=self.engine.name, model=self.engine.model, language=code(hints.language) or "")
        tongues = _Tongues(code(hints.language))
        words: list[Word] = []
        for number, window in enumerate(found):
            for part, language in self._tongues(sound, window, tongues):
                heard, lead_ms = self.ask(_words, sound, part, language, hints.vocabulary)
                words += part.placed(heard, lead_ms, activity.speech)
            progress((number + 1) / len(found))
        kept = guards.in_order(words, end_ms)
        exact = guards.in_order(borders.to_quiet(kept, activity), end_ms)
        told = Transcript(exact, self.engine.name, self.engine.model, tongues.main, notes=tuple(tongues.notes()))
        if not hints.fillers:
            return told
        sounds = self.ask(_fillers, sound, exact, activity, told.language)
        return replace(told, words=guards.in_order(sounds.words, end_ms), offers=sounds.offered)

    def align(
        self, sound: Sound, tokens: Sequence[str], stretch: Span, speech: Sequence[Span], language: str
    ) -> tuple[Word, ...]:
        """The tokens as words in a stretch of at most 28.5 s; confidence 0 where one could not be placed.

        Raises TranscriberError.
        """
        return self.ask(aligning.align, sound, tokens, stretch, speech, language, self._kept)

    def _tongues(self, sound: Sound, window: Window, tongues: _Tongues) -> Iterator[tuple[Window, str]]:
        """The window with its language; in parts, where two languages seem to be spoken in it."""
        likely = self.ask(_languages, sound, window)
        spans = [part.span for part in window.parts]
        if tongues.asked or len(spans) == 1 or likely.get(best_of(likely), 1.0) >= _ONE_ALONE:
            yield window, tongues.of(spans, likely)
            return
        apart = [(tongues.of([span], self.ask(_languages, sound, *stretches.windows([span]))), span) for span in spans]
        for language, group in groupby(apart, key=lambda each: each[0]):
            for part in stretches.windows([span for _, span in group]):
                yield part, language


class _Tongues:
    """Which language is spoken where. `asked` is the one that the user named, None where it is to be found out."""

    def __init__(self, asked: str | None) -> None:
        self.asked, self._before = asked, asked
        self._said: dict[str, int] = {}  # by language: how long it is spoken, in ms
        self._first: dict[str, int] = {}  # by language: when it is first heard

    @property
    def main(self) -> str:
        return self.asked or max(self._said, key=lambda each: self._said[each], default="")

    def of(self, spans: Sequence[Span], likely: Mapping[str, float]) -> str:
        """The language of these stretches, which are of one: as before, but where it is surely another."""
        if self.asked and likely and self.asked not in likely:
            raise TranscriberError(
                f"The language {self.asked!r} is not known to this engine.",
                "Name it by its code, for example: --language de",
            )
        best, said_ms = best_of(likely), sum(span.ms for span in spans)
        other = self._before is None or (said_ms >= _ENOUGH_MS and _is_another(best, self._before, likely))
        found = best if other or self._before is None else self._before
        self._said[found] = self._said.get(found, 0) + said_ms
        self._first.setdefault(found, spans[0].start_ms)
        self._before = self.asked or found
        return self._before

    def notes(self) -> Iterator[str]:
        """A sentence for each language that is spoken beside the main one."""
        for language, at_ms in self._first.items():
            where = f"From {clock(at_ms / 1000)} on"
            if language == self.main:
                continue
            if self.asked:
                yield (
                    f"{where} this sounds like {named(language)}, and it was written down as {named(self.asked)}, as "
                    "asked for. If that is wrong, leave out the language or name the right one."
                )
            else:
                yield f"{where} {named(language)} is spoken beside {named(self.main)}; each is written down as it is."


def best_of(likely: Mapping[str, float]) -> str:
    """The likeliest language; English for a model that knows no other."""
    return max(likely, key=lambda each: likely[each], default="en")


def _is_another(best: str, before: str, likely: Mapping[str, float]) -> bool:
    return best != before and likely.get(best, 0.0) >= _LIKELY and likely.get(before, 0.0) < _UNLIKELY


# --- in the process that listens --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _opened(engine: Engine) -> Listener:
    return engine.listener()


def _load(engine: Engine) -> None:
    _opened(engine)


def _by_listener(engine: Engine, task: Callable[..., T], *arguments: Any) -> T:
    return task(_opened(engine), *arguments)


def _languages(listener: Listener, sound: Sound, window: Window) -> Mapping[str, float]:
    return listener.languages(window.samples(sound))


def _fillers(
    listener: Listener, sound: Sound, words: Sequence[Word], activity: Activity, language: str
) -> fillers.Fillers:
    return fillers.find(sound, words, activity, language, listener)


def _words(
    listener: Listener, sound: Sound, window: Window, language: str, vocabulary: Sequence[str]
) -> tuple[list[Word], int]:
    """What is said in a window, and by how much its times lead. What goes in circles is heard once more, carefully."""
    samples = window.samples(sound)
    words = guards.spoken(listener.phrases(samples, language, vocabulary))
    if guards.in_circles(words):
        words = guards.spoken(listener.phrases(samples, language, vocabulary, careful=True))
    words = list(guards.without_loops(words))
    return ([] if guards.in_circles(words) else words), listener.lead_ms
