import json
import sys
from pathlib import Path

import pytest

from textus import plugins
from textus.errors import RecipeError
from textus.plugins import allow_code, did_you_mean, lookup


@pytest.fixture
def code_allowed():
    allow_code()
    yield
    allow_code(False)


def test_built_in_names_need_no_permission():
    assert lookup("one", {"one": 1, "two": 2}, what="number") == 1


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"unknown optimizer 'muno'; did you mean 'muon'\?"):
        lookup("muno", {"muon": 1, "adamw": 2}, what="optimizer")


def test_a_far_name_gets_them_all():
    with pytest.raises(RecipeError, match="unknown number 'xyz'; known: one, two"):
        lookup("xyz", {"one": 1, "two": 2}, what="number")


def test_nothing_is_imported_without_permission(tmp_path: Path, monkeypatch):
    (tmp_path / "dangerous_module.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecipeError, match="--allow-code"):
        lookup("dangerous_module:Thing", {}, what="step")
    assert "dangerous_module" not in sys.modules


@pytest.mark.usefixtures("code_allowed")
def test_code_is_found_by_module_and_name(tmp_path: Path, monkeypatch):
    (tmp_path / "own_steps.py").write_text("class Outer:\n    class Inner:\n        pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert lookup("json:dumps", {}, what="step") is json.dumps
    inner = lookup("own_steps:Outer.Inner", {}, what="step")
    assert inner.__qualname__ == "Outer.Inner"
    monkeypatch.delitem(sys.modules, "own_steps")


@pytest.mark.usefixtures("code_allowed")
@pytest.mark.parametrize("name", ["no_such_module_at_all:X", "json:NoSuchName", "json.nothing:X"])
def test_code_that_is_not_there_is_named(name: str):
    with pytest.raises(RecipeError, match=f"step '{name}' cannot be loaded: .* PYTHONPATH"):
        lookup(name, {}, what="step")


@pytest.mark.usefixtures("code_allowed")
@pytest.mark.parametrize("name", [":", ":X", "json:", ".relative:X"])
def test_half_a_name_is_explained(name: str):
    with pytest.raises(RecipeError, match=r"should be written package\.module:Name"):
        lookup(name, {}, what="step")


def test_permission_is_off_by_default_and_can_be_withdrawn():
    assert not plugins._allowed
    allow_code()
    allow_code(False)
    with pytest.raises(RecipeError, match="--allow-code"):
        lookup("json:dumps", {}, what="step")


def test_did_you_mean_with_nothing_known_stays_a_sentence():
    assert did_you_mean("x", []) == "; known: "
