"""A model's weights under llama.cpp's names, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from textus.convert.gguf_forms import BLOCK, Form
from textus.convert.weights import Rule, joined, same
from textus.model.config import (
    ExpertsConfig,
    GroupedConfig,
    LatentConfig,
    Layer,
    LearnedConfig,
    Llama3Scaling,
    ModelConfig,
    PlainConfig,
    RotaryConfig,
)
from textus.model.files import weights_of
from textus.model.position import query_width, rotary_frequencies
from textus.model.transformer import Transformer

Tensors = dict[str, Tensor]
_KINDS = ("weight", "bias")
_TURNED = tuple(
    f"{name}.{kind}" for name in ("query", "key", "query_norm", "key_norm") for kind in _KINDS
)
_QKV = ("query", "key", "value")


def settled_weights(model: Transformer, config: ModelConfig) -> Tensors:
    """The weights of the model with settings `config` that computes what `model` does.

    Weights of norms that are added to 1 become the sums; biases that are missing become 0, and
    norms' weights 1; rotary pairs are laid as `config` has them.
    """
    with torch.device("meta"):
        wanted = weights_of(Transformer(config))
    own = {name: tensor.float().cpu() for name, tensor in weights_of(model).items()}
    if "head.weight" in wanted and "head.weight" not in own:  # a tied head becomes one of its own
        own["head.weight"] = own["embedding.weight"]
    found = {name: _settled(name, own, like.shape, model) for name, like in wanted.items()}
    for n, (ours, theirs) in enumerate(zip(model.config.layers, config.layers, strict=True)):
        _lay_pairs(found, f"blocks.{n}.attention.", ours, theirs)
    return found


def _settled(name: str, own: Tensors, shape: Sequence[int], model: Transformer) -> Tensor:
    if name not in own:
        return torch.ones(shape) if name.endswith("norm.weight") else torch.zeros(shape)
    added = name.endswith("norm.weight") and getattr(model.config.norm, "around_one", False)
    return own[name] + 1 if added else own[name]


def _lay_pairs(tensors: Tensors, prefix: str, ours: Layer, theirs: Layer) -> None:
    """Reorders the values of queries' and keys' heads from the pairs of one layer to those of the
    other; all that a head's values meet is reordered alike."""
    attention, position = ours.attention, ours.position
    if not isinstance(attention, GroupedConfig) or not isinstance(position, RotaryConfig):
        return
    assert isinstance(theirs.position, RotaryConfig)
    if position.pairs == theirs.position.pairs:
        return
    order = _order(attention.head_dim, query_width(attention, position), position.pairs)
    for name in _TURNED:
        if (tensor := tensors.get(prefix + name)) is not None:
            heads = tensor.unflatten(0, (-1, attention.head_dim))
            tensors[prefix + name] = heads[:, order].flatten(0, 1)


def _order(head_dim: int, turned: int, pairs: str) -> Tensor:
    """Where the values of a head come from; `pairs` are those that they lie in before."""
    order, half = torch.arange(head_dim), turned // 2
    if pairs == "halves":  # value i and value half + i become neighbours
        order[:turned] = torch.arange(turned).view(2, half).T.flatten()
    else:
        order[:turned] = torch.arange(turned).view(half, 2).T.flatten()
    return order


def rules(config: ModelConfig, form: Form) -> Iterator[Rule]:
    """All tensors of the model that llama.cpp runs; a tied head is left out."""
    yield same("embedding.weight", "token_embd.weight")
    if isinstance(config.position, LearnedConfig):
        yield same("position.weight", "position_embd.weight")
    kinds = _KINDS if _has_bias(config.norm) else ("weight",)
    yield from (same(f"norm.{k}", f"output_norm.{k}") for k in kinds)
    if not config.head.tied:
        yield same("head.weight", "output.weight")
    if config.head.bias:
        yield same("head.bias", "output.bias")
    for n, layer in enumerate(config.layers):
        ours, theirs = f"blocks.{n}.", f"blk.{n}."
        for our_norm, their_norm in (form.norms or BLOCK).items():
            yield from (same(f"{ours}{our_norm}.{k}", f"{theirs}{their_norm}.{k}") for k in kinds)
        yield from _attention_rules(layer.attention, form, f"{ours}attention.", f"{theirs}attn_")
        yield from _feed_forward_rules(layer.feed_forward, form, f"{ours}feed_forward.", theirs)


def _has_bias(norm: Any) -> bool:
    return getattr(norm, "bias", False)


