"""A judge of SRT and VTT, written from the published rules alone: nothing here comes from the product.

Rules: Netflix Timed Text Style Guide, general requirements (215758617) and subtitle timing guidelines (360051554394);
the guides by language, with the speeds as SubtitleEdit's pull request 13347 checked them (2026-08-07). Syntax: W3C
WebVTT, "file structure"; SubRip has no specification, so what its players agree on. All read 2026-11-30.
"""

from __future__ import annotations

import html
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

# Characters a line; characters a second, in subtitles for adults and at most, in SDH for adults.
_LIMITS = {
    "ar": (42, 20, 23), "en": (42, 20, 20), "hi": (42, 22, 25), "ja": (13, 4, 7), "ko": (16, 12, 14),
    "th": (35, 17, 20), "zh": (16, 9, 11),
}  # fmt: skip
_MOST_LANGUAGES = (42, 17, 20)
_HALVES = {"ja", "ko"}  # where what is not full-width counts half
_SHARES = {"landscape": Fraction(1), "vertical": Fraction(24, 42), "square": Fraction(32, 42)}  # the house's own

# A file that breaks one of these may say so (in its report); anything else is never excused.
EXCUSABLE = {"lines", "line_length", "min_duration", "max_duration", "reading_speed", "gap"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong. `cue` counts from 1; 0 is the file as a whole. `severity` is "error" or "warning"."""

    cue: int
    rule: str
    says: str
    severity: str = "error"


@dataclass(frozen=True, slots=True)
class _Cue:
    name: str
    start: int  # milliseconds
    end: int
    lines: list[str]


class _SyntaxFault(Exception):
    pass


def lint(
    text: str, kind: str, fps: Fraction, language: str = "en", shape: str = "landscape", frames: int | None = None
) -> list[Finding]:
    """Everything that is wrong with the text of a file of `kind` "srt" or "vtt".

    `shape` is a format's name, with or without "-unbranded"; `frames` is the length of the video.
    """
    try:
        cues = list(_srt(text) if kind == "srt" else _vtt(text))
    except _SyntaxFault as fault:
        return [Finding(0, "syntax", str(fault))]
    found = list(_numbering(cues, kind))
    for number, cue in enumerate(cues, start=1):
        found += [Finding(number, *each) for each in _of_cue(cue, fps, language, shape, frames)]
    for number, (before, cue) in enumerate(pairwise(cues), start=2):
        found += [Finding(number, *each) for each in _between(before, cue, fps)]
    return found


def assert_published(
    place: Path,
    fps: Fraction,
    language: str,
    shape: str,
    violations: Iterable[tuple[int, str]] = (),
    frames: int | None = None,
) -> None:
    """Fails for a file (or any SRT and VTT in a folder) that breaks a rule and does not say so.

    `violations` are the cues and rules that the product itself reported.
    """
    files = [place] if place.is_file() else [each for each in place.iterdir() if each.suffix in {".srt", ".vtt"}]
    assert files, f"no captions in {place}"
    excused = {(cue, rule) for cue, rule in violations if rule in EXCUSABLE}
    for file in files:
        text = file.read_bytes().decode("utf-8")
        found = lint(text, file.suffix[1:], fps, language, shape, frames)
        silent = [each for each in found if each.severity == "error" and (each.cue, each.rule) not in excused]
        assert not silent, f"{file}: {silent}"


# --- finished takes ---------------------------------------------------------------------------------------------------


def judge_takes(root: Path) -> list[Path]:
    """Judges the captions of every finished take below a folder, and says which files those were.

    A take is finished where its report.json has the stamps of the files that lie there. What a test changed by hand, or
    what was made again and not finished, is none of the product's word.
    """
    return [path for folder, _, files in os.walk(root) if "report.json" in files for path in _judged(Path(folder))]


_SEEN: set[tuple[str, int]] = set()


def _judged(folder: Path) -> Iterator[Path]:
    try:
        report, plan = (json.loads((folder / name).read_bytes()) for name in ("report.json", "plan.json"))
        fps, language = Fraction(plan["fps"]), plan["language"]
        variants = report["variants"].items() if report["stamps"] else ()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return  # a stand-in for a take, or one that a test broke
    for name, variant in variants:
        for path in (folder / f"{name}.srt", folder / f"{name}.vtt"):
            if not path.exists() or [path.stat().st_size, path.stat().st_mtime_ns] != report["stamps"].get(path.name):
                continue
            if (seen := (str(path), path.stat().st_mtime_ns)) not in _SEEN:
                _SEEN.add(seen)
                broken = [(each["cue"], each["rule"]) for each in variant["violations"]]
                assert_published(path, fps, language, name, broken, round(variant["seconds"] * fps) + 1)
            yield path


# --- reading ----------------------------------------------------------------------------------------------------------

_SRT_TIMES = re.compile(r"(\d\d):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d):([0-5]\d):([0-5]\d),(\d{3})")
_VTT_TIMES = re.compile(
    r"(?:(\d\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})"
    r"(?:[ \t]+(?:vertical|line|position|size|align|region):\S+)*"
)
_SIGNATURE = re.compile(r"WEBVTT(?:[ \t].*)?")
_TAGS = re.compile(r"</?(?:[ibu]|c|v|lang|ruby|rt|font)(?:[. \t][^<>]*)?>")
_ENTITY = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm|#\d+|#x[0-9a-fA-F]+);")


def _srt(text: str) -> Iterator[_Cue]:
    """A number, times, one line of text or more, an empty line; again and again."""
    for block in _blocks(text):
        number, *rest = block
        if not re.fullmatch(r"[0-9]+", number):
            raise _SyntaxFault(f"no number: {number!r}")
        yield _cue(number, rest, _SRT_TIMES)


def _vtt(text: str) -> Iterator[_Cue]:
    """The signature, an empty line, then cues (with a name or without one) and notes, with empty lines between."""
    blocks = _blocks(text)
    head = next(blocks, [""])
    if len(head) != 1 or not _SIGNATURE.fullmatch(head[0]) or "-->" in head[0]:
        raise _SyntaxFault(f"no WEBVTT with an empty line below: {head}")
    for block in blocks:
        if re.match(r"NOTE(?:[ \t]|$)", block[0]):
            continue
        named = "-->" not in block[0]
        cue = _cue(block[0] if named else "", block[1:] if named else block, _VTT_TIMES)
        if any("&" in _ENTITY.sub("", line) for line in cue.lines):
            raise _SyntaxFault(f"a bare & in {cue.lines}")
        yield _Cue(cue.name, cue.start, cue.end, [html.unescape(line) for line in cue.lines])


def _blocks(text: str) -> Iterator[list[str]]:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise _SyntaxFault("a null character")
    if text and not text.endswith("\n"):
        raise _SyntaxFault("no end of the last line")
    for block in re.split(r"\n\n+", text.strip("\n")) if text.strip("\n") else []:
        yield block.split("\n")


def _cue(name: str, lines: list[str], times: re.Pattern[str]) -> _Cue:
    found = times.fullmatch(lines[0]) if lines else None
    if not found:
        raise _SyntaxFault(f"no times below {name!r}: {lines[:1]}")
    plain = [_TAGS.sub("", line) for line in lines[1:]]
    if any("-->" in line or "<" in line for line in plain):
        raise _SyntaxFault(f"an arrow or an unknown tag in {lines[1:]}")
    parts = [int(part or 0) for part in found.groups()]
    start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (parts[:4], parts[4:]))
    return _Cue(name, start, end, plain)


# --- judging ----------------------------------------------------------------------------------------------------------

_Fault = tuple[str, str] | tuple[str, str, str]


def _numbering(cues: list[_Cue], kind: str) -> Iterator[Finding]:
    if kind == "srt" or any(cue.name for cue in cues):
        for number, cue in enumerate(cues, start=1):
            if cue.name != str(number):
                yield Finding(number, "numbering", f"{cue.name!r} instead of {number}")


def _of_cue(cue: _Cue, fps: Fraction, language: str, shape: str, frames: int | None) -> Iterator[_Fault]:
    longest, ease, limit = _LIMITS.get(re.split("[-_]", language)[0].lower(), _MOST_LANGUAGES)
    longest = int(longest * _SHARES[shape.removesuffix("-unbranded")])
    counts = [_count(line, language) for line in cue.lines]
    shown = _frame(cue.end, fps) - _frame(cue.start, fps)
    if not any(counts):
        yield "empty", "nothing to read"
    if len(cue.lines) > 2:
        yield "lines", f"{len(cue.lines)} lines"
    if max(counts, default=0) > longest:
        yield "line_length", f"{max(counts)} characters, {longest} at most"
    if frames is not None and _frame(cue.end, fps) > frames:
        yield "beyond_end", f"ends in frame {_frame(cue.end, fps)} of {frames}"
    if shown <= 0:
        yield "order", "ends before it begins"
        return
    if shown / fps < Fraction(5, 6):
        yield "min_duration", f"{float(shown / fps):.3f} s"
    if shown / fps > 7:
        yield "max_duration", f"{float(shown / fps):.3f} s"
    speed = sum(counts) * fps / shown
    if speed > ease:
        severity = "error" if speed > limit else "warning"
        yield "reading_speed", f"{float(speed):.1f} characters a second; {ease}, at most {limit}", severity


def _between(before: _Cue, cue: _Cue, fps: Fraction) -> Iterator[_Fault]:
    gap = _frame(cue.start, fps) - _frame(before.end, fps)
    if cue.start < before.start:
        yield "order", "begins before the one before it"
    if cue.start < before.end:
        yield "overlap", f"by {before.end - cue.start} ms"
    elif gap < 2:
        yield "gap", f"{gap} frames"
    elif gap > 2 and gap / fps < Fraction(1, 2):
        yield "gap", f"{gap} frames, not closed to 2"


def _frame(ms: int, fps: Fraction) -> int:
    return round(ms * fps / 1000)


def _count(line: str, language: str) -> Fraction:
    """Characters that take a place; in Japanese and Korean a half for each that is not full-width."""
    seen = [char for char in line if unicodedata.category(char) not in {"Mn", "Me", "Cf"}]
    if not "".join(seen).strip():
        return Fraction(0)
    if re.split("[-_]", language)[0].lower() not in _HALVES:
        return Fraction(len(seen))
    return sum(
        (Fraction(1 if unicodedata.east_asian_width(char) in "FW" else Fraction(1, 2)) for char in seen), Fraction(0)
    )
