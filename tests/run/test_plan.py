from collections.abc import Sequence
from typing import Any

import pytest
import torch

from textus.cli import main
from textus.errors import RecipeError
from textus.model.config import Layer
from textus.model.presets import PRESETS
from textus.model.size import cache_memory, count_parameters, flops_per_token
from textus.recipe import Tree, to_toml
from textus.run import plan
from textus.run.plan import describe_counterpart, describe_plan, plan_memory, seconds_per_step
from textus.run.resolve import Resolved, overrides_from, resolve_recipe
from textus.run.settings import Recipe

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer takes as many seconds as its feed-forward layer is wide, and the rest 1,000."""

    def time_step(recipe: Recipe, layers: Sequence[Layer], rows: int, device: Any) -> float:
        return 1000.0 + sum(layer.feed_forward.hidden_dim for layer in layers)  # pyrefly: ignore[missing-attribute]

    monkeypatch.setattr(plan, "_time_step", time_step)


def _resolve(recipe: Tree, **settings: Any) -> Resolved:
    return resolve_recipe(recipe, overrides_from({f"model.{k}": v for k, v in settings.items()}))


@pytest.mark.parametrize("architecture", PRESETS)
def test_plan_tells_the_size_of_every_preset(recipe: Tree, architecture: str):
    resolved = _resolve(recipe, architecture=architecture, num_layers=2)
    model, said = resolved.recipe.model, "\n".join(describe_plan(resolved))
    count = count_parameters(model)
    assert f"parameters   {count.total:,} (" in said
    assert (f"parameters   {count.active:,} active" in said) == (count.active < count.total)
    assert f"{flops_per_token(model, 32, backward=True):.3e} in training" in said
    assert f"{cache_memory(model, 1, 32) / 1e6:,.1f} MB  cache of one text" in said
    assert "fits         yes" in said
    assert "s a step" in said


def test_parts_of_the_plan_add_up(recipe: Tree):
    resolved = _resolve(recipe, architecture="deepseek_v3", num_layers=2)
    count = count_parameters(resolved.recipe.model)
    assert sum(plan._parts(count).values()) == count.total


def test_a_step_of_several_passes_holds_a_further_gradient_of_the_head(recipe: Tree):
    recipe["train"] |= {"rows_per_step": 4, "micro_rows": 2}
    several = plan_memory(resolve_recipe(recipe, {}).recipe, CPU).parts["loss"]
    recipe["train"] |= {"rows_per_step": 2}
    one = plan_memory(resolve_recipe(recipe, {}).recipe, CPU).parts["loss"]
    assert several - one == 4 * 300 * 32


def test_time_is_that_of_every_layer(recipe: Tree):
    wide, narrow = ({"feed_forward": {"hidden_dim": width}} for width in (70, 10))
    pattern = [{"count": 2} | wide, {"count": 1} | narrow]
    model = recipe["model"] | {"num_layers": 5, "pattern": pattern}
    recipe |= {"model": model}
    seconds = seconds_per_step(resolve_recipe(recipe, {}).recipe, CPU)
    assert seconds == 1000 + 70 + 70 + 10 + 70 + 70


@pytest.mark.parametrize("equal", ["parameters", "flops"])
@pytest.mark.parametrize("architecture", ["gpt2", "mixtral", "deepseek_v3"])
def test_settings_that_the_plan_tells_make_the_counterpart(
    recipe: Tree, architecture: str, equal: Any
):
    recipe["model"] |= {"model_dim": 96, "pattern": []}
    changed = _resolve(recipe, architecture=architecture)
    first, *told, last = describe_counterpart(changed, "qwen3", equal)
    settings = dict(line.removeprefix("counterpart  ").split(": ") for line in told)
    values: Tree = {path: int(change.split(" -> ")[1]) for path, change in settings.items()}
    values["model.architecture"] = architecture
    again = resolve_recipe(recipe, overrides_from(values)).recipe.model
    size = {
        "parameters": count_parameters(again).total,
        "flops": flops_per_token(again, 32, backward=True),
    }[equal]
    assert last.startswith(f"counterpart  {size:,} then, ")
    wanted = int(first.split()[1].replace(",", ""))
    assert size == pytest.approx(wanted, rel=0.02)


def test_a_change_is_brought_to_the_size_of_the_recipe_without_it(
    recipe: Tree, tmp_path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "base.toml"
    path.write_text(to_toml(recipe))
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(path), "--model.attention.num_kv_heads", "2", "--against", str(path)])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    base = count_parameters(resolve_recipe(path, {}).recipe.model).total
    assert f"counterpart  {base:,} parameters in {path}" in said
    assert "model.feed_forward.hidden_dim: 128 -> " in said


def test_a_plan_against_nothing_known_is_refused(recipe: Tree):
    with pytest.raises(RecipeError, match="did you mean 'gpt2'"):
        list(describe_counterpart(_resolve(recipe), "gtp2", "parameters"))
