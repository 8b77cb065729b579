"""OpenAI's open mixtures of 2025."""

from typing import Any

from textus.model.presets.sizes import Sizes, own_window, shared_heads

TRAINED_LENGTH = 4096
"""Tokens of a text before its positions were stretched."""


def gpt_oss(sizes: Sizes) -> dict[str, Any]:
    """gpt-oss (OpenAI 2025): 32 experts with biases and bounded gates, of which a token goes
    through 4; layers see the last 128 tokens and all in turn, and heads may look nowhere.

    YaRN stretches positions beyond 4,096.
    """
    sliding = {"kind": "sliding", "window": own_window(128, sizes, share=4)}
    position: dict[str, Any] = {"kind": "rotary", "theta": 150_000.0}
    if sizes.max_seq_len > TRAINED_LENGTH:
        position["scaling"] = {
            "kind": "yarn",
            "factor": sizes.max_seq_len / TRAINED_LENGTH,
            "original_seq_len": TRAINED_LENGTH,
            "truncate": False,
        }
    return {
        "position": position,
        "attention": {
            "kind": "grouped",
            "num_kv_heads": shared_heads(sizes.num_heads, most=8),
            "bias": "all",
            "qk_norm": "none",
            "sinks": True,
        },
        "feed_forward": {
            "kind": "experts",
            "num_experts": 32,
            "experts_per_token": 4,
            "hidden_dim": sizes.model_dim,
            "bias": True,
            "clamp": 7.0,
            "routing": "softmax",
            "normalize": True,
            "balance": "loss",
        },
        "pattern": [{"count": 1, "reach": sliding}, {"count": 1}],
        "norm": {"kind": "rms", "eps": 1e-5},
        "head": {"tied": False},
    }
