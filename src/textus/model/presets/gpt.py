"""OpenAI's line from 2018 to 2020, and EleutherAI's open models after it."""

from typing import Any

from textus.model.config.position import fraction_of
from textus.model.presets.sizes import Sizes, own_window


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


def gpt3(sizes: Sizes) -> dict[str, Any]:
    """GPT-3 (Brown et al. 2020): GPT-2 whose layers are dense and locally banded in turn.

    Section 2.1 says that much, and that the bands are similar to those of the Sparse Transformer
    (Child et al. 2019). It does not say how wide they are, how they are laid, nor which kind of
    layer is first. Here the first is dense, and a token of a banded layer sees its own block of at
    most 128 tokens, the Sparse Transformer's for text, and the block before.
    """
    banded = {"kind": "banded", "block": own_window(128, sizes, share=8)}
    return gpt2(sizes) | {"pattern": [{"count": 1}, {"count": 1, "reach": banded}]}


def gpt_neo(sizes: Sizes) -> dict[str, Any]:
    """GPT-Neo (Black et al. 2021): GPT-2 whose layers see all tokens and the last 256 in turn;
    scores are not scaled, and queries, keys and values have no biases."""
    tree = gpt2(sizes)
    sliding = {"kind": "sliding", "window": own_window(256, sizes, share=4)}
    return tree | {
        "attention": tree["attention"] | {"bias": "output", "scale": 1.0},
        "pattern": [{"count": 1}, {"count": 1, "reach": sliding}],
    }


def gptj(sizes: Sizes) -> dict[str, Any]:
    """GPT-J (Wang and Komatsuzaki 2021): a quarter of each head turns with the position; attention,
    which has no biases, and feed-forward read the stream through one norm; the logits have them."""
    tree = gpt2(sizes)
    return tree | {
        "position": {"kind": "rotary", "fraction": _quarter(sizes), "pairs": "neighbours"},
        "attention": tree["attention"] | {"bias": "none"},
        "arrangement": "shared",
        "head": {"tied": False, "bias": True},
    }


def gpt_neox(sizes: Sizes) -> dict[str, Any]:
    """GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): a quarter of each head turns
    with the position; both parts read the same stream, through norms of their own."""
    tree = gpt2(sizes)
    return tree | {
        "position": {"kind": "rotary", "fraction": _quarter(sizes)},
        "feed_forward": tree["feed_forward"] | {"activation": "gelu"},
        "arrangement": "parallel",
        "head": {"tied": False},
    }


def _quarter(sizes: Sizes) -> float:
    """As near to a quarter of a head as whole pairs come."""
    return fraction_of(2 * max(1, round(sizes.head_dim / 8)), sizes.head_dim)
