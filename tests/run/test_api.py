"""Textus from Python."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import textus
from textus.errors import RecipeError, StoreError
from textus.recipe import read_toml, to_toml

Tree = dict[str, Any]


def test_build_and_load_from_python(recipe: Tree, tmp_path: Path):
    given = copy.deepcopy(recipe)
    run = textus.build(recipe, run=tmp_path / "run", settings={"train.steps": 4})
    assert recipe == given
    assert run == tmp_path / "run"
    assert read_toml(run / "recipe.toml")["train"]["steps"] == 4
    model = textus.load(run)
    text = model.generate("the cat", max_new_tokens=6, seed=1)
    assert isinstance(text, str)
    assert text == model.generate("the cat", max_new_tokens=6, seed=1)
    many = model.generate_many(["the", "cat"], max_new_tokens=3, temperature=0)
    assert [c.text for c in many] == [
        model.generate(p, max_new_tokens=3, temperature=0) for p in ("the", "cat")
    ]


def test_a_recipe_file_gives_what_its_content_gives(recipe: Tree, finished: Path, tmp_path: Path):
    file = tmp_path / "tiny.toml"
    file.write_text(to_toml(recipe))
    before = (finished / "model" / "manifest.json").read_bytes()
    assert textus.build(str(file), run=str(finished)) == finished
    assert (finished / "model" / "manifest.json").read_bytes() == before


def test_errors_share_a_base(recipe: Tree, tmp_path: Path):
    with pytest.raises(textus.TextusError, match=r"train\.stepz; did you mean 'steps'"):
        textus.build(recipe, run=tmp_path / "run", settings={"train.stepz": 4})
    with pytest.raises(textus.TextusError, match="there is no folder"):
        textus.load(tmp_path / "nothing")


def test_settings_from_python_have_python_s_types(recipe: Tree, tmp_path: Path):
    settings = {"train.optimizer": "adamw", "train.clip": 2, "samples.prompts": ("a", "b")}
    run = textus.build(recipe, run=tmp_path / "run", settings=settings)
    saved = read_toml(run / "recipe.toml")
    assert saved["train"]["optimizer"]["kind"] == "adamw"
    assert (saved["train"]["clip"], saved["samples"]["prompts"]) == (2.0, ["a", "b"])
    written = json.loads((run / "samples" / "samples.json").read_text())
    assert [sample["prompt"] for sample in written] == ["a", "b"]


def test_a_folder_with_other_things_in_it_is_no_place_for_a_run(recipe: Tree, tmp_path: Path):
    mine = tmp_path / "mine"
    (mine / "corpus").mkdir(parents=True)
    (mine / "corpus" / "novel.txt").write_text("my only copy")
    with pytest.raises(StoreError, match=r"is no run folder, and holds other things \('corpus'\)"):
        textus.build(recipe, mine)
    assert (mine / "corpus" / "novel.txt").read_text() == "my only copy"


def test_settings_of_generate_are_checked_like_a_recipe(finished: Path):
    model = textus.load(finished)
    with pytest.raises(RecipeError, match="unknown setting max_tokens"):
        model.generate("a", max_tokens=5)
    with pytest.raises(RecipeError, match="temperature='hot' should be a number"):
        model.generate("a", temperature="hot")
