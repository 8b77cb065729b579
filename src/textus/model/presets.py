"""Architectures by name: which parts they are made of, and the sizes that follow from the width.

A preset maps a width and a number of heads to settings of ModelConfig. What a person sets by hand
wins over the preset.
"""

from collections.abc import Callable
from typing import Any


def qwen3(model_dim: int, num_heads: int) -> dict[str, Any]:
    """Qwen3 (Yang et al. 2025), dense: RoPE, RMSNorm, SwiGLU, grouped queries, QK-norm, no bias.

    Untied embeddings, as in its models of 8B parameters and more.
    """
    return {
        "num_kv_heads": num_heads // 2 if num_heads % 2 == 0 else num_heads,
        "hidden_dim": round_up(8 * model_dim / 3, 64),
        "position": "rotary",
        "norm": "rms",
        "norm_eps": 1e-6,
        "feed_forward": "swiglu",
        "qk_norm": True,
        "bias": False,
        "tied_embeddings": False,
    }


def gpt2(model_dim: int, num_heads: int) -> dict[str, Any]:
    """GPT-2 (Radford et al. 2019): learned positions, LayerNorm, GELU, biases, tied embeddings."""
    return {
        "num_kv_heads": num_heads,
        "hidden_dim": 4 * model_dim,
        "position": "learned",
        "norm": "layer",
        "norm_eps": 1e-5,
        "feed_forward": "gelu",
        "qk_norm": False,
        "bias": True,
        "tied_embeddings": True,
    }


PRESETS: dict[str, Callable[[int, int], dict[str, Any]]] = {"qwen3": qwen3, "gpt2": gpt2}


def round_up(value: float, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -int(-value // multiple) * multiple
