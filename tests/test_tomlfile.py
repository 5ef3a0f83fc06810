"""Changing values in files that people wrote: the rest stays as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tomlfile

FILE = """\
#:schema ./recipe.schema.json
# What it is about.
topic = "Pianos"  # the title
why = '''
They fall.
'''

[trim]
# Shorter than usual.
pause = 0.3

[post.youtube]
title = "On the tube"  # shorter

[colors]
looks = ["#ffffff"]
"""
COMMENTS = ("#:schema ./recipe.schema.json", "# What it is about.", "# Shorter than usual.", "# shorter")
values = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40),
    st.integers(-(10**12), 10**12),
    st.booleans(),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=10), max_size=3),
)
keys = st.sampled_from(
    [
        "topic",
        "why",
        "seconds",
        "trim.pause",
        "trim.pad",
        "post.title",
        "post.tags",
        "post.vimeo.title",
        "other.a",
        "colors.looks",
    ]
)


@given(st.dictionaries(keys, st.none() | values, max_size=6))
def test_what_was_changed_is_changed_and_the_rest_stays(wanted):
    text = tomlfile.changed(FILE, wanted)
    told = tomllib.loads(text)
    for dotted, value in wanted.items():
        assert _at(told, dotted) == value
    for dotted, value in (
        ("topic", "Pianos"),
        ("trim.pause", 0.3),
        ("why", "They fall.\n"),
        ("colors.looks", ["#ffffff"]),
    ):
        assert dotted in wanted or _at(told, dotted) == value
    assert told["post"]["youtube"] == {"title": "On the tube"}
    assert all(comment in text for comment in COMMENTS)


@given(st.dictionaries(keys, st.just(None)))
def test_taking_out_what_is_not_there_changes_nothing(wanted):
    there = {"topic", "why", "trim.pause", "colors.looks"}
    wanted = {key: value for key, value in wanted.items() if key not in there}
    assert tomlfile.changed(FILE, wanted) == FILE


@pytest.mark.parametrize(
    "file", ["", "# only a comment", "[trim]\npause = 1", "trim.pause = 1\n", "trim = {pause = 1}\n"]
)
def test_a_value_finds_its_place_in_any_file(file):
    told = tomllib.loads(tomlfile.changed(file, {"topic": "A", "trim.pause": 2, "trim.pad": 3}))
    assert told == {"topic": "A", "trim": {"pause": 2, "pad": 3}}


def test_a_text_of_several_lines_is_written_in_several_lines():
    assert tomlfile.changed("", {"why": "one\ntwo"}).splitlines()[1:] == ['two"""']


def _at(told, dotted):
    for name in dotted.split("."):
        told = told.get(name) if isinstance(told, dict) else None
    return told
