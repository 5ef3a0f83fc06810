"""Writes the printed output in the README anew. A block follows a line `$ candid ...` inside a ```console fence.

Usage: python -m tests.readme (or: make docs)
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_FENCE = re.compile(r"```console\n\$ (candid [^\n]*)\n(.*?)```", re.S)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every command of the README that shows its output, and that output."""
    yield from _FENCE.findall(text)


def output(command: str, folder: Path) -> str:
    """What a command prints on standard output, in a fresh workspace."""
    words = [sys.executable, "-m", "cli", "--workspace", str(folder), *command.split()[1:]]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return said.replace("python -m cli", "candid").replace(f"{folder}/", "")


def anew(text: str) -> str:
    """The README with every output as it is now."""
    with tempfile.TemporaryDirectory(prefix="candid-readme-") as folder:
        shown = {command: output(command, Path(folder).resolve()) for command, _ in blocks(text)}
    return _FENCE.sub(lambda found: f"```console\n$ {found[1]}\n{shown[found[1]]}```", text)


if __name__ == "__main__":
    README.write_text(anew(README.read_text(encoding="utf-8")), encoding="utf-8")
