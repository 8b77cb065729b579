"""Starting from other weights, and what the training stage leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.errors import DamagedError, RecipeError, StaleError, StoreError
from textus.store import file_sha256, verify
from textus.train.metrics import read_metrics

Tree = dict[str, Any]
Go = Callable[..., list[str]]


def _losses(run: Path) -> list[float]:
    return [record["loss"] for record in read_metrics(run / "training") if "loss" in record]


@pytest.mark.parametrize(
    "place",
    ["", "model", "training/checkpoints/step-00000006", "training/checkpoints/step-00000004"],
)
def test_training_continues_from_a_run_a_checkpoint_or_a_model(
    recipe: Tree, shared_run: Path, tmp_path: Path, go: Go, texts: Path, place: str
):
    """With other text, whose own tokenizer would be another: that of the weights is taken over."""
    for file in texts.iterdir():
        file.write_text(file.read_text().replace("the", "your"))
    run, start = tmp_path / "run", shared_run / place
    settings = {"train.start": str(start), "corpus.source": [{"name": "words", "uri": str(texts)}]}
    lines = go(recipe, run, settings)
    assert "the tokenizer of the weights that training starts from is taken over" in lines
    assert any(line.startswith("starting from the weights in ") for line in lines)
    for file in ("tokenizer/tokenizer.json", "model/tokenizer.json"):
        assert file_sha256(run / file) == file_sha256(shared_run / "tokenizer" / "tokenizer.json")
    assert _losses(run)[0] < _losses(shared_run)[0] - 0.05  # it has learnt something before
    assert go(recipe, run, settings)[-1].startswith("sample is up to date")


def test_weights_of_another_shape_are_refused_by_their_fields(
    recipe: Tree, shared_run: Path, tmp_path: Path, go: Go
):
    settings = {"train.start": str(shared_run), "model.num_layers": 2}
    settings |= {"model.feed_forward.hidden_dim": 64}
    with pytest.raises(RecipeError, match="are of another model than the recipe's") as caught:
        go(recipe, tmp_path / "run", settings)
    assert "num_layers: 1 -> 2; feed_forward.hidden_dim: 128 -> 64" in str(caught.value)
    assert not (tmp_path / "run" / "model").exists()


def test_weights_with_more_tokens_than_the_recipe_asks_for_are_no_mistake(
    recipe: Tree, shared_run: Path, tmp_path: Path, go: Go
):
    go(recipe, tmp_path / "run", {"train.start": str(shared_run), "tokenizer.vocab_size": 280})
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["vocab_size"] == 300


def test_a_vocabulary_that_the_model_cannot_hold_is_refused(recipe: Tree, tmp_path: Path, go: Go):
    with pytest.raises(RecipeError, match=r"model\.vocab_size=280 is less than .* 300 tokens"):
        go(recipe, tmp_path / "run", {"model.vocab_size": 280})


def test_a_text_that_gives_fewer_tokens_gives_a_smaller_model(recipe: Tree, tmp_path: Path, go: Go):
    lines = go(recipe, tmp_path / "run", {"tokenizer.vocab_size": 5000})
    assert any("instead of the 5,000 asked for" in line for line in lines)
    vocab_size = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["vocab_size"]
    assert 256 < vocab_size < 5000


def test_weights_that_changed_make_the_run_stale(
    recipe: Tree, finished: Path, tmp_path: Path, go: Go
):
    run, settings = tmp_path / "run", {"train.start": str(finished)}
    go(recipe, run, settings)
    go(recipe, finished, {"train.clip": 0.5}, redo="stale")
    with pytest.raises(StaleError, match="the content of starting weights is another"):
        go(recipe, run, settings)


def test_weights_that_are_not_there_or_damaged_are_refused(
    recipe: Tree, finished: Path, tmp_path: Path, go: Go
):
    with pytest.raises(StoreError, match="holds no trained model and no checkpoint"):
        go(recipe, tmp_path / "run", {"train.start": str(tmp_path / "nowhere")})
    file = finished / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedError, match=r"model\.safetensors differs from its checksum"):
        go(recipe, tmp_path / "run", {"train.start": str(finished)})


def test_the_finished_model_says_what_it_took(shared_run: Path):
    counts = verify(shared_run / "model").counts
    assert (counts["steps"], counts["tokens"], counts["skipped"]) == (6, 6 * 4 * 32, 0)
    (drawn,) = counts["drawn"]
    assert (drawn["source"], drawn["rows"], drawn["share"]) == ("words", 24, 1.0)
    assert counts["processes"] == 1
    assert counts["device"]
    assert {p.name for p in (shared_run / "model").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_tensorboard_events_are_written_on_request(recipe: Tree, tmp_path: Path, go: Go):
    pytest.importorskip("tensorboard")
    go(recipe, tmp_path / "run", {"train.tensorboard": True})
    assert list((tmp_path / "run" / "training" / "tensorboard").iterdir())
