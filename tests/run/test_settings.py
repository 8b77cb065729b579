"""The dial, and where values come from."""

import operator
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from textus.errors import RecipeError
from textus.model.config import (
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    LearnedConfig,
    NoPositionConfig,
)
from textus.model.presets import PRESETS
from textus.model.presets.sizes import gated_hidden
from textus.model.size import count_parameters
from textus.recipe import KIND, kind_of, parse_overrides, to_toml, to_tree
from textus.recipe_help import describe
from textus.run.resolve import (
    TOKENS_PER_PARAMETER,
    derived_settings,
    overrides_from,
    resolve_recipe,
)
from textus.run.settings import Recipe

RECIPES = sorted(Path(__file__).parents[2].joinpath("recipes").glob("*.toml"))
PLAIN: dict[str, Any] = {"corpus": {"source": [{"name": "a", "uri": "b"}]}}


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_the_recipes_that_come_along_resolve(file: Path):
    resolved = resolve_recipe(file, {})
    again = resolve_recipe(to_tree(resolved.recipe), {})
    assert again.recipe == resolved.recipe
    assert again.derived == {}


@pytest.mark.parametrize("architecture", ["qwen3", "gpt2"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 12])
def test_depth_gives_a_whole_recipe(depth: int, architecture: str):
    tree = PLAIN | {"depth": depth, "model": {"architecture": architecture}}
    resolved = resolve_recipe(tree, {})
    model, train = resolved.recipe.model, resolved.recipe.train
    assert (model.num_layers, model.model_dim) == (depth, 64 * depth)
    heads = model.attention
    assert isinstance(heads, GroupedConfig)
    assert heads.num_heads * heads.head_dim == model.model_dim
    assert heads.num_heads % heads.num_kv_heads == 0
    tokens = train.steps * train.rows_per_step * resolved.recipe.data.seq_len
    wanted = TOKENS_PER_PARAMETER * count_parameters(model).total
    assert wanted <= tokens < wanted + train.rows_per_step * resolved.recipe.data.seq_len
    derived = {"model.num_layers", "model.feed_forward.hidden_dim", "train.steps"}
    assert set(resolved.derived) >= derived
    assert all(resolved.derived.values())


def test_what_is_set_by_hand_is_not_derived():
    resolved = resolve_recipe(PLAIN | {"model": {"num_layers": 7}}, {"train": {"steps": 3}})
    assert resolved.recipe.model.num_layers == 7
    assert resolved.origins["model.num_layers"] == "recipe"
    assert resolved.origins["train.steps"] == "command line"
    assert not {"model.num_layers", "train.steps"} & set(resolved.derived)


def test_a_part_of_another_kind_begins_afresh():
    """Neither the preset's settings of the old kind nor the file's are left."""
    file = PLAIN | {"model": {"architecture": "gpt2", "feed_forward": {"kind": "plain"}}}
    file["model"]["feed_forward"]["hidden_dim"] = 99
    resolved = resolve_recipe(file, parse_overrides(["--model.feed_forward.kind", "gated"]))
    layer = resolved.recipe.model.feed_forward
    assert layer == GatedConfig(hidden_dim=gated_hidden(256))
    assert resolved.origins["model.feed_forward.kind"] == "command line"
    assert resolved.origins["model.feed_forward.hidden_dim"] == "model.architecture"
    options = ["--model.attention.kind", "latent", "--model.attention.num_heads", "2"]
    options += ["--train.steps", "5"]
    resolved = resolve_recipe(PLAIN, parse_overrides(options))
    assert resolved.recipe.model.attention == LatentConfig(num_heads=2, kv_rank=64)


def test_a_part_can_be_named_by_its_kind_alone():
    resolved = resolve_recipe(PLAIN, parse_overrides(["--model.position", "learned"]))
    assert resolved.recipe.model.position == LearnedConfig()
    assert resolved.origins["model.position.kind"] == "command line"
    assert resolve_recipe(resolved.written, {}).recipe == resolved.recipe
    model = resolve_recipe(PLAIN, parse_overrides(["--model.position", "none"])).recipe.model
    assert model.position == NoPositionConfig()


def test_settings_of_an_architectures_own_kinds_need_not_name_them():
    tree = PLAIN | {"model": {"architecture": "deepseek_v3"}, "train": {"steps": 5}}
    resolved = resolve_recipe(tree, parse_overrides(["--model.attention.rope_dim", "8"]))
    attention = resolved.recipe.model.attention
    assert isinstance(attention, LatentConfig)
    assert attention.rope_dim == 8
    assert resolved.origins["model.attention.kind"] == "model.architecture"


def test_what_an_architecture_settles_says_so():
    resolved = resolve_recipe(PLAIN | {"model": {"architecture": "gpt2"}}, {})
    for path in ("position.kind", "attention.bias", "feed_forward.hidden_dim", "head.tied"):
        assert resolved.origins[f"model.{path}"] == "model.architecture"


def test_help_knows_each_setting_that_an_architecture_settles():
    known = {re.sub(r"\(kind=\w+\)", "", path) for path in derived_settings()}
    shown = {field.path.removesuffix("[]") for field in describe(Recipe)}
    assert set(derived_settings()) <= shown
    for architecture in PRESETS:
        tree = PLAIN | {"model": {"architecture": architecture}, "train": {"steps": 5}}
        for path in resolve_recipe(tree, {}).derived:
            assert re.sub(r"\[.*|\.kind$", "", path) in known, path


def test_each_derived_value_is_the_one_that_is_used():
    resolved = resolve_recipe(PLAIN, {})
    for path in resolved.derived:
        owner, _, name = path.rpartition(".")
        part = operator.attrgetter(owner)(resolved.recipe)
        used = kind_of(part) if name == KIND else to_tree(getattr(part, name))
        assert resolved.value(path) == used


def test_the_seed_reaches_the_data_unless_that_has_its_own():
    assert resolve_recipe(PLAIN | {"seed": 5}, {}).recipe.data.seed == 5
    tree = PLAIN | {"seed": 5, "data": {"seed": 6}}
    assert resolve_recipe(tree, {}).recipe.data.seed == 6


def test_parts_that_do_not_go_together_are_refused():
    with pytest.raises(RecipeError, match=r"data\.seq_len=128 is above model\.max_seq_len=64"):
        resolve_recipe(PLAIN, overrides_from({"data.seq_len": 128, "model.max_seq_len": 64}))
    recipe = resolve_recipe(PLAIN, {}).recipe
    with pytest.raises(RecipeError, match="depth=0"):
        replace(recipe, depth=0)


def test_the_written_recipe_tells_where_values_come_from():
    resolved = resolve_recipe(PLAIN, {"train": {"steps": 3}})
    text = to_toml(to_tree(resolved.recipe), resolved.origins)
    assert "steps = 3  # command line\n" in text
    assert "num_layers = 4  # depth\n" in text
