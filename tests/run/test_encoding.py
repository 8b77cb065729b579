"""The stage `tokenize`: how it encodes, and how it goes on where it was interrupted."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textus.corpus import documents
from textus.data.shards import open_shards
from textus.errors import StaleError
from textus.run import encoding
from textus.run.encoding import choose_workers, make_encoder, sampling_settings
from textus.run.resolve import resolve_recipe
from textus.run.settings import Recipe
from textus.run.show import describe_status
from textus.text_array import TextArray
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer

Tree = dict[str, Any]
Go = Callable[..., list[str]]
Content = Callable[[Path], Tree]


@pytest.fixture
def begun(recipe: Tree, tmp_path: Path, go: Go, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose tokenizing was interrupted when half of the text was done."""
    monkeypatch.setattr(documents, "GROUP_BYTES", 1000)
    recipe["data"]["shard_tokens"] = 500
    run = tmp_path / "run"
    for stage in ("corpus", "tokenizer"):
        go(recipe, run, only=stage)

    def interrupt(done: int, total: int | None, text: str) -> None:
        assert total is not None
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(recipe, run, only="tokenize", progress=interrupt)
    return run


def test_an_interrupted_stage_goes_on_and_ends_as_if_it_had_not_been(
    recipe: Tree, begun: Path, tmp_path: Path, go: Go, content: Content
):
    assert ["tokenize", "unfinished"] in [line.split()[:2] for line in describe_status(begun)]
    shown: list[int] = []
    lines = go(recipe, begun, only="tokenize", progress=lambda done, *_: shown.append(done))
    assert "resumed behind" in "\n".join(lines)
    whole: list[int] = []
    for stage in ("corpus", "tokenizer", "tokenize"):
        go(recipe, tmp_path / "whole", only=stage, progress=lambda done, *_: whole.append(done))
    assert content(begun) == content(tmp_path / "whole")
    assert shown == whole[-len(shown) :]
    assert shown[0] > shown[-1] / 4  # the first is of the training split, the last held out
    assert not list(begun.glob(".part-*"))


def test_what_was_begun_with_other_settings_is_made_anew_with_a_note(
    recipe: Tree, begun: Path, go: Go
):
    lines = go(recipe, begun, {"data.shard_tokens": 600}, only="tokenize")
    assert "what was begun with other settings or inputs is made anew" in lines
    assert "resumed behind" not in "\n".join(lines)
    assert not list(begun.glob(".part-*"))


def test_what_was_begun_from_another_corpus_is_made_anew_with_a_note(
    recipe: Tree, begun: Path, go: Go
):
    settings = {"corpus.held_out": 0.2}
    for stage in ("corpus", "tokenizer"):
        go(recipe, begun, settings, only=stage, redo="stale")
    lines = go(recipe, begun, settings, only="tokenize")
    assert "what was begun with other settings or inputs is made anew" in lines
    assert "resumed behind" not in "\n".join(lines)


def _recipe(tree: Tree, **tokenizer: Any) -> Recipe:
    return resolve_recipe(tree | {"tokenizer": {"vocab_size": 300} | tokenizer}, {}).recipe


def test_random_cuts_are_of_training_documents_and_depend_on_text_and_seed_alone(
    recipe: Tree, shared_run: Path
):
    tokenizer = Tokenizer.load(shared_run / "tokenizer")
    texts = [f"the elephant sat beside the quiet river {number}" for number in range(20)]
    tree = _recipe(recipe, dropout=0.5)
    encoder = make_encoder(tokenizer, tree, "train")
    ids, offsets = encoder(TextArray.of(texts))
    assert ids.dtype == np.uint32
    rows = [ids[begin:end].tolist() for begin, end in pairwise(offsets)]
    again, places = encoder(TextArray.of(texts[::-1]))
    backwards = pairwise(places)
    assert [again[begin:end].tolist() for begin, end in backwards][::-1] == rows
    other_tree = _recipe(recipe | {"seed": 2}, dropout=0.5)
    other, _ = make_encoder(tokenizer, other_tree, "train")(TextArray.of(texts))
    plain, _ = make_encoder(tokenizer, tree, "held_out")(TextArray.of(texts))
    assert plain.tolist() == np.concatenate(tokenizer.encode_batch(texts)).tolist()
    assert len({tuple(ids), tuple(other), tuple(plain)}) == 3
    assert len(plain) < len(ids)


def test_random_cuts_are_settings_of_the_stage(recipe: Tree, begun: Path, go: Go):
    assert sampling_settings(_recipe(recipe)) == {}
    assert sampling_settings(_recipe(recipe, kind="unigram")) == {}
    expected = {"seed": 1, "dropout": 0.0, "alpha": 0.3}
    assert sampling_settings(_recipe(recipe, kind="unigram", sampling=0.3)) == expected
    go(recipe, begun)
    plain = open_shards(begun / "data", "train")
    settings = {"tokenizer.dropout": 0.1}
    go(recipe, begun, settings, only="tokenizer", redo="tokenizer")
    with pytest.raises(StaleError, match=r"sampling"):
        go(recipe, begun, settings, only="tokenize")
    go(recipe, begun, settings, only="tokenize", redo="tokenize")
    sampled = open_shards(begun / "data", "train")
    assert sampled.sources["words"].total > plain.sources["words"].total
    assert sampled.sources["words"].bytes == plain.sources["words"].bytes


def test_processes_are_for_much_text_that_python_encodes(
    recipe: Tree, shared_run: Path, monkeypatch: pytest.MonkeyPatch
):
    tokenizer = Tokenizer.load(shared_run / "tokenizer")
    own = replace(tokenizer.definition, splitter=PatternSplitter(pattern=r"\w+|\W"))
    groups = documents.document_groups(shared_run / "corpus", "train")
    named = make_encoder(tokenizer, _recipe(recipe), "train")
    in_python = make_encoder(Tokenizer(own), _recipe(recipe), "train")
    monkeypatch.setattr(encoding, "usable_cores", lambda: 3)
    assert choose_workers(in_python, groups) == {"workers": 3, "processes": False}
    monkeypatch.setattr(encoding, "TEXT_FOR_PROCESSES", 1)
    assert choose_workers(in_python, groups) == {"workers": 3, "processes": True}
    assert choose_workers(named, groups) == {"workers": 3, "processes": False}
    monkeypatch.setattr(encoding, "usable_cores", lambda: 1)
    assert choose_workers(in_python, groups) == {"workers": 1, "processes": False}
