"""How many misheard words the marks of unsure words catch, and what reading them costs: the table of docs/unsure.md.

`python -m tests.bench.unsure FOLDER [WORDS]` takes recorded speech of which the text is known (RECORDED, in FOLDER),
makes worse copies of it, lets espeak-ng read texts, and has all of it heard by the default engine.
WORDS is a JSON file that keeps what was heard, so that other thresholds are tried in seconds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from pipeline import edit, ffmpeg, listen, transcribers
from pipeline.edit import Edits, Side
from pipeline.model import Clip, Hints, Sound, Transcript, TrimRules, Word
from pipeline.transcribers import Ear
from pipeline.wording import plain
from tests.conftest import ROOT

RATE = 16_000
Samples = NDArray[np.float32]

RECORDED = {
    "jfk.flac": """and so my fellow americans ask not what your country can do for you ask what you can do for your
        country""",
    "two-cities.wav": """it was the best of times it was the worst of times it was the age of wisdom it was the age of
        foolishness it was the epoch of belief it was the epoch of incredulity it was the season of light it was the
        season of darkness it was the spring of hope it was the winter of despair we had everything before us we had
        nothing before us we were all going direct to heaven we were all going direct the other way in short the period
        was so far like the present period that some of its noisiest authorities insisted on its being received for
        good or for evil in the superlative degree of comparison only""",
    "spoken-timer.mp4": """hello this is an example video for your convenience and pleasure you are allowed to use this
        voice for any purpose including commercial uses on the bottom right you can see the time when the time reaches
        forty seconds i will say banana banana""",
}
TWICE = {  # as they are only, no worse copies: the one holds two of the above, the other is spoken by a machine
    "bench-talk.mp4": f"{RECORDED['two-cities.wav']} {RECORDED['jfk.flac']}",
    str(
        ROOT / "assets" / "demo" / "demo.mp4"
    ): """you asked for the most creative way to destroy a server um this one is
        twelve years old today we pour coffee on it no wait we drop the piano on it that was overdue tell us what we
        should destroy next""",
}
ENGLISH = (
    """You asked us what happens when the cooling fails. We did not want to guess, so we switched it off. After four
    minutes the first fan was louder than my voice. After nine minutes the machine went down by itself, as it should.
    Nothing was lost, because the other one had taken over. That is the whole trick: there is always another one.""",
    """Hello, I am Priya, and I look after the storage in Dublin. This drawer holds sixty disks. One of them breaks
    about every second week. I pull it out, put a new one in, and nobody notices. The old one goes through the
    shredder over there. It is the loudest machine in the building, and my favorite.""",
    """Today we move a running database from one rack to another. We use Postgres with two replicas and a small proxy
    in front of it. First we drain the connections, then we promote the replica. The dashboard shows eleven failed
    requests, all of them retried. Next week we try the same with Kubernetes and a colder cup of coffee.""",
)
FOREIGN = {
    "de": """Hallo, ich heiße Jonas und arbeite seit sechs Jahren im Rechenzentrum. Heute zeige ich euch, wie ein Server
        aus dem Schrank kommt. Zuerst ziehen wir die beiden Kabel ab. Dann lösen wir vier Schrauben und heben ihn
        heraus. Er wiegt ungefähr dreißig Kilo, also bitte nie allein tragen.""",
    "fr-fr": """Bonjour, je travaille ici depuis cinq ans. Vous avez demandé combien d'énergie il faut pour une
        recherche. La réponse est surprenante, parce que presque tout part dans le refroidissement. En hiver, nous
        chauffons les bureaux avec cette chaleur. En été, elle part dans la rivière.""",
    "es": """Hola, soy Elena y trabajo en el equipo de redes. Hoy vamos a desconectar un cable para ver lo que pasa. El
        tráfico toma otro camino en menos de un segundo. Nadie se da cuenta de nada. Después conectamos el cable otra
        vez y vamos a comer.""",
}
VOICES = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us+f3", "en-gb+whisper")


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that was heard. `kind` is what was done to it: "clean" for recorded speech as it is."""

    name: str
    kind: str
    seconds: float  # of speech
    truth: str
    words: tuple[Word, ...]


# --- sounds -----------------------------------------------------------------------------------------------------------


