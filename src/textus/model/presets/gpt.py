"""OpenAI's line from 2018 to 2020, and EleutherAI's open models after it."""

from typing import Any

from textus.model.presets.sizes import Sizes


def gpt(sizes: Sizes) -> dict[str, Any]:
    """GPT (Radford et al. 2018): learned positions, norms behind the sums, GELU, tied head."""
    return gpt2(sizes) | {"arrangement": "post"}


def gpt2(sizes: Sizes) -> dict[str, Any]:
    """GPT-2 (Radford et al. 2019): GPT with norms before each part and one at the end."""
    return {
        "position": {"kind": "learned"},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": sizes.num_heads,
            "bias": "all",
            "qk_norm": "none",
        },
        "feed_forward": {
            "kind": "plain",
            "hidden_dim": 4 * sizes.model_dim,
            "activation": "gelu_tanh",
            "bias": True,
        },
        "norm": {"kind": "layer", "eps": 1e-5},
        "head": {"tied": True},
        "initialisation": "normal",
    }
