"""The deepseek_v3 architecture against Hugging Face transformers' DeepSeek-V3."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from textus.model.config import GatedConfig, LatentConfig, ModelConfig
from textus.model.presets import make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")

LATENT = {"num_heads": 3, "head_dim": 10, "rope_dim": 6, "value_dim": 7, "kv_rank": 11}
EXPERTS = {"num_experts": 12, "experts_per_token": 3, "hidden_dim": 14, "shared_hidden_dim": 14}
GROUPS = {"num_groups": 4, "groups_per_token": 2, "route_scale": 2.5}
YARN = {"kind": "yarn", "factor": 8.0, "original_seq_len": 16, "beta_fast": 4.0}
MSCALE, MSCALE_ALL = 1.3, 0.7


def _growth(weight: float) -> float:
    """YaRN's, of scores, as DeepSeek weighs it."""
    return 0.1 * weight * torch.tensor(8.0).log().item() + 1


STRETCHED = {
    "position": {"scaling": YARN | {"attention_factor": _growth(MSCALE) / _growth(MSCALE_ALL)}},
    "attention": {"scale": 16**-0.5 * _growth(MSCALE_ALL) ** 2},
}


def _config(attention: dict[str, Any], experts: dict[str, Any], **settings: Any) -> ModelConfig:
    return make_config(
        "deepseek_v3",
        **{"vocab_size": 61, "max_seq_len": 24, "num_layers": 3, "model_dim": 26}
        | {"feed_forward": EXPERTS | GROUPS | experts, "attention": LATENT | attention}
        | settings,
    )


