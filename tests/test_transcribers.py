"""Engines hear what is said, time a given text, leave out what whisper invents; nothing is downloaded by surprise."""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
import threading
from functools import partial
from http.client import HTTPException
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import listen, transcribers
from pipeline import media as clips
from pipeline.errors import TranscriberError
from pipeline.model import Hints, Sound, Span, Transcript, Word
from pipeline.transcribers import guards, models, pocketsphinx, pronounce, whisper
from tests.words import BARS, SAID, plain


@pytest.fixture
def nothing_here(tmp_path, monkeypatch) -> Path:
    """A machine without any model."""
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


# --- which engine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", transcribers.engines(), ids=lambda engine: engine.name)
def test_every_engine_works_or_says_the_cure(engine, nothing_here):
    lack = engine.lacks()
    assert engine.name and engine.model
    assert lack == "" or re.fullmatch(r"[^\n]+\n(pip install|candid models download) [^\n]+", lack)


def test_auto_takes_the_embedded_engine_where_no_model_is_here(nothing_here):
    choice = transcribers.choose("auto")
    assert choice.engine.name == "pocketsphinx"
    assert "since whisper's model small is not here" in choice.why


def test_auto_takes_whisper_once_its_model_is_here(nothing_here):
    nothing_here.mkdir()
    (nothing_here / "base.pt").touch()
    choice = transcribers.choose("auto")
    assert (choice.engine.name, choice.engine.model) == ("whisper", "base")


def test_a_language_that_nobody_here_knows_gets_no_captions(nothing_here):
    assert transcribers.choose("auto", "en-US").engine.name == "pocketsphinx"
    choice = transcribers.choose("auto", "de")
    assert choice.engine.transcribe(Sound(Path("x"), 16000, 1, 0, "<i2"), Hints("de"), print).words == ()
    assert "pocketsphinx does not know the language de" in choice.why


def test_an_engine_asked_for_by_name_is_taken_or_refused_with_the_cure(nothing_here):
    assert transcribers.choose("pocketsphinx").engine.name == "pocketsphinx"
    with pytest.raises(TranscriberError, match="candid models download tiny"):
        transcribers.choose("whisper:tiny")
    with pytest.raises(TranscriberError, match="Known: auto, whisper"):
        transcribers.choose("wisper")


# --- what is said -----------------------------------------------------------------------------------------------------


def _heard(path: Path, folder: Path) -> tuple[Sound, Hints]:
    clip = clips.probe(path)
    sound = clips.sound(clip, folder / "ear.raw", rate=16000, channels=1, dtype="<i2")
    assert sound is not None
    return sound, Hints(speech=listen.hear(clip, sound).speech)


@pytest.mark.slow
@pytest.mark.real_media
@pytest.mark.parametrize("name", BARS)
def test_word_error_rates_on_real_speech(name, media, tmp_path):
    import jiwer

    sound, hints = _heard(media / name, tmp_path)
    found = pocketsphinx.Engine().transcribe(sound, hints, lambda done: None)
    rate = jiwer.wer(SAID[name], plain(" ".join(word.text for word in found.words)))
    print(f"{name}: {rate:.3f}")
    assert rate <= BARS[name]
    assert found.draft and found.engine == "pocketsphinx" and found.language == "en"
    assert _in_order(found, sound)


@pytest.mark.slow
@pytest.mark.real_media
def test_the_engine_is_less_sure_of_what_it_misheard(media, tmp_path):
    sound, hints = _heard(media / "two-cities.wav", tmp_path)
    found = pocketsphinx.Engine().transcribe(sound, hints, lambda done: None)
    said = set(SAID["two-cities.wav"].split())
    right = [word.confidence for word in found.words if plain(word.text) in said]
    wrong = [word.confidence for word in found.words if plain(word.text) not in said]
    assert all(0 <= sure <= 1 for sure in right + wrong)
    assert max(right) > 0.9 and np.mean(wrong) < 0.5 < np.mean(right), (wrong, right)


@pytest.mark.slow
@pytest.mark.real_media
@pytest.mark.parametrize("end_ms", [38_400, 41_400, 44_800])
def test_speech_that_ends_in_the_middle_of_a_word_is_heard(end_ms, media, tmp_path):
    sound, _ = _heard(media / "bench-talk.mp4", tmp_path)
    assert len(pocketsphinx.decode(sound, Span(36_864, end_ms))) >= 3


