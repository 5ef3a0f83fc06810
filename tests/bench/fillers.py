"""Fillers in spliced talks: how many are cut or offered, what is cut or offered falsely, and what it costs.

The voices and seeds are others than those that the thresholds were set on. Fillers stand far closer here than in a
real talk, and half of the speakers are robots: the figures compare versions of Candid, and promise nothing for a voice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.listen import loudness, speech
from pipeline.model import LEVEL_MS, Activity, Hints, Sound, Span, Word
from pipeline.transcribers import fillers, hearing
from pipeline.transcribers.faster_whisper import Engine
from tests import splice
from tests.splice import Placed, Recorded, Robot, Speaker, Talk

Row = tuple[str, float, float, bool]

_NEAR = {"isolated": 12, "after": 6, "before": 6, "inside": 6}
_SHORT = (*splice.SHORT, *splice.LIKE_FILLERS)
_RECORDED = {"spoken-timer.mp4": "en-us+m7", "talking-vfr.mp4": "en-gb+m4"}
_ROBOTS = (
    Robot("en-us-nyc+m5", 160, 40),
    Robot("en-gb-scotland+f1", 155, 52),
    Robot("en-029+m2", 175, 45),
    Robot("en-us+Andrea", 165, 50),
)


def speakers(media: Path) -> list[Speaker]:
    """The robots, and the people whose recordings are here."""
    people = [Recorded(media / name, Robot(voice)) for name, voice in _RECORDED.items() if (media / name).exists()]
    return [*_ROBOTS, *people]


def talks(media: Path) -> Iterator[Talk]:
    """Of every speaker: one talk with fillers and short words, and two with short words alone, clean and noisy."""
    for seed, speaker in enumerate(speakers(media), 500):
        yield splice.talk(speaker, seed, fillers=_NEAR, short=_SHORT, phrases=6)
        for noise_db in (42, 26):
            yield splice.talk(speaker, seed + 50, short=_SHORT * 2, phrases=10, apart=0.3, noise_db=noise_db)


def activity(sound: Sound) -> Activity:
    """What is known of a sound before its words are."""
    spoken = speech.speech(sound)
    heard = loudness.loudness(loudness.levels(sound), spoken)
    levels = tuple(loudness.levels(sound, LEVEL_MS).round().astype(int).tolist())
    return Activity(speech=spoken, speech_dbfs=heard.speech_dbfs, floor_dbfs=heard.floor_dbfs, levels=levels)


def over(found: Word | fillers.Offer, placed: Placed | Span) -> bool:
    """Whether what was found is what was placed: more than half of the shorter one lies under the other."""
    both = min(found.end_ms, placed.end_ms) - max(found.start_ms, placed.start_ms)
    return both > 0.5 * min(found.end_ms - found.start_ms, placed.end_ms - placed.start_ms)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the fillers of a talk, counted by neighborhood, and what else was taken for one."""

    laid: Counter[str]
    cut: Counter[str]
    offered: Counter[str]
    false_cuts: tuple[Word, ...]
    false_offers: tuple[fillers.Offer, ...]


def judged(talk: Talk, found: fillers.Fillers) -> Judged:
    """What was found in a talk, held against its truth."""
    cut = Counter(f.near for f in talk.fillers if any(over(word, f) for word in found.sure))
    either = Counter(f.near for f in talk.fillers if any(over(each, f) for each in (*found.sure, *found.offered)))
    return Judged(
        Counter(f.near for f in talk.fillers),
        cut,
        either - cut,
        tuple(word for word in found.sure if not any(over(word, f) for f in talk.fillers)),
        tuple(offer for offer in found.offered if not any(over(offer, f) for f in talk.fillers)),
    )


def rows(media: Path, folder: Path) -> Iterator[Row]:
    """What, its goal, what was measured, and whether that has to be at least the goal."""
    if splice.lacks():
        print(f"  no figures for fillers: {splice.lacks()}")
        return
    laid, cut, offered = Counter[str](), Counter[str](), Counter[str]()
    false_cuts, false_offers, minutes, noisy, seconds = 0, 0, 0.0, 0.0, 0.0
    listener = Engine().listener()
    with hearing.Ear(Engine()) as ear:
        for talk in talks(media):
            sound = talk.sound(folder / "talk.raw")
            known = activity(sound)
            heard = ear.transcribe(sound, Hints(language="en", activity=known), lambda _: None)
            before = time.process_time()
            result = judged(talk, fillers.find(sound, heard.words, known, "en", listener))
            seconds += time.process_time() - before
            minutes += talk.minutes
            noisy += talk.minutes if known.speech_dbfs - known.floor_dbfs < 35 else 0.0
            laid, cut, offered = laid + result.laid, cut + result.cut, offered + result.offered
            false_cuts, false_offers = false_cuts + len(result.false_cuts), false_offers + len(result.false_offers)
    yield f"fillers that stand alone ({laid['isolated']} spliced): cut", 0.7, cut["isolated"] / laid["isolated"], True
    yield f"words cut as fillers in {minutes:.0f} minutes with short words, {noisy:.0f} noisy", 0, false_cuts, False
    found = (cut.total() + offered.total()) / laid.total()
    yield f"fillers anywhere ({laid.total()} spliced): cut or offered", 0.65, found, True
    yield "sounds falsely offered as fillers, a minute", 2, false_offers / minutes, False
    yield "looking for fillers, CPU seconds a minute of talk", 1.3, seconds / minutes, False