SHAPES = {
    "usual": _config({"query_rank": 13}, {}),
    "one group, no query latent, wide shared": _config(
        {"query_rank": None},
        {"num_groups": 1, "groups_per_token": 1, "shared_hidden_dim": 42, "route_scale": 1.0},
    ),
    "weights as they are, biases": _config({"bias": True}, {"normalize": False}),
    "stretched": _config(
        {"query_rank": 13} | STRETCHED["attention"], {}, position=STRETCHED["position"]
    ),
}
NAMES = {
    "embedding": "model.embed_tokens",
    "head": "lm_head",
    "norm": "model.norm",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "attention.query_down": "self_attn.q_a_proj",
    "attention.query_norm": "self_attn.q_a_layernorm",
    "attention.latent_norm": "self_attn.kv_a_layernorm",
    "attention.output": "self_attn.o_proj",
    "feed_forward.router": "mlp.gate",
    "feed_forward.shared.gate": "mlp.shared_experts.gate_proj",
    "feed_forward.shared.up": "mlp.shared_experts.up_proj",
    "feed_forward.shared.down": "mlp.shared_experts.down_proj",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


AHEAD = {"hidden_norm": "hnorm", "embedding_norm": "enorm", "join": "eh_proj", "norm": "post_norm"}


def _our_weights(theirs: dict[str, Tensor], ours: Transformer) -> dict[str, Tensor]:
    names = [name for name, _ in ours.named_parameters() if not name.startswith("ahead.")]
    return {name: _our_weight(name, theirs, ours.config) for name in names}


def _our_weight(name: str, theirs: dict[str, Tensor], config: ModelConfig) -> Tensor:
    folder, (path, kind) = "", name.rsplit(".", 1)
    if name.startswith("blocks."):
        _, layer, path = path.split(".", 2)
        folder = f"model.layers.{layer}."
    elif name.startswith("ahead."):
        _, module, path = path.split(".", 2)
        folder = f"layers.{module}."
        if path in AHEAD:
            return theirs[f"{folder}{AHEAD[path]}.weight"]
        path, folder = path.removeprefix("block."), f"{folder}mtp_block."
    found = _part_of_joined(path, kind, folder, theirs, config)
    return theirs[f"{folder}{NAMES[path]}.{kind}"] if found is None else found


def _part_of_joined(
    path: str, kind: str, folder: str, theirs: dict[str, Tensor], config: ModelConfig
) -> Tensor | None:
    """Ours that they hold under another shape or with others, if `path` is one of them."""
    attention, mlp = f"{folder}self_attn.", f"{folder}mlp."
    latent = config.attention
    assert isinstance(latent, LatentConfig)
    if kind == "correction":
        return theirs[f"{mlp}gate.e_score_correction_bias"]
    if path == "attention.query":
        name = "q_proj" if latent.query_rank is None else "q_b_proj"
        return theirs[f"{attention}{name}.weight"]
    if path in ("attention.latent", "attention.rope_key"):
        both = theirs[f"{attention}kv_a_proj_with_mqa.{kind}"]
        return both.split((latent.kv_rank, latent.rope_dim))[path == "attention.rope_key"]
    if path in ("attention.key", "attention.value"):
        both = theirs[f"{attention}kv_b_proj.weight"].unflatten(0, (latent.num_heads, -1))
        parts = both.split((latent.head_dim, latent.value_dim), dim=1)
        return parts[path == "attention.value"].flatten(0, 1)
    stacked = f"{mlp}experts.gate_up_proj"
    if stacked in theirs and path in ("feed_forward.gate", "feed_forward.up"):
        return theirs[stacked].chunk(2, dim=1)[path == "feed_forward.up"]
    if stacked in theirs and path == "feed_forward.down":
        return theirs[f"{mlp}experts.down_proj"]
    return None


def _rope(config: Any) -> dict[str, Any]:
    scaling = config.position.scaling
    rope = {"rope_type": "default", "rope_theta": config.position.theta}
    if scaling is None:
        return rope
    return rope | {
        "rope_type": "yarn",
        "factor": scaling.factor,
        "original_max_position_embeddings": scaling.original_seq_len,
        "beta_fast": scaling.beta_fast,
        "mscale": MSCALE,
        "mscale_all_dim": MSCALE_ALL,
    }


def _their_model(config: Any) -> nn.Module:
    latent, experts, dense = config.attention, config.feed_forward, config.layers[0].feed_forward
    assert isinstance(dense, GatedConfig)
    theirs = transformers.DeepseekV3Config(
        vocab_size=config.vocab_size,
        hidden_size=config.model_dim,
        intermediate_size=dense.hidden_dim,
        moe_intermediate_size=experts.hidden_dim,
        num_hidden_layers=config.num_layers,
        num_attention_heads=latent.num_heads,
        num_key_value_heads=latent.num_heads,
        n_shared_experts=experts.shared_hidden_dim // experts.hidden_dim,
        n_routed_experts=experts.num_experts,
        routed_scaling_factor=experts.route_scale,
        kv_lora_rank=latent.kv_rank,
        q_lora_rank=latent.query_rank,
        qk_rope_head_dim=latent.rope_dim,
        v_head_dim=latent.value_dim,
        qk_nope_head_dim=latent.head_dim,
        n_group=experts.num_groups,
        topk_group=experts.groups_per_token,
        num_experts_per_tok=experts.experts_per_token,
        first_k_dense_replace=1,
        norm_topk_prob=experts.normalize,
        max_position_embeddings=config.max_seq_len,
        rms_norm_eps=config.norm.eps,
        rope_parameters=_rope(config),
        attention_bias=latent.bias,
        num_mtp_layers=config.predict_ahead,
        attn_implementation="eager",
        experts_implementation="eager",
    )
    return transformers.DeepseekV3ForCausalLM(theirs).eval()


def _their_tensors(theirs: nn.Module) -> dict[str, Tensor]:
    """Parameters, and the biases that pick experts."""
    biases = {n: b for n, b in theirs.named_buffers() if n.endswith("e_score_correction_bias")}
    return dict(theirs.named_parameters()) | biases


def _pair(config: ModelConfig, randomise) -> tuple[Transformer, nn.Module]:
    ours, theirs = Transformer(config).eval(), _their_model(config)
    randomise(theirs)
    tensors = _their_tensors(theirs)
    with torch.no_grad():
        for name, tensor in tensors.items():
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(0.2 * torch.randn(tensor.shape))
    weights = _our_weights(tensors, ours)
    assert sum(w.numel() for w in weights.values()) == sum(t.numel() for t in tensors.values())
    ours.load_state_dict(weights, strict=False)
    return ours, theirs


@pytest.fixture(params=list(SHAPES))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return SHAPES[request.param]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(61, (2, 24), generator=torch.Generator().manual_seed(0))


def test_logits_equal_deepseek_v3(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)


def test_gradients_equal_deepseek_v3(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    weights = torch.randn(2, 24, 61, generator=torch.Generator().manual_seed(2))
    (ours(tokens) * weights).mean().backward()
    (theirs(tokens).logits * weights).mean().backward()
    tensors = _their_tensors(theirs)
    gradients = {name: t.grad for name, t in tensors.items() if t.grad is not None}
    for name, parameter in ours.named_parameters():
        if name.startswith("ahead.") or name.endswith("correction"):
            assert parameter.grad is None
        else:
            expected = _our_weight(name, gradients, config)
            torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-6)


def test_every_input_changes_the_output(
    config: ModelConfig, tokens: Tensor, randomise, every_token_matters, every_parameter_matters
):
    ours, _ = _pair(config, randomise)
    every_token_matters(ours, tokens)
    ours.ahead = nn.ModuleList()  # they have no part in the logits
    every_parameter_matters(ours, tokens)


def test_states_ahead_equal_theirs(config: ModelConfig, tokens: Tensor, randomise):
    config = replace(config, predict_ahead=2)
    ours, theirs = _pair(config, randomise)
    modules = transformers.modeling_layers.MtpModel(theirs, 2).eval()
    modules.set_attn_implementation("eager")
    randomise(modules, seed=3)
    for name, tensor in _their_tensors(modules).items():
        if name.endswith("e_score_correction_bias"):
            tensor.copy_(0.2 * torch.randn(tensor.shape))
    names = [name for name, _ in ours.named_parameters() if name.startswith("ahead.")]
    tensors = _their_tensors(modules)
    weights = {name: _our_weight(name, tensors, config) for name in names}
    shared = {"embedding.weight": tensors["embed_tokens.weight"]}  # drawn anew with the modules
    ours.load_state_dict(weights | shared, strict=False)
    positions = torch.arange(24)[None]
    with torch.no_grad():
        hidden = ours.hidden_states(tokens)
        found, expected = ours.ahead_states(tokens, hidden), hidden
        for step in (1, 2):
            embedded = modules.embed_tokens(tokens.roll(-step, dims=1))
            expected = modules.layers[step - 1](
                embedded,
                expected,
                position_embeddings=modules.rotary_emb(embedded, position_ids=positions),
                attention_mask=torch.full((24, 24), -torch.inf).triu(1)[None, None],
                position_ids=positions,
                past_key_values=None,
            )
            torch.testing.assert_close(found[step - 1], expected, rtol=1e-5, atol=1e-5)
