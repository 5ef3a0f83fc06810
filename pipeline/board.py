"""The audience's topics (SQLite): suggest, vote, merge, decline, queue as a recipe.

Many processes may have the board open at once. Every write is one transaction that takes the write lock first; `votes`
of a topic is raised in the same transaction that stores the vote, so it is the number of stored votes, whatever is
killed when.
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pipeline import similar
from pipeline.errors import BoardError
from pipeline.model import Topic

STATUSES = ("new", "planned", "answered", "declined", "merged")
OPEN = ("new", "planned")
ORDERS = ("trending", "new")
NEARLY_THE_SAME = 0.75  # from this score on, two topics probably mean the same

_HALF_LIFE = 7 * 86400  # seconds after which a vote weighs half as much
_WAIT_MS = 8000  # for a write lock that another process holds
_LONGEST_TEXT, _LONGEST_NAME, _LONGEST_WHY, _LONGEST_LINK = 200, 80, 500, 2000
_LONGEST_LOG = 20_000  # pages of 4 KiB: where nobody calls `checkpoint`, the log ends somewhere
_LOT = 1000  # wishes a transaction: others vote in between

# --- the file ---------------------------------------------------------------------------------------------------------

# Each step leads from one version of the board to the next; a step that went out is never changed again.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE topics (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            text TEXT NOT NULL,
            plain TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'planned', 'answered', 'declined', 'merged')),
            votes INTEGER NOT NULL DEFAULT 0,
            hot REAL NOT NULL,
            suggested INTEGER NOT NULL,
            why TEXT NOT NULL DEFAULT '',
            into_id INTEGER REFERENCES topics (id),
            recipe TEXT NOT NULL DEFAULT '',
            link TEXT NOT NULL DEFAULT ''
        )""",
        "CREATE UNIQUE INDEX topics_open ON topics (plain) WHERE status IN ('new', 'planned')",
        "CREATE INDEX topics_plain ON topics (plain)",
        "CREATE INDEX topics_hot ON topics (hot, id) WHERE status IN ('new', 'planned', 'answered')",
        "CREATE INDEX topics_new ON topics (id) WHERE status IN ('new', 'planned', 'answered')",
        "CREATE INDEX topics_status_hot ON topics (status, hot, id)",
        "CREATE INDEX topics_status_new ON topics (status, id)",
        "CREATE TABLE votes (topic INTEGER NOT NULL REFERENCES topics (id), voter TEXT NOT NULL,"
        " PRIMARY KEY (topic, voter)) WITHOUT ROWID",
        "CREATE TABLE names (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics (id),"
        " name TEXT NOT NULL, UNIQUE (topic, name))",
        "CREATE TABLE sources (source TEXT PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics (id)) WITHOUT ROWID",
        *similar.TABLES,
    ),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A topic as somebody words it. `by` is shown; `voter` tells voters apart; `source` is where it was found."""

    text: str
    by: str = ""
    voter: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote for a topic; one that does not count takes it back."""

    topic: int
    voter: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a wish: "added", "known" (the topic is the one that was there) or "refused" (`why`, no topic)."""

    how: str
    topic: Topic | None = None
    why: str = ""


class Board:
    """An open board; close it, or use it in a `with`. One thread at a time; several may stand open on one file."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._db = db
        self._index = similar.Index(db)
        self._turn: threading.Lock | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def share(self, turn: threading.Lock) -> None:
        """Has it write only while it holds `turn`, which many boards of one process share.

        SQLite lets those who wait for its own lock sleep ever longer, so that some wait a second for a vote of 1 ms.
        Nor does a commit run a checkpoint any more, which would make all the others wait: see `checkpoint`.
        """
        self._turn = turn
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_LONGEST_LOG}")

    def checkpoint(self) -> None:
        """Brings what was logged into the file, which may take long; others go on meanwhile."""
        with _explained(self.path):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def copy(self) -> Board:
        """The same board in memory, to try something out."""
        with _explained(self.path):
            db = _connected(":memory:")
            self._db.backup(db)
            return Board(db, self.path)

    # --- suggest ------------------------------------------------------------------------------------------------------

    def suggest(self, text: str, by: str = "", voter: str = "", source: str = "") -> Topic:
        """A new topic, or the open one that says the same, with the name and the vote added to it.

        A `source` that was here before gives the topic that it became. BoardError where the text is refused.
        """
        wish = cleaned(Wish(text, by, voter, source))
        with self._writing():
            return self._suggest(wish)[0]

    def suggest_many(self, wishes: Sequence[Wish]) -> Iterator[Heard]:
        """Suggests many topics, and says of each what became of it."""
        for start in range(0, len(wishes), _LOT):
            with self._writing():
                heard = [self._heard(wish) for wish in wishes[start : start + _LOT]]
            yield from heard

    def _heard(self, wish: Wish) -> Heard:
        try:
            topic, new = self._suggest(cleaned(wish))
        except BoardError as fault:
            return Heard("refused", why=str(fault))
        return Heard("added" if new else "known", topic)

    def _suggest(self, wish: Wish) -> tuple[Topic, bool]:
        """The topic, and whether it is a new one."""
        if (known := self._of_source(wish.source)) is not None:
            return self._topic(known), False
        known = self._saying(wish.text)
        id = self._add(wish.text) if known is None else known
        if wish.source:
            self._db.execute("INSERT INTO sources (source, topic) VALUES (?, ?)", (wish.source, id))
        if wish.by:
            self._db.execute("INSERT OR IGNORE INTO names (topic, name) VALUES (?, ?)", (id, wish.by))
        if wish.voter:
            self._db.execute("INSERT OR IGNORE INTO votes (topic, voter) VALUES (?, ?)", (id, wish.voter))
            self._count(self._row(id))
        return self._topic(id), known is None

    def _of_source(self, source: str) -> int | None:
        row = self._db.execute("SELECT topic FROM sources WHERE source = ?", (source,)).fetchone() if source else None
        return self._target(row["topic"]) if row else None

    def _saying(self, text: str) -> int | None:
        """The open topic that says exactly this, or into which such a topic was merged."""
        rows = self._db.execute(
            "SELECT id FROM topics WHERE plain = ? AND status IN ('new', 'planned', 'merged') ORDER BY id",
            (_plain(text),),
        )
        targets = [self._led_to(row["id"]) for row in rows.fetchall()]
        return next((target["id"] for target in targets if target["status"] in OPEN), None)

    def _add(self, text: str) -> int:
        now = int(time.time())
        added = self._db.execute(
            "INSERT INTO topics (text, plain, hot, suggested) VALUES (?, ?, ?, ?)",
            (text, _plain(text), _hot(0, now), now),
        )
        assert added.lastrowid is not None
        self._index.add(added.lastrowid, text)
        return added.lastrowid

    # --- look ---------------------------------------------------------------------------------------------------------

    def get(self, id: int) -> Topic:
        """The topic. BoardError where there is none."""
        with _explained(self.path):
            return self._topic(id)

    def names(self, id: int) -> tuple[str, ...]:
        """Who asked for the topic (a merged one: for the topic it became), in the order in which they came."""
        with _explained(self.path):
            return self._topic(self._target(id)).names

    def list(
        self, order: str = "trending", status: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Topic, ...]:
        """A page of topics. "trending": votes weighed by age; "new": the latest first.

        Without a status: those that are new, planned or answered.
        """
        if order not in ORDERS:
            raise BoardError(f"There is no order {order!r}.", f"Known: {', '.join(ORDERS)}.")
        if status is not None and status not in STATUSES:
            raise BoardError(f"There is no status {status!r}.", f"Known: {', '.join(STATUSES)}.")
        by, index = ("hot DESC, id DESC", "topics_hot") if order == "trending" else ("id DESC", "topics_new")
        where = "WHERE status = ?"
        if status is None:  # without a word about the index SQLite would sort all topics
            where = f"INDEXED BY {index} WHERE status IN ('new', 'planned', 'answered')"
        page = tuple(min(max(number, 0), 1 << 31) for number in (limit, offset))
        with _explained(self.path):
            rows = self._db.execute(
                f"SELECT * FROM topics {where} ORDER BY {by} LIMIT ? OFFSET ?",  # noqa: S608 - no words of others
                (*([] if status is None else [status]), *page),
            )
            return self._topics(rows.fetchall())

    # --- vote ---------------------------------------------------------------------------------------------------------

    def voted(self, voter: str, among: Sequence[int]) -> frozenset[int]:
        """For which of some topics somebody voted."""
        with _explained(self.path):
            rows = self._db.execute(
                f"SELECT topic FROM votes WHERE voter = ? AND topic IN ({_places(among)})",  # noqa: S608
                (voter, *among),
            )
            return frozenset(row["topic"] for row in rows)

    def vote(self, id: int, voter: str) -> Topic:
        """Counts a voter once. A merged topic leads to the one it became; a declined one takes no votes."""
        return _topic_or_fault(self.cast([Ballot(id, voter)]))

    def unvote(self, id: int, voter: str) -> Topic:
        """Takes the vote back, if there is one."""
        return _topic_or_fault(self.cast([Ballot(id, voter, counts=False)]))

    def cast(self, ballots: Sequence[Ballot]) -> tuple[Topic | BoardError, ...]:
        """Ballots that came together, in their order and in one transaction; to each its topic, or what is wrong."""
        with self._writing():
            found = [self._cast(ballot) for ballot in ballots]
            voted = {each["id"]: each for each in found if not isinstance(each, BoardError)}
            for target in voted.values():
                self._count(target)
            topics = {topic.id: topic for topic in self._topics([self._row(id) for id in voted])}
            return tuple(each if isinstance(each, BoardError) else topics[each["id"]] for each in found)

    def _cast(self, ballot: Ballot) -> sqlite3.Row | BoardError:
        """Stores one ballot; the topic, which has to be counted anew."""
        try:
            voter = _voter(ballot.voter)
            target = self._led_to(ballot.topic)
        except BoardError as fault:
            return fault
        if not ballot.counts:
            self._db.execute("DELETE FROM votes WHERE topic = ? AND voter = ?", (target["id"], voter))
        elif target["status"] == "declined":
            return BoardError(f"Topic {target['id']} was declined: {target['why']}", "Vote for another one.")
        else:
            self._db.execute("INSERT OR IGNORE INTO votes (topic, voter) VALUES (?, ?)", (target["id"], voter))
        return target

    def _count(self, row: sqlite3.Row) -> None:
        """Brings a topic's counter and its place among the trending ones in line with its votes."""
        votes = int(self._db.execute("SELECT COUNT(*) FROM votes WHERE topic = ?", (row["id"],)).fetchone()[0])
        hot = _hot(votes, row["suggested"])
        self._db.execute("UPDATE topics SET votes = ?, hot = ? WHERE id = ?", (votes, hot, row["id"]))

    # --- decide -------------------------------------------------------------------------------------------------------

    def merge(self, a: int, b: int) -> Topic:
        """Topic a goes into topic b, with its votes, names and recipe. Gives b, or the topic that b itself became."""
        with self._writing():
            source, target = self._row(a), self._led_to(b)
            into = target["id"]
            if a == into or self._target(a) != into:  # else it lies there already
                _check_merge(source, target)
                self._move(a, into)
                self._inherit(source, target)
            return self._topic(into)

    def _move(self, a: int, into: int) -> None:
        """Votes and names; who voted for both counts once."""
        for said in (
            "INSERT OR IGNORE INTO votes (topic, voter) SELECT ?2, voter FROM votes WHERE topic = ?1",
            "INSERT OR IGNORE INTO names (topic, name) SELECT ?2, name FROM names WHERE topic = ?1 ORDER BY id",
        ):
            self._db.execute(said, (a, into))
        self._db.execute("DELETE FROM votes WHERE topic = ?", (a,))
        self._db.execute("DELETE FROM names WHERE topic = ?", (a,))
        self._db.execute("UPDATE topics SET status = 'merged', why = '', into_id = ? WHERE id = ?", (into, a))
        self._count(self._row(a))
        self._count(self._row(into))

    def _inherit(self, source: sqlite3.Row, target: sqlite3.Row) -> None:
        """What became of the merged topic becomes of the other one, where nothing became of that yet."""
        recipe, link = (target[name] or source[name] for name in ("recipe", "link"))
        self._db.execute(
            "UPDATE topics SET status = ?, recipe = ?, link = ? WHERE id = ?",
            (target["status"] if target["status"] == "declined" else _status(recipe, link), recipe, link, target["id"]),
        )
        if source["status"] == "declined":
            self._index.add(source["id"], source["text"])

    def decline(self, id: int, why: str) -> Topic:
        """Takes a topic from the list and says why."""
        why = _line(why, "reason", _LONGEST_WHY)
        with self._writing():
            row = self._unmerged(id)
            if row["status"] == "answered":
                raise BoardError(f"Topic {id} was answered already: {row['link']}", "Leave it as it is.")
            if row["status"] != "declined":
                self._index.remove(id, row["text"])
            self._db.execute("UPDATE topics SET status = 'declined', why = ? WHERE id = ?", (why, id))
            return self._topic(id)

    def reopen(self, id: int) -> Topic:
        """Takes back that a topic was declined. An open topic stays as it is."""
        with self._writing():
            row = self._unmerged(id)
            if row["status"] == "answered":
                raise BoardError(
                    f"Topic {id} was answered: {row['link']}",
                    "To correct the link, answer it again with the right one.",
                )
            if row["status"] == "declined":
                self._check_alone(row)
                status = _status(row["recipe"], row["link"])
                self._db.execute("UPDATE topics SET status = ?, why = '' WHERE id = ?", (status, id))
                self._index.add(id, row["text"])
            return self._topic(id)

    def _check_alone(self, row: sqlite3.Row) -> None:
        other = self._saying(row["text"])
        if other is not None:
            raise BoardError(
                f"Topic {row['id']} cannot be opened again: topic {other} says the same.",
                f"Merge it into that one: candid topics merge {row['id']} {other}",
            )

    def answer(self, id: int, link: str) -> Topic:
        """A video answers the topic; `link` is its address on the web."""
        link = _link(link)
        with self._writing():
            target = self._undeclined(id, "answered")
            self._db.execute("UPDATE topics SET status = 'answered', link = ? WHERE id = ?", (link, target["id"]))
            return self._topic(target["id"])

    def unanswer(self, id: int, link: str) -> Topic:
        """The video at `link` is not to be seen any more: a topic that it answers waits again. Other answers stay."""
        with self._writing():
            target = self._led_to(id)
            if (target["status"], target["link"]) == ("answered", link):
                status = _status(target["recipe"], "")
                self._db.execute("UPDATE topics SET status = ?, link = '' WHERE id = ?", (status, target["id"]))
            return self._topic(target["id"])

    def queue(self, id: int, write: Callable[[Topic], str]) -> Topic:
        """The topic becomes a recipe, once: `write` writes its file and gives its slug.

        Killed after `write`, the next call comes to `write` again, which then takes the file that lies there.
        """
        with self._writing():
            target = self._undeclined(id, "planned")
            if target["recipe"]:
                return self._topic(target["id"])
            if target["status"] == "answered":
                raise BoardError(f"Topic {target['id']} was answered already: {target['link']}", "Plan another one.")
            slug = write(self._topic(target["id"]))
            self._db.execute("UPDATE topics SET status = 'planned', recipe = ? WHERE id = ?", (slug, target["id"]))
            return self._topic(target["id"])

    def _unmerged(self, id: int) -> sqlite3.Row:
        row = self._row(id)
        if row["status"] == "merged":
            target = self._target(id)
            raise BoardError(f"Topic {id} was merged into topic {target}.", f"Name topic {target} instead.")
        return row

    def _undeclined(self, id: int, become: str) -> sqlite3.Row:
        """The topic, or the one it was merged into."""
        row = self._led_to(id)
        if row["status"] == "declined":
            raise BoardError(
                f"Topic {row['id']} was declined, so it cannot be {become}: {row['why']}",
                f"Open it again first: candid topics reopen {row['id']}",
            )
        return row

    # --- similar ------------------------------------------------------------------------------------------------------

    def similar(self, text: str, limit: int = 5) -> tuple[tuple[Topic, float], ...]:
        """Topics that mean something like this, with a score of 0 to 1, the best first. Declined ones are left out."""
        with _explained(self.path):
            found = self._db.execute("SELECT id FROM topics WHERE plain = ?", (_plain(text),)).fetchall()
            very_same = [(row["id"], 1.0) for row in found]  # the index knows words, and "🎉" is none
            scores: dict[int, float] = {}
            for id, score in (*very_same, *self._index.similar(text)):
                target = self._target(id)
                scores[target] = max(score, scores.get(target, 0.0))
            best = sorted(scores, key=lambda id: (-scores[id], id))
            topics = self._topics([self._row(id) for id in best])
        like = [(topic, scores[topic.id]) for topic in topics if topic.status != "declined"]
        return tuple(like[: max(0, limit)])

    # --- rows ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction that holds the write lock from its beginning: all of it, or nothing."""
        with _explained(self.path), self._waited():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def _waited(self) -> Iterator[None]:
        """Waits for the others of this process, where they take turns; for all there are `_WAIT_MS` at most."""
        if self._turn is None:
            yield
            return
        until = time.monotonic() + _WAIT_MS / 1000
        if not self._turn.acquire(timeout=_WAIT_MS / 1000):
            raise _in_use(self.path)
        try:
            self._db.execute(f"PRAGMA busy_timeout = {max(1, round((until - time.monotonic()) * 1000))}")
            yield
        finally:
            self._turn.release()

    def _row(self, id: int) -> sqlite3.Row:
        row = None
        if 0 < id < 1 << 63:
            row = self._db.execute("SELECT * FROM topics WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise BoardError(f"There is no topic {id}.", "See which there are with: candid topics list")
        return row  # type: ignore[no-any-return]

    def _led_to(self, id: int) -> sqlite3.Row:
        """The topic itself, or the one that it was merged into at last."""
        row = self._row(id)
        while row["into_id"] is not None:
            row = self._row(row["into_id"])
        return row

    def _target(self, id: int) -> int:
        return int(self._led_to(id)["id"])

    def _topic(self, id: int) -> Topic:
        return self._topics([self._row(id)])[0]

    def _topics(self, rows: Sequence[sqlite3.Row]) -> tuple[Topic, ...]:
        names: dict[int, list[str]] = {row["id"]: [] for row in rows}
        for start in range(0, len(rows), 500):
            ids = [row["id"] for row in rows[start : start + 500]]
            found = self._db.execute(
                f"SELECT topic, name FROM names WHERE topic IN ({_places(ids)}) ORDER BY id",  # noqa: S608
                ids,
            )
            for topic, name in found:
                names[topic].append(name)
        return tuple(_as_topic(row, names[row["id"]]) for row in rows)


def open_board(path: Path) -> Board:
    """The board in a file, which is made if it is not there. BoardError says why it cannot be opened."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BoardError(*_unwritable(path)) from fault
    with _explained(path):
        db = _connected(path)
        try:
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
    return Board(db, path)


def _connected(path: Path | str) -> sqlite3.Connection:
    # A web server opens a board in one thread and may close it in another; never do two use one at once.
    db = sqlite3.connect(path, timeout=_WAIT_MS / 1000, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -16000")  # KiB
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Brings the board to the newest version, one step a transaction. Several processes may try at once."""
    while (version := _version(db)) < len(_MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            if _version(db) == version:  # nobody was faster
                _check_ours(db, version, path)
                for step in _MIGRATIONS[version]:
                    db.execute(step)
                db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    if version > len(_MIGRATIONS):
        raise BoardError(f"{path} was made by a newer Candid.", "Update Candid: pip install --upgrade candid")
    _read_while_written(db)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check_ours(db: sqlite3.Connection, version: int, path: Path) -> None:
    if version == 0 and db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        raise BoardError(f"{path} is the database of another program.", "Move it elsewhere; Candid makes its own.")


def _read_while_written(db: sqlite3.Connection) -> None:
    """Write-ahead logging, where the file system has it; without it the board is slower, and as safe."""
    for _ in range(100):
        with suppress(sqlite3.OperationalError):  # SQLite does not wait here for others who open the board right now
            db.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.02)


# --- words about what went wrong --------------------------------------------------------------------------------------


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Puts what can go wrong with the file of the board into words."""
    try:
        yield
    except sqlite3.Error as fault:
        raise _worded(path, getattr(fault, "sqlite_errorname", None) or "", fault) from fault


def _worded(path: Path, name: str, fault: sqlite3.Error) -> BoardError:
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _in_use(path)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return BoardError(
            f"The board {path} is damaged, or is no board. It was left as it is.",
            "Put a backup in its place, or rescue what it holds into a new file:"
            " sqlite3 board.sqlite3 .recover | sqlite3 rescued.sqlite3",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return BoardError(*_unwritable(path))
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return BoardError(
            f"The disk that holds {path} is full or fails.", "Nothing was changed. Free some space and try again."
        )
    return BoardError(f"The board {path} cannot be used: {fault}.", "Nothing was changed.")


def _in_use(path: Path) -> BoardError:
    return BoardError(
        f"The board {path} is in use: another program has held it for {_WAIT_MS // 1000} seconds.",
        "Nothing was changed. Try again, or close the program that has it open.",
    )


def _unwritable(path: Path) -> tuple[str, str]:
    return (
        f"The board {path} cannot be opened for writing.",
        f"Give yourself the right to write to the file and to the folder {path.parent}; both have to be writable.",
    )


# --- what people write ------------------------------------------------------------------------------------------------

_BIDI = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
_UNSEEN = {*"\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff"}  # taken out: they come along when one copies a text
_TAG = re.compile(r"<[A-Za-z/!?]")


def clean(text: str, what: str = "topic", longest: int = _LONGEST_TEXT) -> str:
    """One line as the board keeps it: composed (NFC), single spaces, 1 to `longest` characters.

    BoardError where it holds what has no place on a board.
    """
    return _line(text, what, longest)


def _line(text: str, what: str, longest: int) -> str:
    line = " ".join("".join(c for c in unicodedata.normalize("NFC", text) if c not in _UNSEEN).split())
    if not any(unicodedata.category(c)[0] in "LNSP" for c in line):
        raise BoardError(f"The {what} is empty.", f"Write 1 to {longest} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in line):
        raise BoardError(f"The {what} holds control characters.", "Write plain text.")
    if _BIDI & {*line}:
        raise BoardError(f"The {what} holds characters that turn the direction of writing.", "Write plain text.")
    if _TAG.search(line):
        raise BoardError(f"The {what} holds markup ({_TAG.findall(line)[0]}...).", "Write plain text, without <tags>.")
    if len(line) > longest:
        raise BoardError(f"The {what} has {len(line)} characters; at most {longest} fit.", "Shorten it.")
    return line


def cleaned(wish: Wish) -> Wish:
    """The wish as the board keeps it. BoardError where something in it is refused."""
    return Wish(
        _line(wish.text, "topic", _LONGEST_TEXT),
        _line(wish.by, "name", _LONGEST_NAME) if wish.by.strip() else "",
        _voter(wish.voter) if wish.voter.strip() else "",
        _line(wish.source, "source", _LONGEST_TEXT) if wish.source.strip() else "",
    )


def _voter(voter: str) -> str:
    return _line(voter, "voter", _LONGEST_TEXT)


def _link(link: str) -> str:
    link = link.strip()
    try:
        parts = urlsplit(link)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and len(link) <= _LONGEST_LINK
    except ValueError:
        good = False
    if not good or not link.isprintable() or re.search(r"""[\s<>"'`\\]""", link):
        raise BoardError("That is no address of a video.", "Give one that begins with https://")
    return link


def same(a: str, b: str) -> bool:
    """Whether two texts are one topic."""
    return _plain(clean(a)) == _plain(clean(b))


def _plain(text: str) -> str:
    """By this two topics are told to be the same."""
    return unicodedata.normalize("NFC", text.casefold())


def _check_merge(source: sqlite3.Row, target: sqlite3.Row) -> None:
    a, b = source["id"], target["id"]
    if a == b:
        raise BoardError(f"Topic {a} cannot be merged into itself.", "Name two topics.")
    if source["status"] == "merged":
        raise BoardError(f"Topic {a} was merged into topic {source['into_id']}.", "Merge that one instead.")
    if target["status"] == "declined":
        raise BoardError(f"Topic {b} was declined.", f"Open it again first: candid topics reopen {b}")
    if source["recipe"] and target["recipe"] and source["recipe"] != target["recipe"]:
        raise BoardError(
            f"Both topics have a recipe: {a} has {source['recipe']!r}, {b} has {target['recipe']!r}.",
            "Each recipe becomes a video of its own, so leave both as they are.",
        )


def _status(recipe: str, link: str) -> str:
    """Of a topic that is neither declined nor merged."""
    return "answered" if link else "planned" if recipe else "new"


def _hot(votes: int, suggested: int) -> float:
    """A place among the trending topics: twice as many votes weigh as much as being one half-life younger."""
    return math.log2(1 + votes) + suggested / _HALF_LIFE


def _topic_or_fault(told: tuple[Topic | BoardError, ...]) -> Topic:
    [topic] = told
    if isinstance(topic, BoardError):
        raise topic
    return topic


def _as_topic(row: Mapping[str, Any] | sqlite3.Row, names: Sequence[str]) -> Topic:
    return Topic(
        id=row["id"],
        text=row["text"],
        status=row["status"],
        votes=row["votes"],
        suggested=datetime.fromtimestamp(row["suggested"], UTC).isoformat().replace("+00:00", "Z"),
        names=tuple(names),
        why=row["why"],
        into=row["into_id"],
        recipe=row["recipe"],
        link=row["link"],
    )


def _places(values: Iterable[object], place: str = "?") -> str:
    return ", ".join(place for _ in values)
