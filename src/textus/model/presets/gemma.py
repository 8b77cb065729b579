"""Google's Gemma."""

from math import sqrt
from typing import Any

from textus.model.presets.sizes import Sizes, own_window, shared_heads


def gemma(sizes: Sizes) -> dict[str, Any]:
    """Gemma (Gemma Team 2024): GeGLU, an embedding that grows with the root of the width and is the
    head, too; norms whose weights are added to 1. Its own heads are 256 wide."""
    return {
        "embedding": {"scale": sqrt(sizes.model_dim)},
        "position": {"kind": "rotary"},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": sizes.num_heads,
            "bias": "none",
            "qk_norm": "none",
        },
        "feed_forward": {
            "kind": "gated",
            "hidden_dim": 8 * sizes.model_dim,
            "activation": "gelu_tanh",
        },
        "norm": {"kind": "rms", "eps": 1e-6, "around_one": True},
        "head": {"tied": True},
    }


def gemma2(sizes: Sizes) -> dict[str, Any]:
    """Gemma 2 (Gemma Team 2024): Gemma with norms on both sides of each part and soft caps on
    scores and logits; layers see the last 4,096 tokens and all in turn."""
    tree = gemma(sizes)
    sliding = {"kind": "sliding", "window": own_window(4096, sizes, share=2)}
    return tree | {
        "attention": tree["attention"]
        | {"num_kv_heads": shared_heads(sizes.num_heads), "softcap": 50.0},
        "feed_forward": tree["feed_forward"] | {"hidden_dim": 4 * sizes.model_dim},
        "pattern": [{"count": 1, "reach": sliding}, {"count": 1}],
        "arrangement": "sandwich",
        "head": {"tied": True, "softcap": 30.0},
    }


def gemma3(sizes: Sizes) -> dict[str, Any]:
    """Gemma 3 (Gemma Team 2025): Gemma 2 with normalised queries and keys in place of the caps;
    five layers of six see the last 1,024 tokens, and their positions turn faster."""
    tree = gemma(sizes)
    sliding = {"kind": "sliding", "window": own_window(1024, sizes, share=4)}
    local = {"kind": "rotary", "theta": 10_000.0}
    return tree | {
        "position": {"kind": "rotary", "theta": 1_000_000.0},
        "attention": tree["attention"]
        | {"num_kv_heads": shared_heads(sizes.num_heads), "qk_norm": "head"},
        "feed_forward": tree["feed_forward"] | {"hidden_dim": 6 * sizes.model_dim},
        "pattern": [{"count": 5, "reach": sliding, "position": local}, {"count": 1}],
        "arrangement": "sandwich",
    }
