"""What the server remembers, in .candid/web.sqlite3: links, sign-ins, the queue, and suggestions that wait.

Only hashes of links and sessions are stored, so that a copy of the file opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import CandidError, WorkspaceError
from pipeline.shelf import explained
from pipeline.web.rights import NOBODY, Visitor

LINK_DAYS = 7  # a link that was not used by then is void
_IDLE_DAYS = 14  # a device that was silent for so long signs in again
_LONGEST_DAYS = 90
_DAY = 86_400
_AWAY_SECONDS = 600  # for a sign-in at a service
_SEEN_EVERY = 300  # seconds between two notes that a session is alive
_WAIT_MS = 5000

_TABLES = (
    "CREATE TABLE IF NOT EXISTS links (secret TEXT PRIMARY KEY, person TEXT NOT NULL, coordinator INTEGER NOT NULL,"
    " made REAL NOT NULL, used REAL)",
    "CREATE TABLE IF NOT EXISTS sessions (secret TEXT PRIMARY KEY, person TEXT NOT NULL, coordinator INTEGER NOT NULL,"
    " device TEXT NOT NULL, made REAL NOT NULL, seen REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS queue (take TEXT PRIMARY KEY, place REAL NOT NULL, asked REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS faults (take TEXT PRIMARY KEY, what TEXT NOT NULL, do TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sending (take TEXT PRIMARY KEY, person TEXT NOT NULL, work TEXT NOT NULL,"
    " services TEXT NOT NULL, asked REAL NOT NULL, due REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS unsent (take TEXT NOT NULL, service TEXT NOT NULL, what TEXT NOT NULL,"
    " do TEXT NOT NULL, PRIMARY KEY (take, service))",
    "CREATE TABLE IF NOT EXISTS away (session TEXT NOT NULL, service TEXT NOT NULL, state TEXT NOT NULL,"
    " sealed TEXT NOT NULL, take TEXT NOT NULL, made REAL NOT NULL, PRIMARY KEY (session, service))",
    "CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, text TEXT NOT NULL, name TEXT NOT NULL,"
    " voter TEXT NOT NULL, made REAL NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Device:
    """A sign-in, as it is shown to its person."""

    session: str
    device: str
    made: float  # seconds since 1970
    seen: float


@dataclass(frozen=True, slots=True)
class Sending:
    """What somebody wants to have done with a take at services: "publish", or "private" or "delete" to take it down."""

    take: str
    person: str
    work: str
    services: tuple[str, ...]
    asked: float  # seconds since 1970
    due: float  # not before then

    @property
    def publishes(self) -> bool:
        return self.work == "publish"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A suggestion that the coordinator has not looked at."""

    id: int
    text: str
    by: str
    voter: str
    made: float


