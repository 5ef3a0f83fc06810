"""The nouns: frozen values, no I/O, imports nothing of ours.

Time that was *found out* (words, speech, motion) is in whole milliseconds since the clip's zero, which is the
container's start time. The plan's timeline is in *frames*, so hundreds of cuts cannot drift. Values hold tuples and
compare by content.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

# --- asked for --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """Who speaks. `disclosure` is the sentence that says for whom they work ("I work at ...")."""

    id: str
    name: str
    title: str = ""
    disclosure: str = ""
    language: str | None = None
    look: int | None = None  # which of the brand's looks, from 1; None: one that follows from the id and stays
    services: tuple[str, ...] = ()  # where their videos go unless said otherwise

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else ""


@dataclass(frozen=True, slots=True)
class TrimRules:
    """How a clip is shortened; times in milliseconds (defaults: STANDARDS, "Trimming")."""

    pad_ms: int = 200  # kept on both sides of speech and action
    pause_ms: int = 600  # what a longer pause is shortened to
    min_cut_ms: int = 200  # nothing shorter is cut out
    min_keep_ms: int = 100  # nothing shorter is kept
    join_ms: int = 500  # pieces closer than this become one
    fillers: str = "gentle"  # off | gentle: cut an "um" that stands between two pauses | tight: cut every one
    keep_action: bool = True
    keep_everything: bool = False
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """The measure of captions (defaults: STANDARDS, "Captions", for English in 16:9). Times in milliseconds.

    What depends on the language comes from the table in caption_rules.py.
    """

    max_chars: int = 42  # a line
    wide: float = 2.0  # what a full-width (CJK) character counts
    narrow: float = 1.0  # what any other counts
    max_lines: int = 2
    min_ms: int = 833
    max_ms: int = 7000
    chars_per_second: float = 17.0
    chars_per_second_limit: float = 20.0
    gap_frames: int = 2  # between two cues, at every frame rate
    close_ms: int = 500  # a shorter gap is closed to gap_frames
    lead_frames: int = 3  # in-time within this many frames of the first word
    tail_frames: int = 12  # out-time may run on by this many frames, and further to close a gap


@dataclass(frozen=True, slots=True)
class Post:
    """What stands beside a video on a service. Texts are templates with named fields, such as {topic}."""

    title: str = "{topic}"
    description: str = ""
    tags: tuple[str, ...] = ()
    privacy: str = "private"  # private | unlisted | public
    playlist: str = ""  # or channel, as the service calls it
    schedule: str = ""  # when it becomes public: a date and time with its zone (RFC 3339), or ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a video should become. Everything has a default, so that a clip needs no recipe."""

    slug: str = ""
    topic: str = ""
    why: str = ""  # why it was asked, and what it is good for
    asked_by: str = ""
    topic_id: int | None = None  # on the board
    prompts: tuple[str, ...] = ()  # what to show, one clip each
    seconds: int | None = None  # the length that is wanted
    posts: tuple[tuple[str, Post], ...] = ()  # by service
    language: str | None = None
    vocabulary: tuple[str, ...] = ()
    script: str = ""  # what is said, word for word; then captions come from aligning it
    formats: tuple[str, ...] = ("landscape",)
    captions: str = "highlight"  # burnt in with the spoken word lit | "plain" | "file": only SRT and VTT beside it
    fit: str = "blur"  # a clip of another shape: "blur" (all of it, blurred sides) or "crop" (fills the frame)
    brand: str = "default"
    branded: bool = True
    denoise: bool = True
    synthetic: bool = False  # something in it is made by a machine to look real: services want to know
    trim: TrimRules = TrimRules()


@dataclass(frozen=True, slots=True)
class Colors:
    """sRGB, 0..255 each."""

    background: tuple[int, int, int] = (16, 24, 32)
    text: tuple[int, int, int] = (255, 255, 255)
    accent: tuple[int, int, int] = (255, 196, 61)


