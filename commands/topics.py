"""candid topics: the audience's suggestions."""

from __future__ import annotations

import contextlib
import csv
import getpass
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import talk
from pipeline.errors import BoardError

if TYPE_CHECKING:
    from pipeline.board import Board, Heard, Wish
    from pipeline.model import Topic

# As pipeline.board has them; a test holds both together.
ORDERS = ("trending", "new")
STATUSES = ("new", "planned", "answered", "declined", "merged")

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_voter = click.option("--by", help="Who votes (default: your user name on this machine).")
_id = click.argument("id", type=int)


@click.group()
def topics() -> None:
    """The audience's suggestions."""


@contextlib.contextmanager
def _board(named: Path | None) -> Iterator[Board]:
    from pipeline.board import open_board

    with open_board(talk.workspace(named).board) as board:
        yield board


# --- suggest ----------------------------------------------------------------------------------------------------------


@topics.command()
@click.argument("text")
@click.option("--by", default="", help="Who asks, if they wish to be named.")
@click.option("--yes", is_flag=True, help="Add it even if there is one that is nearly the same.")
@_json
@click.pass_obj
def suggest(named: Path | None, text: str, by: str, yes: bool, as_json: bool) -> None:
    """Suggests a topic, and shows those that are like it first."""
    from pipeline.board import Wish, clean

    with _board(named) as board:
        similar = board.similar(clean(text))
        if not as_json:
            _say_similar(similar)
        near = _nearly_the_same(text, similar)
        if near and not yes:
            if as_json or not _at_a_terminal():
                _say_not_added(near, similar, as_json)
            if not click.confirm("Add yours all the same?"):
                click.echo(f"Not added. Vote for the other one with: candid topics vote {near.id}")
                return
        heard = next(board.suggest_many([Wish(text, by, by or _user())]))
    if heard.topic is None:
        raise BoardError(heard.why)
    if as_json:
        added = heard.how == "added"
        talk.say_json({"topic": asdict(heard.topic), "added": added, "similar": _as_json(similar), "error": None})
        return
    click.echo(f"{'Added as' if heard.how == 'added' else 'That is already'} {_told(heard.topic)}")


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _nearly_the_same(text: str, similar: Sequence[tuple[Topic, float]]) -> Topic | None:
    """A topic that probably means the same, in other words. The very same words only become another vote for it."""
    from pipeline.board import NEARLY_THE_SAME, OPEN, same

    if any(same(topic.text, text) and topic.status in OPEN for topic, _ in similar):
        return None
    return next((topic for topic, score in similar if score >= NEARLY_THE_SAME), None)


def _say_not_added(near: Topic, similar: Sequence[tuple[Topic, float]], as_json: bool) -> None:
    """The words that end a suggestion which is there already."""
    fault = BoardError(
        f"Not added: topic {near.id} is nearly the same: {near.text}",
        f"Vote for it with: candid topics vote {near.id}. To add yours all the same, say --yes.",
    )
    if as_json:
        error = {"what": fault.what, "do": fault.do}
        talk.say_json({"topic": None, "added": False, "similar": _as_json(similar), "error": error})
        sys.exit(1)
    raise fault


def _say_similar(similar: Sequence[tuple[Topic, float]]) -> None:
    if similar:
        click.echo("There are topics like that:")
    for topic, _ in similar:
        click.echo(f"  {_told(topic)}")
        if topic.link:
            click.echo(f"     answered by {topic.link}")


def _as_json(similar: Sequence[tuple[Topic, float]]) -> list[dict[str, Any]]:
    return [{**asdict(topic), "score": score} for topic, score in similar]


# --- look -------------------------------------------------------------------------------------------------------------


@topics.command(name="list")
@click.option("--order", type=click.Choice(ORDERS), default="trending", show_default=True, help="What comes first.")
@click.option("--status", type=click.Choice(STATUSES), help="Only these (default: new, planned and answered).")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@_json
@click.pass_obj
def list_(named: Path | None, order: str, status: str | None, limit: int, as_json: bool) -> None:
    """Lists the topics: those with many and young votes first, or the latest first."""
    with _board(named) as board:
        found = board.list(order, status, limit)
    if as_json:
        talk.say_json({"topics": [asdict(topic) for topic in found]})
        return
    rows = [(topic.id, topic.votes, topic.status, topic.text, topic.link or topic.recipe) for topic in found]
    titles = ("id", "votes", "status", "topic", "recipe or video")
    talk.say_table(titles, rows, "There are no topics yet. Suggest one: candid topics suggest TEXT")


