"""What every test may use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import settings

import cli
from pipeline import weights
from pipeline.errors import CandidError
from pipeline.progress import quiet
from tests import caption_linter

ROOT = Path(__file__).parents[1]
pytest_plugins = ["tests.batches"]  # its fixtures

settings.register_profile("candid", deadline=None)  # a busy machine is no failure
settings.load_profile("candid")


# Files that take longest begin first, so that all workers end together.
_LONGEST = (
    "test_batch_kill", "test_batch_dask", "test_web_record", "test_web_whole", "test_web_looks", "test_product",
    "test_bad_input", "test_web_correct", "test_web_topics", "test_web_hostile", "test_render", "test_web_publishing",
    "test_kill", "test_publish_kill", "test_batch", "test_takes", "test_web_team",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))


@pytest.fixture(autouse=True)
def captions_are_judged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every SRT and VTT of a take that a test finished holds the published rules, or the report says what it breaks."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        caption_linter.judge_takes(folder)


@pytest.fixture(autouse=True, scope="session")
def shared_captions_are_judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for takes that several tests share."""
    yield
    caption_linter.judge_takes(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real recorded clips: $CANDID_MEDIA, else shared/media beside the checkout."""
    folder = Path(os.environ.get("CANDID_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"the real clips are not here ({folder}); set CANDID_MEDIA to their folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _nothing_by_surprise() -> Iterator[None]:
    """No test fetches weights into the user's own folder, except by `hearing`, or where it says so.

    Those that lie there are used wherever a test makes itself at home.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDID_OFFLINE", "1")
        patch.setenv("CANDID_MODELS", str(weights.folder()))
        yield


@pytest.fixture(scope="session", autouse=True)
def hearing(_nothing_by_surprise: None) -> Callable[[str], Path]:
    """The folder of real weights by name ("base", "tiny.en"), fetched once a machine by the product's own room.

    Where they can neither be found nor fetched, the test that asks is skipped with the reason.
    """
    found: dict[str, Path | str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CANDID_OFFLINE")
        for name in ("base", "tiny.en"):
            try:
                found[name] = weights.get(name, quiet)
            except CandidError as fault:
                found[name] = str(fault)

    def folder(name: str) -> Path:
        place = found[name]
        if isinstance(place, str):
            pytest.skip(place)
        return place

    return folder


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def takes(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


Candid = Callable[..., Said]


def run_candid(workspace: Path, *arguments: object) -> Said:
    """Runs a command of Candid in a workspace. An error that nobody put into words fails the test."""
    result = CliRunner().invoke(cli.main, ["--workspace", str(workspace), *map(str, arguments)])
    assert "Traceback" not in result.output, result.output
    return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def candid(tmp_path: Path) -> Candid:
    return lambda *arguments: run_candid(tmp_path, *arguments)
