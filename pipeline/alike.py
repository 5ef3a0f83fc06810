"""PURE: which videos of different people look or read too much alike. It nudges and never blocks."""

from __future__ import annotations

import difflib
import itertools
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")

_TITLES = 0.85  # of the letters are the same, in the same order
_DESCRIPTIONS = 0.9  # of the words
_WORTH_COMPARING = 40  # characters of a description; shorter ones are alike by chance
_BITS = 6  # of the 64 of two thumbnails may differ
_QUOTED = 80  # characters of a text in a sentence
_NAMED = 2  # takes that a sentence names; the others it counts

_CURES = {
    "title": "A title in their own words would help {whom}.",
    "description": "A sentence in their own words would help {whom}.",
    "thumbnail": "Another picture of the clip would help {whom}.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the audience sees of a take. `thumbnail` is a difference hash of 64 bits; None where there is none."""

    take: str
    person: str
    title: str = ""
    description: str = ""
    thumbnail: int | None = None


@dataclass(frozen=True, slots=True)
class Nudge:
    """Takes of at least two people that are nearly alike in `what`: "title", "description" or "thumbnail"."""

    what: str
    takes: tuple[str, ...]  # sorted
    text: str = ""  # the title or description of the first; "" for thumbnails

    def words(self) -> str:
        """One sentence that says what is alike, and one with what would help."""
        text = f': "{_short(self.text)}"' if self.text else ""
        cure = _CURES[self.what].format(whom="both" if len(self.takes) == 2 else "them all")
        return f"{self.what.capitalize()}s of {_listed(self.takes)} are nearly alike{text}. {cure}"


def nudges(posts: Sequence[Shown]) -> tuple[Nudge, ...]:
    """What is nearly alike among takes of different people: one nudge for all takes that hang together by it.

    Whatever the order of `posts`, the nudges are the same.
    """
    ordered = sorted(posts, key=lambda post: (post.take, post.person))
    titled = [post for post in ordered if _plain(post.title)]
    described = [post for post in ordered if len(_plain(post.description)) > _WORTH_COMPARING]
    pictured = [(post, post.thumbnail) for post in ordered if post.thumbnail is not None]
    return (
        *_reading_alike("title", [(post, post.title) for post in titled], tuple, _TITLES),
        *_reading_alike("description", [(post, post.description) for post in described], _tokens, _DESCRIPTIONS),
        *_looking_alike(pictured),
    )


def _reading_alike(
    what: str, told: Sequence[tuple[Shown, str]], split: Callable[[str], tuple[str, ...]], least: float
) -> Iterator[Nudge]:
    """Nudges for texts of which at least that share is the same, in the parts that `split` gives."""
    said = dict(told)
    groups = _grouped([(post, _plain(text)) for post, text in told])
    texts = [split(text) for text in groups]
    pairs = _candidates(texts, least)
    for posts in _hanging_together(list(groups.values()), pairs, lambda a, b: _ratio(texts[a], texts[b]) >= least):
        yield Nudge(what, tuple(post.take for post in posts), " ".join(said[posts[0]].split()))


def _looking_alike(pictured: Sequence[tuple[Shown, int]]) -> Iterator[Nudge]:
    groups = _grouped(pictured)
    looks = list(enumerate(groups))
    pairs = ((a, b) for (a, one), (b, other) in itertools.combinations(looks, 2) if (one ^ other).bit_count() <= _BITS)
    for posts in _hanging_together(list(groups.values()), pairs, lambda a, b: True):
        yield Nudge("thumbnail", tuple(post.take for post in posts))


def _grouped(keyed: Iterable[tuple[Shown, K]]) -> dict[K, list[Shown]]:
    """Posts that have the same: a campaign's default title stands a thousand times, and is compared once."""
    groups: dict[K, list[Shown]] = {}
    for post, key in keyed:
        groups.setdefault(key, []).append(post)
    return groups


def _hanging_together(
    groups: Sequence[Sequence[Shown]], pairs: Iterable[tuple[int, int]], alike: Callable[[int, int], bool]
) -> list[list[Shown]]:
    """The posts that are alike, directly or through others. Posts of one person alone are never held together.

    `pairs` are the groups that may be alike; `alike` is asked only where they do not hang together yet.
    """
    people = [frozenset(post.person for post in group) for group in groups]
    parents = list(range(len(groups)))

    def root(of: int) -> int:
        while parents[of] != of:
            parents[of] = of = parents[parents[of]]
        return of

    for one, other in pairs:
        if root(one) != root(other) and len(people[one] | people[other]) > 1 and alike(one, other):
            parents[root(other)] = root(one)
    whole: dict[int, list[Shown]] = {}
    for number, group in enumerate(groups):
        whole.setdefault(root(number), []).extend(group)
    found = [posts for posts in whole.values() if len({post.person for post in posts}) > 1]
    return sorted((sorted(posts, key=lambda post: post.take) for posts in found), key=lambda posts: posts[0].take)


def _candidates(texts: Sequence[Sequence[Hashable]], least: float) -> Iterator[tuple[int, int]]:
    """The pairs of which at least that share may be the same, judged by the neighbors that both have.

    Of parts m that match in texts of together n parts, n - 2m do not; so they match in at most n - 2m + 1 runs, and
    m minus that many neighbors match too. No alike pair is lost, and few others are left for the slow comparison.
    """
    marks = _neighbors(texts)
    rising = 1.5 * least - 1 - 1e-9  # what rounding may take
    for (a, one), (b, other) in itertools.combinations(enumerate(marks), 2):
        if (one & other).bit_count() >= rising * (len(texts[a]) + len(texts[b])) - 1:
            yield a, b


def _neighbors(texts: Sequence[Sequence[Hashable]]) -> list[int]:
    """The pairs of neighbors in each text as bits of a number: the n-th time a pair stands has a bit of its own."""
    bits: dict[Hashable, int] = {}
    marks = []
    for text in texts:
        seen: dict[Hashable, int] = {}
        mark = 0
        for pair in itertools.pairwise(text):
            seen[pair] = seen.get(pair, 0) + 1
            mark |= 1 << bits.setdefault((pair, seen[pair]), len(bits))
        marks.append(mark)
    return marks


def _ratio(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """The share of both texts that is the same, 0..1. difflib's answer depends on which comes first."""
    first, second = sorted((one, other))
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()


def _plain(text: str) -> str:
    """Without case, punctuation and double spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded).split())


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _listed(takes: Sequence[str]) -> str:
    more = len(takes) - _NAMED
    return f"{', '.join(takes[:_NAMED])} and {more} more" if more > 0 else " and ".join(takes)


def _short(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1].rstrip()}…"