@topics.command()
@_id
@_json
@click.pass_obj
def show(named: Path | None, id: int, as_json: bool) -> None:
    """Shows one topic with all that is known of it."""
    with _board(named) as board:
        topic = board.get(id)
    if as_json:
        talk.say_json(asdict(topic))
        return
    click.echo(_told(topic))
    told = {
        "suggested": topic.suggested,
        "asked by": ", ".join(topic.names),
        "recipe": topic.recipe,
        "answered by": topic.link,
        "why": topic.why,
        "merged into": topic.into,
    }
    for what, value in told.items():
        if value:
            click.echo(f"  {what}: {value}")


# --- vote and decide --------------------------------------------------------------------------------------------------


@topics.command()
@_id
@_voter
@_json
@click.pass_obj
def vote(named: Path | None, id: int, by: str | None, as_json: bool) -> None:
    """Votes for a topic; everybody counts once."""
    with _board(named) as board:
        _say(board.vote(id, by or _user()), as_json)


@topics.command()
@_id
@_voter
@_json
@click.pass_obj
def unvote(named: Path | None, id: int, by: str | None, as_json: bool) -> None:
    """Takes a vote for a topic back."""
    with _board(named) as board:
        _say(board.unvote(id, by or _user()), as_json)


@topics.command()
@click.argument("a", type=int)
@click.argument("b", type=int)
@_json
@click.pass_obj
def merge(named: Path | None, a: int, b: int, as_json: bool) -> None:
    """Merges topic A into topic B, with its votes and names."""
    with _board(named) as board:
        _say(board.merge(a, b), as_json)


@topics.command()
@_id
@click.option("--why", required=True, help="The reason, which everybody can read.")
@_json
@click.pass_obj
def decline(named: Path | None, id: int, why: str, as_json: bool) -> None:
    """Declines a topic, and says why."""
    with _board(named) as board:
        _say(board.decline(id, why), as_json)


@topics.command()
@_id
@_json
@click.pass_obj
def reopen(named: Path | None, id: int, as_json: bool) -> None:
    """Opens a topic again that was declined."""
    with _board(named) as board:
        _say(board.reopen(id), as_json)


@topics.command()
@_id
@click.argument("link")
@_json
@click.pass_obj
def answer(named: Path | None, id: int, link: str, as_json: bool) -> None:
    """Marks a topic as answered by the video at LINK."""
    with _board(named) as board:
        _say(board.answer(id, link), as_json)


@topics.command()
@_id
@_json
@click.pass_obj
def queue(named: Path | None, id: int, as_json: bool) -> None:
    """Makes a recipe of a topic, so that somebody can record it."""
    from pipeline import recipes

    folder = talk.workspace(named).recipes
    with _board(named) as board:
        topic = board.queue(id, lambda topic: recipes.from_topic(folder, topic))
    path = folder / f"{topic.recipe}.toml"
    if not path.exists():  # it was deleted or renamed meanwhile
        path = folder / f"{recipes.from_topic(folder, topic)}.toml"
    _say(topic, as_json)
    if not as_json:
        click.echo(f"  the recipe: {path}")


# --- import -----------------------------------------------------------------------------------------------------------


@topics.command(name="import")
@click.argument("source", metavar="FILE.csv|FILE.json|youtube")
@click.option("--as", "person", help="Whose YouTube channel is read: a name in assets/people/.")
@click.option("--dry-run", is_flag=True, help="Say what would be added; add nothing.")
@_json
@click.pass_obj
def import_(named: Path | None, source: str, person: str | None, dry_run: bool, as_json: bool) -> None:
    """Adds the topics of a file (columns text and by), or those in the comments on your YouTube videos."""
    if (source == "youtube") != bool(person):
        raise click.UsageError(
            "Say whose channel is read: candid topics import youtube --as PERSON (no --as with a file)."
        )
    with _board(named) as board:
        wishes = _of_youtube(named, person) if person else _of_file(Path(source))
        with board.copy() if dry_run else contextlib.nullcontext(board) as written:
            heard = list(written.suggest_many([wish for _, wish in wishes]))
    _say_imported([where for where, _ in wishes], heard, dry_run, as_json)
    sys.exit(1 if any(one.how == "refused" for one in heard) else 0)


