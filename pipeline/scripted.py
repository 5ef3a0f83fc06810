"""PURE: a script that was to be read, against what was heard. Where they differ, what was really said wins.

The script gives the spelling; what was heard decides which words were said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from pipeline.model import Span, Transcript, Word
from pipeline.wording import laid, likeness, plain, settled

UNHEARD = "script"  # the engine of a transcript that nobody listened to
_ALIKE_WHOLE, _ALIKE = 0.7, 0.6  # of the letters: the engine wrote the same sounds in another way


@dataclass(frozen=True, slots=True)
class Spelled:
    """Words as the script spells them. `fresh` are the places of those that share the time of others."""

    words: tuple[Word, ...]
    fresh: tuple[int, ...]


def spelled(script: str, heard: Transcript) -> Spelled:
    """What an engine heard, spelled as in the script where that is what it heard."""
    tokens = script.split()
    words: list[Word] = []
    fresh: list[int] = []
    for equal, theirs, ours in _regions(tokens, heard.words):
        if equal:
            words += [replace(word, text=token) for token, word in zip(theirs, ours, strict=True)]
            continue
        before, own, after = _reconciled(theirs, ours)
        fresh += range(len(words) + len(before), len(words) + len(before) + len(own))
        words += [*before, *own, *after]
    return Spelled(tuple(words), tuple(fresh))


def unheard(script: str, speech: Sequence[Span], language: str) -> Transcript:
    """A script laid over the speech, evenly by its letters, where no engine can listen: every confidence is 0."""
    words = [Word(token, 0, 0, 0.0) for token in script.split()]
    return Transcript(tuple(settled(words, speech)) if speech else (), UNHEARD, "", language)


def notes(transcripts: Iterable[Transcript]) -> Iterator[str]:
    """What is to be told where a script was laid over speech that nobody listened to."""
    if any(each.engine == UNHEARD and each.words for each in transcripts):
        yield (
            "No engine could listen here, so the words of the recipe's script are laid evenly over the speech; for the "
            "times at which they are said: candid models download, and render again."
        )


def _regions(tokens: Sequence[str], words: Sequence[Word]) -> Iterator[tuple[bool, Sequence[str], Sequence[Word]]]:
    """Stretches in which both are equal, and what lies between these as one."""
    for equal, steps in groupby(_compared(tokens, words), key=lambda step: step[0] == "equal"):
        first, *_, last = [*steps] * 2  # the same one where it is alone
        yield equal, tokens[first[1] : last[2]], words[first[3] : last[4]]


def _reconciled(tokens: Sequence[str], words: Sequence[Word]) -> tuple[Sequence[Word], list[Word], Sequence[Word]]:
    """The script's words in place of those heard words that sound like them, and what was heard before and after."""
    if _likeness(tokens, words) >= _ALIKE_WHOLE:
        return (), _laid(tokens, words), ()
    runs = [(k, m) for k in range(len(words)) for m in range(k + 1, len(words) + 1)] if tokens else []
    k, m = max(runs, key=lambda run: _likeness(tokens, words[slice(*run)]), default=(0, 0))
    if m == 0 or _likeness(tokens, words[k:m]) < _ALIKE:
        return words, [], ()
    return words[:k], _laid(tokens, words[k:m]), words[m:]


def _compared(tokens: Sequence[str], words: Sequence[Word]) -> Iterator[tuple[str, int, int, int, int]]:
    """What became of the script's words i..j and the heard words k..m: equal | replace | delete | insert.

    By the fewest changes (Levenshtein), so that misheard words stand for those that were said.
    """
    theirs, ours = list(map(plain, tokens)), [plain(word.text) for word in words]
    for each in Levenshtein.opcodes(theirs, ours):
        yield each.tag, each.src_start, each.src_end, each.dest_start, each.dest_end


def _likeness(tokens: Sequence[str], words: Sequence[Word]) -> float:
    return likeness("".join(tokens), "".join(word.text for word in words))


def _laid(tokens: Sequence[str], words: Sequence[Word]) -> list[Word]:
    """The script's words over the time of those that were heard."""
    return laid(tokens, words[0].start_ms, words[-1].end_ms, min(word.confidence for word in words))
