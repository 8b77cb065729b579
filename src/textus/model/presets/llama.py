"""Meta's LLaMA, and its nearest relatives: Mistral, Phi-3, OLMo 2."""

from typing import Any

from textus.model.presets.sizes import Sizes, gated_hidden, own_window, shared_heads


def llama(sizes: Sizes) -> dict[str, Any]:
    """LLaMA and LLaMA 2 (Touvron et al. 2023): RoPE, RMSNorm before each part, SwiGLU, no bias."""
    return {
        "position": {"kind": "rotary"},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": sizes.num_heads,
            "bias": "none",
            "qk_norm": "none",
        },
        "feed_forward": {
            "kind": "gated",
            "hidden_dim": gated_hidden(sizes.model_dim),
            "activation": "silu",
        },
        "norm": {"kind": "rms", "eps": 1e-5},
        "head": {"tied": False},
    }


def llama3(sizes: Sizes) -> dict[str, Any]:
    """LLaMA 3 (Grattafiori et al. 2024): LLaMA with grouped queries and longer waves. Its way to
    longer texts is position.scaling = "llama3"."""
    tree = llama(sizes)
    return tree | {
        "position": {"kind": "rotary", "theta": 500_000.0},
        "attention": tree["attention"] | {"num_kv_heads": shared_heads(sizes.num_heads, most=4)},
    }


def mistral(sizes: Sizes) -> dict[str, Any]:
    """Mistral 7B (Jiang et al. 2023): LLaMA with grouped queries that see the last 4,096 tokens."""
    tree = llama(sizes)
    return tree | {
        "attention": tree["attention"] | {"num_kv_heads": shared_heads(sizes.num_heads, most=4)},
        "reach": {"kind": "sliding", "window": own_window(4096, sizes, share=2)},
    }


def phi3(sizes: Sizes) -> dict[str, Any]:
    """Phi-3-mini (Abdin et al. 2024): LLaMA that sees the last 2,047 tokens."""
    return llama(sizes) | {"reach": {"kind": "sliding", "window": own_window(2047, sizes, share=2)}}


def olmo2(sizes: Sizes) -> dict[str, Any]:
    """OLMo 2 (OLMo Team 2025): LLaMA with norms behind the parts in place of before them, and
    queries and keys normalised over all heads together."""
    tree = llama(sizes)
    return tree | {
        "position": {"kind": "rotary", "theta": 500_000.0},
        "attention": tree["attention"] | {"qk_norm": "whole"},
        "norm": {"kind": "rms", "eps": 1e-6},
        "arrangement": "output",
    }
