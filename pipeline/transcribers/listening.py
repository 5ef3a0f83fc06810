"""What an engine is, before it is opened and while it listens. One engine, one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.model import Word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]  # 16 kHz, mono, -1..1; 30 s at most

    Encoded = NDArray[np.float16]  # what the encoder makes of a window, shape (frames, width): 1.5 MB for base


@dataclass(frozen=True, slots=True)
class Phrase:
    """What an engine heard in one go, with words timed from the start of the window (ms).

    `no_speech` is how sure it is, 0..1, that nobody speaks.
    """

    words: tuple[Word, ...]
    no_speech: float = 0.0


class Listener(Protocol):
    """An engine with its model in memory. It lives in the process that listens, and hears one window at a time."""

    lead_ms: int  # by how much it times words too early; negative: too late. A property of engine and model

    def languages(self, samples: Samples) -> Mapping[str, float]:
        """How likely each language is, 0..1, by its code; empty where the model knows only English."""

    def phrases(
        self,
        samples: Samples,
        language: str,
        vocabulary: Sequence[str] = (),
        *,
        careful: bool = False,
        alone: bool = False,
    ) -> list[Phrase]:
        """What is said, always the same for the same sound.

        `vocabulary` are names that may occur. `careful` hears more slowly, and does not repeat itself: for what went
        round in circles. `alone`: the window holds single sounds and no talk, and is heard in as much silence as the
        model was taught on.
        """

    def encoded(self, samples: Samples) -> Encoded:
        """What the encoder makes of a window: nine tenths of the work, which another text can use again."""

    def aligned(self, encoded: Encoded, ms: int, tokens: Sequence[str], language: str) -> list[tuple[int, int, float]]:
        """Start and end (ms) of each token in a window of `ms`, with the engine's lead, and how likely it is there.

        A token that says nothing (a dash) has no length and probability 0.
        """


class Engine(Protocol):
    """A name, a model, and whether it can work on this machine. Small and picklable."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    def __hash__(self) -> int: ...

    def lacks(self) -> str:
        """What it lacks to work on this machine, and in a second line the cure; "" where it can work."""

    def listener(self) -> Listener:
        """Loads the model. TranscriberError where that fails."""
