"""A given text timed to a window of sound by an openai-whisper model, with its own `find_alignment`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import TranscriberError
from pipeline.transcribers import subwords
from pipeline.transcribers.subwords import Subword

if TYPE_CHECKING:
    from pipeline.transcribers.listening import Encoded, Samples

_FRAMES_MS = 10  # of a feature


def encoded(model: Any, samples: Samples) -> Encoded:
    """What the encoder of a whisper.model.Whisper makes of a window of 30 s at most; shape (1500, width)."""
    import torch
    import whisper

    features = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), model.dims.n_mels)
    with torch.inference_mode():
        made: Encoded = model.embed_audio(features[None])[0].numpy().astype(np.float16)
    return made


def aligned(
    model: Any, encoded: Encoded, ms: int, tokens: Sequence[str], language: str
) -> list[tuple[int, int, float]]:
    """As Listener.aligned. What is beyond the positions that the model has for a text (448) gets probability 0.

    TranscriberError where the model does not know the language.
    """
    import torch
    from whisper.timing import find_alignment

    tokenizer = _tokenizer(model, language)
    text = subwords.text(tokens)
    ids = tokenizer.encode(text, disallowed_special=()) if text else []
    most = model.dims.n_text_ctx - len(tokenizer.sot_sequence) - 2  # for the end, and for a text without times
    if len(ids) > most:
        fewer = tokens[: len(tokens) * most // len(ids)]
        return [*aligned(model, encoded, ms, fewer, language), *[(ms, ms, 0.0)] * (len(tokens) - len(fewer))]
    if not ids:
        return [(0, 0, 0.0)] * len(tokens)
    sound = torch.from_numpy(encoded.astype(np.float32))
    found = find_alignment(_Encoded(model), _EachAlone(tokenizer), ids, sound, ms // _FRAMES_MS)
    sizes = (len(tokenizer.encoding.decode_single_token_bytes(each)) for each in ids)
    unheard = _likely(model, tokenizer, ids, torch.zeros(1, 2, sound.shape[1]))
    return subwords.timed(
        tokens,
        [
            Subword(size, round(each.start * 1000), round(each.end * 1000), float(each.probability), without)
            for size, each, without in zip(sizes, found, unheard, strict=True)
        ],
    )


class _Encoded:
    """A model that is given what its encoder made, in the place of features."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, encoded: Any, tokens: Any) -> Any:
        return self._model.decoder(tokens, encoded)


class _EachAlone:
    """A tokenizer for which every token is a word, so that each of them is timed."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def split_to_word_tokens(self, ids: list[int]) -> tuple[list[str], list[list[int]]]:
        return [""] * len(ids), [[each] for each in ids]


def _likely(model: Any, tokenizer: Any, ids: list[int], encoded: Any) -> list[float]:
    """How likely each token is after those before it."""
    import torch

    start = list(tokenizer.sot_sequence)
    with torch.inference_mode():
        told = model.decoder(torch.tensor([[*start, tokenizer.no_timestamps, *ids]]), encoded)[0]
    sure = told[len(start) : -1, : tokenizer.eot].softmax(dim=-1)
    return [float(each) for each in sure[range(len(ids)), ids]]


def _tokenizer(model: Any, language: str) -> Any:
    from whisper.tokenizer import get_tokenizer

    try:
        return get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language=language, task="transcribe"
        )
    except ValueError as fault:
        raise TranscriberError(
            f"whisper does not know the language {language!r}.", "Name it by its code, for example: --language de"
        ) from fault
