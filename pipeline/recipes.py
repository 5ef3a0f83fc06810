"""recipes/<slug>.toml <-> Recipe. Everything has a default, so that a clip needs no recipe.

How a video is made can also be said by the brand, the person and the command line: each is a layer (cascade.py),
checked by the same rules as the file, so that an error names its source.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline import cascade, shelf, templates, tomlfile, workspace
from pipeline.cascade import Layer
from pipeline.errors import RecipeError
from pipeline.model import Person, Post, Recipe, Topic, TrimRules

SERVICES = ("youtube", "peertube", "vimeo", "folder")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_LONGEST = 86_400  # seconds; no clip lasts longer than a day
_DATE = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$"
_Format = Literal[
    "landscape", "vertical", "square", "landscape-unbranded", "vertical-unbranded", "square-unbranded"
]  # fmt: skip
_STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _template(text: str) -> str:
    templates.fields(text)
    return tomlfile.lines(text)


def _date(text: str) -> str:
    """The pattern lets the 45th of a month pass."""
    if text:
        datetime.fromisoformat(text)
    return text


_Template = Annotated[str, AfterValidator(_template)]
_Line = Annotated[str, AfterValidator(tomlfile.one_line)]
_Lines = Annotated[str, AfterValidator(tomlfile.lines)]
_Date = Annotated[str, AfterValidator(_date)]


class _Trim(BaseModel):
    """Times in seconds, as people write them."""

    model_config = _STRICT
    pad: float = Field(0.2, ge=0, le=5, description="Kept on both sides of speech and action, in seconds.")
    pause: float = Field(0.6, ge=0, le=60, description="What a longer pause is shortened to, in seconds.")
    fillers: Literal["off", "gentle", "tight"] = Field(
        "gentle", description="Which fillers (um, uh) and false starts are cut out."
    )
    keep_action: bool = Field(True, description="Keep what happens without words.")
    keep_everything: bool = Field(False, description="Cut nothing out.")
    start: float | None = Field(None, ge=0, le=_LONGEST, description="Begin at this second of the clip.")
    end: float | None = Field(None, gt=0, le=_LONGEST, description="End at this second of the clip.")

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


class _Texts(BaseModel):
    """What stands beside the video on one service."""

    model_config = _STRICT
    title: _Template = Field("{topic}", max_length=500)
    description: _Template = Field("{disclosure}\n\n{why}\n\nAsked by {asked_by}.\n\n{chapters}", max_length=10_000)
    tags: list[_Template] = Field(default=[], max_length=60)
    privacy: Literal["private", "unlisted", "public"] = "private"
    playlist: _Template = Field("", max_length=200, description="A playlist, or a channel, as the service calls it.")
    schedule: _Date = Field("", pattern=_DATE, description="When it becomes public: 2027-01-31T09:00+01:00.")

    @model_validator(mode="after")
    def _without_circles(self) -> Self:
        _written(self.title, self.description)
        return self


@functools.lru_cache(maxsize=1024)
def _written(title: str, description: str) -> None:
    """TemplateError where they name each other."""
    templates.written(Post(title, description), {})


class _Posts(_Texts):
    """For all services, and what is different on one."""

    youtube: _Texts = Field(default_factory=lambda: _Texts.model_validate({}))
    peertube: _Texts = Field(default_factory=lambda: _Texts.model_validate({}))
    vimeo: _Texts = Field(default_factory=lambda: _Texts.model_validate({}))
    folder: _Texts = Field(default_factory=lambda: _Texts.model_validate({}))


class _Wishes(BaseModel):
    """How a video is made: what a brand, a recipe, a person and the command line may say."""

    model_config = _STRICT
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$", description="What is spoken, such as en or de.")
    vocabulary: list[_Line] = Field(default=[], max_length=200, description="Names that the transcriber must know.")
    seconds: int | None = Field(None, ge=1, le=_LONGEST, description="The length that is wanted.")
    formats: list[_Format] = Field(default=["landscape"], min_length=1)
    fit: Literal["blur", "crop"] = Field("blur", description="A clip of another shape: blurred sides, or cropped.")
    captions: Literal["highlight", "plain", "file"] = Field(
        "highlight", description="Burnt in with the spoken word lit, burnt in plainly, or only as files beside it."
    )
    branded: bool = True
    denoise: bool = True
    trim: _Trim = Field(default_factory=lambda: _Trim.model_validate({}))
    post: _Posts = Field(default_factory=lambda: _Posts.model_validate({}))


class _File(_Wishes):
    """A recipe: what a video is about, and how it is made."""

    topic: _Line = Field("", max_length=200, description="What the video is about: its title.")
    why: _Lines = Field("", max_length=2000, description="Why it was asked, and what it is good for.")
    asked_by: _Line = Field("", max_length=300, description="Who asked for it.")
    topic_id: int | None = Field(None, ge=1, description="The topic on the board.")
    prompts: list[_Lines] = Field(default=[], max_length=30, description="What to show, one clip each.")
    script: _Lines = Field("", max_length=50_000, description="What is said, word for word, if it is read.")
    brand: str = Field("default", description="A folder in assets/brands/.")
    synthetic: bool = Field(False, description="Something in it is made by a machine to look real: services label it.")


# --- layers -----------------------------------------------------------------------------------------------------------


def product() -> Layer:
    """The lowest layer: what holds where nobody says anything."""
    told = _File.model_validate({}).model_dump()
    for service in SERVICES:
        del told["post"][service]
    return Layer("product", told)


def read(path: Path) -> Layer:
    """The layer of a recipe's file. RecipeError where it is missing or wrong."""
    return Layer(f"recipe {path.stem}", tomlfile.read(path, _File, "recipe").model_dump(exclude_unset=True))


