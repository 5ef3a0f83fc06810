"""Real Whisper weights as openai-whisper loads them, made from the file that faster-whisper loads.

The checkpoints that OpenAI publishes cannot be had from a package index, but the weights inside them can: CTranslate2
keeps the same tensors under other names, in 16 bit, with queries, keys and values of a layer in one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from whisper.model import ModelDimensions

_FLOAT16 = 4  # CTranslate2's number of that type
_PARTS = {"self_attention": "attn", "attention": "cross_attn", "ffn": "mlp"}
_NORMS = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}
_KINDS = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}


def write(converted: Path, target: Path, heads: int) -> None:
    """Writes the checkpoint `target` (a .pt file) from CTranslate2's model.bin. `heads` is the number of each layer."""
    found = dict(_variables(converted.read_bytes()))
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in _renamed(found)}
    audio, text = found["encoder/position_encodings/encodings"], found["decoder/position_encodings/encodings"]
    dims = ModelDimensions(
        n_mels=found["encoder/conv1/weight"].shape[1], n_audio_ctx=len(audio), n_audio_state=audio.shape[1],
        n_audio_head=heads, n_audio_layer=_layers(found, "encoder"), n_vocab=len(found["decoder/embeddings/weight"]),
        n_text_ctx=len(text), n_text_state=text.shape[1], n_text_head=heads, n_text_layer=_layers(found, "decoder"),
    )  # fmt: skip
    torch.save({"dims": asdict(dims), "model_state_dict": state}, target)


def _layers(found: dict[str, np.ndarray], side: str) -> int:
    return len({name.split("/")[1] for name in found if name.startswith(f"{side}/layer_") and "norm" not in name[:20]})


def _variables(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of a model.bin (version 6 of the format), by name."""
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{kind}", data, at)
        at += struct.calcsize(f"<{kind}")
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at].rstrip(b"\0").decode()

    number("I"), text(), number("I")  # version, what kind of model, its revision
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if kind == _FLOAT16:
            yield name, np.frombuffer(data, np.float16, size // 2, at).reshape(shape)
        at += size


def _renamed(found: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in found.items():
        side, place, *rest = name.split("/")
        if place.startswith("layer_") and rest[0] in _PARTS:
            yield from _of_a_layer(f"{side}.blocks.{place[6:]}", rest, value)
        elif place == "layer_norm":
            yield f"{side}.{'ln_post' if side == 'encoder' else 'ln'}.{_KINDS[rest[0]]}", value
        elif place == "position_encodings":
            yield f"{side}.positional_embedding", value
        elif place == "embeddings":
            yield "decoder.token_embedding.weight", value
        elif place.startswith("conv"):
            yield f"{side}.{place}.{rest[0]}", value


def _of_a_layer(block: str, names: list[str], value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    part, place, kind = names
    if place == "layer_norm":
        yield f"{block}.{_NORMS[part]}.{_KINDS[kind]}", value
    elif part == "ffn":
        yield f"{block}.mlp.{'0' if place == 'linear_0' else '2'}.{kind}", value
    else:
        pieces = {  # what lies in one piece, in its order
            ("self_attention", "linear_0"): ("query", "key", "value"),
            ("self_attention", "linear_1"): ("out",),
            ("attention", "linear_0"): ("query",),
            ("attention", "linear_1"): ("key", "value"),
            ("attention", "linear_2"): ("out",),
        }[part, place]
        for piece, own in zip(pieces, np.split(value, len(pieces)), strict=True):
            if (piece, kind) != ("key", "bias"):  # Whisper's keys have none; here it is zero
                yield f"{block}.{_PARTS[part]}.{piece}.{kind}", own
