"""What is made of a checkpoint, and what is refused; the families' numbers are compared with theirs
in tests/parity."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import textus
from textus.convert import import_model
from textus.errors import ConvertError, DataError, StoreError
from textus.model.files import load_model
from textus.run.folder import load_run
from textus.store import verify
from textus.tokenizer.tokenizer import Tokenizer

Checkpoint = Callable[..., Path]


def test_the_folder_is_a_model_that_writes(checkpoint: Checkpoint, tokenizer: Tokenizer, tmp_path):
    made = import_model(checkpoint(), tmp_path / "ours")
    loaded = load_run(tmp_path / "ours")
    assert loaded.tokenizer.definition == tokenizer.definition
    assert loaded.model.config == made.config
    assert made.parameters == sum(p.numel() for p in loaded.model.parameters())
    manifest = verify(tmp_path / "ours")
    assert (manifest.kind, manifest.counts["family"]) == ("import", "llama")
    assert textus.load(tmp_path / "ours", device="cpu").generate("ab", max_new_tokens=3, seed=1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_numbers_keep_their_type(checkpoint: Checkpoint, tmp_path: Path, dtype: torch.dtype):
    folder = checkpoint(changes=lambda weights: {n: w.to(dtype) for n, w in weights.items()})
    import_model(folder, tmp_path / "ours")
    found, theirs = (load_file(f / "model.safetensors") for f in (tmp_path / "ours", folder))
    assert {weight.dtype for weight in found.values()} == {dtype}
    assert found["embedding.weight"].equal(theirs["model.embed_tokens.weight"])
    assert {p.dtype for p in load_model(tmp_path / "ours").parameters()} == {torch.float32}


def test_shards_are_one_model(checkpoint: Checkpoint, tmp_path: Path):
    folder = checkpoint()
    import_model(folder, tmp_path / "whole")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    homes = {name: f"model-{i % 3}.safetensors" for i, name in enumerate(weights)}
    for file in set(homes.values()):
        save_file({n: w for n, w in weights.items() if homes[n] == file}, folder / file)
    index = {"metadata": {}, "weight_map": homes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    import_model(folder, tmp_path / "shards")
    whole, shards = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("whole", "shards"))
    assert whole == shards
    (folder / "model-1.safetensors").unlink()
    with pytest.raises(StoreError, match=r"lacks model-1\.safetensors, which its .* names"):
        import_model(folder, tmp_path / "other")


def test_names_without_what_they_usually_begin_with_are_found(
    checkpoint: Checkpoint, tmp_path: Path
):
    folder = checkpoint()
    import_model(folder, tmp_path / "usual")
    weights = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("model."): weight for name, weight in weights.items()}
    save_file(bare, folder / "model.safetensors")
    import_model(folder, tmp_path / "bare")
    usual, found = (load_file(tmp_path / n / "model.safetensors") for n in ("usual", "bare"))
    assert all(found[name].equal(weight) for name, weight in usual.items())


def test_a_tied_head_may_be_there_twice_if_it_is_the_same(checkpoint: Checkpoint, tmp_path: Path):
    def twice(weights: dict[str, Any], *, plus: float = 0.0) -> dict[str, Any]:
        return weights | {"lm_head.weight": weights["model.embed_tokens.weight"] + plus}

    folder = checkpoint(head={"tied": True}, changes=twice)
    import_model(folder, tmp_path / "ours")
    assert "head.weight" not in load_file(tmp_path / "ours" / "model.safetensors")
    weights = load_file(folder / "model.safetensors")
    save_file(twice(weights, plus=1.0), folder / "model.safetensors")
    with pytest.raises(ConvertError, match=r"lm_head\.weight differs from model\.embed_tokens"):
        import_model(folder, tmp_path / "other")


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda weights: {name: w for name, w in weights.items() if name not in names}


def plus(name: str, shape: tuple[int, ...]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda weights: weights | {name: torch.ones(shape)}


UP = "model.layers.0.mlp.up_proj.weight"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "architecture": (
        {"says": {"model_type": "mamba"}},
        "model_type = 'mamba', an architecture that is not known here; known are .*llama",
    ),
    "missing": (
        {"changes": without(UP, "model.norm.weight")},
        f"lacks {re.escape(UP)}, model.norm.weight",
    ),
    "left over": (
        {"changes": plus("model.layers.0.mlp.up_proj.lora_A", (2,))},
        "also holds model.layers.0.mlp.up_proj.lora_A",
    ),
    "shape": (
        {"changes": plus(UP, (7, 16))},
        r"of other shapes .* blocks.0.feed_forward.up.weight \(7, 16\) for \(24, 16\)",
    ),
    "type": ({"changes": lambda w: w | {UP: w[UP].to(torch.int8)}}, "is of type I8"),
    "scaling": (
        {"says": {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}},
        "scaled by 'dynamic', which has no counterpart",
    ),
    "activation": ({"says": {"hidden_act": "mish"}}, "activation is 'mish'"),
    "value": ({"says": {"pretraining_tp": 2}}, "says pretraining_tp = 2, which has no counterpart"),
    "quantised": (
        {"says": {"quantization_config": {"quant_method": "fp8"}}},
        "quantization_config = {'quant_method': 'fp8'}",
    ),
    "impossible": (
        {"says": {"num_key_value_heads": 3}},
        "describes no model that can be built: .* is not a multiple of num_kv_heads=3",
    ),
    "rows": ({"vocab_size": 200}, "tokenizer has 321 ids and the embedding 200 rows"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(
    checkpoint: Checkpoint, tmp_path: Path, what: str
):
    made, message = REFUSED[what]
    with pytest.raises(ConvertError, match=message):
        import_model(checkpoint(**made), tmp_path / "ours")
    assert [p.name for p in tmp_path.iterdir() if "ours" in p.name] == []


def test_settings_that_nobody_reads_are_told(checkpoint: Checkpoint, tmp_path: Path):
    said: list[str] = []
    import_model(checkpoint(says={"odd": 3}), tmp_path / "ours", say=said.append)
    assert said == ["config.json says odd = 3, which is no setting of llama"]


def test_pickles_are_not_read(checkpoint: Checkpoint, tmp_path: Path):
    folder = checkpoint()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ConvertError, match=r"pytorch_model\.bin, a pickle, which could run code"):
        import_model(folder, tmp_path / "ours")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(StoreError, match="holds no weights"):
        import_model(folder, tmp_path / "ours")


def test_an_index_cannot_lead_out_of_the_folder(checkpoint: Checkpoint, tmp_path: Path):
    folder = checkpoint()
    (folder / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    index = {"weight_map": {"x": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ConvertError, match="files that lie outside of its folder"):
        import_model(folder, tmp_path / "ours")


def test_folders_that_are_no_checkpoint_are_refused(checkpoint: Checkpoint, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match=r"holds no checkpoint .* no config\.json in it"):
        import_model(tmp_path / "empty", tmp_path / "ours")
    with pytest.raises(StoreError, match="there is no folder"):
        import_model(tmp_path / "nothing", tmp_path / "ours")
    folder = checkpoint()
    with pytest.raises(StoreError, match="exists already; give a new folder"):
        import_model(folder, tmp_path / "empty")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError):
        import_model(folder, tmp_path / "ours")