@dataclass(frozen=True, slots=True)
class Brand:
    """The light frame that a company gives. `fonts` holds the folder with the font files, `logo` a PNG with alpha."""

    name: str
    title: str = ""  # as it is written, for example on the end card
    colors: Colors = Colors()
    logo: Path | None = None
    font: str = "Roboto"
    fonts: tuple[Path, ...] = ()
    bumper_ms: int = 1000  # 0: none; at most 1500
    end_card_ms: int = 2000  # 0: none
    lower_third_ms: int = 4000  # 0: none
    budget_percent: float = 2.0  # of pixels x seconds, outside the bumper
    closing_line: str = ""  # on the end card
    accents: tuple[tuple[int, int, int], ...] = ()  # accent colors of its looks, the brand's own first; (): that alone
    bar: str = "left"  # where the lower third has its bar: left | top | bottom
    stands_for: str = ""  # what the company stands for, in plain words
    mention: tuple[str, ...] = ()  # what to mention, if it fits
    keep_out: tuple[str, ...] = ()  # words that should not be said: code names, customers
    consent: str = ""  # what a person accepts who hands in a clip


@dataclass(frozen=True, slots=True)
class Take:
    """What one person recorded for one recipe: one clip, or several in the order of the prompts."""

    id: str
    recipe: str
    person: str
    clips: tuple[Path, ...]
    sha256: tuple[str, ...]  # of the clips
    handed_in: str  # RFC 3339, UTC
    consent: str  # the wording that was accepted


@dataclass(frozen=True, slots=True)
class Topic:
    """What the audience suggested. `names` are those who asked for it, if they wished to be named."""

    id: int
    text: str
    status: str  # new | planned | answered | declined | merged
    votes: int
    suggested: str  # RFC 3339, UTC
    names: tuple[str, ...] = ()
    why: str = ""  # it was declined
    into: int | None = None  # the topic that it was merged into
    recipe: str = ""  # the slug of the recipe that it became
    link: str = ""  # the video that answers it


