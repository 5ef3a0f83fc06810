"""PURE: texts with named fields, such as "{topic}, asked by {asked_by}".

A line in which every field is empty is left out, so that nobody reads "Asked by .". `{{` and `}}` are braces.
"""

from __future__ import annotations

import difflib
import functools
import re
import string
from collections.abc import Mapping
from dataclasses import replace

from pipeline.model import Brand, Person, Post, Recipe

FIELDS: Mapping[str, str] = {
    "topic": "what the video is about",
    "why": "why it was asked",
    "asked_by": "who asked for it",
    "name": "who speaks",
    "first_name": "their first name",
    "job_title": "their title at work",
    "disclosure": "the sentence that says for whom they work",
    "company": "the brand's name",
    "chapters": "the chapters with their times, where the video is long enough",
    "title": "the title above (in descriptions and tags)",
    "description": "the description above (in titles and tags)",
}


class TemplateError(ValueError):
    """A template cannot be filled; the message is a sentence for people."""


@functools.lru_cache(maxsize=1024)  # a batch has the same templates for each of its takes
def fields(template: str) -> tuple[str, ...]:
    """The names of a template's fields, in order. TemplateError where one is unknown, or the braces are wrong."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as fault:
        raise TemplateError(
            f"a brace is missing or left over in {_short(template)}; write {{{{ for a brace that is meant"
        ) from fault
    found = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS or spec or conversion:
            raise TemplateError(f"there is no field {{{name}}}; {_meant(name)}known: {', '.join(FIELDS)}")
        found.append(name)
    return tuple(found)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text. What a field holds is put in as it is: braces in it mean nothing."""
    lines = []
    for line in template.split("\n"):
        names = fields(line)
        if not names or any(values.get(name, "").strip() for name in names):
            lines.append(_filled(line, values))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def values(recipe: Recipe, person: Person | None, brand: Brand, chapters: str = "") -> dict[str, str]:
    """What the fields hold, but for those of the post itself."""
    return {
        "topic": recipe.topic,
        "why": recipe.why,
        "asked_by": recipe.asked_by,
        "name": person.name if person else "",
        "first_name": person.first_name if person else "",
        "job_title": person.title if person else "",
        "disclosure": person.disclosure if person else "",
        "company": brand.title,
        "chapters": chapters,
    }


def written(post: Post, values: Mapping[str, str]) -> Post:
    """A post with all its texts filled. TemplateError where title and description name each other."""
    own = {"title": post.title, "description": post.description}
    told = dict(values)
    for name in own:
        told[name] = _resolved(name, own, values, ())
    return replace(
        post,
        title=" ".join(told["title"].split()),
        description=told["description"],
        tags=tuple(dict.fromkeys(filter(None, (filled(tag, told) for tag in post.tags)))),
        playlist=filled(post.playlist, told),
    )


def literal(text: str) -> str:
    """A template that becomes exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")


def disclosed(description: str, disclosure: str) -> str:
    """The description with the disclosure in its first line, where whoever reads it cannot miss it.

    Clearly, and near the claim: 16 CFR 255 (STANDARDS, "disclosure"). A line that says nothing else moves up.
    """
    said = " ".join(disclosure.split())
    lines = description.split("\n")
    if not said or re.search(rf"(?<!\w){re.escape(said)}(?!\w)", " ".join(lines[0].split())):
        return description
    rest = "\n".join(line for line in lines if " ".join(line.split()) != said)
    return re.sub(r"\n{3,}", "\n\n", f"{said}\n\n{rest}").strip()


def _resolved(name: str, own: Mapping[str, str], values: Mapping[str, str], asked: tuple[str, ...]) -> str:
    if name in asked:
        raise TemplateError(f"the {name} refers to itself: {' -> '.join([*asked, name])}")
    inner = {field: _resolved(field, own, values, (*asked, name)) for field in fields(own[name]) if field in own}
    return filled(own[name], {**values, **inner})


def _filled(line: str, values: Mapping[str, str]) -> str:
    return "".join(text + (values.get(name, "") if name else "") for text, name, _, _ in string.Formatter().parse(line))


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1)
    return f"did you mean {{{close[0]}}}? " if close else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