@pytest.mark.slow
@pytest.mark.real_media
def test_what_is_heard_does_not_depend_on_what_was_heard_before(media, tmp_path):
    """Processes take stretches as they are free: a batch that was killed and goes on has to hear the same."""
    sound, hints = _heard(media / "bench-talk.mp4", tmp_path)
    parts = pocketsphinx.segments(pocketsphinx.breathed(sound, hints.speech), sound.samples // 16)[-2:]
    pocketsphinx._decoder.cache_clear()
    last_first = [pocketsphinx.decode(sound, part) for part in reversed(parts)]
    pocketsphinx._decoder.cache_clear()
    assert [pocketsphinx.decode(sound, part) for part in parts] == last_first[::-1]


def _in_order(found: Transcript, sound: Sound) -> bool:
    starts = [word.start_ms for word in found.words]
    inside = all(0 <= word.start_ms < word.end_ms <= sound.samples / 16 + 1 for word in found.words)
    return starts == sorted(starts) and inside


def _silence(folder: Path, seconds: int) -> Sound:
    path = folder / "silence.raw"
    path.write_bytes(bytes(32000 * seconds))
    return Sound(path, 16000, 1, 16000 * seconds, "<i2")


# --- segments, spelling -----------------------------------------------------------------------------------------------

spans = st.lists(st.tuples(st.integers(0, 3000), st.integers(100, 20000)), min_size=1, max_size=20)


@given(spans)
def test_segments_hold_all_speech_in_order_and_do_not_overlap(found):
    speech, at = [], 0
    for gap, length in found:
        speech.append(Span(at + gap + 1, at + gap + 1 + length))
        at += gap + 1 + length
    parts = pocketsphinx.segments(speech, at + 500)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(parts))
    assert all(any(part.start_ms <= span.start_ms and span.end_ms <= part.end_ms for part in parts) for span in speech)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=9), st.integers(0, 70_000))
def test_long_speech_is_cut_into_pieces_that_lie_end_to_end(tmp_path_factory, loudness, start):
    path = tmp_path_factory.getbasetemp() / "long.raw"
    path.write_bytes(b"".join(bytes([0, level // 8]) * 160_000 for level in loudness))
    sound = Sound(path, 16000, 1, 160_000 * len(loudness), "<i2")
    whole = Span(min(start, sound.samples // 16 - 1), sound.samples // 16)
    pieces = pocketsphinx.breathed(sound, [whole])
    assert (pieces[0].start_ms, pieces[-1].end_ms) == (whole.start_ms, whole.end_ms)
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(pieces))
    assert all(0 < piece.ms <= 15_600 for piece in pieces)


def test_long_speech_is_cut_where_it_is_quiet(tmp_path):
    samples = np.full(16000 * 25, 8000, "<i2")
    samples[16000 * 12 : 16000 * 12 + 8000] = 3
    (tmp_path / "long.raw").write_bytes(samples.tobytes())
    sound = Sound(tmp_path / "long.raw", 16000, 1, len(samples), "<i2")
    first, second = pocketsphinx.breathed(sound, [Span(0, 25_000)])
    assert 12_000 < first.end_ms == second.start_ms < 12_500


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("40,", ("forty",)),
        ("1984", ("one", "thousand", "nine", "hundred", "eighty", "four")),
        ("“Don’t!”", ("don't",)),
        ("100%", ("one", "hundred", "percent")),
        ("—", ()),
        ("end-to-end", ("end", "to", "end")),
    ],
)
def test_how_tokens_are_said(token, said):
    assert pronounce.spoken(token) == said


@given(st.text(max_size=30))
def test_any_token_can_be_said(token):
    for word in pronounce.spoken(token):
        assert pronounce.phones(word)


# --- guards -----------------------------------------------------------------------------------------------------------


def _words(text: str) -> list[Word]:
    return [Word(word, n * 300, n * 300 + 250) for n, word in enumerate(text.split())]


def _said(words) -> str:
    return " ".join(word.text for word in words)


def test_a_phrase_that_goes_round_in_circles_is_said_once():
    looped = _words("so " + "thank you for watching " * 7 + "bye")
    assert _said(guards.without_loops(looped)) == "so thank you for watching bye"


def test_what_people_repeat_stays():
    assert _said(guards.without_loops(_words("no no no stop stop"))) == "no no no stop stop"


def test_words_over_silence_go():
    kept = guards.over_speech(_words("one two three four five six seven eight"), [Span(0, 600)])
    assert _said(kept) == "one two three four"


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-500, 9000), st.integers(-500, 9000), st.floats(-1, 2))))
def test_whatever_an_engine_says_comes_out_in_order_and_inside(raw):
    found = guards.in_order([Word(*each) for each in raw], 8000)
    assert all(0 <= w.start_ms < w.end_ms <= 8000 and 0 <= w.confidence <= 1 and w.text.strip() for w in found)
    assert [w.start_ms for w in found] == sorted(w.start_ms for w in found)


