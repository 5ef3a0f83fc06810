"""recipe.toml -> Recipe. Everything has a default, so that a clip needs no recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline import tomlfile
from pipeline.model import Recipe, TrimRules

_Format = Literal[
    "landscape", "vertical", "square", "landscape-unbranded", "vertical-unbranded", "square-unbranded"
]  # fmt: skip
_STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True)
_LONGEST = 86_400  # seconds; no clip lasts longer than a day


class _Trim(BaseModel):
    """Times in seconds, as people write them."""

    model_config = _STRICT
    pad: float = Field(0.2, ge=0, le=5)
    pause: float = Field(0.6, ge=0, le=60)
    fillers: Literal["off", "gentle", "tight"] = "gentle"
    keep_action: bool = True
    keep_everything: bool = False
    start: float | None = Field(None, ge=0, le=_LONGEST)
    end: float | None = Field(None, gt=0, le=_LONGEST)

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must lie behind start")
        return self

    def rules(self) -> TrimRules:
        return TrimRules(
            pad_ms=_ms(self.pad),
            pause_ms=_ms(self.pause),
            fillers=self.fillers,
            keep_action=self.keep_action,
            keep_everything=self.keep_everything,
            start_ms=None if self.start is None else _ms(self.start),
            end_ms=None if self.end is None else _ms(self.end),
        )


class _File(BaseModel):
    model_config = _STRICT
    topic: str = Field("", max_length=200)
    asked_by: str = Field("", max_length=100)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    vocabulary: list[str] = Field(default=[], max_length=200)
    script: str = Field("", max_length=50_000)
    formats: list[_Format] = Field(default=["landscape"], min_length=1)
    fit: Literal["blur", "crop"] = "blur"
    brand: str = "default"
    branded: bool = True
    denoise: bool = True
    trim: _Trim = Field(default_factory=lambda: _Trim.model_validate({}))


def default() -> Recipe:
    """What a clip becomes without a recipe."""
    return Recipe()


def load(path: Path) -> Recipe:
    """The recipe in a file. RecipeError where it is missing or wrong."""
    told = tomlfile.read(path, _File, "recipe")
    return Recipe(
        slug=path.stem,
        topic=told.topic,
        asked_by=told.asked_by,
        language=told.language,
        vocabulary=tuple(told.vocabulary),
        script=told.script,
        formats=tuple(dict.fromkeys(told.formats)),
        fit=told.fit,
        brand=told.brand,
        branded=told.branded,
        denoise=told.denoise,
        trim=told.trim.rules(),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
