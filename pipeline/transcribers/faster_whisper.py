"""faster-whisper: whisper's models by CTranslate2, several times faster on a CPU ."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from pipeline import media, weights
from pipeline.errors import TranscriberError
from pipeline.model import Hints, Sound, Transcript, Word
from pipeline.transcribers import guards
from pipeline.transcribers.language import code


class Engine:
    """Runs on the CPU in 8 bit, with the model that is named or the best one that is here."""

    name = "faster-whisper"
    languages: frozenset[str] = frozenset()

    def __init__(self, model: str | None = None) -> None:
        self.model = model or weights.best(self.name) or "base"

    def lacks(self) -> str:
        if importlib.util.find_spec("faster_whisper") is None:
            return "faster-whisper is not installed\npip install --force-reinstall faster-whisper"
        if not weights.here(f"{self.name}:{self.model}"):
            return (
                f"faster-whisper's model {self.model} is not here\ncandid models download faster-whisper:{self.model}"
            )
        return ""

    def transcribe(self, sound: Sound, hints: Hints, progress: Callable[[float], None]) -> Transcript:
        """Words by faster-whisper, without what it invents over silence and in loops."""
        import ctranslate2
        from faster_whisper import WhisperModel

        end_ms = sound.samples * 1000 // sound.rate
        words: list[Word] = []
        try:
            ctranslate2.set_random_seed(0)  # as whisper.py does; it holds for models that are loaded from now on
            model = WhisperModel(str(weights.path(f"{self.name}:{self.model}")), device="cpu", compute_type="int8")
            segments, info = model.transcribe(
                media.samples(sound, 0, sound.samples)[:, 0],
                language=code(hints.language),
                initial_prompt=", ".join(hints.vocabulary) or None,
                word_timestamps=True,
                condition_on_previous_text=False,
                hallucination_silence_threshold=2.0,
            )
            for segment in segments:
                words += [
                    Word(word.word, round(word.start * 1000), round(word.end * 1000), word.probability)
                    for word in segment.words or []
                ]
                progress(min(1.0, segment.end * 1000 / end_ms))
        except (RuntimeError, ValueError, OSError) as fault:
            raise TranscriberError(
                f"faster-whisper failed with its model {self.model} ({fault}).",
                f"Get the model again: candid models download faster-whisper:{self.model}",
            ) from fault
        kept = guards.without_loops(guards.over_speech(guards.in_order(words, end_ms), hints.speech))
        return Transcript(kept, self.name, self.model, info.language)
