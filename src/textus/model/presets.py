"""Architectures by name: which parts they are made of, and the sizes that follow from the width.

A preset maps a width to settings of ModelConfig, each with the reason that `textus recipe show`
prints. What a person sets by hand wins over the preset.
"""

from collections.abc import Callable
from typing import Any

Values = dict[str, tuple[Any, str]]


def qwen3(model_dim: int, num_heads: int) -> Values:
    """Qwen3 (Yang et al. 2025), dense: RoPE, RMSNorm, SwiGLU, grouped queries, weighted QK-norm, no
    bias."""
    why = "qwen3"
    return {
        "num_kv_heads": (
            num_heads // 2 if num_heads % 2 == 0 else num_heads,
            "qwen3: num_heads / 2",
        ),
        "hidden_dim": (
            round_up(8 * model_dim / 3, 64),
            "qwen3: 8/3 model_dim, up to a multiple of 64",
        ),
        "position": ("rotary", why),
        "norm": ("rms", why),
        "norm_eps": (1e-6, why),
        "feed_forward": ("swiglu", why),
        "qk_norm": (True, why),
        "bias": (False, why),
        "tied_embeddings": (
            False,
            "qwen3: as in its models of 8B and more; learns faster than tied",
        ),
    }


def gpt2(model_dim: int, num_heads: int) -> Values:
    """GPT-2 (Radford et al. 2019): learned positions, LayerNorm, GELU, biases, tied embeddings."""
    why = "gpt2"
    return {
        "num_kv_heads": (num_heads, "gpt2: one for each query head"),
        "hidden_dim": (4 * model_dim, "gpt2: 4 model_dim"),
        "position": ("learned", why),
        "norm": ("layer", why),
        "norm_eps": (1e-5, why),
        "feed_forward": ("gelu", why),
        "qk_norm": (False, why),
        "bias": (True, why),
        "tied_embeddings": (True, why),
    }


PRESETS: dict[str, Callable[[int, int], Values]] = {"qwen3": qwen3, "gpt2": gpt2}


def round_up(value: float, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -int(-value // multiple) * multiple