class Store:
    """Serves several threads at once; every change is one transaction."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.path = folder / "web.sqlite3"
        self._now = now
        self._idle: list[sqlite3.Connection] = []
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / ".gitignore").write_text("*\n", encoding="ascii")
        with self._writing() as db:
            for table in _TABLES:
                db.execute(table)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    # --- links --------------------------------------------------------------------------------------------------------

    def link(self, person: str, coordinator: bool = False) -> str:
        """The secret of a new link, which signs one device in, once."""
        secret = secrets.token_urlsafe(32)
        with self._writing() as db:
            db.execute("INSERT INTO links VALUES (?, ?, ?, ?, NULL)", (_hash(secret), person, coordinator, self._now()))
        return secret

    def opens(self, secret: str) -> Visitor:
        """Who would be signed in by a link; NOBODY where it is used up, revoked or too old."""
        with self._reading() as db:
            row = db.execute(
                "SELECT person, coordinator FROM links WHERE secret = ? AND used IS NULL AND made > ?",
                (_hash(secret), self._now() - LINK_DAYS * _DAY),
            ).fetchone()
        return Visitor(row[0], bool(row[1])) if row else NOBODY

    def sign_in(self, secret: str, device: str) -> str | None:
        """Uses a link up; the secret of a new session. None where the link opens nothing (any more)."""
        session = secrets.token_urlsafe(32)
        now = self._now()
        with self._writing() as db:
            row = db.execute(
                "UPDATE links SET used = ? WHERE secret = ? AND used IS NULL AND made > ?"
                " RETURNING person, coordinator",
                (now, _hash(secret), now - LINK_DAYS * _DAY),
            ).fetchone()
            if row is None:
                return None
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", (_hash(session), *row, device[:80], now, now))
        return session

    def has_coordinator(self) -> bool:
        """Whether anybody can look after this workspace: signed in, or with a link that is still good."""
        oldest = self._now() - LINK_DAYS * _DAY
        with self._reading() as db:
            row = db.execute(
                "SELECT EXISTS (SELECT 1 FROM sessions WHERE coordinator AND seen > ? AND made > ?)"
                " OR EXISTS (SELECT 1 FROM links WHERE coordinator AND used IS NULL AND made > ?)",
                (self._now() - _IDLE_DAYS * _DAY, self._now() - _LONGEST_DAYS * _DAY, oldest),
            ).fetchone()
        return bool(row[0])

    # --- sessions -----------------------------------------------------------------------------------------------------

    def visitor(self, session: str) -> Visitor:
        """Who a cookie belongs to; NOBODY where the session has ended."""
        secret, now = _hash(session), self._now()
        with self._reading() as db:
            row = db.execute(
                "SELECT person, coordinator, seen FROM sessions WHERE secret = ? AND seen > ? AND made > ?",
                (secret, now - _IDLE_DAYS * _DAY, now - _LONGEST_DAYS * _DAY),
            ).fetchone()
        if row is None:
            return NOBODY
        if now - row[2] > _SEEN_EVERY:
            with self._writing() as db:
                db.execute("UPDATE sessions SET seen = ? WHERE secret = ?", (now, secret))
        return Visitor(row[0], bool(row[1]), secret)

    def devices(self, visitor: Visitor) -> tuple[Device, ...]:
        """Where they are signed in, the latest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT secret, device, made, seen FROM sessions WHERE person = ? AND coordinator = ?"
                " ORDER BY seen DESC",
                (visitor.person, visitor.coordinator),
            ).fetchall()
        return tuple(Device(*row) for row in rows)

    def sign_out(self, visitor: Visitor, session: str) -> None:
        """Ends one of the visitor's own sessions."""
        with self._writing() as db:
            db.execute(
                "DELETE FROM sessions WHERE secret = ? AND person = ? AND coordinator = ?",
                (session, visitor.person, visitor.coordinator),
            )

    def revoke(self, person: str) -> None:
        """Ends all sessions of a person, and voids their links."""
        with self._writing() as db:
            db.execute("DELETE FROM sessions WHERE person = ?", (person,))
            db.execute("DELETE FROM links WHERE person = ?", (person,))

    # --- the queue ----------------------------------------------------------------------------------------------------

    def enqueue(self, take: str) -> None:
        """Has a take made (again).

        It goes to the end of the line, or keeps its place; what is asked while it is being made is not forgotten.
        """
        now = self._now()
        with self._writing() as db:
            db.execute(
                "INSERT INTO queue VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET asked = excluded.asked", (take, now, now)
            )
            db.execute("DELETE FROM faults WHERE take = ?", (take,))

    def done(self, take: str, asked: float, fault: CandidError | None = None) -> None:
        """Takes it out of the line, unless it was asked for again since then; and remembers what went wrong."""
        with self._writing() as db:
            db.execute("DELETE FROM queue WHERE take = ? AND asked <= ?", (take, asked))
            db.execute("DELETE FROM faults WHERE take = ?", (take,))
            if fault is not None:
                db.execute("INSERT INTO faults VALUES (?, ?, ?)", (take, fault.what, fault.do))

    def faults(self) -> dict[str, CandidError]:
        """What went wrong when takes were last made, by take."""
        with self._reading() as db:
            rows = db.execute("SELECT take, what, do FROM faults").fetchall()
        return {take: CandidError(what, do) for take, what, do in rows}

    def line(self) -> tuple[tuple[str, float], ...]:
        """The takes that wait or are being made, in their order, and when each was last asked for."""
        with self._reading() as db:
            return tuple(db.execute("SELECT take, asked FROM queue ORDER BY place, take").fetchall())

    # --- what goes out ------------------------------------------------------------------------------------------------

    def send(self, take: str, person: str, work: str, services: Sequence[str]) -> None:
        """Has a take published, or taken down.

        What is asked for meanwhile is added; taking down puts an end to publishing, and not the other way round.
        """
        now = self._now()
        with self._writing() as db:
            before = db.execute("SELECT work, services FROM sending WHERE take = ?", (take,)).fetchone()
            if before and before[0] != "publish" and work == "publish":
                return
            wanted = dict.fromkeys((*(before[1].split() if before and before[0] == work else ()), *services))
            db.execute(
                "INSERT OR REPLACE INTO sending VALUES (?, ?, ?, ?, ?, ?)",
                (take, person, work, " ".join(wanted), now, now),
            )
            db.executemany("DELETE FROM unsent WHERE take = ? AND service = ?", [(take, each) for each in wanted])

    def sending(self) -> tuple[Sending, ...]:
        """What waits to go out or goes out, in the order in which it was asked for."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM sending ORDER BY asked, take").fetchall()
        return tuple(Sending(take, who, work, tuple(told.split()), *times) for take, who, work, told, *times in rows)

    def keep_back(self, take: str) -> None:
        """Nothing of it is to be published any more."""
        with self._writing() as db:
            db.execute("DELETE FROM sending WHERE take = ? AND work = 'publish'", (take,))
            db.execute("DELETE FROM unsent WHERE take = ?", (take,))

    def sent(
        self, job: Sending, faults: Mapping[str, CandidError], later: Sequence[str] = (), due: float = 0.0
    ) -> None:
        """What came of a job: what failed, by service, and the services at which it goes on by itself, once it is time.

        Nothing of that counts where something else was asked for meanwhile, or it was kept back.
        """
        with self._writing() as db:
            gone = db.execute("DELETE FROM sending WHERE take = ? AND asked = ?", (job.take, job.asked))
            if gone.rowcount == 0:
                return
            told = [(job.take, service, fault.what, fault.do) for service, fault in faults.items()]
            db.executemany("INSERT OR REPLACE INTO unsent VALUES (?, ?, ?, ?)", told)
            if later:
                row = (job.take, job.person, job.work, " ".join(later), job.asked, due)
                db.execute("INSERT INTO sending VALUES (?, ?, ?, ?, ?, ?)", row)

    def unsent(self, take: str) -> dict[str, CandidError]:
        """What went wrong when a take last went out or was taken down, by service."""
        with self._reading() as db:
            rows = db.execute("SELECT service, what, do FROM unsent WHERE take = ?", (take,)).fetchall()
        return {service: CandidError(what, do) for service, what, do in rows}

    # --- sign-ins at services -----------------------------------------------------------------------------------------

    def go_away(self, visitor: Visitor, service: str, state: str, sealed: str, take: str) -> None:
        """Somebody goes to sign in at a service. One at a time: what they had begun before counts no more."""
        with self._writing() as db:
            db.execute("DELETE FROM away WHERE made < ?", (self._now() - _AWAY_SECONDS,))
            row = (visitor.session, service, _hash(state), sealed, take, self._now())
            db.execute("INSERT OR REPLACE INTO away VALUES (?, ?, ?, ?, ?, ?)", row)

    def come_back(self, visitor: Visitor, service: str, state: str) -> tuple[str, str] | None:
        """What was kept for a sign-in, and the take that it was for; once. None where it is no sign-in of theirs."""
        with self._writing() as db:
            row = db.execute(
                "DELETE FROM away WHERE session = ? AND service = ? AND state = ? AND made > ? RETURNING sealed, take",
                (visitor.session, service, _hash(state), self._now() - _AWAY_SECONDS),
            ).fetchone()
        return (str(row[0]), str(row[1])) if row else None

    # --- suggestions that wait ----------------------------------------------------------------------------------------

    def hold(self, text: str, by: str, voter: str) -> None:
        with self._writing() as db:
            db.execute(
                "INSERT INTO waiting (text, name, voter, made) VALUES (?, ?, ?, ?)", (text, by, voter, self._now())
            )

    def waiting(self) -> tuple[Waiting, ...]:
        with self._reading() as db:
            rows = db.execute("SELECT id, text, name, voter, made FROM waiting ORDER BY id").fetchall()
        return tuple(Waiting(*row) for row in rows)

    def release(self, id: int) -> Waiting | None:
        """Takes a suggestion out of those that wait; None where somebody else did."""
        with self._writing() as db:
            row = db.execute("DELETE FROM waiting WHERE id = ? RETURNING id, text, name, voter, made", (id,)).fetchone()
        return Waiting(*row) if row else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, in a transaction that is kept where nothing went wrong."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._taken()
            try:
                yield db
            finally:
                self._idle.append(db)
        except sqlite3.Error as fault:
            raise WorkspaceError(f"{self.path} cannot be used: {fault}.", "Look whether its disk is full.") from fault

    def _taken(self) -> sqlite3.Connection:
        """One that nobody uses: as many are open as there were requests at once."""
        with suppress(IndexError):
            return self._idle.pop()
        db = sqlite3.connect(self.path, timeout=_WAIT_MS / 1000, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        return db


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
