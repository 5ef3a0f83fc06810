"""Topics that mean something like a text: a small index, and how alike two texts are. German and English.

The index knows the topics in which each word is said, and the trigrams of each word, which lead from a misspelt word to
the right one. The rarest words of a text give the candidates; these are compared word by word.
"""

from __future__ import annotations

import math
import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.model import spaceless

SHOWN = 0.3  # a lower score is no likeness

_LOOKED_AT = 12_000  # mentions of words, the rarest words first
_CANDIDATES = 60
_SPELLED = 10  # words of a text that are looked for in other spellings too
_COMMON_WEIGHT = 0.15
# Words with which people ask, as `folded` writes them.
_ASKING = (
    " a about again also an and are at be but by can could did do does for from get going had has have he her here him"
    " his how i if in into is it its just let like love make me more my next no not of off on once one or our out over"
    " please really see she should show so some that the their them then there these they this time to up us video"
    " videos want was we were what when where which who why will with would you your"
    " aber als am auch auf aus bei bitte da das dass dem den der des die dir doch du durch ein eine einem einen einer"
    " eines er es euch fuer gern gerne hat haben habt ich ihr im in ist ja kann kannst koennen koennt koenntet machen"
    " macht mal man mehr mich mir mit nach nicht noch nur oder schon sehen sein sich sie sind so um und uns ueber von"
    " vor waere wann warum was wenn wer wie wieder wir wird wo wollen wuerde zeig zeigen zeigt zu zum zur"
)
_COMMON = frozenset(_ASKING.split())

# The tables are part of the board's first version; another version of them is another step there.
TABLES = (
    "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, topics INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE said (word INTEGER NOT NULL, topic INTEGER NOT NULL, PRIMARY KEY (word, topic)) WITHOUT ROWID",
    "CREATE TABLE grams (gram TEXT NOT NULL, word INTEGER NOT NULL, PRIMARY KEY (gram, word)) WITHOUT ROWID",
)


