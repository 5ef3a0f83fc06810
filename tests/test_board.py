"""The board loses no vote and makes nothing twice, however many use it at once and whatever is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import topics as commands
from pipeline import board as boards
from pipeline.board import Ballot, Board, Wish, open_board
from pipeline.errors import BoardError
from pipeline.model import Topic
from pipeline.web.boards import Boards

SPAWN = multiprocessing.get_context("spawn")
MANY = 20


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "recipes" / "board.sqlite3"


@pytest.fixture
def board(path):
    with open_board(path) as board:
        yield board


def rows(path: Path, query: str) -> list[tuple]:
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


# --- suggest ----------------------------------------------------------------------------------------------------------


def test_a_topic_is_kept_as_it_was_meant(board):
    topic = board.suggest("  Drop a\n piano\t on Zoe\u0308's server 🎹 ", by=" Ada  L. ", voter="ada")
    assert topic == board.get(topic.id)
    assert (topic.text, topic.names, topic.votes) == ("Drop a piano on Zoë's server 🎹", ("Ada L.",), 1)
    assert (topic.status, topic.recipe, topic.link, topic.into) == ("new", "", "", None)
    assert topic.suggested.endswith("Z") and "T" in topic.suggested


def test_the_same_words_are_one_topic_with_all_names_and_votes(board):
    first = board.suggest("Straße kühlen", by="Ada", voter="a")
    again = board.suggest(" STRASSE   KÜHLEN", by="Ben", voter="b")
    board.suggest("Straße kühlen", by="Ben", voter="b")
    assert again.id == first.id
    assert board.get(first.id).names == board.names(first.id) == ("Ada", "Ben")
    assert board.get(first.id).votes == 2
    assert len(board.list()) == 1


def test_a_source_is_heard_once_whatever_it_says_later(board):
    first = board.suggest("A tour of the cellar", source="youtube:1")
    assert board.suggest("Something else", by="Eve", voter="e", source="youtube:1") == first
    other = board.suggest("A tour of the cellar", voter="f", source="youtube:2")
    assert (other.id, other.votes) == (first.id, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"), (" \u200b\ufeff ", "empty"), ("a" * 201, "201"), ("bell \x07", "control"), ("a\x00b", "control"),
        ("\ud800 half", "control"), ("evil \u202etxt.exe", "direction"), ("a \u2066b", "direction"),
        ("<b>bold</b>", "markup"), ("x <script>", "markup"), ("</p>", "markup"),
        ("<!-- -->", "markup"), ("<img src=x onerror=1", "markup"),
    ],
)  # fmt: skip
def test_what_has_no_place_on_a_board_is_refused_in_words(board, text, says):
    with pytest.raises(BoardError, match=says) as refused:
        board.suggest(text)
    assert refused.value.do
    if text.strip(" \u200b\ufeff"):
        with pytest.raises(BoardError, match="name"):
            board.suggest("fine", by=text)
    assert board.list() == ()


@pytest.mark.parametrize("text", ["a", "a" * 200, "is 3 < 4?", "I <3 servers", "👩‍💻 & 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "サーバー", "C# > C++"])
def test_what_people_write_is_taken(board, text):
    assert board.suggest(text, by="a" * 80).text == text
    with pytest.raises(BoardError, match="81"):
        board.suggest("b", by="a" * 81)


@given(st.text(max_size=300))
@settings(max_examples=300)
def test_a_cleaned_text_is_one_short_visible_line_and_stays_the_same(text):
    try:
        cleaned = boards.clean(text)
    except BoardError:
        return
    assert 1 <= len(cleaned) <= 200 and cleaned == cleaned.strip()
    assert cleaned.isprintable() or not any(c in cleaned for c in "\n\r\t\x1b\x00\u202e")
    assert boards.clean(cleaned) == cleaned


def test_many_are_suggested_at_once_and_each_has_its_answer(board):
    heard = list(board.suggest_many([Wish("one", "Ada", "a"), Wish("<b>"), Wish("ONE", "Ben", "b"), Wish("two")]))
    assert [one.how for one in heard] == ["added", "refused", "known", "added"]
    assert "markup" in heard[1].why and heard[1].topic is None
    assert heard[2].topic == board.get(1) and board.get(1).votes == 2


def test_a_copy_leaves_the_board_as_it_is(board):
    board.suggest("one", voter="a")
    with board.copy() as copy:
        assert copy.suggest("two").id == 2
        assert copy.vote(1, "b").votes == 2
    assert [(topic.id, topic.votes) for topic in board.list()] == [(1, 1)]


# --- similar ----------------------------------------------------------------------------------------------------------

SAID = (
    "Drop a piano on a server", "How do you cool a data center in summer?",
    "Wie kühlt ihr ein Rechenzentrum im Sommer?", "Show us the coffee machine in the office",
    "Könnt ihr mal den Serverraum zeigen?", "Explain how backups work",
    "What does a network engineer do all day", "Was macht ein Netzwerktechniker den ganzen Tag",
    "Freeze a hard drive in liquid nitrogen", "Compare fiber and copper cables", "Destroy a table with a hammer",
    "Kaffeemaschine im Büro entkalken", "サーバーを破壊する方法",
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("DROP A PIANO ON A SERVER!!", 0), ("on a server a piano, drop it", 0), ("pianos dropped onto servers", 0),
        ("dorp a pinao on a sever", 0), ("can you please throw a grand piano at the server", 0),
        ("data centre cooling", 1), ("Rechenzentrum kuehlen", 2), ("office coffee maschine", 3),
        ("Serverräume zeigen bitte", 4), ("how does a backup work?", 5), ("day in the life of a network engineer", 6),
        ("Ein Tag als Netzwerktechnikerin", 7),
        ("liquid nitrogen harddrive", 8), ("copper vs fibre cable", 9), ("Kaffemaschine entkalkt im Buero", 11),
        ("サーバー破壊", 12),
    ],
)  # fmt: skip
def test_the_same_wish_in_other_words_is_found_first(board, asked, found):
    for text in SAID:
        board.suggest(text)
    similar = board.similar(asked)
    assert similar[0][0].text == SAID[found]
    assert [score for _, score in similar] == sorted((score for _, score in similar), reverse=True)
    assert all(0.3 <= score <= 1 for _, score in similar)


@pytest.mark.parametrize(
    "asked", ["DROP A PIANO ON A SERVER!!", "dorp a pinao on a sever", "Kaffemaschine im Buero entkalkt"]
)
def test_a_slip_or_another_ending_is_nearly_the_same(board, asked):
    for text in SAID:
        board.suggest(text)
    assert board.similar(asked)[0][1] >= boards.NEARLY_THE_SAME


@pytest.mark.parametrize("asked", ["hello world", "please show us a video", "", "?!", "🐶", "how do you do that"])
def test_what_is_not_there_is_not_found(board, asked):
    for text in SAID:
        board.suggest(text)
    assert board.similar(asked) == ()


def test_another_thing_is_not_nearly_the_same(board):
    for text in SAID:
        board.suggest(text)
    assert all(score < boards.NEARLY_THE_SAME for _, score in board.similar("Destroy a cable with a hammer"))


def test_similar_knows_what_became_of_a_topic(board):
    piano, drop, no, answered = (
        board.suggest(text).id
        for text in ("piano on a server", "drop a piano onto servers", "piano lessons", "piano tuning")
    )
    board.merge(drop, piano)
    board.decline(no, "We cannot play.")
    board.answer(answered, "https://video.example/1")
    assert {topic.id: topic.link for topic, _ in board.similar("piano")} == {
        piano: "",
        answered: "https://video.example/1",
    }
    assert board.similar("drop a piano onto servers")[0][0].id == piano
    assert len(board.similar("piano", limit=1)) == 1
    board.reopen(no)
    assert board.similar("piano lessons")[0] == (board.get(no), 1.0)


# --- list -------------------------------------------------------------------------------------------------------------


def test_trending_weighs_votes_by_age(board, monkeypatch):
    now = time.time()

    def suggested(text: str, days_ago: float, votes: int) -> int:
        monkeypatch.setattr(boards.time, "time", lambda: now - days_ago * 86400)
        id = board.suggest(text).id
        for voter in range(votes):
            board.vote(id, str(voter))
        return id

    old_favorite, old, young, fresh = (
        suggested("old favorite", 21, 63), suggested("old", 21, 3), suggested("young", 1, 3), suggested("fresh", 0, 0)
    )  # fmt: skip
    assert [topic.id for topic in board.list()] == [old_favorite, young, fresh, old]
    assert [topic.id for topic in board.list("new")] == [fresh, young, old, old_favorite]
    assert [topic.id for topic in board.list(limit=2, offset=1)] == [young, fresh]
    for voter in range(63):
        board.unvote(old_favorite, str(voter))
    assert board.list()[-1].id == old_favorite


def test_a_list_can_hold_one_status(board):
    ids = [board.suggest(f"topic number {n}").id for n in range(6)]
    board.decline(ids[0], "no")
    board.merge(ids[1], ids[2])
    board.queue(ids[3], lambda topic: "three")
    board.answer(ids[4], "https://video.example/4")
    by_status = {status: [topic.id for topic in board.list(status=status)] for status in boards.STATUSES}
    assert by_status == {
        "new": [ids[5], ids[2]], "planned": [ids[3]], "answered": [ids[4]], "declined": [ids[0]], "merged": [ids[1]]
    }  # fmt: skip
    assert {topic.id for topic in board.list()} == {*ids[2:]}
    with pytest.raises(BoardError, match="status"):
        board.list(status="lost")
    with pytest.raises(BoardError, match="order"):
        board.list(order="best")


def test_lists_are_read_from_an_index_and_not_sorted(board, path):
    for order, where in (("trending", None), ("trending", "new"), ("new", None), ("new", "declined")):
        said: list[str] = []
        board._db.set_trace_callback(said.append)
        board.list(order, where)
        board._db.set_trace_callback(None)
        plan = rows(path, f"EXPLAIN QUERY PLAN {said[0]}")
        assert not any("TEMP B-TREE" in row[3] for row in plan), (order, where, plan)


# --- vote -------------------------------------------------------------------------------------------------------------


def test_everybody_counts_once(board):
    id = board.suggest("one").id
    assert [board.vote(id, voter).votes for voter in ("a", "a", "b")] == [1, 1, 2]
    assert [board.unvote(id, voter).votes for voter in ("a", "a", "c", "b")] == [1, 1, 1, 0]
    with pytest.raises(BoardError, match="voter is empty"):
        board.vote(id, " ")


@pytest.mark.parametrize("id", [0, -1, 7, 10**30])
def test_a_topic_that_is_not_there(board, id):
    for ask in (board.get, board.names, board.reopen, lambda id: board.vote(id, "a"), lambda id: board.merge(id, id)):
        with pytest.raises(BoardError, match=f"no topic {id}"):
            ask(id)


def test_a_vote_for_a_merged_topic_goes_where_it_went(board):
    a, b, c = (board.suggest(text, by=text.upper(), voter="v").id for text in ("one", "two", "three"))
    board.vote(a, "w")
    board.merge(a, b)
    assert board.merge(b, c).votes == 2
    assert board.vote(a, "x").id == c and board.get(c).votes == 3
    assert board.unvote(b, "v").votes == 2
    assert board.names(a) == ("THREE", "TWO", "ONE")
    assert (board.get(a).into, board.get(a).status, board.get(a).votes) == (b, "merged", 0)
    assert board.suggest("ONE", voter="y").id == c and len(board.list()) == 1


def test_a_declined_topic_takes_no_votes(board):
    id = board.suggest("burn money", voter="a").id
    assert board.decline(id, " We  need it. ").why == "We need it."
    with pytest.raises(BoardError, match=r"declined: We need it\."):
        board.vote(id, "b")
    assert board.decline(id, "Really.").why == "Really."
    assert (board.reopen(id).status, board.get(id).why) == ("new", "")
    assert board.vote(id, "b").votes == 2


# --- decide -----------------------------------------------------------------------------------------------------------


def test_merging_counts_voters_once_and_can_be_said_twice(board):
    a, b = board.suggest("one", voter="x").id, board.suggest("two", voter="x").id
    board.vote(a, "y")
    assert board.merge(a, b).votes == board.merge(a, b).votes == 2
    for wrong in ((b, b), (b, a)):
        with pytest.raises(BoardError, match="into itself"):
            board.merge(*wrong)
    with pytest.raises(BoardError, match="was merged into topic 2"):
        board.merge(a, board.suggest("three").id)
    with pytest.raises(BoardError, match="was merged into topic 2"):
        board.decline(a, "no")


def test_a_recipe_goes_along_but_two_do_not_become_one(board):
    a, b, c = (board.suggest(text).id for text in ("one", "two", "three"))
    board.queue(a, lambda topic: "one")
    merged = board.merge(a, b)
    assert (merged.status, merged.recipe) == ("planned", "one")
    board.queue(c, lambda topic: "three")
    with pytest.raises(BoardError, match="Both topics have a recipe"):
        board.merge(c, b)
    assert board.get(c).status == "planned"


def test_nothing_is_merged_into_a_declined_topic_but_a_declined_one_may_go(board):
    a, b = board.suggest("piano one").id, board.suggest("piano two").id
    board.decline(b, "no")
    with pytest.raises(BoardError, match="was declined"):
        board.merge(a, b)
    assert board.merge(b, a).status == "new"
    assert board.similar("piano two")[0][0].id == a


def test_an_answer_has_a_link_on_the_web(board):
    id = board.suggest("one").id
    for wrong in (
        "",
        "video",
        "javascript:alert(1)",
        "ftp://a.example/1",
        "https://",
        "https://a b",
        'https://a.example/"x',
        "http://[1",
    ):
        with pytest.raises(BoardError, match="no address"):
            board.answer(id, wrong)
    assert board.answer(id, " https://video.example/w?v=1&t=2 ").link == "https://video.example/w?v=1&t=2"
    assert board.get(id).status == "answered"
    with pytest.raises(BoardError, match="answered"):
        board.decline(id, "no")
    with pytest.raises(BoardError, match="answered"):
        board.queue(id, lambda topic: pytest.fail("no recipe is written"))
    board.decline(board.suggest("two").id, "no")
    with pytest.raises(BoardError, match="declined"):
        board.answer(2, "https://video.example/2")


def test_the_same_topic_is_not_opened_twice(board):
    first = board.suggest("one").id
    board.decline(first, "no")
    assert board.suggest("one").id != first
    with pytest.raises(BoardError, match="says the same"):
        board.reopen(first)


def test_a_topic_becomes_a_recipe_once(board, tmp_path):
    id = board.suggest("Drop a piano", by="Ada").id
    written: list[Topic] = []

    def write(topic: Topic) -> str:
        written.append(topic)
        return f"piano-{len(written)}"

    first, again = board.queue(id, write), board.queue(id, write)
    assert first == again and (first.status, first.recipe) == ("planned", "piano-1")
    assert [topic.names for topic in written] == [("Ada",)]


@pytest.mark.parametrize(
    "fault", [BoardError("The disk is full."), PermissionError("recipes/one.toml"), KeyboardInterrupt()]
)
def test_where_writing_the_recipe_fails_the_topic_stays_as_it_was(board, fault):
    before = board.suggest("one")

    def write(topic: Topic) -> str:
        raise fault

    with pytest.raises(type(fault)) as told:
        board.queue(before.id, write)
    assert told.value is fault and board.get(before.id) == before
    assert board.vote(before.id, "a").votes == 1  # nothing is left locked


@given(
    st.lists(
        st.tuples(st.sampled_from("vvvumdr"), st.integers(1, 4), st.integers(1, 4), st.sampled_from("abc")), max_size=40
    )
)
@settings(max_examples=60)
def test_votes_are_the_number_of_voters_whatever_happens(steps):
    with open_board_in_memory() as board:
        for id in range(1, 5):
            board.suggest(f"topic {id}")
        voted: dict[int, set[str]] = {id: set() for id in range(1, 5)}  # what should be
        for step, a, b, voter in steps:
            target = board._target(a)
            try:
                if step == "v":
                    board.vote(a, voter)
                    voted[target].add(voter)
                elif step == "u":
                    board.unvote(a, voter)
                    voted[target].discard(voter)
                elif step == "m":
                    into = board.merge(a, b).id
                    if into != a:
                        voted[into] |= voted[a]
                        voted[a] = set()
                elif step == "d":
                    board.decline(a, "no")
                else:
                    board.reopen(a)
            except BoardError:
                pass
            assert {id: board.get(id).votes for id in voted} == {id: len(voters) for id, voters in voted.items()}
        stored = board._db.execute("SELECT topic, COUNT(*) FROM votes GROUP BY topic").fetchall()
        assert dict(stored) == {id: len(voters) for id, voters in voted.items() if voters}
        said = board._db.execute("SELECT word, COUNT(*) FROM said GROUP BY word ORDER BY word").fetchall()
        counted = board._db.execute("SELECT id, topics FROM words WHERE topics > 0 ORDER BY id").fetchall()
        assert [*map(tuple, said)] == [*map(tuple, counted)]


@given(st.lists(st.builds(Ballot, st.integers(1, 6), st.sampled_from("abc "), st.booleans()), max_size=30))
@settings(max_examples=60)
def test_ballots_cast_together_are_counted_as_one_after_another(ballots):
    with pytest.MonkeyPatch.context() as patch, open_board_in_memory() as together, open_board_in_memory() as alone:
        patch.setattr(boards.time, "time", lambda: 1_800_000_000)  # of both: they say when a topic was suggested
        for board in (together, alone):
            for id in range(1, 6):
                board.suggest(f"topic {id}")
            board.merge(2, 1)
            board.decline(3, "no")
        told = together.cast(ballots)
        for ballot, answer in zip(ballots, told, strict=True):
            ask = alone.vote if ballot.counts else alone.unvote
            try:
                assert ask(ballot.topic, ballot.voter).id == answer.id
            except BoardError as fault:
                assert str(fault) == str(answer)
        assert together.list("new") == alone.list("new")
        last = {topic.id: topic for topic in together.list("new")}
        assert all(answer == last[answer.id] for answer in told if isinstance(answer, Topic) and answer.id in last)


def open_board_in_memory() -> Board:
    return open_board(Path(":memory:"))


# --- many at once, and killed -----------------------------------------------------------------------------------------


def _write(folder: Path, topic: Topic) -> str:
    """As a recipe is written: a file that lies there for this topic is taken."""
    for path in folder.glob("*.txt"):
        if path.read_text() == str(topic.id):
            return path.stem
    slug = f"recipe-{topic.id}-{os.getpid()}"
    (folder / f"{slug}.txt").write_text(str(topic.id))
    return slug


def _take_part(path: Path, me: int, start) -> None:
    start.wait(60)
    with open_board(path) as board:
        ids = [board.suggest(f"shared topic {n}", by=f"name {me}", voter=f"voter {me}").id for n in range(3)]
        board.suggest(f"only mine, {me}", voter=f"voter {me}")
        for id in ids:
            board.vote(id, f"second voter {me}")
        board.unvote(ids[2], f"voter {me}")
        board.queue(ids[0], lambda topic: _write(path.parent, topic))


def test_twenty_processes_at_once_lose_nothing_and_make_nothing_twice(path):
    start = SPAWN.Event()
    path.parent.mkdir()
    people = [SPAWN.Process(target=_take_part, args=(path, me, start)) for me in range(MANY)]
    for person in people:
        person.start()
    start.set()  # all of them open a board that is not there yet
    for person in people:
        person.join(120)
    assert [person.exitcode for person in people] == [0] * MANY
    with open_board(path) as board:
        topics = {topic.text: topic for topic in board.list(limit=1000)}
        assert len(topics) == 3 + MANY
        assert [topics[f"shared topic {n}"].votes for n in range(3)] == [2 * MANY, 2 * MANY, MANY]
        assert all(topics[f"only mine, {me}"].votes == 1 for me in range(MANY))
        assert {*topics["shared topic 1"].names} == {f"name {me}" for me in range(MANY)}
    recipes = [file.stem for file in path.parent.glob("*.txt")]
    assert recipes == [topics["shared topic 0"].recipe]


def test_boards_that_share_a_turn_lose_nothing_and_leave_the_log_to_the_checkpoint(path, board):
    turn, topic = threading.Lock(), board.suggest("one").id
    board.checkpoint()
    log = path.with_name(path.name + "-wal")

    def vote(me: int) -> None:
        with open_board(path) as mine:
            mine.share(turn)
            for number in range(60):
                mine.vote(topic, f"voter {me} {number}")

    size = path.stat().st_size
    people = [threading.Thread(target=vote, args=(me,)) for me in range(MANY)]
    for person in people:
        person.start()
    for person in people:
        person.join(120)
    assert board.get(topic).votes == 60 * MANY
    assert path.stat().st_size == size and log.stat().st_size > 4 << 20, "by itself SQLite would have done it by now"
    board.checkpoint()
    assert path.stat().st_size > size
    assert board.get(topic).votes == 60 * MANY


def test_a_board_writes_in_its_turn_and_waits_for_it_no_longer_than_for_others(path, board, monkeypatch):
    monkeypatch.setattr(boards, "_WAIT_MS", 400)
    turn, topic = threading.Lock(), board.suggest("one").id
    board.share(turn)
    with turn:
        began = time.monotonic()
        with pytest.raises(BoardError, match="in use"):
            board.vote(topic, "a")
        assert 0.4 <= time.monotonic() - began < 5
        assert board.get(topic).votes == 0, "it can still be read"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BoardError, match="in use"):
        board.vote(topic, "a")
    assert not turn.locked(), "whoever gives up leaves the turn to others"
    other.execute("ROLLBACK")
    other.close()
    assert board.vote(topic, "a").votes == 1


def test_boards_are_brought_into_their_file_where_there_is_one(path):
    some = Boards(path)
    some.checkpoint()
    assert not path.exists()
    with some.one() as board:
        board.suggest("one")
    before = path.read_bytes()
    some.checkpoint()
    assert path.read_bytes() != before
    some.close()
    assert not path.with_name(path.name + "-wal").exists()


def _vote_on(path: Path, ready) -> None:
    with open_board(path) as board:
        for n in range(1_000_000):
            board.vote(1, f"voter {n}")
            if n == 20:
                ready.set()


def _killed(target, *args) -> None:
    """Starts a process and kills it some time after it has said that it is at work."""
    ready = SPAWN.Event()
    process = SPAWN.Process(target=target, args=(*args, ready))
    process.start()
    assert ready.wait(60)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_killed_in_a_burst_of_votes_the_counter_is_the_number_of_votes(board, path):
    board.suggest("one")
    counted = 0
    for _ in range(4):
        _killed(_vote_on, path)
        topic = board.get(1)
        assert topic.votes == rows(path, "SELECT COUNT(*) FROM votes")[0][0] > 20
        assert topic.votes >= counted
        counted = topic.votes
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def _write_and_hang(path: Path, ready) -> None:
    def write(topic: Topic) -> str:
        _write(path.parent, topic)
        ready.set()
        time.sleep(120)
        return "never"

    with open_board(path) as board:
        board.queue(1, write)


def test_killed_between_recipe_and_board_the_recipe_that_lies_there_is_taken(board, path):
    board.suggest("one")
    _killed(_write_and_hang, path)
    assert board.get(1).status == "new"
    topic = board.queue(1, lambda topic: _write(path.parent, topic))
    assert [file.stem for file in path.parent.glob("*.txt")] == [topic.recipe]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_board_of_version_1_is_brought_to_the_newest(path, monkeypatch):
    """Written by hand as version 1 was, with one step more than there is today."""
    path.parent.mkdir()
    db = sqlite3.connect(path)
    for step in boards._MIGRATIONS[0]:
        db.execute(step)
    db.execute(
        "INSERT INTO topics (text, plain, votes, hot, suggested) VALUES ('Piano', 'piano', 1, 2900.5, 1754000000)"
    )
    db.execute("INSERT INTO votes VALUES (1, 'ada')")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    newer = (*boards._MIGRATIONS, ("ALTER TABLE topics ADD COLUMN color TEXT NOT NULL DEFAULT 'red'",))
    monkeypatch.setattr(boards, "_MIGRATIONS", newer)
    for votes in (1, 2):
        with open_board(path) as board:
            assert board.get(1) == Topic(1, "Piano", "new", votes, "2025-07-31T22:13:20Z")
            assert board.vote(1, "ben").votes == 2
    assert rows(path, "SELECT color FROM topics") == [("red",)]
    assert rows(path, "PRAGMA user_version") == [(len(newer),)]


def test_a_step_that_fails_leaves_the_old_version(path, monkeypatch):
    open_board(path).close()
    bad = (*boards._MIGRATIONS, ("ALTER TABLE topics ADD COLUMN color TEXT", "this is no SQL"))
    with monkeypatch.context() as patched, pytest.raises(BoardError):
        patched.setattr(boards, "_MIGRATIONS", bad)
        open_board(path)
    with open_board(path) as board:
        assert board.suggest("one").id == 1


def test_a_board_of_a_newer_candid_is_refused(path):
    open_board(path).close()
    rows(path, "PRAGMA user_version = 99")
    with pytest.raises(BoardError, match="newer Candid"):
        open_board(path)


def test_write_ahead_logging_is_on(board, path):
    board.suggest("one")
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_another_process_that_holds_the_board_is_told_in_words(path, monkeypatch):
    monkeypatch.setattr(boards, "_WAIT_MS", 300)
    with open_board(path) as board:
        id = board.suggest("one").id
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BoardError, match="in use") as told:
            board.vote(id, "a")
        assert "Try again" in told.value.do
        assert board.get(id).votes == 0  # it can still be read
        other.execute("ROLLBACK")
        other.close()
        assert board.vote(id, "a").votes == 1


@pytest.mark.parametrize(
    "content", [b"x" * 40, b"not a database at all, " * 500, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_file_that_is_no_board_is_never_overwritten(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(BoardError, match="left as it is"):
        open_board(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_left_alone(path):
    path.parent.mkdir()
    rows(path, "CREATE TABLE songs (name)")
    before = path.read_bytes()
    with pytest.raises(BoardError, match="another program"):
        open_board(path)
    assert path.read_bytes() == before


def test_a_board_that_is_damaged_in_the_middle_is_told_in_words(path):
    with open_board(path) as board:
        list(board.suggest_many([Wish(f"a topic with the number {n}") for n in range(500)]))
    content = bytearray(path.read_bytes())
    content[8192:-4096] = b"\xff" * len(content[8192:-4096])
    path.write_bytes(content)
    with pytest.raises(BoardError, match="damaged"), open_board(path) as board:
        board.suggest("one more")
    assert path.read_bytes() == content


def _as_nobody(path: Path, said) -> None:
    if os.getuid() == 0:
        os.setuid(65534)  # rights do not stop root
    try:
        with open_board(path) as board:
            board.vote(1, "nobody")
            said.send("voted")
    except BoardError as fault:
        said.send(str(fault))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="rights are taken from a forked process")
@pytest.mark.parametrize("read_only", ["folder", "file", "unmade folder"])
def test_a_board_that_cannot_be_written_is_told_in_words(tmp_path, read_only):
    closed = {folder: folder.stat().st_mode for folder in (tmp_path, *tmp_path.parents[:2])}
    for folder in closed:
        folder.chmod(0o755)  # pytest's folders are for their owner alone
    path = tmp_path / "recipes" / "board.sqlite3"
    if read_only != "unmade folder":
        with open_board(path) as board:
            board.suggest("one")
        path.chmod(0o666 if read_only == "folder" else 0o444)
        path.parent.chmod(0o555 if read_only == "folder" else 0o777)
    else:
        tmp_path.chmod(0o555)
    hear, said = multiprocessing.Pipe()
    child = os.fork()
    if child == 0:
        _as_nobody(path, said)
        os._exit(0)
    os.waitpid(child, 0)
    assert hear.poll(10)
    told = hear.recv()
    hear.close()
    said.close()
    for folder, mode in closed.items():
        folder.chmod(mode)
    assert "cannot be opened for writing" in told and "right to write" in told


def test_a_folder_where_the_board_should_be_is_told_in_words(path):
    path.mkdir(parents=True)
    with pytest.raises(BoardError, match="cannot be opened"):
        open_board(path)


# --- the commands -----------------------------------------------------------------------------------------------------


def candid(workspace: Path, *arguments: object, stdin: str | None = None):
    """Runs `candid topics ...` in a workspace."""
    (workspace / "recipes").mkdir(exist_ok=True)
    return CliRunner().invoke(commands.topics, [*map(str, arguments)], obj=workspace, input=stdin)


def told(workspace: Path, *arguments: object) -> dict:
    result = candid(workspace, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_commands_and_board_know_the_same_words():
    assert (commands.ORDERS, commands.STATUSES) == (boards.ORDERS, boards.STATUSES)


def test_the_life_of_a_topic_on_the_command_line(tmp_path, path):
    added = told(tmp_path, "suggest", "Drop a piano on a server", "--by", "Ada")
    assert added["added"] and added["topic"]["names"] == ["Ada"] and added["similar"] == []
    assert told(tmp_path, "vote", 1, "--by", "Ben")["votes"] == 2
    assert told(tmp_path, "unvote", 1, "--by", "Ben")["votes"] == 1
    assert told(tmp_path, "vote", 1) == told(tmp_path, "vote", 1)  # your user name counts once
    assert told(tmp_path, "suggest", "Freeze a printer")["topic"]["id"] == 2
    assert told(tmp_path, "merge", 2, 1)["id"] == 1
    assert told(tmp_path, "suggest", "Burn money")["topic"]["id"] == 3
    assert told(tmp_path, "decline", 3, "--why", "We need it.")["why"] == "We need it."
    assert told(tmp_path, "reopen", 3)["status"] == "new"
    assert told(tmp_path, "answer", 1, "https://video.example/1")["link"] == "https://video.example/1"
    assert [topic["id"] for topic in told(tmp_path, "list")["topics"]] == [1, 3]
    assert [topic["id"] for topic in told(tmp_path, "list", "--order", "new", "--limit", 1)["topics"]] == [3]
    assert [topic["id"] for topic in told(tmp_path, "list", "--status", "merged")["topics"]] == [2]
    assert told(tmp_path, "show", 1)["names"] == ["Ada"]
    assert "https://video.example/1" in candid(tmp_path, "show", 1).stdout
    assert "Burn money" in candid(tmp_path, "list").stdout
    assert path.exists()


def test_a_topic_is_queued_as_a_recipe_once(tmp_path):
    told(tmp_path, "suggest", "Drop a piano", "--by", "Ada")
    queued = told(tmp_path, "queue", 1)
    assert queued == told(tmp_path, "queue", 1) and queued["status"] == "planned"
    files = [*(tmp_path / "recipes").glob("*.toml")]
    assert [file.stem for file in files] == [queued["recipe"]]
    assert "Drop a piano" in files[0].read_text()


def test_a_recipe_that_was_deleted_is_written_again(tmp_path):
    told(tmp_path, "suggest", "Drop a piano", "--by", "Ada")
    path = tmp_path / "recipes" / f"{told(tmp_path, 'queue', 1)['recipe']}.toml"
    path.unlink()
    assert told(tmp_path, "queue", 1)["recipe"] == path.stem
    assert 'asked_by = "Ada"' in path.read_text()


def test_the_very_same_words_are_similar_even_where_none_is_a_word(board):
    topic = board.suggest("🎉🎉🎉")
    board.answer(topic.id, "https://video.example/1")
    assert [(found.id, score) for found, score in board.similar("🎉🎉🎉")] == [(topic.id, 1.0)]


def test_what_is_nearly_there_is_added_only_when_it_is_meant(tmp_path):
    told(tmp_path, "suggest", "Drop a piano on a server")
    candid(tmp_path, "answer", 1, "https://video.example/piano")
    refused = candid(tmp_path, "suggest", "drop pianos on a server", stdin="y\n")  # nobody sits at a terminal
    assert isinstance(refused.exception, BoardError) and "candid topics vote 1" in refused.exception.do
    assert "https://video.example/piano" in refused.stdout
    as_json = candid(tmp_path, "suggest", "drop pianos on a server", "--json")
    assert as_json.exit_code == 1 and "--yes" in json.loads(as_json.stdout)["error"]["do"]
    assert len(told(tmp_path, "list")["topics"]) == 1
    assert candid(tmp_path, "suggest", "drop pianos on a server", "--yes").stdout.count("Added as topic 2") == 1
    again = told(tmp_path, "suggest", "Drop pianos  on a SERVER", "--by", "Ben")  # the very same words are a vote
    assert (again["added"], again["topic"]["votes"]) == (False, 2)


@pytest.mark.parametrize(("answer", "topics"), [("y\n", 2), ("n\n", 1)])
def test_at_a_terminal_one_is_asked(tmp_path, monkeypatch, answer, topics):
    told(tmp_path, "suggest", "Drop a piano on a server")
    monkeypatch.setattr(commands, "_at_a_terminal", lambda: True)
    said = candid(tmp_path, "suggest", "drop pianos on a server", stdin=answer)
    assert said.exit_code == 0 and "all the same?" in said.stdout
    assert len(told(tmp_path, "list")["topics"]) == topics


def test_a_csv_file_is_imported_with_its_wrong_rows_named(tmp_path):
    file = tmp_path / "topics.csv"
    lines = ["\ufeffBy;Text;more", 'Ada;"Piano; on\r\na server";x', "Ben;<b>no</b>", ";Backups", "Eve;", "Ben;BACKUPS"]
    file.write_bytes("\r\n".join(lines).encode())
    for dry in (["--dry-run"], []):
        said = candid(tmp_path, "import", file, *dry)
        assert said.exit_code == 1  # something was refused
        assert "row 3: The topic holds markup" in said.stdout and "row 5: The topic is empty" in said.stdout
        assert len(told(tmp_path, "list")["topics"]) == (0 if dry else 2)
    result = candid(tmp_path, "import", file, "--json")
    counts = json.loads(result.stdout)
    assert (counts["added"], counts["known"], counts["refused"]) == (0, 3, 2)
    assert [(t["text"], t["names"], t["votes"]) for t in told(tmp_path, "list", "--order", "new")["topics"]] == [
        ("Backups", ["Ben"], 1),
        ("Piano; on a server", ["Ada"], 1),
    ]


def test_a_json_file_holds_strings_or_objects(tmp_path):
    file = tmp_path / "topics.json"
    file.write_text(json.dumps(["Piano", {"text": "Backups", "by": "Ada"}, 7, {"by": "Eve"}, None]))
    said = candid(tmp_path, "import", file)
    assert "Added: 2, known: 0, refused: 3" in said.stdout and "row 3: " in said.stdout
    assert {t["text"] for t in told(tmp_path, "list")["topics"]} == {"Piano", "Backups"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "no column named text"), ("a.csv", b"name,by\nx,y\n", "no column named text"),
        ("a.csv", "text\nüber".encode("cp1252"), "UTF-8"), ("a.csv", b"text\n\"" + b"x" * 200_000, "no valid CSV"),
        ("a.json", b"{}", "holds no list"), ("a.json", b"[", "no valid JSON"),
        ("a.json", b"[" * 100_000, "no valid JSON"), ("missing.csv", None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_told_in_words(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = candid(tmp_path, "import", tmp_path / name)
    assert isinstance(said.exception, BoardError) and says in str(said.exception)