# --- whisper, by its real code ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A whisper model as small as can be, with random weights, saved as openai-whisper saves its own."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(1)
    dims = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=32, n_audio_head=2, n_audio_layer=2,
        n_vocab=51865, n_text_ctx=24, n_text_state=32, n_text_head=2, n_text_layer=2,
    )  # fmt: skip
    model = Whisper(dims)
    # It is made of whatever lay in memory, which at times is no number at all.
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.01)
    # A model that doubts tries again and again: this one is sure of what it says, and says little (n_text_ctx).
    torch.nn.init.normal_(model.decoder.token_embedding.weight, std=4.0)
    folder = tmp_path_factory.mktemp("models")
    torch.save({"dims": dims.__dict__, "model_state_dict": model.state_dict()}, folder / "tiny.pt")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", None])
def test_whisper_loads_a_checkpoint_and_times_words(language, tiny_checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("CANDID_MODELS", str(tiny_checkpoint))
    chance = np.random.default_rng(1)
    path = tmp_path / "sound.raw"
    path.write_bytes((chance.standard_normal(16000) * 3000).astype("<i2").tobytes())
    sound = Sound(path, 16000, 1, 16000, "<i2")
    engine = transcribers.choose("whisper:tiny").engine
    found = engine.transcribe(sound, Hints(language, ("Zephyr",), (Span(0, 1000),)), lambda done: None)
    assert (found.engine, found.model, found.draft) == ("whisper", "tiny", False)
    assert found.language
    assert found.words
    assert _in_order(found, sound)
    again = engine.transcribe(sound, Hints(language, ("Zephyr",), (Span(0, 1000),)), lambda done: None)
    assert again == found, "unsure as it is, it draws lots; a take made again has to say the same"


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told_with_the_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path))
    (tmp_path / "tiny.pt").write_bytes(b"no model")
    with pytest.raises(TranscriberError, match="candid models download tiny"):
        whisper.Engine("tiny").transcribe(_silence(tmp_path, 1), Hints(), lambda done: None)