class Index:
    """The index in the board's database; the table `topics` with `id` and `text` is the board's own."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def similar(self, text: str) -> list[tuple[int, float]]:
        """The topics that are like the text, by id, each with a score of SHOWN to 1, in no order."""
        asked = _words(text)
        texts = {id: _words(other) for id, other in self._candidates(asked)} if asked else {}
        weights = self._weights({word for words in (asked, *texts.values()) for word in words})
        scores = [(id, round(_alike(asked, words, weights), 3)) for id, words in texts.items()]
        return [(id, score) for id, score in scores if score >= SHOWN]

    def add(self, topic: int, text: str) -> None:
        for word in _words(text):
            if not self._db.execute("UPDATE words SET topics = topics + 1 WHERE word = ?", (word,)).rowcount:
                self._learn(word)
            self._db.execute("INSERT INTO said (word, topic) SELECT id, ? FROM words WHERE word = ?", (topic, word))

    def remove(self, topic: int, text: str) -> None:
        """The topic is not found any more; `text` is the one with which it was added."""
        for word in _words(text):
            self._db.execute("UPDATE words SET topics = topics - 1 WHERE word = ?", (word,))
            self._db.execute(
                "DELETE FROM said WHERE word = (SELECT id FROM words WHERE word = ?) AND topic = ?", (word, topic)
            )

    def _learn(self, word: str) -> None:
        id = self._db.execute("INSERT INTO words (word, topics) VALUES (?, 1)", (word,)).lastrowid
        self._db.executemany("INSERT INTO grams (gram, word) VALUES (?, ?)", [(gram, id) for gram in _grams(word)])

    def _candidates(self, asked: Sequence[str]) -> list[tuple[int, str]]:
        """Topics, id and text, that share the rarest words with what is asked, or words that are spelled like them."""
        wanted: dict[int, float] = {}
        looked_at = 0
        for id, topics, weight in sorted(self._near(asked), key=lambda word: word[1]):
            looked_at += topics
            if looked_at > _LOOKED_AT and wanted:
                break
            wanted[id] = max(weight, wanted.get(id, 0.0))
        rows = (
            self._db.execute(
                f"""WITH wanted (word, weight) AS (VALUES {_places(wanted, "(?, ?)")}), best AS (
                SELECT topic, SUM(weight) AS weight FROM wanted JOIN said USING (word)
                GROUP BY topic ORDER BY 2 DESC, 1 LIMIT {_CANDIDATES})
            SELECT topics.id, topics.text FROM best JOIN topics ON topics.id = best.topic""",  # noqa: S608 - only places
                [value for pair in wanted.items() for value in pair],
            )
            if wanted
            else ()
        )
        return [(row[0], row[1]) for row in rows]

    def _near(self, asked: Sequence[str]) -> Iterator[tuple[int, int, float]]:
        """Words of the index that are like those that are asked: id, in how many topics, weight."""
        weights = self._weights(asked)
        known = self._db.execute(
            f"SELECT id, topics, word FROM words WHERE topics > 0 AND word IN ({_places(asked)})",  # noqa: S608
            asked,
        )
        for id, topics, word in known.fetchall():
            yield id, topics, weights[word]
        telling = [word for word in asked if len(word) > 2 and word not in _COMMON]
        for word in sorted(telling, key=lambda word: -weights[word])[:_SPELLED]:
            for id, topics, other in self._spelled_like(word):
                if other != word and (likeness := _likeness(word, other)):
                    yield id, topics, weights[word] * likeness

    def _spelled_like(self, word: str) -> list[tuple[int, int, str]]:
        grams = _grams(word)
        rows = self._db.execute(
            f"""WITH near AS (SELECT word, COUNT(*) AS shared FROM grams WHERE gram IN ({_places(grams)})
                GROUP BY word ORDER BY 2 DESC LIMIT 40)
            SELECT id, topics, words.word FROM near JOIN words ON words.id = near.word WHERE topics > 0""",  # noqa: S608
            list(grams),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def _weights(self, words: Collection[str]) -> dict[str, float]:
        """How telling each word is: the rarer, the more; words with which everybody asks say little."""
        asked = list(words)
        topics = int(self._db.execute("SELECT COALESCE(MAX(id), 0) FROM topics").fetchone()[0])
        counts: dict[str, int] = {}
        for start in range(0, len(asked), 500):  # SQLite takes no more than some hundred values everywhere
            part = asked[start : start + 500]
            rows = self._db.execute(f"SELECT word, topics FROM words WHERE word IN ({_places(part)})", part)  # noqa: S608
            counts.update((row[0], row[1]) for row in rows)
        telling = {word: math.log(2 + topics / max(1, counts.get(word, 1))) for word in asked}
        return {word: weight * (_COMMON_WEIGHT if word in _COMMON else 1.0) for word, weight in telling.items()}


def folded(text: str) -> str:
    """Lower case without accents; German letters as they are written where a keyboard lacks them."""
    german = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"}
    text = unicodedata.normalize("NFC", text.casefold()).translate(german)
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _words(text: str) -> list[str]:
    """The different words of a text; where a script has no spaces, each pair of neighbouring characters."""
    words: list[str] = []
    for word in re.findall(r"\w+", folded(text)):
        pairs = len(word) > 2 and not word.isascii() and any(map(spaceless, word))
        words += [word[at : at + 2] for at in range(len(word) - 1)] if pairs else [word]
    return list(dict.fromkeys(words))


def _grams(word: str) -> set[str]:
    """The trigrams of a word with its borders."""
    bordered = f" {word} "
    return {bordered[at : at + 3] for at in range(len(bordered) - 2)}


def _alike(a: Sequence[str], b: Sequence[str], weights: Mapping[str, float]) -> float:
    """The share of the words, weighed, that one text has in common with the other; their order does not count."""
    common = _covered(a, b, weights) + _covered(b, a, weights)
    return common / sum(weights[word] for word in (*a, *b))


def _covered(words: Sequence[str], by: Sequence[str], weights: Mapping[str, float]) -> float:
    """The weight of the words that stand among others, or are like one of them."""
    return sum(
        weights[word] * (1.0 if word in by else max((_likeness(word, other) for other in by), default=0.0))
        for word in words
    )


def _likeness(a: str, b: str) -> float:
    """How likely two different words mean the same: an ending (0.9), a compound (0.7), a slip (up to 0.85), or not."""
    from rapidfuzz.distance import OSA

    short, long = sorted((a, b), key=len)
    if len(short) > 2 and len(long) - len(short) < 3 and long.startswith(short):
        return 0.9
    if len(short) > 4 and short in long:
        return 0.7
    if len(short) < 4 or a[0] != b[0]:  # a slip seldom hits the first letter, and table is no cable
        return 0.0
    return 0.95 * OSA.normalized_similarity(a, b, score_cutoff=0.7)


def _places(values: Collection[object], place: str = "?") -> str:
    return ", ".join(place for _ in values)