def sounds(folder: Path, work: Path) -> Iterator[tuple[str, str, str, str, Samples]]:
    """Name, kind, language, what is said, and the samples."""
    for name, truth in RECORDED.items():
        clean = _decoded(folder / name, work)
        yield name, "clean", "en", truth, clean
        for kind, worse in WORSE.items():
            yield name, kind, "en", truth, worse(clean)
    for name, truth in TWICE.items():
        yield Path(name).name, "clean", "en", truth, _decoded(folder / name, work)
    for voice in VOICES:
        for number, text in enumerate(ENGLISH):
            yield f"text {number}", f"espeak {voice}", "en", text, _spoken(text, voice, work)
    for voice, text in FOREIGN.items():
        yield "text", f"espeak {voice}", voice[:2], text, _spoken(text, voice, work)
        yield "text", f"espeak {voice}, noise", voice[:2], text, _noise(_spoken(text, voice, work), 10)


def _decoded(path: Path, work: Path) -> Samples:
    ffmpeg.run(["-y", "-i", f"file:{path}", "-vn", "-ac", "1", "-ar", str(RATE), "-f", "s16le", f"file:{work}/raw"])
    return np.fromfile(work / "raw", "<i2").astype(np.float32) / 32768


def _spoken(text: str, voice: str, work: Path) -> Samples:
    command = ["espeak-ng", "-v", voice, "-s", "160", "-w", str(work / "spoken.wav"), " ".join(text.split())]
    subprocess.run(command, check=True)
    return np.pad(_decoded(work / "spoken.wav", work), RATE // 2)


def _level(sound: Samples) -> float:
    """The level of the speech: of the samples that are not quiet."""
    return float(np.sqrt(np.mean(np.square(sound[np.abs(sound) > 0.01]))))


def _noise(sound: Samples, snr_db: float) -> Samples:
    noise = np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32)
    return np.clip(sound + noise * _level(sound) / 10 ** (snr_db / 20), -1, 1)


def _telephone(sound: Samples) -> Samples:
    """300 to 3400 Hz, in the 256 steps of G.711."""
    spectrum, hertz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    band = np.fft.irfft(spectrum, len(sound))
    coded = np.round(np.sign(band) * np.log1p(255 * np.abs(band)) / np.log(256) * 127) / 127
    return (np.sign(coded) * (256 ** np.abs(coded) - 1) / 255).astype(np.float32)


def _reverb(sound: Samples, seconds: float = 1.2) -> Samples:
    """A large room: noise that dies away by 60 dB in so many seconds."""
    length = int(seconds * RATE)
    room = np.random.default_rng(2).standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    room[0] = np.sqrt(np.sum(np.square(room)))  # the voice itself is as strong as all that comes back
    size = len(sound) + length
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)]
    return (wet / max(1e-9, np.abs(wet).max()) * np.abs(sound).max()).astype(np.float32)


def _music(sound: Samples, snr_db: float) -> Samples:
    """Under chords that change twice a second, with a drum."""
    at = np.arange(len(sound)) / RATE
    roots = np.array([220.0, 174.6, 261.6, 196.0])[(at * 2).astype(int) % 4]
    chord = sum(np.sin(2 * np.pi * np.cumsum(roots * ratio) / RATE) for ratio in (1, 1.26, 1.5, 2, 3))
    drum = np.random.default_rng(3).standard_normal(len(sound)) * np.exp(-((at * 2) % 1) * 12) * 2
    music = chord + drum
    music *= _level(sound) / 10 ** (snr_db / 20) / np.sqrt(np.mean(np.square(music)))
    return np.clip(sound + music, -1, 1).astype(np.float32)


WORSE: dict[str, Callable[[Samples], Samples]] = {
    "noise 10 dB": lambda sound: _noise(sound, 10),
    "noise 5 dB": lambda sound: _noise(sound, 5),
    "noise 0 dB": lambda sound: _noise(sound, 0),
    "telephone": _telephone,
    "telephone, noise 5 dB": lambda sound: _noise(_telephone(sound), 5),
    "large room": _reverb,
    "large room, noise 10 dB": lambda sound: _noise(_reverb(sound), 10),
    "music 5 dB": lambda sound: _music(sound, 5),
    "music 0 dB": lambda sound: _music(sound, 0),
}


# --- heard ------------------------------------------------------------------------------------------------------------