@pytest.mark.slow
def test_whisper_is_asked_for_languages_that_it_knows(tiny_checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("CANDID_MODELS", str(tiny_checkpoint))
    with pytest.raises(TranscriberError, match="does not know the language klingon"):
        whisper.Engine("tiny").transcribe(_silence(tmp_path, 1), Hints("klingon"), lambda done: None)


# --- faster-whisper, by a double: its models cannot be made here ------------------------------------------------------


@pytest.fixture
def double(monkeypatch):
    """A double of faster-whisper: two segments, the second in a loop over silence; a download that breaks off."""

    seeds: list[int] = []

    class Model:
        def __init__(self, folder, **options):
            assert seeds == [0], "the draws of a model are those of the seed when it is loaded"
            assert Path(folder).is_dir() and options["device"] == "cpu"

        def transcribe(self, samples, **options):
            assert samples.dtype == np.float32 and samples.ndim == 1 and options["language"] == "en"
            said = (
                [(" Hello,", 0.1, 0.4), (" there.", 0.4, 0.9)],
                [(" bye", 6 + n / 10, 6.1 + n / 10) for n in range(9)],
            )
            return (_segment(words) for words in said), SimpleNamespace(language="en")

    def download_model(name, output_dir):
        Path(output_dir).mkdir(parents=True)
        (Path(output_dir) / "model.bin").touch()
        if name == "base":
            raise RuntimeError("the line went dead")

    for name, content in (
        ("ctranslate2", {"set_random_seed": seeds.append}),
        ("faster_whisper", {"WhisperModel": Model}),
        ("faster_whisper.utils", {"download_model": download_model}),
    ):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


def _segment(words):
    heard = [SimpleNamespace(word=text, start=start, end=end, probability=0.9) for text, start, end in words]
    return SimpleNamespace(words=heard, end=words[-1][2])


def test_faster_whisper_says_words_without_what_it_invents(double, nothing_here, tmp_path):
    models.download("faster-whisper:tiny", lambda done: None)
    engine = transcribers.choose("faster-whisper:tiny").engine
    steps: list[float] = []
    found = engine.transcribe(_silence(tmp_path, 8), Hints("en-GB", speech=(Span(0, 1000),)), steps.append)
    assert [(w.text, w.start_ms, w.end_ms, w.confidence) for w in found.words] == [
        ("Hello,", 100, 400, 0.9),
        ("there.", 400, 900, 0.9),
    ]
    assert (found.engine, found.model, found.language, found.draft) == ("faster-whisper", "tiny", "en", False)
    assert steps == sorted(steps) and 0 < steps[-1] <= 1


def test_a_faster_whisper_model_is_whole_or_not_there(double, nothing_here):
    with pytest.raises(TranscriberError, match="the line went dead"):
        models.download("faster-whisper:base", lambda done: None)
    assert list(nothing_here.iterdir()) == []


# --- models -----------------------------------------------------------------------------------------------------------


WEIGHTS = b"weights" * 300_000
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def server(tmp_path):
    """A real web server on loopback with one file, named as whisper's are; asked for "half", it breaks off there."""
    served = tmp_path / "served" / SHA256
    served.mkdir(parents=True)
    (served / "tiny.pt").write_bytes(WEIGHTS)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            """Says nothing."""

        def do_GET(self):
            if self.path.endswith("?half"):
                self.send_response(200)
                self.send_header("Content-Length", str(len(WEIGHTS)))
                self.end_headers()
                self.wfile.write(WEIGHTS[: len(WEIGHTS) // 2])
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served.parent))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{SHA256}/tiny.pt"
        server.shutdown()
        thread.join()


def test_a_download_is_whole_and_checked(server, tmp_path):
    steps: list[float] = []
    models.fetch(server, tmp_path / "models" / "tiny.pt", sha256=SHA256, progress=steps.append)
    assert (tmp_path / "models" / "tiny.pt").read_bytes() == WEIGHTS
    assert steps[-1] == 1.0 and steps == sorted(steps)


def test_a_damaged_download_leaves_nothing(server, tmp_path):
    with pytest.raises(TranscriberError, match="damaged"):
        models.fetch(server, tmp_path / "models" / "tiny.pt", sha256="0" * 64, progress=lambda done: None)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.slow
def test_models_come_from_whispers_own_table(server, nothing_here, monkeypatch):
    import whisper as openai_whisper

    monkeypatch.setitem(openai_whisper._MODELS, "tiny", server)
    assert models.download("tiny", lambda done: None) == nothing_here / "tiny.pt"
    assert transcribers.choose("whisper:tiny").engine.lacks() == ""
    monkeypatch.setitem(openai_whisper._MODELS, "base", f"http://127.0.0.1:9/{SHA256}/base.pt")
    with pytest.raises(TranscriberError, match="could not be downloaded"):
        models.download("base", lambda done: None)


def test_a_connection_that_breaks_leaves_nothing(server, tmp_path):
    with pytest.raises((TranscriberError, HTTPException)):
        models.fetch(server + "?half", tmp_path / "models" / "tiny.pt", sha256=SHA256, progress=lambda done: None)
    assert list((tmp_path / "models").iterdir()) == []


def test_unknown_models_are_answered_with_the_known_ones(nothing_here):
    with pytest.raises(TranscriberError, match="Known: small, turbo"):
        models.download("smal", lambda done: None)


def test_the_list_says_what_is_here(nothing_here):
    nothing_here.mkdir()
    (nothing_here / "small.pt").touch()
    assert [(model.engine, model.name) for model in models.listed() if model.present] == [("whisper", "small")]
