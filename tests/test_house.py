"""The house:

who may import whom runs one way, pure rooms stay pure, heavy things come late, and the documents are true.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import cli
from tests.conftest import ROOT

# Floors from the ground up. A room imports rooms of lower floors only; rooms of one floor do not know each other.
FLOORS: list[set[str]] = [
    {"errors", "model", "progress", "colors"},
    {"wording"},
    {
        "captions",
        "caption_rules",
        "trim",
        "layout",
        "chunks",
        "alike",
        "spoken",
        "cascade",
        "templates",
        "scripted",
        "posting",
        "unheard",
    },
    {"plan", "edit"},
    {"similar", "chapters"},
    {"board", "comments"},
    {"ffmpeg", "graph", "limits", "fonts", "shelf", "cutlist", "weights"},
    {"workspace", "media", "tomlfile", "artwork", "vault", "wire", "signin", "receipts", "quota"},
    {"brand", "people", "recipes", "graphics", "encode", "listen", "transcribers", "sound", "takes", "accounts"},
    {"join", "find_out", "doctor", "publishers"},
    {"render", "corrections"},
    {"thumbnail", "report"},
    {"make"},
    {"orders"},
    {"circle", "approval"},
    {"publish"},
    {"engines"},
    {"batch"},
    {"manifest"},
    {"web"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
PURE = {
    "errors", "model", "colors", "captions", "caption_rules", "trim", "layout", "chunks", "plan", "alike", "spoken",
    "cascade", "templates", "scripted", "edit", "chapters", "wording", "posting", "unheard",
}  # fmt: skip
IMPURE_MODULES = {
    "os", "sys", "io", "pathlib", "shutil", "subprocess", "time", "random", "socket", "tempfile", "threading",
    "multiprocessing", "click", "av", "ffmpeg", "numpy", "PIL", "moviepy", "requests", "httpx", "urllib",
}  # fmt: skip
PATH_IS_A_VALUE = {"model"}  # holds paths, opens none


def _modules() -> list[Path]:
    return sorted((ROOT / "pipeline").rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Every module that a file imports, lazily or not, as dotted names; `if TYPE_CHECKING` does not run and does not
    count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    room = _room(path)
    if room == "__init__":
        return
    own = {name.split(".")[1] for name in _imports(path) if name.startswith("pipeline.")} - {"__version__", room}
    assert room in FLOOR, f"{room} is a new room: give it a floor in this table"
    assert {other: FLOOR[other] for other in own if FLOOR[other] >= FLOOR[room]} == {}


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_touch_nothing(room):
    files = [path for path in _modules() if _room(path) == room]
    found = {name.split(".")[0] for path in files for name in _imports(path)}
    allowed = {"pathlib"} if room in PATH_IS_A_VALUE else set()
    assert found & (IMPURE_MODULES - allowed) == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pipeline" / "transcribers").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_no_engine_imports_another(path):
    engines = {"whisper", "faster_whisper"} - {path.stem}
    imported = {name for name in _imports(path) if name.startswith("pipeline.transcribers")}
    assert {name for name in imported if name.split(".")[-1] in engines} == set()


def test_only_two_rooms_start_processes():
    """ffmpeg, and pip by the room that fetches weights."""
    starters = {_room(path) for path in _modules() if "subprocess" in _imports(path)}
    assert starters == {"ffmpeg", "weights"}


def test_help_imports_nothing_heavy():
    code = "import sys, cli; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    heavy = {"numpy", "av", "moviepy", "PIL", "torch", "pydantic", "rich", "faster_whisper", "tomlkit", "pysubs2"}
    assert heavy & set(loaded.split()) == set()


def _commands(group: click.Group, prefix: str) -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        found += _commands(command, full) if isinstance(command, click.Group) else [(full, command)]
    return found


@pytest.mark.parametrize(("name", "command"), _commands(cli.main, "candid"), ids=str)
def test_every_command_has_help_and_stands_in_the_readme(name, command):
    assert command.help and len(command.help) > 20
    assert all(getattr(option, "help", "") for option in command.params if isinstance(option, click.Option))
    group, _, last = name.rpartition(" ")
    rows = [row for row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if row.startswith("| `candid")]
    assert any(f"`{name}`" in row or (f"`{group} " in row and f"`{last}`" in row) for row in rows)


def test_every_command_of_the_readme_exists():
    known = {name for name, _ in _commands(cli.main, "candid")}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for found in re.findall(r"^(?:\$ |\.venv/bin/)?(candid [a-z].*)$", text, re.M):
        words = found.split()
        assert " ".join(words[:2]) in known or " ".join(words[:3]) in known, found


def test_every_room_stands_on_the_readmes_map():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "pipeline").iterdir() if path.suffix == ".py" and path.stem != "__init__"}
    assert {room for room in rooms if room not in text} == set()
