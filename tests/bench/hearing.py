"""How well and how cheaply Candid hears: word errors, times of words, CPU seconds, memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import jiwer
import numpy as np

from pipeline import ffmpeg, listen
from pipeline import media as clips
from pipeline.model import Activity, Clip, Hints, Sound, Span, Transcript, Word
from pipeline.transcribers import Ear, aligning, faster_whisper
from pipeline.transcribers.aligning import Encodings
from pipeline.transcribers.listening import Listener
from pipeline.transcribers.stretches import stretches
from tests import splice
from tests.bench import aligning as corrected
from tests.words import SAID, plain

Row = tuple[str, float, float, bool]  # what, goal, measured, whether the goal is the least

RATE = 16_000
_SHIFT_MS = 100


def rows(media: Path, folder: Path) -> Iterator[Row]:
    """All rows, by the default engine; those on recorded speech where the clips are in `media`."""
    with Ear(faster_whisper.Engine("base")) as ear:
        yield from _words(ear, media, folder)
        yield from _cost(ear, media / "bench-talk.mp4", folder)
        yield from _spliced(ear, media, folder)
        yield from _against_alignment(ear, media / "bench-talk.mp4", folder)
    yield from _corrected(media / "bench-talk.mp4", folder)


def heard(ear: Ear, sound: Sound, activity: Activity, language: str | None = None) -> Transcript:
    return ear.transcribe(sound, Hints(language, activity=activity), lambda done: None)


def listened(path: Path, folder: Path) -> tuple[Sound, Activity]:
    clip = clips.probe(path)
    sound = clips.sound(clip, folder / f"{path.stem}.raw", rate=RATE, channels=1, dtype="<i2")
    assert sound is not None
    return sound, listen.hear(clip, sound)


def _words(ear: Ear, media: Path, folder: Path) -> Iterator[Row]:
    for name, said in SAID.items():
        if not (media / name).exists():
            print(f"  no word-error rate for {name}: it is not here; set CANDID_MEDIA to its folder")
            continue
        found = heard(ear, *listened(media / name, folder))
        rate = jiwer.wer(said, plain(" ".join(word.text for word in found.words)))
        yield f"word-error rate, default engine, {name}", 0.03, rate, False


def _cost(ear: Ear, clip: Path, folder: Path) -> Iterator[Row]:
    """CPU seconds of hearing a minute, loading the model included, and of writing the same minute at veryfast."""
    if not clip.exists():
        return
    sound, activity = listened(clip, folder)
    ear.close()  # so that the model is loaded anew
    heard(ear, sound, activity)
    spent = ear.ask(_spent)
    before = _children()
    ffmpeg.run(["-i", str(clip), "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", str(folder / "veryfast.mp4")])
    transcode = _children() - before
    yield "transcription / veryfast transcode of the clip, CPU seconds", 0.10, spent / transcode, False


def _spent(listener: Listener) -> float:
    """CPU seconds of the process that listens, since it began."""
    return time.process_time()


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def talks(noise_db: float, media: Path) -> list[splice.Talk]:
    """Talks of which the borders are known: two voices of espeak-ng, and two recorded ones where they are here."""
    recorded = [media / name for name in ("two-cities.wav", "spoken-timer.mp4") if (media / name).exists()]
    speakers: list[splice.Speaker] = [splice.Robot("en-us", 165, 50), splice.Robot("en-gb", 150, 40)]
    speakers += [splice.Recorded(path) for path in recorded]
    return [
        splice.talk(speaker, seed, phrases=14, apart=0.5, noise_db=noise_db) for seed, speaker in enumerate(speakers, 1)
    ]


def errors(ear: Ear, talk: splice.Talk, path: Path, shift_ms: int = 0) -> tuple[list[int], list[int]]:
    """How far starts and ends of words are off, in ms, shifted by `shift_ms`: then all of it has to be off by that."""
    sound = talk.sound(path)
    clip = Clip(path, "", sound.samples * 1000 // RATE, None, None, "wav")
    found = heard(ear, sound, listen.hear(clip, sound), "en")
    moved = [Word(w.text, w.start_ms + shift_ms, w.end_ms + shift_ms, w.confidence) for w in found.words]
    return splice.offsets(moved, talk.placed)


def _spliced(ear: Ear, media: Path, folder: Path) -> Iterator[Row]:
    if splice.lacks():
        print(f"  no times of spliced words: {splice.lacks()}")
        return
    for noise_db, median, ninth in ((42, 20, 60), (26, 30, 100)):
        found = [errors(ear, talk, folder / "spliced.raw") for talk in talks(noise_db, media)]
        starts, ends = ([each for own in found for each in own[side]] for side in (0, 1))
        where = f"against splice truth, noise {noise_db} dB under the voice"
        for what, off in (("start", starts), ("end", ends)):
            middle, most = np.percentile(np.abs(off), [50, 90])
            yield f"word {what} {where}: median, ms", median, float(middle), False
            yield f"word {what} {where}: 90 %, ms", ninth, float(most), False


def _against_alignment(ear: Ear, clip: Path, folder: Path) -> Iterator[Row]:
    """Another's program judges: PocketSphinx's forced alignment of what is said, stretch by stretch."""
    if not clip.exists():
        return
    sound, activity = listened(clip, folder)
    words = heard(ear, sound, activity).words
    off: list[int] = []
    for stretch in stretches(activity.speech, sound.samples * 1000 // RATE, activity.levels):
        own = [word for word in words if stretch.start_ms <= (word.start_ms + word.end_ms) / 2 < stretch.end_ms]
        for word, (start, end) in zip(own, _forced(sound, stretch, own), strict=True):
            off += [word.start_ms - start, word.end_ms - end]
    middle, most = np.percentile(np.abs(off), [50, 90])
    yield "word borders against forced alignment, bench-talk: median, ms", 60, float(middle), False
    yield "word borders against forced alignment, bench-talk: 90 %, ms", 150, float(most), False


def _forced(sound: Sound, stretch: Span, words: Sequence[Word]) -> list[tuple[int, int]]:
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL", lm=None, cmn="batch")
    said = [plain(word.text) for word in words]
    decoder.set_align_text(" ".join(said))
    samples = clips.samples(sound, stretch.start_ms * 16, stretch.end_ms * 16)[:, 0]
    decoder.start_utt()
    decoder.process_raw((samples * 32768).astype("<i2").tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    found = [each for each in decoder.seg() if each.word[0] not in "<[+("]
    if len(found) != len(said):
        raise SystemExit(f"PocketSphinx found {len(found)} of {len(said)} words; the stretch cannot be compared.")
    at = stretch.start_ms
    return [(at + each.start_frame * 10, at + (each.end_frame + 1) * 10) for each in found]


def _corrected(clip: Path, folder: Path) -> Iterator[Row]:
    if not clip.exists():
        return
    listener = faster_whisper.Engine("base").listener()

    class Here:
        """Aligns in this process, whose CPU seconds are counted."""

        def align(self, sound, tokens, stretch, speech, language):  # type: ignore[no-untyped-def]
            return aligning.align(listener, sound, tokens, stretch, speech, language, self.kept)

        def __init__(self) -> None:
            from pipeline.shelf import Store

            self.kept = Encodings(Store(folder / "encoded", ".npy"), "bench")

    yield from corrected.rows(clip, Here, folder)
