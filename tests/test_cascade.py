"""Layers of settings: the last word wins, nothing is lost, and everybody can see where a value comes from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.cascade import Layer, merged, settings

keys = st.sampled_from(["a", "b", "c"])
values = st.one_of(st.integers(), st.lists(st.integers(), max_size=2), st.none())
tables = st.dictionaries(keys, values, max_size=3)
layers = st.lists(st.builds(Layer, st.sampled_from(["product", "brand", "recipe"]), st.fixed_dictionaries(
    {}, optional={"x": values, "y": values, "trim": tables, "post": tables}
)), max_size=5)  # fmt: skip


def _get(told, key):
    for part in key.split("."):
        if not isinstance(told, dict) or part not in told:
            return ...
        told = told[part]
    return told


@given(layers)
def test_the_last_layer_that_says_something_wins(found):
    whole = merged(found)
    for setting in settings(found):
        said = [value for layer in found if (value := _get(layer.values, setting.key)) is not ...]
        assert said[-1] == setting.value == _get(whole, setting.key)


@given(layers)
def test_merging_what_is_merged_changes_nothing(found):
    whole = merged(found)
    assert merged([Layer("all", whole)]) == whole


def test_tables_are_merged_and_lists_replaced():
    told = [
        Layer("product", {"trim": {"pad": 0.2, "pause": 0.6}, "formats": ["landscape", "vertical"]}),
        Layer("recipe", {"trim": {"pause": 1.0}, "formats": ["square"]}),
    ]
    assert merged(told) == {"trim": {"pad": 0.2, "pause": 1.0}, "formats": ["square"]}
    assert {setting.key: setting.source for setting in settings(told)} == {
        "trim.pad": "product",
        "trim.pause": "recipe",
        "formats": "recipe",
    }
