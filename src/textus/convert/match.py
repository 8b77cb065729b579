"""Which family can say what a model of ours is, and what stands in the way where none can."""

import dataclasses
import math

from textus.convert.catalogue import FAMILIES
from textus.convert.family import Family
from textus.convert.settings import Asked, Settings
from textus.errors import ConvertError, RecipeError
from textus.model.attention import attention_scale
from textus.model.config import (
    ExpertsConfig,
    FeedForwardConfig,
    Layer,
    ModelConfig,
)
from textus.recipe import KIND, build, flatten, to_tree

_ABSENT = "not set"
SHOWN = 5
"""Differences in a message."""


def match_family(config: ModelConfig) -> tuple[Family, Settings]:
    """The family that can say all of `config`, its own architecture's first, and its config.json.

    Raises ConvertError that names the settings in the way of the family that comes nearest.
    """
    own = [f for f in FAMILIES.values() if f.model_type == config.architecture]
    refusals: list[_Refusal] = []
    for family in [*own, *(f for f in FAMILIES.values() if f not in own)]:
        try:
            theirs = family.write(config)
            reasons = differences(config, read_config(family, theirs))
        except (ConvertError, RecipeError) as error:
            refusals.append(_Refusal(family=family, said=False, reasons=[str(error)]))
            continue
        if not reasons:
            return family, theirs
        refusals.append(_Refusal(family=family, said=True, reasons=reasons))
    raise ConvertError(_explain(refusals[: len(own)] or refusals))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Refusal:
    """Why a family is not that of a model."""

    family: Family
    said: bool
    """Whether it could at least say another model."""
    reasons: list[str]


def _explain(refusals: list[_Refusal]) -> str:
    nearest = min(refusals, key=lambda refusal: (not refusal.said, len(refusal.reasons)))
    return (
        "no architecture of Hugging Face transformers computes what this model does. The nearest "
        f"is {nearest.family.model_type}, if these settings of [model] are changed and the model "
        f"is trained again: {'; '.join(nearest.reasons[:SHOWN])}"
    )


def read_config(family: Family, theirs: Settings) -> ModelConfig:
    """Our configuration of a config.json."""
    return build(ModelConfig, family.read(Asked(theirs)))


def differences(config: ModelConfig, other: ModelConfig) -> list[str]:
    """What two configurations compute differently, a line each: `head.softcap: 30.0 -> not set`;
    empty where models of both are the same function of the same weights."""
    if config.num_layers != other.num_layers:
        return [f"num_layers: {config.num_layers} -> {other.num_layers}"]
    lines = _differ(_whole_essence(config), _whole_essence(other))
    layers: dict[str, list[int]] = {}
    for number, (left, right) in enumerate(zip(config.layers, other.layers, strict=True)):
        for line in _differ(_layer_essence(left), _layer_essence(right)):
            layers.setdefault(line, []).append(number)
    for line, numbers in layers.items():
        some = len(numbers) < config.num_layers
        lines.append(f"{line} (layers {', '.join(map(str, numbers))})" if some else line)
    return lines


def _differ(left: Settings, right: Settings) -> list[str]:
    left, right = flatten(left), flatten(right)
    names = [*left, *(name for name in right if name not in left)]
    names = [name for name in names if not _equal(left.get(name), right.get(name))]
    others = tuple(name.removesuffix(KIND) for name in names if name.endswith(f".{KIND}"))
    return [  # a part of another kind has other settings, which go without saying
        f"{name}: {left.get(name, _ABSENT)} -> {right.get(name, _ABSENT)}"
        for name in names
        if name.endswith(f".{KIND}") or not name.startswith(others)
    ]


def _whole_essence(config: ModelConfig) -> Settings:
    """What decides which function a model is, beside its layers: what only training reads is left
    out."""
    whole = ("vocab_size", "max_seq_len", "model_dim", "embedding", "norm", "arrangement", "head")
    return {name: to_tree(getattr(config, name)) for name in (*whole, "predict_ahead")}


def _layer_essence(layer: Layer) -> Settings:
    scale = attention_scale(layer.attention)
    return {
        "attention": to_tree(dataclasses.replace(layer.attention, scale=scale)),
        "reach": to_tree(layer.reach),
        "position": to_tree(layer.position),
        "feed_forward": to_tree(_untrained(layer.feed_forward)),
    }


def _untrained(layer: FeedForwardConfig) -> FeedForwardConfig:
    """The auxiliary loss is training's; the biases that pick experts are the model's."""
    if not isinstance(layer, ExpertsConfig):
        return layer
    balance = "bias" if layer.balance == "bias" else "none"
    return dataclasses.replace(layer, balance=balance, balance_weight=0.0)


def _equal(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-8)
    return left == right
