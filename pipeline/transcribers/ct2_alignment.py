"""A given text timed to a window of sound by a faster-whisper model, with CTranslate2's `align`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import TranscriberError
from pipeline.transcribers import subwords
from pipeline.transcribers.subwords import Subword

if TYPE_CHECKING:
    from pipeline.transcribers.listening import Encoded, Samples

_FRAME_MS = 20  # of what the encoder makes; features have twice as many frames
_LONGEST = 448  # positions of Whisper's decoder


def encoded(model: Any, samples: Samples) -> Encoded:
    """What the encoder of a faster_whisper.WhisperModel makes of a window of 30 s at most; shape (1500, width).

    Kept as float16 (1.5 MB for base): of 338 words that moved 303 not at all and 30 by one frame (20 ms); the other
    five were, but for one, the first after a pause, whose beginning the speech detector decides (measured 2026-11).
    """
    from faster_whisper.audio import pad_or_trim

    made: Encoded = np.array(model.encode(pad_or_trim(model.feature_extractor(samples))))[0].astype(np.float16)
    return made


def aligned(
    model: Any, encoded: Encoded, ms: int, tokens: Sequence[str], language: str
) -> list[tuple[int, int, float]]:
    """As Listener.aligned. What is beyond the 448 positions that the model has for a text gets probability 0.

    TranscriberError where the model does not know the language.
    """
    import ctranslate2

    start = _start(model, language)
    pieces = _pieces(model.hf_tokenizer, subwords.text(tokens))
    if len(pieces) > _LONGEST - len(start) - 2:  # two stand for the end, and for a text without times
        fewer = tokens[: len(tokens) * (_LONGEST - len(start) - 2) // len(pieces)]
        told = aligned(model, encoded, ms, fewer, language)
        return [*told, *[(ms, ms, 0.0)] * (len(tokens) - len(fewer))]
    if not pieces:
        return [(0, 0, 0.0)] * len(tokens)

    ids = [model.hf_tokenizer.token_to_id(piece) for piece in pieces]
    nothing = np.zeros((1, 2, encoded.shape[1]), np.float32)

    def asked(sound: np.ndarray[Any, Any], frames: int) -> Any:
        return model.model.align(ctranslate2.StorageView.from_array(sound), start, [ids], frames)[0]

    heard = asked(encoded[None].astype(np.float32), ms // (_FRAME_MS // 2))
    unheard = asked(nothing, 2)
    times = _times(heard.alignments, len(ids) + 1, ms)
    sure = (heard.text_token_probs, unheard.text_token_probs)
    return subwords.timed(tokens, list(map(Subword, map(len, pieces), times[:-1], times[1:], *sure)))


def _start(model: Any, language: str) -> list[int]:
    """The tokens that tell the model what to do."""
    from faster_whisper.tokenizer import Tokenizer

    try:
        known = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
    except ValueError as fault:
        raise TranscriberError(
            f"faster-whisper does not know the language {language!r}.",
            "Name it by its code, for example: --language de",
        ) from fault
    return list(known.sot_sequence)


def _times(alignments: Sequence[tuple[int, int]], count: int, ms: int) -> list[int]:
    """When each piece begins, and the end of the last one, from a path through (piece, frame)."""
    begun = dict.fromkeys(range(count), ms)
    for piece, frame in reversed(alignments):
        begun[piece] = min(ms, frame * _FRAME_MS)
    return [begun[piece] for piece in range(count)]


def _pieces(tokenizer: Any, text: str) -> list[str]:
    """The pieces of a text in the model's vocabulary, one character for each byte.

    By the rule of byte pairs: of two neighbors that are one piece together, those with the smallest number are joined
    first. The tokenizer's own `encode` is not used: in the file that multilingual models come with, the first rule is
    missing (a space and a t), so that every word with a t in front is divided as the model never saw it; and it takes
    "<|en|>" for more than what somebody wrote.
    """
    return [piece for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text) for piece in _joined(tokenizer, part)]


def _joined(tokenizer: Any, part: str) -> list[str]:
    pieces = list(part)
    while True:
        pairs = [(tokenizer.token_to_id(a + b), at) for at, (a, b) in enumerate(pairwise(pieces))]
        found = min((pair for pair in pairs if pair[0] is not None), default=None)
        if found is None:
            return pieces
        at = found[1]
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
