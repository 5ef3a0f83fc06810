"""A command in a terminal of its own, and what is seen there in the end."""

from __future__ import annotations

import errno
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

from tests.conftest import ROOT

_CODE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)|\x1b")


def run(
    arguments: Sequence[object], said: Callable[[str, int], object] = lambda text, pid: None, **streams: int
) -> tuple[str, int]:
    """What a command of Candid writes to a terminal, with all its codes, and its exit status.

    `said` is told all that was written so far, and the command's number; `streams` lead elsewhere than to the terminal.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs} | streams
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **ends) as process:
        os.close(theirs)
        written = b""
        while block := _read(ours):
            written += block
            said(written.decode("utf-8", "replace"), process.pid)
    os.close(ours)
    return written.decode("utf-8", "replace"), process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError as fault:
        if fault.errno == errno.EIO:  # the other end is closed
            return b""
        raise


def seen(written: str) -> list[str]:
    """The lines that stand there in the end: what a terminal makes of the codes that move and erase.

    It is as high as it has to be and as wide, so a line stays one.
    """
    lines, row, column = [""], 0, 0
    for code in _CODE.finditer(written):
        number, letter, end, text = code.groups()
        if text:
            before = lines[row].ljust(column)
            lines[row] = before[:column] + text + before[column + len(text) :]
            column += len(text)
        elif end == "\r":
            column = 0
        elif end == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif letter == "A":
            row = max(0, row - int(number or 1))
        elif letter == "K":
            lines[row] = "" if number == "2" else lines[row][:column]
        else:
            assert letter in ("m", "h", "l", None), f"nobody knows what {code[0]!r} does"
    return [line.rstrip() for line in lines if line.strip()]
