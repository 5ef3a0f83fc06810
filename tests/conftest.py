"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real recorded clips: $CANDID_MEDIA, else shared/media beside the checkout."""
    folder = Path(os.environ.get("CANDID_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"the real clips are not here ({folder}); set CANDID_MEDIA to their folder")
    return folder
