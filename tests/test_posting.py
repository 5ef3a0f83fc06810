"""Texts hold the rules of a service; what does not is named exactly, and the proposal holds them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import chapters
from pipeline.chapters import Chapter
from pipeline.model import Post
from pipeline.posting import Rules, excesses, mended

# As STANDARDS has them, "Platforms".
YOUTUBE = Rules((1, 100), description_bytes=5000, forbidden="<>", tags_chars=500)
PEERTUBE = Rules((3, 120), description_chars=(3, 10_000), tags=5, tag_chars=(2, 30))
PLAIN = Rules(chapters=False)

_CHAPTERS = "0:00 First\n0:30 Second\n1:10 Third"


def _says(post: Post, rules: Rules) -> list[str]:
    return [excess.says for excess in excesses(post, rules)]


# --- what exceeds, by how much ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("post", "rules", "says"),
    [
        (Post("x" * 112), YOUTUBE, "The title has 112 characters, 12 too many."),
        (Post("  "), YOUTUBE, "The title has 0 characters, 1 too few."),
        (Post("ab"), PEERTUBE, "The title has 2 characters, 1 too few."),
        (Post("a <b>"), YOUTUBE, "The title contains < and >, which may not stand there."),
        (Post("a", "b > c"), YOUTUBE, "The description contains >, which may not stand there."),
        (Post("abc", "x"), PEERTUBE, "The description has 1 character, 2 too few."),
        (Post("abc", "x" * 10_002), PEERTUBE, "The description has 10,002 characters, 2 too many."),
        (Post("abc", tags=tuple("abcdef")), PEERTUBE, "There are 6 tags, 1 too many."),
        (Post("abc", tags=("x" * 31,)), PEERTUBE, f"The tag “{'x' * 31}” has 31 characters, 1 too many."),
        (Post("a\x07b\u202e"), PLAIN, "The title contains what cannot be shown, or turns the direction of writing: "),
        (Post("a", "b\ud800"), PLAIN, "U+D800"),
        (Post("a", "0:05 A\n0:30 B\n1:10 C"), YOUTUBE, "The chapters begin at 0:05; the first has to be at 0:00."),
        (Post("a", "0:00 A\n0:30 B"), YOUTUBE, "There are 2 chapters, 1 too few."),
        (Post("a", "0:00 A\n0:30 B\n0:39 C"), YOUTUBE, "The chapter at 0:30 ends at 0:39: a chapter is 10 seconds or"),
    ],
)
def test_each_excess_is_said_with_its_measure(post, rules, says):
    assert any(says in each for each in _says(post, rules)), _says(post, rules)
    assert not excesses(mended(post, rules), rules)


def test_the_description_is_measured_in_bytes():
    assert not excesses(Post("a", "é" * 2500), YOUTUBE)
    (said,) = _says(Post("a", "é" * 2501), YOUTUBE)
    assert said.startswith("The description has 5,002 bytes, 2 too many")


def test_tags_count_as_youtube_counts_them():
    fits = ("x" * 100, "two words" + "x" * 87, *("y" * 99,) * 3)  # 100 + 96 + 2 + 3 * 99 + 4 commas = 499
    assert not excesses(Post("a", tags=fits), YOUTUBE)
    assert not excesses(Post("a", tags=(fits[0] + "x", *fits[1:])), YOUTUBE)
    (said,) = _says(Post("a", tags=(fits[0] + "xxx", *fits[1:])), YOUTUBE)
    assert said.startswith("The tags have 502 characters together, 2 too many")


@pytest.mark.parametrize(
    "text", ["", _CHAPTERS, f"Hello.\n\n{_CHAPTERS}\n\nBye.", "The piano falls at\n1:20 into it", "At 0:00 it begins."]
)
def test_what_holds_the_rules_is_no_excess(text):
    assert excesses(Post("A title", text, ("a tag", "other")), YOUTUBE) == ()


@pytest.mark.parametrize("starts", [(0, 10, 20), (0, 59, 3600, 7265)])
def test_chapters_that_candid_makes_are_taken(starts):
    text = chapters.text([Chapter(at, "A part") for at in starts])
    assert excesses(Post("a", f"Hello.\n\n{text}"), YOUTUBE) == ()


# --- the proposal -----------------------------------------------------------------------------------------------------


def test_a_title_is_cut_at_a_word():
    title = mended(Post("word " * 30), YOUTUBE).title
    assert title == "word " * 19 + "word…" and len(title) == 100


def test_a_text_of_one_word_is_cut_inside_it():
    assert mended(Post("x" * 200), YOUTUBE).title == "x" * 99 + "…"


def test_forbidden_characters_become_their_like():
    assert mended(Post("a <b>", "<i>"), YOUTUBE) == Post("a ‹b›", "‹i›")


def test_tags_are_dropped_from_the_end():
    assert mended(Post("abc", tags=("one", "x", "two", "y" * 31, "three", "four", "five", "six")), PEERTUBE).tags == (
        "one", "two", "three", "four", "five",
    )  # fmt: skip


def test_chapters_are_mended_or_go():
    text = "Hello.\n\n0:05 A\n0:30 B\n0:35 Short\n1:10 C\n\nBye."
    assert mended(Post("a", text), YOUTUBE).description == "Hello.\n\n0:00 A\n0:30 B\n1:10 C\n\nBye."
    assert mended(Post("a", "Hello.\n\n0:00 A\n0:30 B\n\nBye."), YOUTUBE).description == "Hello.\n\nBye."
    assert mended(Post("a", "0:00 A\n0:30 B"), PLAIN).description == "0:00 A\n0:30 B"


def test_chapters_that_are_cut_off_leave_none_that_youtube_ignores():
    post = Post("a", f"{'word ' * 994}\n0:00 First\n0:30 Second\n1:10 {'long ' * 20}")
    done = mended(post, YOUTUBE)
    assert not excesses(done, YOUTUBE) and "0:00" not in done.description


@pytest.mark.parametrize("seen", ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "é", "❤️", "한", "שָׁ"])
@pytest.mark.parametrize("before", range(8))
def test_a_cut_never_tears_what_is_seen_as_one_character(seen, before):
    text = "x" * before + seen * 100
    kept = mended(Post(text), Rules(title=(1, 60))).title.removesuffix("…")
    assert kept == "x" * before + seen * ((len(kept) - before) // len(seen))
    short = mended(Post("a", text), Rules(description_bytes=80)).description.removesuffix("…")
    assert short == "x" * before + seen * ((len(short) - before) // len(seen))
    assert 30 < len(short.encode()) <= 77


@pytest.mark.parametrize("letter", ["x", "é", "字", "🎹", "ש"])
def test_five_thousand_bytes_are_used_and_not_exceeded(letter):
    size = len(mended(Post("a", letter * 6000), YOUTUBE).description.encode())
    assert 4990 < size <= 5000


_texts = st.text(
    st.one_of(
        st.characters(),  # halves of characters and control characters among them
        st.sampled_from("<>\n \t\r:0123456789…é字🎹\u200d\u0301\u202e\ufe0f"),
        st.sampled_from(["🇩", "🇪"]),
    ),
    max_size=80,
)
_lines = st.lists(st.one_of(_texts, st.builds("{}:{:02} {}".format, st.integers(0, 3), st.integers(0, 59), _texts)))
_descriptions = st.builds(lambda lines, times: "\n".join(lines) * times, _lines, st.sampled_from([1, 2, 300]))
_posts = st.builds(
    Post,
    st.builds(lambda text, times: text * times, _texts, st.sampled_from([1, 20])),
    _descriptions,
    st.lists(st.builds(lambda text, times: text * times, _texts, st.sampled_from([1, 8])), max_size=12).map(tuple),
)
_rules = st.one_of(
    st.sampled_from([YOUTUBE, PEERTUBE, PLAIN]),
    st.builds(
        Rules,
        st.tuples(st.integers(0, 10), st.integers(10, 200)),
        st.none() | st.tuples(st.integers(0, 30), st.integers(30, 500)),
        st.none() | st.integers(200, 1000),
        st.text("<>#é", max_size=3),
        st.none() | st.integers(0, 8),
        st.none() | st.tuples(st.integers(0, 3), st.integers(3, 40)),
        st.none() | st.integers(0, 300),
        st.booleans(),
    ),
)


@given(_posts, _rules)
@example(Post("a", "0:00 A\n0:30 B\n1:00 C " + "x" * 10_000), PEERTUBE)
@example(Post("\ud800\x00"), YOUTUBE)
def test_the_proposal_holds_the_rules_and_is_stable(post, rules):
    done = mended(post, rules)
    assert excesses(done, rules) == ()
    assert mended(done, rules) == done


@given(_posts, _rules)
def test_what_holds_the_rules_is_left_alone(post, rules):
    done = mended(post, rules)
    parts = {excess.part for excess in excesses(post, rules)}
    for part in {"title", "description", "tags"} - parts:
        assert getattr(done, part) == getattr(post, part)
    assert (done == post) == (not parts)
    assert (done.privacy, done.playlist) == (post.privacy, post.playlist)


@given(_posts)
def test_nothing_that_plays_with_a_reader_is_left(post):
    done = mended(post, YOUTUBE)
    texts = done.title + done.description + "".join(done.tags)
    assert not [char for char in texts if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"]
    texts.encode()
