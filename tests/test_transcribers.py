"""Which engine hears: the best that is here and that the machine can afford; or none, and it is said why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import transcribers, weights
from pipeline.errors import TranscriberError
from pipeline.transcribers import Silent, faster_whisper, whisper


@pytest.fixture
def nothing_here(tmp_path, monkeypatch) -> Path:
    """A machine without any model."""
    monkeypatch.setenv("CANDID_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def _laid(*names: str) -> None:
    """Files of the right sizes in the place of these sets: whether a set is here is asked by that alone."""
    for name in names:
        place = weights.path(name)
        place.mkdir(parents=True, exist_ok=True)
        for file in weights.find(name).files:
            with (place / file.name).open("wb") as empty:
                empty.truncate(file.size)


@pytest.mark.parametrize("engine", [faster_whisper.Engine(), whisper.Engine()], ids=lambda engine: engine.name)
def test_every_engine_works_or_says_the_cure(engine, nothing_here):
    what, _, cure = engine.lacks().partition("\n")
    assert what and cure.startswith(("pip install", f"candid models download {engine.name}:"))
    _laid(f"{engine.name}:base")
    assert engine.lacks() == ""


def test_without_any_model_there_are_no_captions_and_it_is_said(nothing_here):
    choice = transcribers.choose("auto")
    assert choice.engine == Silent() and choice.why == "none, so there are no captions: no model is here"


def test_auto_takes_the_best_that_is_here(nothing_here, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(transcribers, "_memory_gb", lambda: 64.0)
    for name in ("faster-whisper:base", "faster-whisper:small", "whisper:medium"):
        _laid(name)
        assert f"{transcribers.choose('auto').engine.name}:{transcribers.choose('auto').engine.model}" == name
    assert transcribers.choose("faster-whisper").engine.model == "small", "the best that this engine has"


def test_auto_passes_over_what_the_machine_cannot_afford_and_says_so(nothing_here, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    _laid("faster-whisper:base", "faster-whisper:large-v3")
    choice = transcribers.choose("auto")
    assert choice.engine == faster_whisper.Engine("base")
    assert "large-v3 is here, but wants 16 cores: ask for it by name" in choice.why
    assert transcribers.choose("faster-whisper:large-v3").engine.model == "large-v3"


def test_a_model_for_english_only_is_never_taken_by_itself(nothing_here):
    """On French or Chinese speech it writes fluent English that nobody said."""
    _laid("faster-whisper:tiny.en")
    assert transcribers.choose("auto").engine == Silent()
    assert transcribers.choose("faster-whisper:tiny.en", "en-GB").engine.model == "tiny.en"
    with pytest.raises(TranscriberError, match=r"knows English only, and the language is de"):
        transcribers.choose("faster-whisper:tiny.en", "de")


def test_an_engine_asked_for_by_name_is_taken_or_refused_with_the_cure(nothing_here):
    with pytest.raises(TranscriberError, match="its model tiny is not here") as caught:
        transcribers.choose("whisper:tiny")
    assert caught.value.do == "candid models download whisper:tiny"
    with pytest.raises(TranscriberError, match="Known: auto, faster-whisper, whisper"):
        transcribers.choose("wisper")


def test_the_default_is_fetched_only_where_it_is_asked_for_and_nothing_better_is_here(nothing_here):
    told: list[str] = []
    for wanted in ("whisper:small", "faster-whisper:medium"):
        assert transcribers.fetch_if_needed(wanted, lambda step, done: told.append(step)) == ""
    assert "CANDID_OFFLINE" in transcribers.fetch_if_needed("auto", lambda step, done: told.append(step))
    _laid("faster-whisper:small")
    assert transcribers.fetch_if_needed("auto", lambda step, done: told.append(step)) == ""
    assert not told


def test_words_that_everybody_knows_come_from_the_models_vocabulary(hearing, nothing_here, monkeypatch):
    assert transcribers.common_words() == frozenset()
    monkeypatch.setenv("CANDID_MODELS", str(hearing("base").parent))
    known = transcribers.common_words()
    assert {"what", "server", "coffee", "piano"} <= known and not {"kubernetes", "Server", ""} & known
