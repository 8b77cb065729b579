"""Alibaba's Qwen."""

from typing import Any

from textus.model.presets.sizes import Sizes, gated_hidden, shared_heads


def qwen2(sizes: Sizes) -> dict[str, Any]:
    """Qwen2 (Yang et al. 2024): as Qwen3, with biases of queries, keys and values in place of their
    norms."""
    tree = qwen3(sizes)
    return tree | {"attention": tree["attention"] | {"bias": "input", "qk_norm": "none"}}


def qwen3(sizes: Sizes) -> dict[str, Any]:
    """Qwen3 (Yang et al. 2025), dense: RoPE, RMSNorm, SwiGLU, grouped queries, QK-norm, no bias.

    Untied embeddings, as in its models of 8B parameters and more.
    """
    return {
        "position": {"kind": "rotary"},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": shared_heads(sizes.num_heads),
            "bias": "none",
            "qk_norm": "head",
        },
        "feed_forward": {
            "kind": "gated",
            "hidden_dim": gated_hidden(sizes.model_dim),
            "activation": "silu",
        },
        "norm": {"kind": "rms", "eps": 1e-6},
        "head": {"tied": False},
    }
