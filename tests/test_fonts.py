"""Fonts are found, measured and refused in words."""

from __future__ import annotations

import pytest

from pipeline import fonts
from pipeline.errors import RecipeError, WorkspaceError


def test_the_default_font_is_roboto_in_two_weights():
    regular, bold = fonts.default_fonts()
    assert fonts.regular((regular, bold), "Roboto") == regular
    assert fonts.bold((regular, bold), "Roboto") == bold


def test_captions_are_measured_in_the_bold_face():
    both = fonts.metrics(fonts.default_fonts(), "Roboto")
    plain = fonts.metrics(fonts.default_fonts()[:1], "Roboto")
    assert both.width("The server") > plain.width("The server") > 3


def test_what_the_bold_face_lacks_is_measured_in_another(tmp_path):
    from fontTools.ttLib import TTFont

    regular, bold = fonts.default_fonts()
    with TTFont(bold) as font:
        for table in font["cmap"].tables:
            table.cmap.pop(ord("ß"), None)
        font.save(tmp_path / "bold.ttf")
    poor = fonts.metrics((tmp_path / "bold.ttf",), "Roboto")
    both = fonts.metrics((regular, tmp_path / "bold.ttf"), "Roboto")
    assert (poor.missing("Grüße"), both.missing("Grüße")) == ("ß", "")
    assert both.width("Gr") == poor.width("Gr")


def test_a_font_that_is_not_installed_is_told_with_its_cure(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkspaceError, match="pip install"):
        fonts.default_fonts()


def test_a_family_that_is_not_there_is_answered_with_what_is():
    with pytest.raises(RecipeError, match="one that is there: Roboto"):
        fonts.metrics(fonts.default_fonts(), "Helvetica")


def test_what_is_no_font_is_refused(tmp_path):
    path = tmp_path / "font.ttf"
    path.write_text("no font")
    with pytest.raises(RecipeError, match="no font that can be read"):
        fonts.metrics((path,), "Roboto")
