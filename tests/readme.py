"""Writes what the README shows anew: the output behind every `$ candid ...` in a console fence, and its picture.

Usage: python -m tests.readme (or: make docs)
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_FENCE = re.compile(r"```console\n\$ (candid [^\n]*)\n(.*?)```", re.S)
_MOMENTS = (0.5, 2.6, 12.6, 15.6)  # seconds of the landscape video: title, name, words, what it is all about
_VERTICAL_MOMENT = 4.6
_TILE, _GAP = (640, 360), 12


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every command of the README that shows its output, and that output."""
    yield from _FENCE.findall(text)


def output(command: str, folder: Path) -> str:
    """What a command prints on standard output, in the workspace `folder`, as somebody sees it who is there."""
    words = [sys.executable, "-m", "cli", "--workspace", str(folder), *command.split()[1:]]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return said.replace("python -m cli", "candid").replace(f"{folder}/", "")


def anew(text: str, folder: Path) -> str:
    """The README with every output as it is now."""
    shown = {command: output(command, folder) for command, _ in blocks(text)}
    return _FENCE.sub(lambda found: f"```console\n$ {found[1]}\n{shown[found[1]]}```", text)


def picture(demo: Path) -> Image.Image:
    """Four moments of the demo's landscape video, and one of the vertical."""
    tiles = [_frame(demo / "landscape.mp4", at).resize(_TILE, Image.Resampling.LANCZOS) for at in _MOMENTS]
    height = 2 * _TILE[1] + _GAP
    tall = _frame(demo / "vertical.mp4", _VERTICAL_MOMENT)
    tall = tall.resize((round(height * tall.width / tall.height), height), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (2 * (_TILE[0] + _GAP) + tall.width, height), (255, 255, 255))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, ((number % 2) * (_TILE[0] + _GAP), (number // 2) * (_TILE[1] + _GAP)))
    sheet.paste(tall, (2 * (_TILE[0] + _GAP), 0))
    return sheet


def _frame(path: Path, at: float) -> Image.Image:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= at:
                return frame.to_image()
    raise ValueError(f"{path} ends before {at} s")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="candid-readme-") as name:
        folder = Path(name).resolve()
        README.write_text(anew(README.read_text(encoding="utf-8"), folder), encoding="utf-8")
        (ROOT / "docs").mkdir(exist_ok=True)
        picture(folder / "output" / "demo").save(ROOT / "docs" / "demo.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
