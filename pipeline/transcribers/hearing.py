"""How a clip is heard: its speech in windows, one after another, by an engine in a process of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any, TypeVar

from pipeline import limits
from pipeline.errors import LimitError, TranscriberError
from pipeline.model import Hints, Sound, Transcript, Word
from pipeline.transcribers import borders, guards, stretches
from pipeline.transcribers.language import code, named
from pipeline.transcribers.listening import Engine, Listener
from pipeline.transcribers.stretches import Window
from pipeline.wording import clock

T = TypeVar("T")

_SECONDS_A_WINDOW = 900  # for the largest model on the slowest machine, which also has to load it
_SURE = 0.9  # of a language, to contradict what was said or heard before
_UNLIKELY = 0.1
_ENOUGH_MS = 4000  # of speech, to tell a language by


class Ear:
    """An engine at work. Its process starts when there is something to hear, and ends with `close`.

    One process holds the model for all clips of a take: whoever hears, and whoever aligns corrected text later.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
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
            self._pool.submit(_opened, self.engine)

    def ask(self, task: Callable[..., T], *arguments: object) -> T:
        """What `task(listener, *arguments)` returns, done by the process. Raises TranscriberError."""
        self.get_ready()
        assert self._pool is not None
        try:
            return limits.call(self._pool, _SECONDS_A_WINDOW, _by_listener, self.engine, task, *arguments)
        except (LimitError, RuntimeError, ValueError, KeyError, OSError, MemoryError) as fault:
            self.close()
            raise TranscriberError(
                f"{self.engine.name} failed with its model {self.engine.model} while it listened.",
                "Look with candid models check whether the model is whole; a smaller one takes less memory.",
            ) from fault

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """What is said in `sound` (16 kHz, mono). Nothing is decoded where nobody speaks. Raises TranscriberError."""
        activity, end_ms = hints.activity, sound.samples * 1000 // sound.rate
        found = stretches.windows(stretches.stretches(activity.speech, end_ms, activity.levels))
        if not found:
            return Transcript(engine=self.engine.name, model=self.engine.model, language=code(hints.language) or "")
        tongues = _Tongues(code(hints.language))
        words: list[Word] = []
        for number, window in enumerate(found):
            likely = self.ask(_languages, sound, window)
            language = tongues.of(window, likely)
            heard, lead_ms = self.ask(_words, sound, window, language, hints.vocabulary)
            words += window.placed(heard, lead_ms, activity.speech)
            progress((number + 1) / len(found))
        kept = guards.in_order(words, end_ms)
        exact = guards.in_order(borders.to_quiet(kept, activity), end_ms)
        return Transcript(exact, self.engine.name, self.engine.model, tongues.main, notes=tuple(tongues.notes()))


class _Tongues:
    """Which language is spoken in which window."""

    def __init__(self, asked: str | None) -> None:
        self._asked, self._known = asked, asked
        self._other: dict[str, int] = {}  # by language: when it is first heard

    @property
    def main(self) -> str:
        return self._known or ""

    def of(self, window: Window, likely: Mapping[str, float]) -> str:
        """The language of a window: the one that was asked for, else that of the clip or, if it is sure, its own."""
        best = max(likely, key=lambda each: likely[each], default="en")
        if self._asked and likely and self._asked not in likely:
            raise TranscriberError(
                f"The language {self._asked!r} is not known to this engine.",
                "Name it by its code, for example: --language de",
            )
        if self._known is None:
            self._known = best
        said_ms = sum(part.span.ms for part in window.parts)
        sure = likely.get(best, 1.0) >= _SURE and likely.get(self._known, 0.0) < _UNLIKELY and said_ms >= _ENOUGH_MS
        if best != self._known and sure:
            self._other.setdefault(best, window.parts[0].span.start_ms)
            return self._asked or best
        return self._known

    def notes(self) -> Iterator[str]:
        for language, at_ms in self._other.items():
            where = clock(at_ms / 1000)
            if self._asked:
                yield (
                    f"From {where} on this sounds like {named(language)}, and it was written down as "
                    f"{named(self._asked)}, as asked for. If that is wrong, leave out the language or name the right one."
                )
            else:
                yield f"From {where} on {named(language)} is spoken beside {named(self.main)}; both are written down."


# --- in the process that listens --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _opened(engine: Engine) -> Listener:
    return engine.listener()


def _by_listener(engine: Engine, task: Callable[..., T], *arguments: Any) -> T:
    return task(_opened(engine), *arguments)


def _languages(listener: Listener, sound: Sound, window: Window) -> Mapping[str, float]:
    return listener.languages(window.samples(sound))


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
