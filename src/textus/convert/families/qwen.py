"""Qwen2 and Qwen3."""

from collections.abc import Iterator, Mapping
from typing import Any

from textus.convert.family import Family, Settings
from textus.convert.rope import read_rope, write_rope
from textus.convert.weights import Rule, same
from textus.model.config import ModelConfig


def _read_qwen3(theirs: Mapping[str, Any]) -> Settings:
    return {
        "architecture": "qwen3",
        "vocab_size": theirs["vocab_size"],
        "max_seq_len": theirs["max_position_embeddings"],
        "num_layers": theirs["num_hidden_layers"],
        "model_dim": theirs["hidden_size"],
        "position": read_rope(theirs),
        "attention": {
            "kind": "grouped",
            "num_heads": theirs["num_attention_heads"],
            "num_kv_heads": theirs["num_key_value_heads"],
            "head_dim": theirs["head_dim"],
            "bias": "all" if theirs.get("attention_bias") else "none",
            "qk_norm": "head",
        },
        "feed_forward": {
            "kind": "gated",
            "hidden_dim": theirs["intermediate_size"],
            "activation": theirs["hidden_act"],
        },
        "norm": {"kind": "rms", "eps": theirs["rms_norm_eps"]},
        "head": {"tied": theirs.get("tie_word_embeddings", False)},
    }


def _write_qwen3(config: ModelConfig) -> Settings:
    attention: Any = config.attention
    feed_forward: Any = config.feed_forward
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_seq_len,
        "num_hidden_layers": config.num_layers,
        "hidden_size": config.model_dim,
        **write_rope(config.position),
        "num_attention_heads": attention.num_heads,
        "num_key_value_heads": attention.num_kv_heads,
        "head_dim": attention.head_dim,
        "attention_bias": attention.bias == "all",
        "intermediate_size": feed_forward.hidden_dim,
        "hidden_act": feed_forward.activation,
        "rms_norm_eps": config.norm.eps,
        "tie_word_embeddings": config.head.tied,
        "use_sliding_window": False,
    }


def llama_rules(config: ModelConfig) -> Iterator[Rule]:
    """The names that most families after LLaMA share."""
    yield same("embedding.weight", "model.embed_tokens.weight")
    yield same("norm.weight", "model.norm.weight")
    if not config.head.tied:
        yield same("head.weight", "lm_head.weight")
    ...


QWEN3 = Family(
    model_type="qwen3",
    architecture="Qwen3ForCausalLM",
    read=_read_qwen3,
    write=_write_qwen3,
    rules=llama_rules,
)
