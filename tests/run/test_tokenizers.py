"""Each tokenizer goes through a whole run by changing one line of the recipe."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

import textus
from textus.tokenizer.tokenizer import Tokenizer

Settings = dict[str, Any]

KINDS: dict[str, Settings] = {
    "bpe": {"tokenizer.kind": "bpe"},
    "wordpiece": {"tokenizer.kind": "wordpiece"},
    "unigram": {"tokenizer.kind": "unigram"},
    "bytes": {"tokenizer.kind": "bytes", "tokenizer.vocab_size": 257},
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_a_model_learns_writes_and_leaves_with_each_kind_of_tokenizer(
    settings: Settings, recipe: dict[str, Any], tmp_path: Path
):
    room = {"tokenizer.vocab_size": 600}  # wordpiece begins with 512
    run = textus.build(recipe, tmp_path / "run", {"train.steps": 2, **room, **settings})
    text = textus.load(run).generate("the cat", max_new_tokens=5, seed=1)
    assert isinstance(text, str)
    ours, theirs = Tokenizer.load(run / "model"), AutoTokenizer.from_pretrained(run / "model")
    assert theirs is not None
    for text in ("the cat sat on the mat.", "naïve 日本  \n\n 12345 👍"):
        assert theirs(text)["input_ids"] == ours.encode(text)
        assert theirs.decode(ours.encode(text)) == text == ours.decode(ours.encode(text))


@pytest.mark.parametrize(
    "settings",
    [{"tokenizer.dropout": 0.3}, {"tokenizer.kind": "unigram", "tokenizer.sampling": 0.2}],
    ids=["dropout", "sampling"],
)
def test_random_cuts_change_the_training_documents_and_never_the_held_out_ones(
    settings: Settings, recipe: dict[str, Any], tmp_path: Path
):
    kind = {k: v for k, v in settings.items() if k == "tokenizer.kind"}
    plain = textus.build(recipe, tmp_path / "plain", {"train.steps": 1, **kind})
    varied = textus.build(recipe, tmp_path / "varied", {"train.steps": 1, **settings})

    def ids(run: Path, split: str) -> list[bytes]:
        return [file.read_bytes() for file in sorted((run / "data" / split).glob("*.bin"))]

    assert ids(plain, "held_out") == ids(varied, "held_out")
    assert ids(plain, "train") != ids(varied, "train")
