"""Videos of different people that look or read too alike get a nudge, in any order, and fast."""

from __future__ import annotations

import difflib
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline import alike
from pipeline.alike import Nudge, Shown, nudges
from pipeline.artwork import difference_hash
from pipeline.errors import WorkspaceError

LONG = "Today I take you along to the yard, where we drop a rack of old servers from the crane and look inside."


def pair(**differing: tuple[object, object]) -> tuple[Nudge, ...]:
    """Nudges for a take of Anna and one of Ben."""
    one = {key: values[0] for key, values in differing.items()}
    other = {key: values[1] for key, values in differing.items()}
    return nudges([Shown("anna-x", "anna", **one), Shown("ben-x", "ben", **other)])


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("How we destroy a server", "how we destroy a SERVER!", True),
        ("How we destroy a server", "How we destroy servers", True),
        ("How we destroy a server", "A crane, a rack, a bang", False),
        ("How we destroy a server", "How we repair a router", False),
        ("", "", False),
        ("!!!", "???", False),
    ],
)
def test_titles(one, other, found):
    assert bool(pair(title=(one, other))) is found


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (LONG, LONG.replace("crane", "roof"), True),
        (LONG, LONG.upper() + "!!", True),
        (LONG, "Nobody told me how loud it gets when a server hits the ground, so bring your ear protection.", False),
        ("Filmed at work.", "Filmed at work.", False),  # short ones are alike by chance
    ],
)
def test_descriptions(one, other, found):
    assert bool(pair(description=(one, other))) is found


@pytest.mark.parametrize(("other", "found"), [(0, True), (0b111111, True), (0b1111111, False), (None, False)])
def test_thumbnails(other, found):
    assert bool(pair(thumbnail=(0, other))) is found


def test_one_person_may_repeat_themselves():
    assert nudges([Shown("a", "anna", "Same", LONG, 5), Shown("b", "anna", "Same", LONG, 5)]) == ()


def test_what_is_said():
    (title,) = pair(title=("How we  drop servers", "How we drop a server"))
    assert title.words() == (
        'Titles of anna-x and ben-x are nearly alike: "How we drop servers". '
        "A title in their own words would help both."
    )
    (look,) = pair(thumbnail=(1, 3))
    expected = "Thumbnails of anna-x and ben-x are nearly alike. Another picture of the clip would help both."
    assert look.words() == expected
    many = [Shown(f"{name}-x", name, "How we drop servers") for name in ("dora", "anna", "carl", "ben")]
    (nudge,) = nudges(many)
    assert nudge.takes == ("anna-x", "ben-x", "carl-x", "dora-x")
    assert "Titles of anna-x, ben-x and 2 more are" in nudge.words() and "help them all" in nudge.words()


few = st.text("ab c", max_size=8)
shown = st.builds(
    Shown,
    take=st.uuids().map(str),
    person=st.sampled_from(["anna", "ben", "carl"]),
    title=few,
    description=st.lists(st.sampled_from(["server", "crane", "yard"]), min_size=8, max_size=12).map(" ".join),
    thumbnail=st.none() | st.integers(0, 2**9),
)


@given(st.lists(shown, max_size=8, unique_by=lambda post: post.take), st.randoms())
def test_order_makes_no_difference_and_nobody_is_compared_to_themselves(posts, chance):
    found = nudges(posts)
    shuffled = list(posts)
    chance.shuffle(shuffled)
    assert nudges(shuffled) == found
    people = {post.take: post.person for post in posts}
    for nudge in found:
        assert len({people[take] for take in nudge.takes}) > 1
        assert nudge.words()


@given(st.lists(shown, min_size=2, max_size=6, unique_by=lambda post: post.take))
def test_takes_hang_together_exactly_where_a_plain_comparison_says_so(posts):
    expected = _plainly(posts, lambda post: alike._plain(post.title), 0.85)
    assert {nudge.takes for nudge in nudges(posts) if nudge.what == "title"} == expected
    worded = [post for post in posts if len(alike._plain(post.description)) > 40]
    expected = _plainly(worded, lambda post: tuple(alike._plain(post.description).split()), 0.9)
    assert {nudge.takes for nudge in nudges(posts) if nudge.what == "description"} == expected


def _plainly(posts, key, least):
    """Every pair by difflib, then whoever can be reached."""

    def near(one, other):
        texts = sorted((key(one), key(other)))
        same = difflib.SequenceMatcher(None, *texts, autojunk=False).ratio() >= least
        return bool(key(one)) and bool(key(other)) and one.person != other.person and same

    groups = []
    for post in posts:
        mine = [group for group in groups if any(near(post, other) for other in group)]
        groups = [group for group in groups if group not in mine] + [[post, *(p for group in mine for p in group)]]
    return {tuple(sorted(post.take for post in group)) for group in groups if len(group) > 1}


@pytest.mark.parametrize("kind", ["all the same", "numbered", "all different", "same letters"])
def test_a_thousand_takes_are_compared_in_seconds(kind):
    chance = random.Random(7)
    vocabulary = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(800)]
    letters = list("how we destroy a server in the yard")

    def title(n: int) -> str:
        if kind == "same letters":
            return "".join(chance.sample(letters, len(letters)))
        return {"all the same": "One", "numbered": f"How I dropped server number {n} from the roof"}.get(
            kind, " ".join(chance.choices(vocabulary, k=7))
        )

    posts = [
        Shown(
            f"take-{n:04}",
            f"person-{n % 300}",
            title(n),
            LONG if kind == "all the same" else " ".join(chance.choices(vocabulary, k=80)),
            chance.getrandbits(64),
        )
        for n in range(1000)
    ]
    started = time.process_time()
    found = nudges(posts)
    assert time.process_time() - started < 8
    assert [len(nudge.takes) for nudge in found if nudge.what == "title"] == (
        [1000] if kind in ("all the same", "numbered") else []
    )


# --- the hash ---------------------------------------------------------------------------------------------------------


def _picture(path, left=160):
    """A dark disk on a radial gradient."""
    picture = Image.radial_gradient("L").resize((640, 360))
    ImageDraw.Draw(picture).ellipse((left, 40, left + 160, 320), fill=20)
    picture.convert("RGB").save(path)
    return path


def test_the_hash_sees_through_size_and_compression_and_not_through_another_picture(tmp_path):
    one = difference_hash(_picture(tmp_path / "a.png"))
    other = difference_hash(_picture(tmp_path / "other.png", left=400))
    assert 0 < one < 2**64
    small = tmp_path / "small.jpg"
    with Image.open(tmp_path / "a.png") as whole:
        whole.resize((320, 180)).save(small, quality=50)
    assert (one ^ difference_hash(small)).bit_count() <= 6
    assert (one ^ other).bit_count() > 6


def test_a_brighter_left_side_sets_every_bit(tmp_path):
    ramp = Image.linear_gradient("L").rotate(90)
    ramp.save(tmp_path / "ramp.png")
    ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "flipped.png")
    assert {difference_hash(tmp_path / name) for name in ("ramp.png", "flipped.png")} == {0, 2**64 - 1}


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_told_in_words(content, tmp_path):
    path = tmp_path / "thumbnail.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkspaceError, match="no picture that can be read"):
        difference_hash(path)