# --- found out --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of clip time, milliseconds, end exclusive."""

    start_ms: int
    end_ms: int

    @property
    def ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Picture:
    """The video stream of a clip as it is to be shown: after rotation, with square pixels."""

    codec: str
    pixel_format: str
    width: int  # as shown (rotation and pixel aspect applied)
    height: int
    coded_width: int
    coded_height: int
    rotation: int  # degrees, as PyAV's frame.rotation gives it
    sar: Fraction  # pixel aspect
    fps: Fraction  # nominal: the standard rate nearest to what the stream holds
    variable: bool
    longest_gap_ms: int  # between two pictures
    start_ms: int  # of the first picture, since clip zero
    end_ms: int  # of the last picture's end
    frames: int
    hdr: str = ""  # "" | "pq" | "hlg"
    matrix: str = ""  # ffmpeg's names ("bt709", "smpte170m", ...); "" where the clip does not say
    primaries: str = ""
    transfer: str = ""
    color_range: str = ""  # "tv" | "pc" | ""
    interlaced: bool = False


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound stream of a clip."""

    codec: str
    rate: int
    channels: int
    layout: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One recorded file, probed. `notes` are sentences for the user (cut off, broken packets, ...)."""

    path: Path
    sha256: str
    duration_ms: int
    picture: Picture | None
    audio: Audio | None
    container: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound on disk: interleaved little-endian samples, no header. Sample 0 is clip zero.

    The channels are already mixed: mono stands on both sides of a stereo sound, and a microphone on one side alone too.
    """

    path: Path
    rate: int
    channels: int
    samples: int  # a channel
    dtype: str = "<f4"  # numpy's name: "<f4" (48 kHz, for the video) or "<i2" (16 kHz mono, for listening)


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word with its punctuation; times since clip zero; confidence 0..1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A sound that may be a filler: `text` is what it sounds like, `reason` why it is shown to the speaker."""

    text: str
    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. `offers` are sounds that may be fillers; `notes` are sentences for the user."""

    words: tuple[Word, ...] = ()
    engine: str = "none"
    model: str = ""
    language: str = ""
    offers: tuple[Offer, ...] = ()
    notes: tuple[str, ...] = ()


LEVEL_MS = 10


@dataclass(frozen=True, slots=True)
class Activity:
    """Where something happens. `impacts` are loud onsets, `motion` is movement in the picture; levels in dBFS (RMS)."""

    speech: tuple[Span, ...] = ()
    impacts: tuple[Span, ...] = ()
    motion: tuple[Span, ...] = ()
    speech_dbfs: float = -120.0
    floor_dbfs: float = -120.0
    levels: tuple[int, ...] = field(default=(), repr=False)  # dBFS (RMS) of every 10 ms (LEVEL_MS)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a transcriber may know beforehand."""

    language: str | None = None
    vocabulary: tuple[str, ...] = ()
    activity: Activity = Activity()  # where somebody speaks, and how loud it is
    fillers: bool = False  # whether to look for them: that takes a tenth as long as hearing


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that was looked at for the thumbnail: its time, and how sharp it is (the higher the sharper)."""

    at_ms: int
    sharpness: float


# --- decided ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames start..end (end exclusive) of a clip's grid, and what becomes of them. Grid frame n shows clip time n/fps.

    `clip` is the position of the clip in the plan. The pieces of a clip lie end to end and cover all of it.
    """

    clip: int
    start: int
    end: int
    kept: bool
    reason: str  # a sentence a person can read

    @property
    def frames(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class CueWord:
    """A word of a cue; start and end are frames of the finished video."""

    text: str
    start: int
    end: int


# Scripts without spaces between words: Thai, Lao, Burmese, Khmer; kana and Han with their punctuation; fullwidth forms.
_SPACELESS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x312F), (0x31A0, 0x9FFF),
    (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF00, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip


def spaceless(char: str) -> bool:
    """Whether a character belongs to a script that puts no space between words."""
    return any(first <= ord(char) <= last for first, last in _SPACELESS)


def separator(left: str, right: str) -> str:
    """What stands between two words in a line: a space, or nothing where both sides are of a script without spaces."""
    return "" if left and right and spaceless(left[-1]) and spaceless(right[0]) else " "


def joined(words: Iterable[str]) -> str:
    """Words as one line of text."""
    text = ""
    for word in words:
        text = text + separator(text, word) + word if text else word
    return text


@dataclass(frozen=True, slots=True)
class Cue:
    """A caption: frames start..end of the finished video, and its lines of words."""

    start: int
    end: int
    lines: tuple[tuple[CueWord, ...], ...]

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(joined(word.text for word in line) for line in self.lines)

    @property
    def words(self) -> tuple[CueWord, ...]:
        return tuple(word for line in self.lines for word in line)


@dataclass(frozen=True, slots=True)
class Violation:
    """A caption rule that could not be kept. `cue` counts from 1; `value` is what was measured."""

    cue: int
    rule: str
    value: float


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels from the top left."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    def overlaps(self, other: Rect) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True, slots=True)
class Layer:
    """A brand graphic over the picture: frames start..end of the finished video, placed in `place`."""

    kind: str  # "logo" | "lower_third"
    start: int
    end: int
    place: Rect


@dataclass(frozen=True, slots=True)
class Card:
    """A graphic over a held, blurred picture of the clip: the bumper before it all, the end card after it."""

    kind: str  # "bumper" | "end_card"
    clip: int
    frame: int  # the grid frame that is held
    frames: int  # how long
    ink: Rect  # where the graphic lies, which is the part of the frame that the brand covers


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of video, and where things may lie in it (pixels)."""

    name: str
    width: int
    height: int
    captions: Rect  # captions stay inside, at its bottom
    lower_third: Rect
    logo: Rect
    rules: CaptionRules = CaptionRules()


@dataclass(frozen=True, slots=True)
class Variant:
    """One finished video of a take: a format, branded or not."""

    name: str  # "landscape", "vertical-unbranded", ...
    format: Format
    branded: bool
    cues: tuple[Cue, ...]
    layers: tuple[Layer, ...]
    opening: Card | None
    closing: Card | None
    frames: int  # of the finished video
    footprint_percent: float  # brand pixels x seconds outside the bumper
    violations: tuple[Violation, ...]
    missing_glyphs: str = ""  # characters that no font of the brand has


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided, in frames of `fps`."""

    fps: Fraction
    clips: tuple[Clip, ...]
    pieces: tuple[Piece, ...]
    variants: tuple[Variant, ...]
    fit: str
    title: str
    language: str = ""  # of what is said; "" where nobody knows
    captions: str = "highlight"  # as in Recipe
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.kept)


