"""PURE: edit.md, the words as the editing surface: sentences with ticks <-> what somebody decided by hand.

`sheet` lays out what a take says, `written` puts it into text, `read` compares an edited text with the sheet that it
came from (parsing, matching, reading). What was decided is kept as stretches of clip time, so that it outlives a
change of engine.
"""

from pipeline.edit.corrected import Gap, gaps, timed
from pipeline.edit.names import learned
from pipeline.edit.reading import Change, Problem, Reading, read
from pipeline.edit.sheets import (
    Edits,
    Line,
    Ruling,
    Sheet,
    Side,
    Text,
    Wish,
    asking,
    clock,
    sheet,
    unsure,
    wishes,
    written,
)

__all__ = [
    "Change",
    "Edits",
    "Gap",
    "Line",
    "Problem",
    "Reading",
    "Ruling",
    "Sheet",
    "Side",
    "Text",
    "Wish",
    "asking",
    "clock",
    "gaps",
    "learned",
    "read",
    "sheet",
    "timed",
    "unsure",
    "wishes",
    "written",
]