def _attention_rules(attention: Any, form: Form, ours: str, theirs: str) -> Iterator[Rule]:
    if isinstance(attention, LatentConfig):
        yield from _latent_rules(attention, ours, theirs)
        return
    widths = [attention.num_heads, attention.num_kv_heads, attention.num_kv_heads]
    sizes = [heads * attention.head_dim for heads in widths]
    for kind in _KINDS if attention.bias in ("input", "all") else ("weight",):
        if form.fused:
            yield joined([f"{ours}{name}.{kind}" for name in _QKV], f"{theirs}qkv.{kind}", sizes)
        else:
            yield from (same(f"{ours}{n}.{kind}", f"{theirs}{n[0]}.{kind}") for n in _QKV)
    for kind in _KINDS if attention.bias in ("output", "all") else ("weight",):
        yield same(f"{ours}output.{kind}", f"{theirs}output.{kind}")
    if attention.qk_norm != "none":
        yield same(f"{ours}query_norm.weight", f"{theirs}q_norm.weight")
        yield same(f"{ours}key_norm.weight", f"{theirs}k_norm.weight")
    if attention.sinks:
        yield same(f"{ours}sinks", f"{theirs}sinks.weight")


def _latent_rules(attention: LatentConfig, ours: str, theirs: str) -> Iterator[Rule]:
    if attention.query_rank is None:
        yield same(f"{ours}query.weight", f"{theirs}q.weight")
    else:
        yield same(f"{ours}query_down.weight", f"{theirs}q_a.weight")
        yield same(f"{ours}query_norm.weight", f"{theirs}q_a_norm.weight")
        yield same(f"{ours}query.weight", f"{theirs}q_b.weight")
    names, sizes = ("latent", "rope_key"), [attention.kv_rank, attention.rope_dim]
    yield joined([f"{ours}{name}.weight" for name in names], f"{theirs}kv_a_mqa.weight", sizes)
    yield same(f"{ours}latent_norm.weight", f"{theirs}kv_a_norm.weight")
    yield Rule(  # they hold (heads, kv_rank, head_dim), the transpose of each head's expansion
        ours=(f"{ours}key.weight",),
        theirs=(f"{theirs}k_b.weight",),
        to_ours=lambda tensors: [tensors[0].mT.flatten(0, 1)],
        to_theirs=lambda tensors: [tensors[0].unflatten(0, (attention.num_heads, -1)).mT],
    )
    yield Rule(
        ours=(f"{ours}value.weight",),
        theirs=(f"{theirs}v_b.weight",),
        to_ours=lambda tensors: [tensors[0].flatten(0, 1)],
        to_theirs=lambda tensors: [tensors[0].unflatten(0, (attention.num_heads, -1))],
    )
    yield same(f"{ours}output.weight", f"{theirs}output.weight")


def _feed_forward_rules(settings: Any, form: Form, ours: str, theirs: str) -> Iterator[Rule]:
    kinds = _KINDS if settings.bias else ("weight",)
    if isinstance(settings, ExpertsConfig):
        yield from _experts_rules(settings, kinds, ours, theirs)
        return
    names = ["up", "down"] if isinstance(settings, PlainConfig) else ["gate", "up", "down"]
    if form.fused_gate:
        sizes = [settings.hidden_dim] * 2
        yield joined([f"{ours}gate.weight", f"{ours}up.weight"], f"{theirs}ffn_up.weight", sizes)
        names = ["down"]
    yield from (same(f"{ours}{n}.{k}", f"{theirs}ffn_{n}.{k}") for n in names for k in kinds)


def _experts_rules(
    settings: ExpertsConfig, kinds: Sequence[str], ours: str, theirs: str
) -> Iterator[Rule]:
    for kind in kinds:
        yield same(f"{ours}router.{kind}", f"{theirs}ffn_gate_inp.{kind}")
        for name in ("gate", "up", "down"):
            yield same(f"{ours}{name}.{kind}", f"{theirs}ffn_{name}_exps.{kind}")
    if settings.balance == "bias":
        yield same(f"{ours}correction", f"{theirs}exp_probs_b.bias")
    if settings.shared_hidden_dim:
        for name in ("gate", "up", "down"):
            yield same(f"{ours}shared.{name}.weight", f"{theirs}ffn_{name}_shexp.weight")


def to_theirs(weights: Mapping[str, Tensor], config: ModelConfig, form: Form) -> Tensors:
    """Our weights under their names, and what they hold as a tensor that we compute."""
    found: Tensors = _frequencies(config)
    for rule in rules(config, form):
        tensors = rule.to_theirs([weights[name] for name in rule.ours])
        found |= zip(rule.theirs, (t.contiguous() for t in tensors), strict=True)
    return found


def _frequencies(config: ModelConfig) -> Tensors:
    """Llama 3's scaling of positions: what each pair's frequency is divided by."""
    position, attention = config.position, config.attention
    if not isinstance(position, RotaryConfig) or not isinstance(position.scaling, Llama3Scaling):
        return {}
    turned = query_width(attention, position)
    plain, _ = rotary_frequencies(replace(position, scaling=None), turned)
    scaled, _ = rotary_frequencies(position, turned)
    return {"rope_freqs.weight": plain / scaled}


def to_ours(tensors: Mapping[str, Tensor], config: ModelConfig, form: Form) -> Tensors:
    """The way back."""
    found: Tensors = {}
    for rule in rules(config, form):
        weights = rule.to_ours([tensors[name] for name in rule.theirs])
        found |= zip(rule.ours, weights, strict=True)
    return found
