"""Texts with named fields: nothing but the fields is filled in, and no half sentence is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Brand, Person, Post, Recipe
from pipeline.templates import FIELDS, TemplateError, disclosed, fields, filled, literal, values, written

ANNA = Person("anna", "Anna Example", "Engineer", "I work at Acme.")


def test_fields_are_filled():
    told = values(Recipe(topic="Servers", asked_by="Ada"), ANNA, Brand("acme", "Acme"))
    assert filled("{topic}, by {first_name} of {company}", told) == "Servers, by Anna of Acme"


def test_a_line_whose_fields_are_empty_is_left_out():
    text = "{disclosure}\n\nAsked by {asked_by}.\n\n\nBye."
    assert filled(text, {"disclosure": "I work at Acme."}) == "I work at Acme.\n\nBye."


@given(st.dictionaries(st.sampled_from(list(FIELDS)), st.text(st.characters(exclude_categories=["Cc"]), max_size=20)))
def test_what_a_field_holds_is_put_in_as_it_is(told):
    template = "".join(f"<{{{name}}}>" for name in FIELDS)
    expected = "".join(f"<{told.get(name, '')}>" for name in FIELDS)
    assert filled(template, told) == (expected if any(value.strip() for value in told.values()) else "")


@given(st.text(st.characters(exclude_characters="{}\n", exclude_categories=["Cc"])).map(str.strip))
def test_a_text_without_fields_stays_as_it_is(text):
    assert filled(text, {}) == text


@pytest.mark.parametrize(
    "template", ["{topic.__class__}", "{topic[0]}", "{0}", "{}", "{topic!r}", "{topic:>99999999}", "{nobody}"]
)
def test_nothing_but_known_fields_can_be_asked_for(template):
    with pytest.raises(TemplateError, match="there is no field"):
        fields(template)


def test_an_unknown_field_lists_the_known_ones_and_what_was_meant():
    with pytest.raises(TemplateError, match=r"did you mean \{topic\}\? known: topic, why"):
        fields("{topics}")


@pytest.mark.parametrize("template", ["{topic", "topic}", "{"])
def test_a_lost_brace_is_said(template):
    with pytest.raises(TemplateError, match="a brace is missing"):
        fields(template)


def test_braces_can_be_meant():
    assert filled("{{}} {topic}", {"topic": "Go"}) == "{} Go"


def test_a_description_may_name_the_title_and_a_tag_both():
    post = written(Post("{topic}!", "See: {title}", ("{title}", "{topic}!", "")), {"topic": "Servers"})
    assert post == Post("Servers!", "See: Servers!", ("Servers!",))


@pytest.mark.parametrize("post", [Post("{title}"), Post("{description}", "{title}"), Post("x", "{description}")])
def test_texts_that_name_each_other_in_a_circle_are_refused(post):
    with pytest.raises(TemplateError, match="refers to itself"):
        written(post, {})


@given(st.text(st.characters(exclude_categories=["Cc"])).map(str.strip))
def test_a_literal_becomes_exactly_its_text(text):
    assert filled(literal(text), dict.fromkeys(FIELDS, "x")) == text


@pytest.mark.parametrize(
    ("description", "then"),
    [
        ("", "I work at Acme."),
        ("Hello.", "I work at Acme.\n\nHello."),
        ("Hello.\n\nI work at Acme.\n\nBye.", "I work at Acme.\n\nHello.\n\nBye."),
        ("I work at Acme.\nHello.", "I work at Acme.\nHello."),
        ("Hello, I  work at Acme. Look:\nthere.", "Hello, I  work at Acme. Look:\nthere."),
        ("I work at Acme.org", "I work at Acme.\n\nI work at Acme.org"),
        ("\nI work at Acme.", "I work at Acme."),
    ],
)
def test_the_disclosure_stands_in_the_first_line(description, then):
    assert disclosed(description, "I work at Acme.") == then
    assert disclosed(then, "I work at Acme.") == then
    assert disclosed(description, " ") == description
