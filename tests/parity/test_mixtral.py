"""The mixtral architecture against Hugging Face transformers' Mixtral."""

from typing import Any

import pytest
import torch
from torch import Tensor

from textus.model.config import ModelConfig
from textus.model.experts import Routing
from textus.model.presets import make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")


def _config(
    model_dim: int, hidden_dim: int, experts: tuple[int, int], **settings: Any
) -> ModelConfig:
    """`experts` are how many there are, and how many a token goes through."""
    num_experts, experts_per_token = experts
    return make_config(
        "mixtral",
        vocab_size=61,
        max_seq_len=24,
        num_layers=2,
        model_dim=model_dim,
        attention={"num_heads": 4, "num_kv_heads": 2, "head_dim": 8},
        feed_forward={
            "num_experts": num_experts,
            "experts_per_token": experts_per_token,
            "hidden_dim": hidden_dim,
        },
        **settings,
    )


SHAPES = {
    "usual": _config(32, 48, (8, 2)),
    "odd sizes": _config(27, 13, (5, 3), norm={"eps": 1e-3}),
    "one of many": _config(24, 16, (11, 1), position={"theta": 500.0}),
    "all of them": _config(20, 16, (3, 3)),
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
    "feed_forward.router": "mlp.gate",
}


def _our_weights(theirs: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """Their weights, our names: gates and values of all experts are one tensor there."""
    weights = {}
    for name in names:
        folder, part = "", name.removesuffix(".weight")
        if name.startswith("blocks."):
            _, layer, part = part.split(".", 2)
            folder = f"model.layers.{layer}."
        if part in ("feed_forward.gate", "feed_forward.up"):
            both = theirs[f"{folder}mlp.experts.gate_up_proj"].chunk(2, dim=1)
            weights[name] = both[part == "feed_forward.up"]
        elif part == "feed_forward.down":
            weights[name] = theirs[f"{folder}mlp.experts.down_proj"]
        else:
            weights[name] = theirs[f"{folder}{NAMES[part]}.weight"]
    return weights


def _their_model(config: Any) -> torch.nn.Module:
    theirs = transformers.MixtralConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.model_dim,
        intermediate_size=config.feed_forward.hidden_dim,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.attention.num_heads,
        num_key_value_heads=config.attention.num_kv_heads,
        head_dim=config.attention.head_dim,
        num_local_experts=config.feed_forward.num_experts,
        num_experts_per_tok=config.feed_forward.experts_per_token,
        max_position_embeddings=config.max_seq_len,
        rms_norm_eps=config.norm.eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.position.theta},
        tie_word_embeddings=config.head.tied,
        attn_implementation="eager",
        experts_implementation="eager",
    )
    return transformers.MixtralForCausalLM(theirs).eval()


def _pair(config: ModelConfig, randomise) -> tuple[Transformer, torch.nn.Module]:
    ours, theirs = Transformer(config).eval(), _their_model(config)
    randomise(theirs)
    names = [name for name, _ in ours.named_parameters()]
    counts = [sum(p.numel() for p in model.parameters()) for model in (ours, theirs)]
    assert counts[0] == counts[1]
    weights = _our_weights(dict(theirs.named_parameters()), names)
    ours.load_state_dict(weights, strict=False)
    return ours, theirs


@pytest.fixture(params=list(SHAPES))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return SHAPES[request.param]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(61, (2, 24), generator=torch.Generator().manual_seed(0))


def test_logits_equal_mixtral(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)


def test_gradients_equal_mixtral(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    weights = torch.randn(2, 24, 61, generator=torch.Generator().manual_seed(2))
    (ours(tokens) * weights).mean().backward()
    (theirs(tokens).logits * weights).mean().backward()
    named = theirs.named_parameters()
    gradients = {name: p.grad for name, p in named if p.grad is not None}
    expected = _our_weights(gradients, [name for name, _ in ours.named_parameters()])
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-6)


def test_every_input_changes_the_output(
    config: ModelConfig, tokens: Tensor, randomise, every_token_matters, every_parameter_matters
):
    ours, _ = _pair(config, randomise)
    every_token_matters(ours, tokens)
    every_parameter_matters(ours, tokens)


def test_the_auxiliary_loss_is_theirs_of_one_layer(tokens: Tensor, randomise):
    """Theirs counts each of a token's picks as a whole one, and takes all layers as one."""
    config: Any = SHAPES["usual"]
    ours, theirs = _pair(config, randomise)
    logits = theirs(tokens, output_router_logits=True).router_logits
    loss_of = transformers.models.mixtral.modeling_mixtral.load_balancing_loss_func
    expected = sum(loss_of((layer,), 8, 2) / 2 for layer in logits)
    routing = Routing(ours.train())
    with routing:
        ours(tokens)
    loss = routing.take_loss()
    torch.testing.assert_close(loss, config.feed_forward.balance_weight * expected)
