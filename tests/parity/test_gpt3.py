"""The gpt3 architecture against GPT-2's blocks of Hugging Face transformers under dense masks.

No reference of GPT-3 exists: its layers are GPT-2's, but for which tokens they look at.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from textus.convert.families.gpt import GPT2
from textus.model.config import BandedReach, FullReach
from textus.model.presets import make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")

BLOCK = 4
CONFIG = make_config(
    "gpt3",
    vocab_size=53,
    max_seq_len=30,
    num_layers=4,
    model_dim=24,
    attention={"num_heads": 3, "head_dim": 8},
    pattern=[{}, {"reach": {"kind": "banded", "block": BLOCK}}],
)


def seen(layer: int, seq: int) -> Tensor:
    """Token by token: what a layer may look at, (seq, seq)."""
    mask = torch.zeros(seq, seq, dtype=torch.bool)
    for i in range(seq):
        first = 0 if layer % 2 == 0 else max(0, i // BLOCK - 1) * BLOCK
        mask[i, first : i + 1] = True
    return mask


def logits_under_masks(theirs: Any, tokens: Tensor) -> Tensor:
    """GPT-2's forward pass with a mask of each layer's own."""
    model, seq = theirs.transformer, tokens.size(1)
    hidden = model.wte(tokens) + model.wpe(torch.arange(seq))
    for layer, block in enumerate(model.h):
        mask = torch.zeros(seq, seq).masked_fill(~seen(layer, seq), float("-inf"))
        hidden = block(hidden, attention_mask=mask[None, None])
    return theirs.lm_head(model.ln_f(hidden))


@pytest.fixture
def theirs(randomise) -> nn.Module:
    settings = {"vocab_size": 53, "n_positions": 30, "n_embd": 24, "n_layer": 4, "n_head": 3}
    settings |= {"bos_token_id": None, "eos_token_id": None, "attn_implementation": "eager"}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**settings)).eval()
    randomise(model)
    return model


@pytest.fixture
def ours(theirs: nn.Module) -> Transformer:
    model, tensors = Transformer(CONFIG).eval(), theirs.state_dict()
    for rule in GPT2.rules(CONFIG):
        made = rule.to_ours([tensors[name] for name in rule.theirs])
        model.load_state_dict(dict(zip(rule.ours, made, strict=True)), strict=False)
    return model


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(53, (2, 30), generator=torch.Generator().manual_seed(0))


def test_logits_equal_the_twin(ours: Transformer, theirs: nn.Module, tokens: Tensor):
    with torch.no_grad():
        expected = logits_under_masks(theirs, tokens)
        assert expected.std() > 0.1
        assert (expected - theirs(tokens).logits).abs().max() > 0.01  # the bands hide something
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)


def test_every_input_changes_the_output(
    ours: Transformer, tokens: Tensor, every_token_matters, every_parameter_matters
):
    every_token_matters(ours, tokens)
    every_parameter_matters(ours, tokens, but="attention.key.bias")


def test_the_preset_is_dense_and_banded_in_turn():
    layers = make_config("gpt3", max_seq_len=2048, num_layers=4).layers
    assert [layer.reach for layer in layers] == [FullReach(), BandedReach(block=128)] * 2
    assert make_config("gpt3", max_seq_len=64).layers[1].reach == BandedReach(block=8)
