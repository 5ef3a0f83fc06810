"""openai-whisper: the engine for real captions."""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pipeline import media, weights
from pipeline.errors import TranscriberError
from pipeline.model import Hints, Sound, Transcript, Word
from pipeline.transcribers import guards
from pipeline.transcribers.language import code


class Engine:
    """Runs on the CPU, with the model that is named or the best one that is here."""

    name = "whisper"
    languages: frozenset[str] = frozenset()

    def __init__(self, model: str | None = None, checkpoint: Path | None = None) -> None:
        self.model = model or weights.best(self.name) or "small"
        self._given = checkpoint

    @property
    def _checkpoint(self) -> Path:
        """The file that is loaded: the one that was given, else the model's own."""
        found = weights.find(f"{self.name}:{self.model}")
        return self._given or weights.path(found) / found.files[0].name

    def lacks(self) -> str:
        if importlib.util.find_spec("whisper") is None:
            return "openai-whisper is not installed\npip install 'candid[whisper]'"
        if not self._given and not weights.here(f"{self.name}:{self.model}"):
            return f"whisper's model {self.model} is not here\ncandid models download whisper:{self.model}"
        return ""

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """Words by openai-whisper, without what it invents over silence and in loops."""
        told = self._run(media.samples(sound, 0, sound.samples)[:, 0], hints)
        end_ms = sound.samples * 1000 // sound.rate
        words = guards.in_order([word for part in told["segments"] for word in _words(part)], end_ms)
        kept = guards.without_loops(guards.over_speech(words, hints.speech))
        progress(1.0)
        return Transcript(kept, self.name, self.model, told["language"])

    def _run(self, samples: Any, hints: Hints) -> dict[str, Any]:
        import torch
        import whisper

        with warnings.catch_warnings():
            # For example: Triton is missing, so slower paths are used.
            warnings.filterwarnings("ignore", module=r"whisper\.")
            language = _known(hints, whisper.tokenizer.LANGUAGES)
            try:
                torch.manual_seed(0)  # where it is unsure it draws lots, and a take made again has to say the same
                model = whisper.load_model(str(self._checkpoint), device="cpu")
                with torch.inference_mode():
                    return model.transcribe(  # type: ignore[no-any-return]
                        samples,
                        language=language,
                        initial_prompt=", ".join(hints.vocabulary) or None,
                        word_timestamps=True,
                        condition_on_previous_text=False,  # a loop in one window does not spread to the next
                        hallucination_silence_threshold=2.0,
                        fp16=False,
                        verbose=None,
                    )
            except (RuntimeError, ValueError, KeyError, OSError, EOFError, pickle.UnpicklingError) as fault:
                raise TranscriberError(
                    f"whisper failed with its model {self.model} ({fault}).",
                    f"Get the model again: candid models download whisper:{self.model}",
                ) from fault


def _known(hints: Hints, languages: Collection[str]) -> str | None:
    wanted = code(hints.language)
    if wanted is None or wanted in languages:
        return wanted
    raise TranscriberError(
        f"whisper does not know the language {hints.language}.", "Name it by its code, for example: --language de"
    )


def _words(segment: dict[str, Any]) -> list[Word]:
    return [
        Word(word["word"], round(word["start"] * 1000), round(word["end"] * 1000), word["probability"])
        for word in segment.get("words", [])
    ]
