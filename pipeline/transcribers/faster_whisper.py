"""faster-whisper: Whisper's models by CTranslate2, in 8 bit on the CPU. The engine that comes with Candid."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import weights
from pipeline.errors import TranscriberError
from pipeline.model import Word
from pipeline.transcribers import ct2_alignment
from pipeline.transcribers.listening import Phrase

if TYPE_CHECKING:
    from pipeline.transcribers.listening import Encoded, Samples

# By how much a model times words too early, at both ends, in ms: measured 2026-11 against words with known borders.
# Larger models could not be had where this was measured; they are taken to be like base.
_LEAD_MS = {"base": 60, "tiny.en": -100}
_RATE = 16_000
_SILENT_FRAMES, _ALL_FRAMES = 800, 3000  # of 10 ms, behind the sound
_TOKENS_A_SECOND, _MOST_TOKENS = 24, 200  # nobody says more in a short window: it ends what goes round in circles


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine with one of its models."""

    model: str = "base"
    name: str = "faster-whisper"

    @property
    def weights(self) -> str:
        return f"{self.name}:{self.model}"

    def lacks(self) -> str:
        if importlib.util.find_spec("faster_whisper") is None:
            return "faster-whisper is not installed\npip install --force-reinstall faster-whisper"
        if not weights.here(self.weights):
            return f"its model {self.model} is not here\ncandid models download {self.weights}"
        return ""

    def listener(self) -> Listener:
        return Listener(_loaded(self), _LEAD_MS.get(self.model, _LEAD_MS["base"]))


def _loaded(engine: Engine) -> Any:
    import numpy as np
    from faster_whisper import WhisperModel

    class Encoder(WhisperModel):  # type: ignore[misc]
        """Encodes a window once, and no more silence behind it than it has to.

        Naming the language of a window and writing it down need the same encoding, which is most of the work. The
        library fills every window up to 30 s; with 8 s of nothing behind the speech the model hears as well for a
        fifth less work, with 2 s and less it begins to invent (docs/hearing.md).
        """

        silent_frames = _SILENT_FRAMES
        last: tuple[bytes, Any] = (b"", None)

        def encode(self, features: Any) -> Any:
            filled = np.flatnonzero(features.any(axis=0))
            frames = min(features.shape[-1], (int(filled[-1]) if filled.size else 0) + 1 + self.silent_frames)
            features = np.ascontiguousarray(features[:, : frames - frames % 2])
            if features.tobytes() != self.last[0]:
                self.last = features.tobytes(), super().encode(features)
            return self.last[1]

    try:
        threads = min(4, os.cpu_count() or 1)  # the default is four, also on two cores
        return Encoder(str(weights.path(engine.weights)), device="cpu", compute_type="int8", cpu_threads=threads)
    except (RuntimeError, ValueError, OSError) as fault:
        raise TranscriberError(
            f"{engine.name} could not load its model {engine.model}.",
            f"Get it again: candid models check, then candid models download {engine.weights}",
        ) from fault


class Listener:
    """A loaded model that hears one window at a time."""

    def __init__(self, model: Any, lead_ms: int) -> None:
        self.model, self.lead_ms = model, lead_ms

    def languages(self, samples: Samples) -> Mapping[str, float]:
        if not self.model.model.is_multilingual:
            return {}
        content = self.model.feature_extractor(samples)[..., :-1]  # as it is encoded to be written down
        return dict(self.model.detect_language(features=content)[2])

    def phrases(
        self,
        samples: Samples,
        language: str,
        vocabulary: Sequence[str] = (),
        *,
        careful: bool = False,
        alone: bool = False,
    ) -> list[Phrase]:
        most = int(len(samples) / _RATE * _TOKENS_A_SECOND) + _TOKENS_A_SECOND
        segments, _ = self.model.transcribe(
            samples,
            max_new_tokens=most if most < _MOST_TOKENS else None,
            language=language,
            beam_size=5 if careful else 1,
            no_repeat_ngram_size=4 if careful else 0,
            temperature=0.0,  # else it draws lots, and a take that is made again would say something else
            hotwords=", ".join(vocabulary) or None,
            word_timestamps=True,
            condition_on_previous_text=False,  # a loop in one window does not spread to the next
            no_speech_threshold=None,  # that is decided in guards.py, for all engines alike
            log_prob_threshold=None,
        )
        self.model.silent_frames = _ALL_FRAMES if alone else _SILENT_FRAMES  # read while the segments are made
        try:
            return [_phrase(segment) for segment in segments]
        finally:
            self.model.silent_frames = _SILENT_FRAMES

    def encoded(self, samples: Samples) -> Encoded:
        return ct2_alignment.encoded(self.model, samples)

    def aligned(self, encoded: Encoded, ms: int, tokens: Sequence[str], language: str) -> list[tuple[int, int, float]]:
        return ct2_alignment.aligned(self.model, encoded, ms, tokens, language)


def _phrase(segment: Any) -> Phrase:
    words = (
        Word(word.word, round(word.start * 1000), round(word.end * 1000), float(word.probability))
        for word in segment.words or ()
    )
    return Phrase(tuple(words), float(segment.no_speech_prob))
