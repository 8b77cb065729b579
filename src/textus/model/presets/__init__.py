"""Architectures by name: which parts they are made of, and the sizes that follow from a width.

A preset maps sizes to a tree of settings of ModelConfig. What a person sets by hand wins over it;
a part whose kind is changed begins afresh, with sizes that follow from the width.
"""

from collections.abc import Callable, Mapping
from typing import Any

from textus.model.config import ModelConfig
from textus.model.presets.deepseek import deepseek_v3
from textus.model.presets.experts import mixtral, qwen3_moe
from textus.model.presets.gemma import gemma, gemma2, gemma3
from textus.model.presets.gpt import gpt, gpt2, gpt3, gpt_neo, gpt_neox, gptj
from textus.model.presets.gpt_oss import gpt_oss
from textus.model.presets.llama import llama, llama3, mistral, olmo2, phi3
from textus.model.presets.qwen import qwen2, qwen3
from textus.model.presets.sizes import Sizes, gated_hidden
from textus.model.presets.speedrun import speedrun
from textus.plugins import lookup
from textus.recipe import KIND, Tree, build, merge

HEAD_DIM = 64
Preset = Callable[[Sizes], dict[str, Any]]

PRESETS: dict[str, Preset] = {
    "qwen3": qwen3,
    "gpt": gpt,
    "gpt2": gpt2,
    "gpt3": gpt3,
    "gpt_neo": gpt_neo,
    "gptj": gptj,
    "gpt_neox": gpt_neox,
    "gemma": gemma,
    "gemma2": gemma2,
    "gemma3": gemma3,
    "gpt_oss": gpt_oss,
    "llama": llama,
    "llama3": llama3,
    "mistral": mistral,
    "qwen2": qwen2,
    "phi3": phi3,
    "olmo2": olmo2,
    "mixtral": mixtral,
    "qwen3_moe": qwen3_moe,
    "deepseek_v3": deepseek_v3,
    "speedrun": speedrun,
}


def make_config(architecture: str = "qwen3", **settings: Any) -> ModelConfig:
    """The configuration of an architecture with settings of one's own, nested as in a recipe.

    >>> make_config("gpt2", num_layers=12, model_dim=768, attention={"num_heads": 12}).num_layers
    12
    """
    return build(ModelConfig, complete({"architecture": architecture} | settings), "model")


def complete(written: Mapping[str, Any]) -> Tree:
    """The settings of a model with what its architecture and its sizes say of the rest.

    `written` is nested as in a recipe. Raises RecipeError for an architecture that is not known.
    """
    known = build(ModelConfig, with_kinds(written), "model", checked=False)
    preset = lookup(known.architecture, PRESETS, what="model.architecture")
    attention = written.get("attention", {})
    attention = attention if isinstance(attention, Mapping) else {}
    head_dim = max(1, int(attention.get("head_dim", HEAD_DIM)))
    sizes = Sizes(
        model_dim=known.model_dim,
        num_layers=known.num_layers,
        num_heads=int(attention.get("num_heads", max(1, known.model_dim // head_dim))),
        head_dim=head_dim,
        max_seq_len=known.max_seq_len,
    )
    return _with_sizes(merge(preset(sizes), written), sizes)


def with_kinds(written: Mapping[str, Any]) -> Tree:
    """The settings with the architecture's kinds of parts, without which they cannot be read."""
    told = {name: written[name] for name in ("architecture",) if name in written}
    known = build(ModelConfig, told, "model", checked=False)
    preset = lookup(known.architecture, PRESETS, what="model.architecture")
    # kinds know no size
    sizes = Sizes(model_dim=64, num_layers=1, num_heads=1, head_dim=64, max_seq_len=64)
    return merge(_kinds(preset(sizes)), written)


def _kinds(tree: Mapping[str, Any]) -> Tree:
    """The kinds in a tree, and nothing else."""
    inner = {key: _kinds(value) for key, value in tree.items() if isinstance(value, Mapping)}
    own = {KIND: tree[KIND]} if KIND in tree else {}
    return own | {key: kinds for key, kinds in inner.items() if kinds}


def _with_sizes(tree: Tree, sizes: Sizes) -> Tree:
    """Sizes for parts that neither the preset nor the person gave any."""
    dim, heads = sizes.model_dim, sizes.num_heads
    widths: dict[str, dict[str, dict[str, int]]] = {
        "attention": {
            "grouped": {"num_heads": heads, "num_kv_heads": heads, "head_dim": HEAD_DIM},
            "latent": {"num_heads": heads, "head_dim": HEAD_DIM, "kv_rank": max(1, dim // 4)},
        },
        "feed_forward": {
            "plain": {"hidden_dim": 4 * dim},
            "gated": {"hidden_dim": gated_hidden(dim)},
            "experts": {"hidden_dim": gated_hidden(dim) // 2},
        },
    }
    for part, kinds in widths.items():
        settings = tree.get(part, {})
        settings = {KIND: settings} if isinstance(settings, str) else settings
        tree = tree | {part: kinds.get(settings.get(KIND, ""), {}) | settings}
    return tree
