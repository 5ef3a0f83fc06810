"""How fast the board is with 100,000 topics; `python -m tests.bench.board` measures this alone."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipeline.board import Board, Wish, open_board

TOPICS = 100_000
ASKED = 60
SYLLABLES = "ba be bo da den dor fa fer gal gen ha ka kel la len lo ma mer mo na nor pa pel ra ren ro sa ser ta ter"
SENTENCES = (
    "how do you {verb} a {noun} in a {thing}",
    "can you show {noun} and {thing}",
    "please {verb} the {noun} {name}",
    "what happens when a {thing} meets the {noun}",
    "why does the {noun} {verb} {thing}s {name}",
    "könnt ihr mal {noun} mit {thing} zeigen",
    "wie wäre es mit {noun} für {thing}",
    "warum {verb} ihr das {name}",
    "bitte ein Video über {noun} im {thing} {name}",
)
VERBS = ("destroy", "repair", "clean", "cool", "drop", "open", "burn", "freeze", "paint", "zerstört", "baut", "putzt")
THINGS = ("server", "rack", "cable", "backup", "router", "Rechenzentrum", "Büro", "Kaffeemaschine", "printer", "desk")
ENDS = ("", "?", " please", " next time")


def rows() -> Iterator[tuple[str, float, float]]:
    """What was measured, the goal and the median, both in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="candid-board-") as folder, open_board(Path(folder) / "b.sqlite3") as board:
        chance = random.Random(7)
        texts = _fill(board, chance)
        asked = [_misspelt(chance.choice(texts), chance) for _ in range(ASKED)]
        yield "board of 100,000 topics: similar ones, ms", 50, _median([lambda t=t: board.similar(t) for t in asked])
        pages = [lambda at=at: board.list("trending", offset=50 * at) for at in range(20)]
        yield "board of 100,000 topics: a page of the trending ones, ms", 100, _median(pages)
        yield "board of 100,000 topics: a page of the new ones, ms", 100, _median([lambda: board.list("new")] * 20)
        votes = [lambda n=n: board.vote(1 + n % 50, f"voter {n}") for n in range(200)]
        yield "board of 100,000 topics: a vote, ms", 20, _median(votes)


def _fill(board: Board, chance: random.Random) -> list[str]:
    """Topics with a few frequent words and many rare ones, as people write them."""
    nouns = [_noun(chance) for _ in range(15_000)]
    texts = list({text.casefold(): text for text in (_text(nouns, chance) for _ in range(TOPICS * 5 // 4))}.values())
    wishes = [Wish(text, voter="somebody" if chance.random() < 0.2 else "") for text in texts[:TOPICS]]
    assert sum(heard.how == "added" for heard in board.suggest_many(wishes)) == TOPICS
    return texts[:TOPICS]


def _noun(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES.split(), k=chance.randint(2, 4)))


def _text(nouns: Sequence[str], chance: random.Random) -> str:
    rare = int(len(nouns) * chance.random() ** 3)  # the first nouns are said often, the last seldom
    words = {
        "noun": nouns[rare],
        "name": chance.choice(nouns),
        "verb": chance.choice(VERBS),
        "thing": chance.choice(THINGS),
    }
    return chance.choice(SENTENCES).format(**words) + chance.choice(ENDS)


def _misspelt(text: str, chance: random.Random) -> str:
    """Two neighboring letters change places, and the words too."""
    at = chance.randrange(len(text) - 1)
    words = (text[:at] + text[at + 1] + text[at] + text[at + 2 :]).split()
    chance.shuffle(words)
    return " ".join(words)


def _median(calls: Sequence[Callable[[], object]]) -> float:
    """Milliseconds."""
    took = []
    for call in calls:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


if __name__ == "__main__":
    for what, goal, measured in rows():
        print(f"{what}: {measured:.2f} (at most {goal:g})")