def hear(ear: Ear, samples: Samples, language: str, work: Path) -> tuple[float, Transcript]:
    """The seconds of speech, and the words, as the product's default engine hears them."""
    path = work / "sound.raw"
    np.round(samples * 32767).astype("<i2").tofile(path)
    sound = Sound(path, RATE, 1, len(samples), "<i2")
    activity = listen.hear(Clip(path, "", len(samples) * 1000 // RATE, None, None, "raw"), sound)
    heard = ear.transcribe(sound, Hints(language, activity=activity), lambda share: None)
    return sum(span.ms for span in activity.speech) / 1000, heard


def all_heard(folder: Path, known: Path | None) -> list[Heard]:
    if known and known.exists():
        told = json.loads(known.read_text(encoding="utf-8"))
        return [Heard(**{**each, "words": tuple(Word(**word) for word in each["words"])}) for each in told]
    found = []
    with tempfile.TemporaryDirectory() as name, Ear(transcribers.choose("auto").engine) as ear:
        for sound, kind, language, truth, samples in sounds(folder, Path(name)):
            seconds, heard = hear(ear, samples, language, Path(name))
            found.append(Heard(sound, kind, seconds, " ".join(truth.split()), heard.words))
            print(f"{sound}, {kind}: {len(heard.words)} words", file=sys.stderr)
    if known:
        known.write_text(json.dumps([asdict(each) for each in found], ensure_ascii=False), encoding="utf-8")
    return found


# --- judged -----------------------------------------------------------------------------------------------------------

_SPELLED = {
    "4": "four",
    "discs": "disks",
    "40": "forty",
    "60": "sixty",
    "11": "eleven",
    "30": "dreißig",
    "6": "sechs",
    "9": "nine",
}
_READ = 3.5  # words a second, silently: 210 a minute
_HEARD_SO = ("without a wrong word", "up to 6 % wrong", "6 to 15 %", "15 to 35 %", "more")
_LIMITS = (0.0, 0.06, 0.15, 0.35)


def wrong(heard: Heard) -> tuple[set[int], list[int], float]:
    """The places of words that nobody said, the places at which words are missing, and the share of both."""
    tokens, places = [], []
    for place, word in enumerate(heard.words):
        for part in filter(None, map(plain, re.split(r"[-–—\s]", word.text))):
            tokens.append(_SPELLED.get(part, part))
            places.append(place)
    truth = [plain(token) for token in re.split(r"[-\s]+", heard.truth) if plain(token)]
    false, missing = set[int](), list[int]()
    for step in Levenshtein.opcodes(truth, tokens):
        if step.tag in {"replace", "insert"}:
            false |= set(places[step.dest_start : step.dest_end])
        elif step.tag == "delete":
            missing += places[step.dest_start : step.dest_start + 1] or places[-1:]
    return false, missing, (len(false) + len(missing)) / len(truth)


def sentences(heard: Heard) -> Iterator[tuple[range, frozenset[int]]]:
    """The lines of edit.md, as places of words, and which of these it marks."""
    said, first = Transcript(heard.words), 0
    side = Side("", heard.name, said, said, (), ())
    for line in edit.sheet("", "", [side], Edits(), TrimRules(), Fraction(25)).lines:
        yield range(first, first + len(line.words)), frozenset(first + place for place in line.doubts)
        first += len(line.words)


@dataclass
class Row:
    """What the marks come to, over many sounds."""

    minutes: float = 0.0
    errors: int = 0
    caught: int = 0  # errors in unsure sentences
    false: int = 0  # words that nobody said
    marked: int = 0  # of these
    sentences: int = 0
    unsure: int = 0
    needless: int = 0  # unsure and right
    read: int = 0  # words of unsure sentences

    def add(self, heard: Heard) -> None:
        false, missing, _ = wrong(heard)
        self.minutes += heard.seconds / 60
        self.errors += len(false) + len(missing)
        self.false += len(false)
        for places, marks in sentences(heard):
            errors = sum(place in false for place in places) + sum(place in places for place in missing)
            self.sentences += 1
            if marks:
                self.unsure += 1
                self.caught += errors
                self.needless += not errors
                self.read += len(places)
                self.marked += len(marks & false)

    def told(self, name: str) -> str:
        rates = (self.sentences, self.unsure, self.needless)
        cells = [
            f"{self.minutes:.1f}",
            f"{self.caught} of {self.errors}" if self.errors else "-",
            f"{self.marked} of {self.false}" if self.false else "-",
            *(f"{number / self.minutes:.1f}" for number in rates),
            f"{self.read / _READ / self.minutes:.0f}",
        ]
        return f"| {name} | {' | '.join(cells)} |"


_HEADS = (
    "heard", "minutes of speech", "errors in unsure sentences", "wrong words marked", "sentences a minute",
    "unsure a minute", "of these right", "seconds to read them, a minute",
)  # fmt: skip


def main(folder: Path, known: Path | None = None) -> None:
    rows = {name: Row() for name in _HEARD_SO}
    for heard in all_heard(folder, known):
        if heard.words:
            rows[_HEARD_SO[sum(wrong(heard)[2] > limit for limit in _LIMITS)]].add(heard)
    print(f"| {' | '.join(_HEADS)} |\n|{' --- |' * len(_HEADS)}")
    for name, row in rows.items():
        if row.minutes:
            print(row.told(name))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
