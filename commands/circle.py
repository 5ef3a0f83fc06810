"""candid status: the whole circle in one table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from commands import talk


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(named: Path | None, as_json: bool) -> None:
    """Shows topics, recipes, takes and videos, and what waits for whom."""
    from pipeline import circle

    told = circle.look(talk.workspace(named))
    if as_json:
        talk.say_json(asdict(told) | {"nudges": [nudge.words() for nudge in told.nudges]})
        return
    rows = [(step.kind, step.name, step.making or step.state, step.who, step.waits) for step in told.steps]
    talk.say_table(("", "name", "state", "by", "what is next"), rows, "Nothing here yet. Start with: candid demo")
    for note in (*told.faults, *(nudge.words() for nudge in told.nudges)):
        click.echo(f"note: {note}")
