"""openai-whisper: OpenAI's own engine, by PyTorch (extra `whisper`). It hears what faster-whisper does, more slowly."""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import weights
from pipeline.errors import TranscriberError
from pipeline.model import Word
from pipeline.transcribers import whisper_alignment
from pipeline.transcribers.listening import Phrase

if TYPE_CHECKING:
    from pipeline.transcribers.listening import Encoded, Samples

_LEAD_MS = {"base": 60, "tiny.en": -100}  # as in faster_whisper.py: the models are the same


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine with one of its models."""

    model: str = "base"
    name: str = "whisper"

    @property
    def weights(self) -> str:
        return f"{self.name}:{self.model}"

    def lacks(self) -> str:
        if importlib.util.find_spec("whisper") is None:
            return "openai-whisper is not installed\npip install 'candid[whisper]'"
        if not weights.here(self.weights):
            return f"its model {self.model} is not here\ncandid models download {self.weights}"
        return ""

    def _checkpoint(self) -> Path:
        (file,) = weights.find(self.weights).files
        return weights.path(self.weights) / file.name

    def listener(self) -> Listener:
        with _quiet():
            import whisper

            try:
                model = whisper.load_model(str(self._checkpoint()), device="cpu")
            except (RuntimeError, ValueError, KeyError, OSError, EOFError, pickle.UnpicklingError) as fault:
                raise TranscriberError(
                    f"{self.name} could not load its model {self.model}.",
                    f"Get it again: candid models check, then candid models download {self.weights}",
                ) from fault
            if self.model in whisper._ALIGNMENT_HEADS:  # a checkpoint that is loaded from a file has none of its own
                model.set_alignment_heads(whisper._ALIGNMENT_HEADS[self.model])
        return Listener(model, _LEAD_MS.get(self.model, _LEAD_MS["base"]))


class Listener:
    """A loaded model that hears one window at a time."""

    def __init__(self, model: Any, lead_ms: int) -> None:
        self.model, self.lead_ms = model, lead_ms

    def languages(self, samples: Samples) -> Mapping[str, float]:
        if not self.model.is_multilingual:
            return {}
        import whisper

        with _quiet():
            mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), self.model.dims.n_mels)
            return dict(self.model.detect_language(mel)[1])

    def phrases(
        self,
        samples: Samples,
        language: str,
        vocabulary: Sequence[str] = (),
        *,
        careful: bool = False,
        alone: bool = False,
    ) -> list[Phrase]:
        with _quiet():
            told = self.model.transcribe(
                samples,
                language=language,
                beam_size=5 if careful else None,
                temperature=0.0,  # else it draws lots, and a take that is made again would say something else
                initial_prompt=", ".join(vocabulary) or None,
                word_timestamps=True,
                condition_on_previous_text=False,  # a loop in one window does not spread to the next
                no_speech_threshold=None,  # that is decided in guards.py, for all engines alike
                logprob_threshold=None,
                fp16=False,
                verbose=None,
            )
        return [_phrase(segment) for segment in told["segments"]]

    def encoded(self, samples: Samples) -> Encoded:
        return whisper_alignment.encoded(self.model, samples)

    def aligned(self, encoded: Encoded, ms: int, tokens: Sequence[str], language: str) -> list[tuple[int, int, float]]:
        return whisper_alignment.aligned(self.model, encoded, ms, tokens, language)


def _phrase(segment: Mapping[str, Any]) -> Phrase:
    words = (
        Word(word["word"], round(word["start"] * 1000), round(word["end"] * 1000), float(word["probability"]))
        for word in segment.get("words", ())
    )
    return Phrase(tuple(words), float(segment["no_speech_prob"]))


@contextmanager
def _quiet() -> Iterator[None]:
    """It warns, for example, that Triton is missing and slower paths are used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"whisper\.")
        yield
