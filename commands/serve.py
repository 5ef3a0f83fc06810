"""candid serve: the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import talk

if TYPE_CHECKING:
    from pipeline.web.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for everywhere.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen at.")
@click.option("--origin", default="", help="The address in people's browsers, such as https://candid.example.org.")
@click.option("--certfile", type=click.Path(exists=True, path_type=Path), help="The certificate for https (PEM).")
@click.option("--keyfile", type=click.Path(exists=True, path_type=Path), help="The key that belongs to it (PEM).")
@click.option("--proxy", "proxies", multiple=True, help="The address of a proxy before it, whose word is believed.")
@click.option("--moderated", is_flag=True, help="New suggestions wait until the coordinator lets them appear.")
@click.pass_obj
def serve(
    named: Path | None,
    host: str,
    port: int,
    origin: str,
    certfile: Path | None,
    keyfile: Path | None,
    proxies: tuple[str, ...],
    moderated: bool,
) -> None:
    """Serves the page: topics for the audience; recording, correcting and publishing for employees."""
    space = talk.workspace(named)
    if bool(certfile) != bool(keyfile):
        raise click.UsageError("--certfile and --keyfile belong together.")
    _require_library()
    from pipeline.web import serving
    from pipeline.web.settings import Settings

    settings = Settings(space.root, host, port, origin, certfile, keyfile, proxies, moderated)
    _say(settings, serving.first_link(settings))
    serving.serve(settings)


def _say(settings: Settings, link: str) -> None:
    click.echo(f"The page of {settings.root}: {settings.address}")
    if link:
        click.echo(f"Sign in as the coordinator, once, within a week: {link}")
    if not settings.records:
        click.echo(
            "Browsers lend their camera only over https: people can choose a recorded file here, and record with their "
            "phone's own camera. For recording in the browser give --certfile and --keyfile, or put a proxy with https "
            "before it and name its address with --origin.",
            err=True,
        )
    click.echo("Ctrl-C ends it.")


def _require_library() -> None:
    try:
        import fastapi  # noqa: F401
        import limits  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as fault:
        from pipeline.errors import CandidError

        raise CandidError("For the page some libraries are missing.", "pip install 'candid[web]'") from fault