# --- came out ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loudness:
    """Measured on the finished, encoded sound.

    None where there is nothing to hear; `notes` are sentences for the user.
    """

    lufs: float | None
    true_peak_dbtp: float | None
    notes: tuple[str, ...] = ()


# --- what goes out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account at a service, without its tokens: what may be shown."""

    person: str
    service: str
    id: str  # as the service calls it: a channel, a user
    name: str  # as people see it there
    address: str  # the root of the service, with a slash at the end; every PeerTube instance has its own
    scopes: tuple[str, ...] = ()  # what it may do there
    connected: str = ""  # RFC 3339, UTC
    expires: str = ""  # when a new sign-in is needed, where that is known


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out to one service: exactly these files and texts.

    `files` are all of them, by name, with their SHA-256. Texts are filled: no template is left in them.
    """

    take: str
    person: str
    service: str
    variant: str  # of the plan: "landscape", "vertical-unbranded", ...
    video: Path
    sha256: str
    size: int  # bytes
    seconds: float
    post: Post
    files: tuple[tuple[str, str], ...] = ()
    language: str = ""  # of what is said; "" where nobody knows
    srt: Path | None = None
    vtt: Path | None = None
    unsure: tuple[str, ...] = ()  # the sentences of the captions that somebody should look at, each with its time
    thumbnail: Path | None = None
    discloses: bool = False  # the speaker speaks for their employer, and says so
    synthetic: bool = False  # the recipe says that something in it is made by a machine to look real

    @property
    def marker(self) -> str:
        """By which an upload of ours is found again at a service that lost its answer."""
        return marker(self.sha256)

    @property
    def shape(self) -> str:
        """landscape | vertical | square"""
        return self.variant.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something happened at a service which must never happen twice.

    Steps in their order: session, video, captions, thumbnail, playlist, public; and takedown. `session` is where an
    upload goes on: whoever knows it may write there, so it is sealed on the shelf.
    """

    service: str
    step: str
    sha256: str  # of the video that it is about
    account: str = ""  # its id at the service
    id: str = ""  # of the video there
    link: str = ""
    session: str = field(default="", repr=False)
    note: str = ""  # a sentence for people, such as why captions were refused
    at: str = ""  # RFC 3339, UTC
    person: str = ""  # whose account it was
    causes: str = ""  # fingerprint of what the step sent; where that is another one now, it is done again
    shows: str = ""  # of step public: private | unlisted | public, or from when on it is public (RFC 3339)

    @property
    def marker(self) -> str:
        """As that of its parcel."""
        return marker(self.sha256)


def marker(sha256: str) -> str:
    return f"candid-{sha256[:12]}"


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """What captions need to know of a font: advance widths in units of the em, by code point."""

    family: str
    units_per_em: int
    line_height: int  # ascender - descender, same units; libass scales a font size to this height
    advances: Mapping[int, int] = field(default_factory=dict, repr=False)

    def missing(self, text: str) -> str:
        """The characters of `text` that the font cannot draw, each once, in order."""
        seen = dict.fromkeys(unicodedata.normalize("NFC", text))
        return "".join(c for c in seen if ord(c) not in self.advances and not c.isspace() and not _unseen(c))

    def width(self, text: str) -> float:
        """Width in em; a character that is not there counts one em, one that is never drawn nothing."""
        return sum(self._advance(c) for c in text) / self.units_per_em

    def _advance(self, char: str) -> int:
        known = self.advances.get(ord(char))
        return known if known is not None else 0 if _unseen(char) else self.units_per_em


def _unseen(char: str) -> bool:
    """Joiners, direction marks and variation selectors steer how their neighbors are drawn; they are not drawn."""
    return unicodedata.category(char) == "Cf" or 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF
