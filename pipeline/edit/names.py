"""PURE: the names that corrections brought."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from pipeline.edit.reading import Change
from pipeline.edit.sheets import Line, ends
from pipeline.wording import plain

_I = re.compile(r"I(?![^\W_])")  # and I'm, I'll: no names


def learned(
    changes: Iterable[Change], lines: Sequence[Line], common: Callable[[str], bool] = lambda word: False
) -> tuple[str, ...]:
    """Names that corrections brought, those of `changes` and those that the lines hold already.

    A name is capitalized where no sentence begins, or was never heard and is no `common` word.
    """
    heard = {plain(word) for line in lines for word in line.heard.split()}
    texts = {line.text: line.heard for line in lines if line.heard != line.text}
    told = [(texts.pop(change.before, change.before), change.after) for change in changes]
    found: dict[str, str] = {}
    for before, after in [*told, *((as_heard, text) for text, as_heard in texts.items())]:
        for word in _names(after.split(), {_bare(token) for token in before.split()}, heard, common):
            found.setdefault(plain(word), word)
    return tuple(found.values())


def _names(tokens: Sequence[str], before: Set[str], heard: Set[str], common: Callable[[str], bool]) -> Iterator[str]:
    for number, token in enumerate(tokens):
        word = _bare(token)
        if len(word) < 2 or word in before or not any(c.isalpha() for c in word):
            continue
        inside = number > 0 and not ends(tokens[number - 1])
        capital = inside and word[0].isupper() and not _I.match(word)
        if capital or (plain(word) not in heard and not common(word.lower().replace("’", "'"))):
            yield word


def _bare(token: str) -> str:
    """A word without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", token)