def wishes(source: str, values: Mapping[str, Any]) -> Layer:
    """The layer of a brand, a person or the command line. RecipeError where something in it is wrong."""
    try:
        return Layer(source, _Wishes.model_validate(values).model_dump(exclude_unset=True))
    except ValidationError as fault:
        raise tomlfile.wrong(f"In {source}", fault, _Wishes) from fault


def resolved(layers: Sequence[Layer], slug: str = "") -> Recipe:
    """The recipe that all layers make together. RecipeError where they do not go together."""
    values = cascade.merged([Layer(layer.source, _for_each_service(layer.values)) for layer in layers])
    try:
        return _recipe(_File.model_validate(values), slug)
    except ValidationError as fault:
        raise tomlfile.wrong("Together, the settings are wrong", fault, _File) from fault


def _for_each_service(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer says of all posts, said of each: it stands above what a lower layer says of one service."""
    posts = values.get("post", {})
    common = {key: value for key, value in posts.items() if key not in SERVICES}
    each = {service: {**common, **posts.get(service, {})} for service in SERVICES}
    return {**values, "post": {**common, **each}}


def default() -> Recipe:
    """What a clip becomes without a recipe."""
    return resolved([product()])


def load(path: Path) -> Recipe:
    """The recipe in a file, by itself. RecipeError where it is missing or wrong."""
    return resolved([product(), read(path)], path.stem)


def schema() -> dict[str, Any]:
    """The JSON Schema of a recipe file, for editors that complete and check."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_File.model_json_schema(), "title": "Recipe"}


def _recipe(told: _File, slug: str) -> Recipe:
    return Recipe(
        slug=slug,
        topic=told.topic,
        why=told.why,
        asked_by=told.asked_by,
        topic_id=told.topic_id,
        prompts=tuple(told.prompts),
        seconds=told.seconds,
        posts=tuple((service, _post(getattr(told.post, service))) for service in SERVICES),
        language=told.language,
        vocabulary=tuple(told.vocabulary),
        script=told.script,
        formats=tuple(dict.fromkeys(told.formats)),
        captions=told.captions,
        fit=told.fit,
        brand=told.brand,
        branded=told.branded,
        denoise=told.denoise,
        synthetic=told.synthetic,
        trim=told.trim.rules(),
    )


def _post(told: _Texts) -> Post:
    return Post(told.title, told.description, tuple(told.tags), told.privacy, told.playlist, told.schedule)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


# --- files ------------------------------------------------------------------------------------------------------------

_ASKED = ("why", "prompts")  # stand in every new file
_NEW = """\
#:schema ./recipe.schema.json
# What this video is about, and how it is made. Check it: candid recipes check {slug}
topic = ""

# Why it was asked, and what it is good for. Who records it reads this.
why = ""

# What to show, one clip each.
prompts = []
{more}
# vocabulary = ["Kubernetes"]   # names that the transcriber must know
# formats = ["landscape", "vertical"]
# script = \"\"\"What is read, word for word.\"\"\"

# [post]
# title = "{{topic}}"
# tags = ["{{company}}"]
"""


def new(folder: Path, topic: str, slug: str = "", **values: Any) -> Path:
    """Writes a new recipe file, to be filled in. RecipeError where there is one of that name, or it has no topic."""
    import tomlkit

    if not topic.strip():
        raise RecipeError("A recipe needs a topic.", "Say what the video is about.", "topic")
    name = checked(slug) if slug else workspace.slug(topic)
    path = folder / f"{name}.toml"
    more = tomlkit.dumps({key: value for key, value in values.items() if key not in _ASKED})
    asked = {key: value for key, value in values.items() if key in _ASKED}
    text = tomlfile.changed(_NEW.format(slug=name, more=more and f"\n{more}"), {"topic": topic, **asked})
    tomlfile.parsed(text, path.name, _File, "recipe")
    if not tomlfile.create(path, text):
        raise RecipeError(
            f"There is a recipe {name} already.", f"Change {path}, or give the new one another name.", "name"
        )
    _schema_beside(folder)
    return path


def edit(path: Path, **values: Any) -> None:
    """Changes keys of a recipe file, as `tomlfile.changed` does. RecipeError where the result would be wrong."""
    tomlfile.edit(path, _File, "recipe", values)


def from_topic(folder: Path, topic: Topic) -> str:
    """The slug of the recipe that answers a topic: written anew, unless it lies there already."""
    for path in sorted(folder.glob("*.toml")):
        with contextlib.suppress(RecipeError):
            if read(path).values.get("topic_id") == topic.id:
                return path.stem
    base = workspace.slug(topic.text)
    if not any(letter.isascii() and letter.isalnum() for letter in topic.text):
        base = f"topic-{topic.id}"
    for number in range(1, 1000):
        slug = base if number == 1 else f"{base[:55]}-{number}"
        if not (folder / f"{slug}.toml").exists():
            return new(folder, topic.text, slug, asked_by=credited(topic.names), topic_id=topic.id).stem
    raise RecipeError(f"There are 1000 recipes named {base}.", "Give the topic other words.")


def credited(names: Sequence[str]) -> str:
    """Those who asked, in a sentence: "Ada, Ben and 3 others"."""
    shown, more = list(names[:3]), len(names) - 3
    if more > 0:
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def listed(folder: Path) -> dict[str, Recipe | RecipeError]:
    """The recipes of a folder by name; the error instead where one is wrong."""
    found: dict[str, Recipe | RecipeError] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[path.stem] = load(path)
        except RecipeError as fault:
            found[path.stem] = fault
    return found


def checked(slug: str) -> str:
    """The slug. RecipeError where it cannot be a file name everywhere, or leads out of its folder."""
    if not _SLUG.fullmatch(slug) or slug in workspace.DEVICES:
        raise RecipeError(
            f"{slug!r} cannot be the name of a recipe.",
            "Use lower-case letters, digits and dashes: destroy-a-server.",
            "name",
        )
    return slug


def _schema_beside(folder: Path) -> None:
    path, text = folder / "recipe.schema.json", json.dumps(schema(), indent=1) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        tomlfile.replace(path, text)


# --- who records it ---------------------------------------------------------------------------------------------------


def claim(folder: Path, slug: str, person: Person) -> None:
    """Says that a person records this recipe. RecipeError where somebody else does; twice is once."""
    load(folder / f"{checked(slug)}.toml")
    told = {"person": person.id, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    if tomlfile.create(_claim(folder, slug), json.dumps(told) + "\n"):
        return
    if (who := claimed(folder, slug)) != person.id:
        raise RecipeError(
            f"{slug} is claimed by {who or 'somebody whose name cannot be read'}.",
            f"Talk to them, take another one, or free it: candid recipes release {slug}",
        )


def release(folder: Path, slug: str) -> str:
    """Frees a claimed recipe. Returns who had claimed it, "" for nobody. RecipeError where there is no such recipe."""
    who = claimed(folder, checked(slug))
    claim, recipe = _claim(folder, slug), folder / f"{slug}.toml"
    if claim.exists():
        with shelf.explained(claim.parent):
            claim.unlink(missing_ok=True)
    elif not recipe.exists():
        read(recipe)  # says that it is not there, and which are
    return who


def claimed(folder: Path, slug: str) -> str:
    """The id of the person who claimed a recipe, "" for nobody."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(json.loads(_claim(folder, slug).read_text(encoding="utf-8")).get("person", ""))
    return ""


def _claim(folder: Path, slug: str) -> Path:
    return folder / ".claims" / f"{slug}.json"
