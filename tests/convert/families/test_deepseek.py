import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from textus.convert.catalogue import FAMILIES
from textus.convert.exporting import export_weights
from textus.convert.importing import import_weights
from textus.convert.settings import Asked
from textus.errors import ConvertError
from textus.model.config import ExpertsConfig, ModelConfig
from textus.model.files import load_model, save_model
from textus.model.presets import make_config

DEEPSEEK = FAMILIES["deepseek_v3"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    ours, theirs, again = (tmp_path / name for name in ("ours", "theirs", "again"))
    for folder in (ours, theirs, again):
        folder.mkdir()
    return ours, theirs, again


@pytest.fixture
def ahead(mixed: ModelConfig) -> ModelConfig:
    """With a shared expert as wide as two of the others: theirs has whole ones."""
    assert isinstance(mixed.feed_forward, ExpertsConfig)
    experts = dataclasses.replace(mixed.feed_forward, shared_hidden_dim=24)
    return dataclasses.replace(mixed, feed_forward=experts)


def test_modules_that_predict_ahead_go_along(folders, ahead, random_model):
    ours, theirs, again = folders
    model = random_model(ahead)
    save_model(model, ours)
    export_weights(ours, theirs)
    assert "model.layers.2.eh_proj.weight" in load_file(theirs / "model.safetensors")
    import_weights(theirs, again)
    loaded = load_model(again)
    assert loaded.config.predict_ahead == ahead.predict_ahead == 1
    for name, parameter in model.named_parameters():
        assert loaded.get_parameter(name).equal(parameter), name


def test_transformers_loads_what_predicts_ahead(folders, ahead, random_model):
    transformers = pytest.importorskip("transformers")
    ours, theirs, _ = folders
    model = random_model(ahead).eval()
    save_model(model, ours)
    export_weights(ours, theirs)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        theirs, attn_implementation="eager", experts_implementation="eager"
    )
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(tokens).logits, model(tokens), rtol=1e-5, atol=1e-5)


def test_modules_that_the_files_lack_are_not_there():
    settings = {"num_layers": 4, "predict_ahead": 2}
    there = {"model.layers.4.eh_proj.weight"}
    assert DEEPSEEK.settle(settings, there)["predict_ahead"] == 1
    assert DEEPSEEK.settle(settings, set())["predict_ahead"] == 0


def test_another_epsilon_than_that_inside_its_attention_is_refused():
    config = make_config("deepseek_v3", norm={"eps": 1e-5})
    with pytest.raises(ConvertError, match=r"norm\.eps: 1e-05 -> 1e-06"):
        DEEPSEEK.write(config)
    theirs = DEEPSEEK.write(make_config("deepseek_v3")) | {"rms_norm_eps": 1e-5}
    with pytest.raises(ConvertError, match="rms_norm_eps = 1e-05"):
        DEEPSEEK.read(Asked(theirs))
