"""A changed model brought to the size of another, so that the change alone is compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal, get_args

from textus.errors import RecipeError
from textus.model.config import (
    AttentionConfig,
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    ModelConfig,
    PlainConfig,
)
from textus.model.size.flops import flops_per_token
from textus.model.size.parameters import count_parameters

Equal = Literal["parameters", "flops"]
TOLERANCE = 0.02
"""Largest share of the wanted size by which a counterpart may miss it."""
STRETCH = 2.0
"""How many times wider or narrower the feed-forward layers may become while the rest stays."""
LARGEST_STRETCH = 4.0
"""The same where no width of the rest lets them keep nearer to their proportion."""
MOST_HEADS = 8
"""How many times as many heads there may be."""


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """A model of another one's size."""

    config: ModelConfig
    dial: Literal["none", "hidden_dim", "model_dim"]
    """What was turned: nothing; the feed-forward layers' width; or, because that alone would leave
    the model out of proportion, the whole width in steps of heads, and the former to fit."""
    size: int
    """Its parameters, or its FLOPs per token in training."""
    wanted: int
    """The other one's."""

    @property
    def difference(self) -> float:
        """Of the two sizes, as a share of the one that was wanted."""
        return self.size / self.wanted - 1


def counterpart(
    config: ModelConfig,
    *,
    like: ModelConfig,
    equal: Equal = "parameters",
    seq_len: int | None = None,
) -> Counterpart:
    """`config` with other widths, so that it has as many parameters, or takes as many FLOPs per
    token in training on rows of `seq_len` (like.max_seq_len if not given), as `like`.

    The feed-forward layers' width is turned first. Where they would have to become more than twice
    as wide or narrow, the whole model's width is turned in steps of heads, with all widths in
    proportion, and theirs takes up what is left. Raises RecipeError where nothing comes within 2 %.
    """
    measure = measure_of(equal, seq_len or like.max_seq_len)
    wanted = measure(like)
    if measure(config) == wanted:
        return Counterpart(config=config, dial="none", size=wanted, wanted=wanted)
    best = _best(config, wanted, measure)
    if best is None:
        raise RecipeError(
            f"no width brings the model to {wanted:,} {equal}: as it is, it has "
            f"{measure(config):,}; change model.num_layers, or the number of experts, too"
        )
    return best


def measure_of(equal: Equal, seq_len: int) -> Callable[[ModelConfig], int]:
    """What must be equal, of a configuration."""
    if equal == "parameters":
        return lambda config: count_parameters(config).total
    if equal == "flops":
        return lambda config: flops_per_token(config, seq_len, backward=True)
    raise RecipeError(f"equal={equal!r} should be one of {', '.join(get_args(Equal))}")


def _best(
    config: ModelConfig, wanted: int, measure: Callable[[ModelConfig], int]
) -> Counterpart | None:
    alone = _fit_hidden(config, wanted, measure)
    if alone is not None and alone[0] <= STRETCH:
        return alone[1]
    others = (_fit_hidden(wider, wanted, measure) for wider in _widths(config))
    found = [(stretch, replace(c, dial="model_dim")) for stretch, c in filter(None, others)]
    found += [alone] if alone is not None else []
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _fit_hidden(
    config: ModelConfig, wanted: int, measure: Callable[[ModelConfig], int]
) -> tuple[float, Counterpart] | None:
    """How far the feed-forward layers are stretched to fit best, 1 or more, and the result; None
    where that is too far, or too coarse."""
    size = measure(config)
    # Every size grows in proportion to the hidden width.
    factor = 1 + (wanted - size) / (measure(_with_hidden(config, 2)) - size)
    if not 1 / LARGEST_STRETCH <= factor <= LARGEST_STRETCH:
        return None
    fitted = _with_hidden(config, factor)
    found = Counterpart(config=fitted, dial="hidden_dim", size=measure(fitted), wanted=wanted)
    return (max(factor, 1 / factor), found) if abs(found.difference) <= TOLERANCE else None


def _with_hidden(config: ModelConfig, factor: float) -> ModelConfig:
    def scale(layer: FeedForwardConfig) -> FeedForwardConfig:
        assert isinstance(layer, PlainConfig | GatedConfig | ExpertsConfig)
        changed = {"hidden_dim": _scaled(layer.hidden_dim, factor)}
        if isinstance(layer, ExpertsConfig) and layer.shared_hidden_dim:
            changed["shared_hidden_dim"] = _scaled(layer.shared_hidden_dim, factor)
        return replace(layer, **changed)

    return _with_parts(config, feed_forward=scale)


def _scaled(width: int, factor: float) -> int:
    """A multiple of the largest power of two that misses by half a percent at most."""
    step = 1 << max(0, (int(width * factor) // 128).bit_length() - 1)
    return max(1, round(width * factor / step) * step)


def _with_parts(config: ModelConfig, **changes: Callable[[Any], Any]) -> ModelConfig:
    """With parts changed, those of the pattern's layers, too; a part that is not set stays so."""

    def changed(owner: Any) -> dict[str, Any]:
        parts = {name: getattr(owner, name) for name in changes}
        return {name: changes[name](part) for name, part in parts.items() if part is not None}

    pattern = tuple(replace(entry, **changed(entry)) for entry in config.pattern)
    return replace(config, pattern=pattern, **changed(config))


def _widths(config: ModelConfig) -> Iterator[ModelConfig]:
    """The same model with fewer and with more heads, all widths in proportion."""
    heads = config.attention.num_heads
    for count in range(1, MOST_HEADS * heads + 1):
        if count == heads or config.model_dim * count % heads:
            continue
        parts = [config.attention, *(entry.attention for entry in config.pattern)]
        if all(_divides(part, count, heads) for part in parts if part is not None):
            yield _with_heads(config, count, heads)


def _divides(attention: AttentionConfig, count: int, heads: int) -> bool:
    """Whether there is a whole number of heads where there were `heads` and are to be `count`."""
    wholes = [attention.num_heads]
    if isinstance(attention, GroupedConfig) and attention.num_kv_heads > 1:
        wholes.append(attention.num_kv_heads)
    return not any(whole * count % heads for whole in wholes)


def _with_heads(config: ModelConfig, count: int, heads: int) -> ModelConfig:
    factor = count / heads

    def scale(attention: AttentionConfig) -> AttentionConfig:
        changed = {"num_heads": attention.num_heads * count // heads}
        if isinstance(attention, GroupedConfig):
            kept = attention.num_kv_heads == 1  # multi-query attention stays what it is
            changed["num_kv_heads"] = 1 if kept else attention.num_kv_heads * count // heads
        if isinstance(attention, LatentConfig):
            changed["kv_rank"] = _scaled(attention.kv_rank, factor)
            if attention.query_rank is not None:
                changed["query_rank"] = _scaled(attention.query_rank, factor)
        return replace(attention, **changed)

    width, embedding = config.model_dim * count // heads, config.embedding
    if embedding.scale == sqrt(config.model_dim):
        embedding = replace(embedding, scale=sqrt(width))
    wider = _with_parts(_with_hidden(config, factor), attention=scale)
    return replace(wider, model_dim=width, embedding=embedding)
