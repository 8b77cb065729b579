"""DeepSeek's line."""

from typing import Any

from textus.model.presets.sizes import Sizes, gated_hidden, round_up


def deepseek_v3(sizes: Sizes) -> dict[str, Any]:
    """DeepSeek-V3 (DeepSeek-AI 2024): latent attention, one shared and many routed experts kept
    busy by biases, the next but one token predicted, too.

    Its own 61 layers have 256 experts in 8 groups, of which a token goes through 8 in 4 groups, and
    3 layers without; here the same with 32 in 4, 4 in 2, and 1.
    """
    hidden = round_up(gated_hidden(sizes.model_dim) / 5, 16)
    dense = {"kind": "gated", "hidden_dim": gated_hidden(sizes.model_dim), "activation": "silu"}
    behind = [{"count": sizes.num_layers - 1}] if sizes.num_layers > 1 else []
    return {
        "position": {"kind": "rotary", "pairs": "neighbours"},
        "attention": {
            "kind": "latent",
            "query_rank": max(1, sizes.model_dim // 2),
            "kv_rank": max(1, sizes.model_dim // 4),
        },
        "feed_forward": {
            "kind": "experts",
            "num_experts": 32,
            "experts_per_token": 4,
            "hidden_dim": hidden,
            "shared_hidden_dim": hidden,
            "activation": "silu",
            "routing": "sigmoid",
            "normalize": True,
            "route_scale": 2.5,
            "num_groups": 4,
            "groups_per_token": 2,
            "balance": "bias",
            "balance_weight": 0.001,
        },
        "pattern": [{"count": 1, "feed_forward": dense}, *behind],
        "norm": {"kind": "rms", "eps": 1e-6},
        "head": {"tied": False},
        "predict_ahead": 1,
    }
