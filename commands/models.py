"""candid models: the weights of speech models: which are here, fetching them, checking them."""

from __future__ import annotations

import sys

import click

from commands import talk


@click.group(name="models")
def models() -> None:
    """The weights of speech models on this machine."""


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(as_json: bool) -> None:
    """Lists the weights: size, licence, what they are for, and which are here."""
    from pipeline import weights

    found = [
        {
            "name": each.name,
            "purpose": each.purpose,
            "bytes": each.size,
            "licence": each.licence,
            "default": each.name == weights.DEFAULT,
            "here": weights.here(each),
            "path": weights.path(each) if weights.here(each) else None,
        }
        for each in weights.known()
    ]
    if as_json:
        talk.say_json({"models": found})
        return
    rows = [
        (
            each["name"],
            weights.megabytes(int(str(each["bytes"]))),
            each["licence"],
            "here" if each["here"] else "not here",
            f"{each['purpose']}{' (the default)' if each['default'] else ''}",
        )
        for each in found
    ]
    talk.say_table(("name", "size", "licence", "", "for"), rows, "No weights are known.")
    click.echo("\nGet some with: candid models download NAME")


@models.command()
@click.argument("name", required=False)
def download(name: str | None) -> None:
    """Fetches weights (the default ones without NAME), checks every file, and says where they lie."""
    from pipeline import weights

    wanted = weights.find(name or weights.DEFAULT)
    said: set[str] = set()
    with talk.progress("") as bar:

        def tell(step: str, done: float) -> None:
            if step not in said and not talk.on_terminal(err=True):  # where there is no bar
                click.echo(step, err=True)
            said.add(step)
            bar(step, done)

        place = weights.download(wanted, tell)
    click.echo(f"{wanted.told} is here: {place}")
    if weights.aside(wanted).exists():
        click.echo(f"What lay there before was damaged, and can be deleted: {weights.aside(wanted)}")


@models.command()
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Reads all weights that are here (or those of NAME) and compares each file with its SHA-256."""
    from pipeline import weights

    wanted = [weights.find(name)] if name else [each for each in weights.known() if weights.begun(each)]
    damaged = 0
    for each in wanted:
        wrong = weights.check(each)
        damaged += bool(wrong)
        click.echo(f"{each.name} {wrong or f'in {weights.path(each)}: every file is as it should be'}")
        if wrong:
            click.echo(f"  Get it again: candid models download {each.name}")
    if not wanted:
        click.echo("No weights are here. Get the default ones with: candid models download")
    sys.exit(1 if damaged else 0)
