"""What the public speed-runs of small models have found to learn fastest."""

from typing import Any

from textus.model.presets.sizes import Sizes


def speedrun(sizes: Sizes) -> dict[str, Any]:
    """The parts that modded-nanogpt and nanochat (Jordan et al. 2024; Karpathy 2025) share: value
    embeddings, embedding skip, smear, soft-capped logits, squared ReLU, norms without weights, all
    outputs zero at first. Tables of n-grams, which speed it further, are
    embedding.ngram_rows = [32768, 32768]."""
    return {
        "embedding": {"norm": True, "values": True, "skip": True, "smear": True},
        "position": {"kind": "rotary"},
        "attention": {
            "kind": "grouped",
            "num_kv_heads": sizes.num_heads,
            "bias": "none",
            "qk_norm": "head",
        },
        "feed_forward": {
            "kind": "plain",
            "hidden_dim": 4 * sizes.model_dim,
            "activation": "relu2",
        },
        "norm": {"kind": "rms", "learned": False},
        "head": {"tied": False, "softcap": 15.0},
        "initialisation": "modern",
    }
