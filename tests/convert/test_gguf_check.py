"""A file that says anything else than the model is caught."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from textus.convert.gguf_check import check
from textus.convert.gguf_file import Content, write
from textus.convert.gguf_llama_cpp import is_installed
from textus.convert.gguf_match import Match, match
from textus.convert.gguf_tokenizer import tokenizer_keys
from textus.convert.gguf_weights import settled_weights, to_theirs
from textus.errors import ConvertError
from textus.model.config import RotaryConfig
from textus.model.transformer import Transformer
from textus.tokenizer.tokenizer import Tokenizer

pytest.importorskip("gguf")
needs_llama_cpp = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
Checked = Callable[..., list[str]]


@pytest.fixture
def checked(tmp_path: Path, make_model, tokenizer: Tokenizer) -> Checked:
    """Writes and checks a file for a model, with changes."""

    def run(
        change: Callable[[Content], Content] = lambda content: content,
        believe: Callable[[Match], Match] = lambda found: found,
        architecture: str = "qwen3",
    ) -> list[str]:
        model: Transformer = make_model(architecture)
        found = believe(match(model.config))
        content = Content(
            architecture=found.form.name,
            keys=found.keys,
            tokenizer=tokenizer_keys(tokenizer.definition, 340),
            tensors=to_theirs(settled_weights(model, found.config), found.config, found.form),
        )
        write(tmp_path / "file", change(content), "f32")
        return check(tmp_path / "file", found, model, tokenizer, "f32")

    return run


def test_an_unchanged_file_passes(checked: Checked, monkeypatch):
    monkeypatch.setattr("textus.convert.gguf_check.is_installed", lambda: False)
    said = checked()
    assert said[0].startswith("read back: weights bit for bit the same")
    assert said[1].startswith("not run in llama.cpp")


def test_another_weight_is_named(checked: Checked):
    def change(content: Content) -> Content:
        name = "blk.1.ffn_up.weight"
        return replace(content, tensors={**content.tensors, name: content.tensors[name] * 1.0001})

    with pytest.raises(ConvertError, match=r"blk\.1\.ffn_up\.weight"):
        checked(change)


def test_a_missing_tensor_is_named(checked: Checked):
    def change(content: Content) -> Content:
        kept = {n: t for n, t in content.tensors.items() if n != "output.weight"}
        return replace(content, tensors=kept)

    with pytest.raises(ConvertError, match=r"output\.weight"):
        checked(change)


def test_another_key_is_named(checked: Checked):
    def change(content: Content) -> Content:
        return replace(content, keys={**content.keys, "rope.freq_base": 5000.0})

    with pytest.raises(ConvertError, match=r"position\.theta"):
        checked(change)


@needs_llama_cpp
def test_another_cut_of_text_is_named(checked: Checked):
    def change(content: Content) -> Content:
        merges = content.tokenizer["ggml.merges"][::-1]
        return replace(content, tokenizer={**content.tokenizer, "ggml.merges": merges})

    with pytest.raises(ConvertError, match="into other tokens: from token"):
        checked(change)


@needs_llama_cpp
def test_another_beginning_of_documents_is_named(checked: Checked):
    def change(content: Content) -> Content:
        return replace(content, tokenizer={**content.tokenizer, "ggml.add_bos_token": False})

    with pytest.raises(ConvertError, match="begins a document with"):
        checked(change)


@needs_llama_cpp
def test_a_wrong_belief_of_what_llama_cpp_computes_is_found(checked: Checked):
    """As if its "llama" turned the halves of heads; what was written reads back well."""

    def turn(found: Match) -> Match:
        assert isinstance(found.config.position, RotaryConfig)
        position = replace(found.config.position, pairs="halves")
        return replace(found, config=replace(found.config, position=position))

    with pytest.raises(ConvertError, match=r"llama\.cpp computes other probabilities"):
        checked(believe=turn, architecture="llama")
