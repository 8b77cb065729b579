import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from textus.errors import DamagedError, StoreError
from textus.model.config import ModelConfig
from textus.model.files import CONFIG, WEIGHTS, load_model, load_tensors, save_model, save_tensors
from textus.model.transformer import Transformer
from textus.recipe import merge


def test_saved_and_loaded_is_bit_identical(config: ModelConfig, tmp_path: Path, random_model):
    model = random_model(config)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == config
    assert not loaded.training
    for (name, saved), (again, got) in zip(
        model.named_parameters(), loaded.named_parameters(), strict=True
    ):
        assert name == again
        assert saved.equal(got)
        assert got.requires_grad == saved.requires_grad
    tokens = torch.randint(config.vocab_size, (2, 9))
    assert loaded(tokens).equal(model.eval()(tokens))


@pytest.mark.parametrize(
    "position",
    [
        {"scaling": {"kind": "yarn", "original_seq_len": 16}, "pairs": "neighbours"},
        {"scaling": {"kind": "llama3", "original_seq_len": 16}, "fraction": 0.5},
        {"kind": "alibi"},
        {"kind": "sinusoidal"},
    ],
)
def test_what_positions_compute_is_there_again(
    position: dict[str, object], tmp_path: Path, small_config, random_model
):
    model = random_model(small_config(position=position))
    save_model(model, tmp_path)
    tokens = torch.randint(97, (2, 9))
    assert load_model(tmp_path)(tokens).equal(model(tokens))


@pytest.mark.parametrize("architecture", ["qwen3", "gpt2"])
def test_tied_head_is_stored_once_and_tied_again(
    architecture: str, tmp_path: Path, small_config, random_model
):
    model = random_model(small_config(architecture, head={"tied": True}))
    save_model(model, tmp_path)
    assert "head.weight" not in load_file(tmp_path / WEIGHTS)
    loaded = load_model(tmp_path)
    assert loaded.head.weight is loaded.embedding.weight
    assert loaded.head.weight.equal(model.head.weight)


def test_untied_head_is_stored(tmp_path: Path, small_config, random_model):
    save_model(random_model(small_config("qwen3")), tmp_path)
    assert "head.weight" in load_file(tmp_path / WEIGHTS)


def test_loading_draws_nothing(config: ModelConfig, tmp_path: Path):
    save_model(Transformer(config), tmp_path)
    before = torch.get_rng_state()
    load_model(tmp_path)
    assert torch.get_rng_state().equal(before)


def test_folder_without_a_model_is_named(tmp_path: Path):
    with pytest.raises(StoreError, match=r"holds no model.*config\.json"):
        load_model(tmp_path)


def test_missing_weights_are_named(config: ModelConfig, tmp_path: Path):
    save_model(Transformer(config), tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(StoreError, match=r"model\.safetensors is missing"):
        load_model(tmp_path)


@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_truncated_weights_are_damaged(config: ModelConfig, tmp_path: Path, size: int):
    save_model(Transformer(config), tmp_path)
    file = tmp_path / WEIGHTS
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DamagedError, match=r"model\.safetensors cannot be read"):
        load_model(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"vocab_size": 8', "\x00", "[]", "3", "null"])
def test_unreadable_settings_are_damaged(config: ModelConfig, tmp_path: Path, text: str):
    save_model(Transformer(config), tmp_path)
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(DamagedError, match=r"config\.json"):
        load_model(tmp_path)


def test_settings_of_a_newer_version_are_refused(config: ModelConfig, tmp_path: Path):
    save_model(Transformer(config), tmp_path)
    values = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps(values | {"experts": 8}))
    with pytest.raises(StoreError, match=r"unknown setting experts; .*another version"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ({"feed_forward": {"hidden_dim": 64}}, "feed_forward"),
        ({"num_layers": 1}, r"blocks\.1"),
        ({"num_layers": 3}, r"blocks\.2"),
        ({"head": {"tied": True}}, r"head\.weight"),
        ({"norm": "layer"}, r"norm\.bias"),
    ],
)
def test_weights_of_another_model_are_refused(
    setting: dict[str, object], fault: str, tmp_path: Path, small_config
):
    save_model(Transformer(small_config("qwen3")), tmp_path)
    values = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps(merge(values, setting)))
    with pytest.raises(StoreError, match=f"of another model: .*{fault}"):
        load_model(tmp_path)


def test_tensors_of_every_layout_and_type_come_back(tmp_path: Path):
    tensors = {
        "transposed": torch.arange(6.0).view(2, 3).T,
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "half": torch.randn(3).bfloat16(),
        "bytes": torch.arange(5, dtype=torch.uint8),
    }
    save_tensors(tensors, tmp_path / "x.safetensors")
    loaded = load_tensors(tmp_path / "x.safetensors")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert loaded[name].equal(tensor)


def test_no_room_for_weights_says_so(config: ModelConfig, tmp_path: Path):
    with pytest.raises(StoreError, match="no room to write"):
        save_tensors({"x": torch.zeros(3)}, tmp_path / "missing" / "x.safetensors")
