"""Three candidates for a thumbnail: sharp frames from kept pieces, with the title."""

from __future__ import annotations

_LOOKED_AT = 12  # frames, spread over what is kept
_CANDIDATES = 3
_SECONDS = 120
