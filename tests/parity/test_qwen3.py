"""The default architecture against Hugging Face transformers' Qwen3."""

from typing import Any

import pytest
import torch
from torch import Tensor

from textus.model.config import GatedConfig, GroupedConfig, ModelConfig, RotaryConfig
from textus.model.presets import make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")


def _config(
    model_dim: int, heads: tuple[int, int, int], hidden_dim: int, **settings: Any
) -> ModelConfig:
    """`heads` are query heads, key heads and the width of one."""
    num_heads, num_kv_heads, head_dim = heads
    return make_config(
        "qwen3",
        vocab_size=61,
        max_seq_len=24,
        num_layers=2,
        model_dim=model_dim,
        attention={"num_heads": num_heads, "num_kv_heads": num_kv_heads, "head_dim": head_dim},
        feed_forward={"hidden_dim": hidden_dim},
        **settings,
    )


OTHERS = {"position": {"theta": 1_000_000.0}, "norm": {"eps": 1e-4}, "head": {"tied": True}}
SHAPES = {
    "grouped": _config(32, (4, 2, 8), 48),
    "odd sizes": _config(27, (6, 2, 10), 37),
    "tied": _config(24, (3, 3, 6), 33, **OTHERS),
    "one key head": _config(20, (5, 1, 4), 16),
}
NAMES = {
    "embedding": "model.embed_tokens",
    "head": "lm_head",
    "norm": "model.norm",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


def _their_name(name: str) -> str:
    name = name.removesuffix(".weight")
    if name.startswith("blocks."):
        _, layer, part = name.split(".", 2)
        return f"model.layers.{layer}.{NAMES[part]}.weight"
    return f"{NAMES[name]}.weight"


def _their_model(config: ModelConfig) -> torch.nn.Module:
    attention, feed_forward, position = config.attention, config.feed_forward, config.position
    assert isinstance(attention, GroupedConfig)
    assert isinstance(feed_forward, GatedConfig)
    assert isinstance(position, RotaryConfig)
    theirs = transformers.Qwen3Config(
        vocab_size=config.vocab_size,
        hidden_size=config.model_dim,
        intermediate_size=feed_forward.hidden_dim,
        num_hidden_layers=config.num_layers,
        num_attention_heads=attention.num_heads,
        num_key_value_heads=attention.num_kv_heads,
        head_dim=attention.head_dim,
        max_position_embeddings=config.max_seq_len,
        rms_norm_eps=config.norm.eps,
        rope_parameters={"rope_type": "default", "rope_theta": position.theta},
        tie_word_embeddings=config.head.tied,
        attn_implementation="eager",
    )
    return transformers.Qwen3ForCausalLM(theirs).eval()


def _pair(config: ModelConfig, randomise) -> tuple[Transformer, torch.nn.Module]:
    ours, theirs = Transformer(config).eval(), _their_model(config)
    randomise(theirs)
    weights = dict(theirs.named_parameters())
    names = {name: _their_name(name) for name, _ in ours.named_parameters()}
    assert sorted(names.values()) == sorted(weights)
    ours.load_state_dict({name: weights[names[name]] for name in names}, strict=False)
    return ours, theirs


@pytest.fixture(params=list(SHAPES))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return SHAPES[request.param]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(61, (2, 24), generator=torch.Generator().manual_seed(0))


def test_logits_equal_qwen3(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)


def test_gradients_equal_qwen3(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    weights = torch.randn(2, 24, 61, generator=torch.Generator().manual_seed(2))
    (ours(tokens) * weights).mean().backward()
    (theirs(tokens).logits * weights).mean().backward()
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, expected[_their_name(name)], rtol=1e-4, atol=1e-6
        )


def test_every_input_changes_the_output(
    config: ModelConfig, tokens: Tensor, randomise, every_token_matters, every_parameter_matters
):
    ours, _ = _pair(config, randomise)
    every_token_matters(ours, tokens)
    every_parameter_matters(ours, tokens)


def test_embeddings_stand_for_tokens(config: ModelConfig, tokens: Tensor, randomise):
    ours, _ = _pair(config, randomise)
    assert ours(embeddings=ours.embedding(tokens)).equal(ours(tokens))
