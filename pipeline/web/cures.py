"""What errors advise is written for the command line. Whoever is on the page has buttons for the same."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import CandidError

_WORD = r"[\w@:/=<>\"“”-]+(?:\.\w+)*"  # of a command line; the full stop after it is not in it
_COMMAND = re.compile(rf"candid (?P<verb>accounts|approve|publish|render|words|takedown|status)(?: {_WORD})*")
_PLACES = {
    "accounts": "on the page of your accounts",
    "approve": "here",
    "publish": "here",
    "render": "on the page of the take",
    "words": "where you look and correct",
    "takedown": "with “Take it down”",
    "status": "here, in a moment",
}
_OTHERWISE = (
    ("with candid words", "candid words"),
    ("has given it up: candid accounts disconnect", "has given it up, they disconnect it: candid accounts"),
    ("Run the same command again", "Try it once more"),
    ("run the same command again", "try it once more"),
    ('Leave out the schedule (--schedule ""), or say --privacy private.', "Choose another answer to who may see it."),
    (", or say that you looked: --captions-read", ", or tick that you looked at them"),
    ("take it with --mend", "take it"),
    ("without --schedule for", "without a time for"),
    (" (--address)", ""),
    ('Choose another time, or "":', "Choose another time"),
)


def here(fault: CandidError, root: Path) -> CandidError:
    """The same fault, with what is to be done on the page, and without where the server keeps its files."""
    return CandidError(_said(fault.what, root), _said(fault.do, root))


def _said(text: str, root: Path) -> str:
    for before, after in (*_OTHERWISE, (f"{root}/", "")):
        text = text.replace(before, after)
    return _COMMAND.sub(lambda found: _PLACES[found["verb"]], text)