def _say_imported(places: Sequence[str], heard: Sequence[Heard], dry_run: bool, as_json: bool) -> None:
    counts = {how: sum(one.how == how for one in heard) for how in ("added", "known", "refused")}
    refused = [(place, one.why) for place, one in zip(places, heard, strict=True) if one.how == "refused"]
    if as_json:
        reasons = [{"where": place, "why": why} for place, why in refused]
        talk.say_json({**counts, "reasons": reasons, "dry_run": dry_run})
        return
    click.echo(f"{'Would be added' if dry_run else 'Added'}: {counts['added']}, known: {counts['known']}, "
               f"refused: {counts['refused']}")  # fmt: skip
    for place, why in refused:
        click.echo(f"  {place}: {why}")


def _of_file(path: Path) -> list[tuple[str, Wish]]:
    """The wishes of a file, each with the row where it stands. Who asks also votes."""
    from pipeline.board import Wish

    rows = _rows_of_json(path) if path.suffix.lower() == ".json" else _rows_of_csv(path)
    return [(f"row {number}", Wish(text, by, by)) for number, text, by in rows]


def _rows_of_csv(path: Path) -> list[tuple[int, str, str]]:
    """Row number (the header is row 1), text, name. The separator is the one that stands in the header."""
    text = _text(path)
    first = text.splitlines()[0] if text.strip() else ""
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        titles = [(title or "").strip().lower() for title in reader.fieldnames or ()]
        if "text" not in titles:
            raise BoardError(f"{path.name} has no column named text.", "Its first row has to be: text,by")
        reader.fieldnames = titles
        rows = [(number, row) for number, row in enumerate(reader, start=2)]
    except csv.Error as fault:
        raise BoardError(f"{path.name} is no valid CSV: {fault}.", "Save it as CSV again.") from fault
    return [(number, row.get("text") or "", row.get("by") or "") for number, row in rows]


def _rows_of_json(path: Path) -> list[tuple[int, str, str]]:
    """Position in the list from 1, text, name."""
    try:
        told = json.loads(_text(path))
    except (ValueError, RecursionError) as fault:
        raise BoardError(f"{path.name} is no valid JSON: {fault}.", "Mend it, or save it again.") from fault
    if not isinstance(told, list):
        raise BoardError(f"{path.name} holds no list.", 'Write: ["a topic", {"text": "another one", "by": "Ada"}]')
    objects = [one if isinstance(one, dict) else {"text": one} for one in told]
    return [(number, _string(one.get("text")), _string(one.get("by"))) for number, one in enumerate(objects, start=1)]


def _string(value: object) -> str:
    """What is no text is none, and is refused as empty where it is needed."""
    return value if isinstance(value, str) else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark in front
    except UnicodeDecodeError as fault:
        raise BoardError(f"{path.name} is no text in UTF-8.", "Save it as UTF-8.") from fault
    except OSError as fault:
        raise BoardError(f"{path} cannot be read.", "Name a .csv or .json file that is there, or youtube.") from fault


def _of_youtube(named: Path | None, person: str) -> list[tuple[str, Wish]]:
    """The wishes in the comments on a person's videos, each with the comment where it stands."""
    from pipeline import comments, people, signin, vault
    from pipeline.accounts import Accounts
    from pipeline.board import Wish

    people.find(talk.workspace(named).people, person)
    access = Accounts(vault.home()).get(person, "youtube")
    token = access.renew(signin.refreshed)["access_token"]  # one holds for an hour
    with comments.client(token, access.account.address) as youtube:
        found = list(comments.suggestions(youtube))
    return [(f"comment {one.comment}", Wish(one.text, one.name, f"youtube:{one.name}", one.source)) for one in found]


# --- words for people -------------------------------------------------------------------------------------------------


def _say(topic: Topic, as_json: bool) -> None:
    if as_json:
        talk.say_json(asdict(topic))
    else:
        click.echo(_told(topic))


def _told(topic: Topic) -> str:
    return f"topic {topic.id} ({topic.votes} vote{'' if topic.votes == 1 else 's'}, {topic.status}): {topic.text}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as fault:
        raise BoardError("Your user name is not known on this machine.", "Say who you are with --by NAME.") from fault
