"""Mixtures of experts on the parts of dense models."""

from typing import Any

from textus.model.presets.qwen import qwen3
from textus.model.presets.sizes import Sizes, gated_hidden, round_up, shared_heads


def mixtral(sizes: Sizes) -> dict[str, Any]:
    """Mixtral 8x7B (Jiang et al. 2024): Mistral with 8 gated experts a layer, 2 for each token."""
    return {
        "position": {"kind": "rotary", "theta": 1_000_000.0},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": shared_heads(sizes.num_heads, most=4),
            "bias": "none",
            "qk_norm": "none",
        },
        "feed_forward": {
            "kind": "experts",
            "num_experts": 8,
            "experts_per_token": 2,
            "hidden_dim": round_up(3.5 * sizes.model_dim, 64),
            "activation": "silu",
            "routing": "softmax",
            "normalize": True,
            "balance": "loss",
        },
        "norm": {"kind": "rms", "eps": 1e-5},
        "head": {"tied": False},
    }


def qwen3_moe(sizes: Sizes) -> dict[str, Any]:
    """Qwen3's mixtures (Yang et al. 2025): Qwen3 with many small experts a layer.

    Its own have 128, of which a token goes through 8; here 32 and 4, as wide together as the dense
    layer.
    """
    return qwen3(sizes) | {
        "feed_forward": {
            "kind": "experts",
            "num_experts": 32,
            "experts_per_token": 4,
            "hidden_dim": round_up(gated_hidden(sizes.model_dim) / 4, 16),
            "activation": "silu",
            "routing": "softmax",
            "normalize": True,
            "balance": "loss",
        },
    }
