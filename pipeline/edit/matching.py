"""PURE: which sentence of the sheet each line of an edited text is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from rapidfuzz import process
from rapidfuzz.distance import Indel

from pipeline.edit.parsing import Entry
from pipeline.edit.sheets import one_line
from pipeline.wording import likeness, plain

_ALIKE = 0.8  # of the letters: the same sentence, moved and mended
_NEAR_TENTHS = 5  # a corrected line may begin so much earlier or later than it did when a file was opened


def match(theirs: Sequence[Entry], ours: Sequence[Entry]) -> tuple[dict[int, Entry], list[Entry]]:
    """Which line of the sheet each entry is: by its time first, then by its words, then by about its time.

    Also returns what is left.
    """
    matched: dict[int, Entry] = {}
    left = [entry for entry in theirs if entry.kind == "line"]
    for found_in in (_same, _same_time, _same_time_elsewhere, _same_words, _like_words, _near_time):
        free = {number: own for number, own in enumerate(ours) if number not in matched}
        found = found_in(left, free) if left and free else {}
        matched |= found
        taken = {entry.number for entry in found.values()}
        left = [entry for entry in left if entry.number not in taken]
    return matched, left


def _by(
    key: Callable[[Entry], Hashable | None],
    left: Iterable[Entry],
    free: Mapping[int, Entry],
    test: Callable[[Entry, Entry], bool] = lambda entry, own: True,
) -> dict[int, Entry]:
    """Each entry with the first line that has the same key and stands the test; a key of None is none."""
    waiting: dict[Hashable, list[int]] = {}
    for number, own in free.items():
        waiting.setdefault(key(own), []).append(number)
    found: dict[int, Entry] = {}
    for entry in left:
        asked = key(entry)
        numbers = [] if asked is None else waiting.get(asked, [])
        place = next((place for place, number in enumerate(numbers) if test(entry, free[number])), None)
        if place is not None:
            found[numbers.pop(place)] = entry
    return found


def rejoin(
    theirs: Sequence[Entry], matched: dict[int, Entry], left: Sequence[Entry], ours: Sequence[Entry]
) -> tuple[list[Entry], list[Entry]]:
    """Gives the second half of a sentence that was broken in two back to the first.

    Returns what is still left, and the halves whose tick is another than that of the half before.
    """
    numbers = {entry.number: number for number, entry in matched.items()}
    halves = {entry.number for entry in left}
    strangers, torn = [], []
    before: int | None = None
    for entry in (entry for entry in theirs if entry.kind == "line"):
        before = numbers.get(entry.number, before)
        if entry.number not in halves:
            continue
        whole = None if before is None or entry.torn else one_line(f"{matched[before].text} {entry.text}")
        if before is None or not whole or not _closer(whole, matched[before].text, ours[before].text):
            strangers.append(entry)
            continue
        if entry.tick not in {None, matched[before].tick}:
            torn.append(entry)
        matched[before] = replace(matched[before], text=whole, marks=matched[before].marks + entry.marks)
    return strangers, torn


def joined_there(number: int, text: str, known: Set[int], ours: Sequence[Entry]) -> list[int]:
    """The line that a text was matched with, and those beside it that have no line of their own and stand in it."""
    first = last = number
    was = ours[number].text
    while last + 1 < len(ours) and last + 1 not in known and ours[last + 1].clip == ours[number].clip:
        if not _closer(f"{was} {ours[last + 1].text}", was, text):
            break
        was, last = f"{was} {ours[last + 1].text}", last + 1
    while first > 0 and first - 1 not in known and ours[first - 1].clip == ours[number].clip:
        if not _closer(f"{ours[first - 1].text} {was}", was, text):
            break
        was, first = f"{ours[first - 1].text} {was}", first - 1
    return list(range(first, last + 1))


def _closer(one: str, other: str, to: str) -> bool:
    """Whether the first of two texts is more like a third."""
    return likeness(one, to) > likeness(other, to)


def _same(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    return _by(lambda entry: None if entry.tenths is None else (entry.clip, entry.tenths, entry.text), left, free)


def _same_time(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    return _by(lambda entry: None if entry.tenths is None else (entry.clip, entry.tenths), left, free)


def _same_time_elsewhere(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    """Moved below another clip: only with nearly its own words."""
    return _by(lambda entry: entry.tenths, left, free, lambda entry, own: likeness(entry.text, own.text) >= _ALIKE)


def _same_words(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    return _by(lambda entry: plain(entry.text) if entry.text else None, left, free)


def _like_words(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    """Each entry with the line that is most like it, where one is like it at all."""
    waiting = {number: said for number, own in free.items() if (said := plain(own.text))}
    found: dict[int, Entry] = {}
    for entry in left:
        said = plain(entry.text)
        best = process.extractOne(said, waiting, scorer=Indel.normalized_similarity, score_cutoff=_ALIKE)
        if said and best:
            found[best[2]] = entry
            del waiting[best[2]]
    return found


def _near_time(left: Sequence[Entry], free: Mapping[int, Entry]) -> dict[int, Entry]:
    """Each entry with the only line that begins about then, where no other entry could be that one.

    A correction can move the time of its line, and whoever has the file open still has the one from before.
    """
    waiting = sorted((own.clip or 0, own.tenths, number) for number, own in free.items() if own.tenths is not None)
    found: dict[int, list[Entry]] = {}
    for entry, tenths in ((entry, entry.tenths) for entry in left if entry.tenths is not None):
        first = bisect_left(waiting, (entry.clip or 0, tenths - _NEAR_TENTHS, 0))
        last = bisect_left(waiting, (entry.clip or 0, tenths + _NEAR_TENTHS + 1, 0))
        if last - first == 1:
            found.setdefault(waiting[first][2], []).append(entry)
    return {number: entries[0] for number, entries in found.items() if len(entries) == 1}
