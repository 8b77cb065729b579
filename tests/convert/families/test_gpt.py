"""GPT and GPT-2, beside what tests/parity says of every family."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from textus.convert.families.gpt import GPT, GPT2
from textus.convert.importing import import_weights
from textus.convert.match import differences, match_family, read_config
from textus.errors import ConvertError
from textus.model.files import load_model
from textus.model.presets import make_config

SMALL = {"n_positions": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257}
"""GPT-2's smallest, as far as its file says what matters."""
FIRST = {"n_positions": 512, "n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 40478}
SIZES = {"num_layers": 12, "model_dim": 768, "attention": {"num_heads": 12}}


def test_presets_at_the_published_sizes_are_the_published_models():
    first = make_config("gpt", vocab_size=40478, max_seq_len=512, **SIZES)
    assert differences(first, read_config(GPT, FIRST | {"afn": "gelu", "n_ctx": 512})) == []
    small = make_config("gpt2", vocab_size=50257, max_seq_len=1024, **SIZES)
    assert differences(small, read_config(GPT2, SMALL | {"n_ctx": 1024})) == []


@pytest.mark.parametrize(
    "odd", [{"scale_attn_by_inverse_layer_idx": True}, {"scale_attn_weights": False}]
)
def test_what_scales_scores_otherwise_is_refused(odd: dict[str, bool]):
    with pytest.raises(ConvertError, match="scale_attn"):
        read_config(GPT2, SMALL | odd)


def test_the_activations_of_2018_go_by_their_names_of_then():
    with pytest.raises(ConvertError, match="'gelu_new'"):
        read_config(GPT, FIRST | {"afn": "gelu_new"})
    exact = make_config("gpt", model_dim=64, feed_forward={"activation": "gelu"})
    with pytest.raises(ConvertError, match="activation: gelu -> gelu_tanh"):
        match_family(exact)


def test_gpt_is_always_four_times_as_wide_inside():
    with pytest.raises(ConvertError, match="hidden_dim is 100, which must be 256"):
        GPT.write(make_config("gpt", model_dim=64, feed_forward={"hidden_dim": 100}))
    with pytest.raises(ConvertError, match=r"num_heads \* head_dim is 24"):
        GPT2.write(make_config("gpt2", model_dim=64, attention={"num_heads": 2, "head_dim": 12}))


def test_gpt3_has_no_counterpart():
    with pytest.raises(ConvertError, match="no architecture of Hugging Face"):
        match_family(make_config("gpt3", model_dim=64, num_layers=2))


def test_bare_names_and_masks_are_read(tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    settings = {"vocab_size": 19, "n_positions": 8, "n_embd": 8, "n_layer": 2, "n_head": 2}
    ends = {"bos_token_id": None, "eos_token_id": None}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings, **ends)).eval()
    theirs.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {n.removeprefix("transformer."): t.clone() for n, t in load_file(file).items()}
    tensors |= {f"h.{i}.attn.bias": torch.ones(1, 1, 8, 8).tril() for i in range(2)}
    tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, file)
    (tmp_path / "ours").mkdir()
    import_weights(tmp_path, tmp_path / "ours")
    tokens = torch.arange(8)[None]
    with torch.no_grad():
        ours = load_model(tmp_path / "ours")(tokens)
        torch.testing.assert_close(ours, theirs(tokens).logits, rtol=1e-5, atol=1e-5)
