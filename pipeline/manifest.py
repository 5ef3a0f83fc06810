"""A manifest: a CSV file whose rows say which clip is made by which recipe, and who speaks."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline import batch
from pipeline.batch import Job, Told
from pipeline.errors import BatchError, CandidError
from pipeline.orders import Wanted

_COLUMNS = ("clip", "recipe", "person")
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # Excel's own first line


def jobs(path: Path, job: Job) -> Iterator[Job | Told]:
    """The rows of a CSV file with the columns clip, recipe and person; `job` is what an empty cell means.

    Clips are named as seen from the manifest's folder. A wrong row is told, with its number, in place of a job.
    BatchError where the file is no manifest.
    """
    lines = enumerate(_lines(path), start=1)
    comma, titles = _titles(path, lines)
    named: dict[str, int] = {}
    for number, line in lines:
        of_row = replace(job, names=(str(path.absolute()),), where=f"Row {number} of {path.name}: ")
        try:
            row = _cells(line, comma, len(titles))
            if any(row):
                cells = dict(zip(titles, row, strict=False))
                yield _of_row(replace(of_row, wanted=_wanted(job.wanted, cells)), cells, path, named, number)
        except CandidError as fault:
            yield batch.failed(of_row, fault)


def _of_row(job: Job, cells: dict[str, str], path: Path, named: dict[str, int], number: int) -> Job:
    """`named` are the clips of the rows before, and where they stand."""
    if not cells.get("clip"):
        raise BatchError("It names no clip.")
    clip = os.path.normpath(path.absolute().parent / cells["clip"])
    if (first := named.setdefault(os.path.realpath(clip), number)) != number:
        raise BatchError(f"It names the same clip as row {first}.", "Leave one of them out.")
    return replace(job, names=(clip,))


def _titles(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[str, list[str]]:
    """What stands between cells, and the names of the columns.

    Excel writes semicolons where the comma is a decimal mark, and may say so in a line of its own; or tabs.
    """
    _, line = next(lines, (0, ""))
    said = _SEPARATOR.fullmatch(line)
    if said:
        _, line = next(lines, (0, ""))
    comma = said[1] if said else max(",;\t", key=line.count)
    titles = [title.lower() for title in _cells(line, comma, 0)]
    if "clip" not in titles or len(set(titles)) < len(titles) or not set(titles) <= set(_COLUMNS):
        raise BatchError(
            f"{path.name} does not begin with the names of its columns.",
            "Its first line is: clip,recipe,person (the last two may be left out).",
        )
    return comma, titles


def _cells(line: str, comma: str, columns: int) -> list[str]:
    """The cells of a line; empty ones at its end, beyond the columns, count for nothing. BatchError where it is wrong.

    No name of a file goes over several lines, so a quotation mark that is not closed spoils its own line only.
    """
    if "\0" in line:
        raise BatchError("There is a character in it that no name can have (NUL).", "Save the file as CSV, in UTF-8.")
    try:
        row = [cell.strip() for cell in next(csv.reader([line], delimiter=comma, strict=True), [])]
    except csv.Error as fault:
        raise BatchError("Its quotation marks do not fit together.", "A quotation mark inside is doubled.") from fault
    while len(row) > columns and not row[-1]:
        row.pop()
    if columns and len(row) > columns:
        raise BatchError(f"It has {len(row)} cells, and there are {columns} columns.")
    return row


def _wanted(wanted: Wanted, cells: dict[str, str]) -> Wanted:
    return replace(wanted, recipe=cells.get("recipe") or wanted.recipe, person=cells.get("person") or wanted.person)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                yield line.rstrip("\n")
    except UnicodeDecodeError as fault:
        raise BatchError(f"{path.name} is not written in UTF-8.", "Save it as CSV, in UTF-8.") from fault
    except OSError as fault:
        raise BatchError(f"{path.name} cannot be read: {fault.strerror}.", "Give yourself the right to.") from fault
