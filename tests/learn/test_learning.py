"""A tiny run must learn: whatever the parts prove by themselves, this is what they are for."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.run.api import load
from textus.train.metrics import read_metrics

NAMES = ["anna", "bela", "cleo", "dora", "emil"]
THINGS = ["apple", "bread", "chair", "drum", "egg"]


@pytest.fixture(scope="module")
def sayings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each name has one thing, and each sentence says it: who knows the name knows the rest."""
    folder = tmp_path_factory.mktemp("sayings")
    draw = random.Random(7)
    for number in range(30):
        names = [draw.randrange(5) for _ in range(30)]
        lines = (f"{NAMES[n]} wants the {THINGS[n]} and takes it home." for n in names)
        (folder / f"{number}.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_tiny_run_reaches_what_the_text_allows(
    sayings: Path, recipe: dict[str, Any], tmp_path: Path, go: Callable[..., Any], optimizer: str
):
    """Five names of equal chance are 2.3 bits for each line of some 38 bytes: 0.061 bits a byte,
    and a little more where a document begins."""
    recipe["corpus"] = {"source": [{"name": "sayings", "uri": str(sayings)}], "held_out": 0.1}
    recipe["data"] = {"seq_len": 64}
    recipe["train"] = {
        "steps": 150,
        "rows_per_step": 8,
        "optimizer": {"kind": optimizer}
        | ({"learning_rate": 0.02} if optimizer == "adamw" else {}),
    }
    run = tmp_path / "run"
    go(recipe, run)
    records = list(read_metrics(run / "training"))
    assert records[0]["loss"] > 4
    # Rows are cut anywhere, and some begin behind the name that they would need.
    assert records[-1]["held_out_bits_per_byte"] < 0.13
    manifest = json.loads((run / "evaluation" / "manifest.json").read_text())
    assert manifest["counts"]["bits_per_byte"] < 0.08
    model = load(run)
    before = "anna wants the apple and takes it home.\n"
    for name, thing in zip(NAMES, THINGS, strict=True):
        text = model.generate(f"{before}{name} wants the", temperature=0.0, max_new_tokens=12)
        assert text.startswith(f" {thing} and takes it home.")


def test_overfit_batch_learns_one_batch_by_heart(
    recipe: dict[str, Any], tmp_path: Path, go: Callable[..., Any]
):
    """The text is drawn at random, so that low loss on it is memory, not understanding."""
    recipe["train"] = {"steps": 200, "rows_per_step": 4, "overfit_batch": True}
    for stage in ("corpus", "tokenizer", "tokenize", "pretrain"):
        go(recipe, tmp_path / "run", only=stage)
    losses = [r["loss"] for r in read_metrics(tmp_path / "run" / "training") if "loss" in r]
    assert losses[0] > 4
    assert losses[-1] < 0.2
