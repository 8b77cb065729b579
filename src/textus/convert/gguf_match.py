"""Which architecture of llama.cpp computes what a model of ours does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textus.convert.gguf_forms import FORMS, Biases, Fields, Form
from textus.convert.gguf_keys import Keys, keys_of, settled_theta, yarn_gain
from textus.errors import ConvertError, RecipeError
from textus.model.attention import attention_scale
from textus.model.config import (
    AttentionConfig,
    ExpertsConfig,
    FullReach,
    GroupedConfig,
    LatentConfig,
    Layer,
    ModelConfig,
    NTKScaling,
    RotaryConfig,
    SlidingReach,
    YarnScaling,
)
from textus.model.position import query_width
from textus.recipe import build, flatten, to_tree

_SHOWN = 6  # differences that an error lists


@dataclass(frozen=True, kw_only=True)
class Match:
    """A form of llama.cpp for a model, and how it writes the model."""

    form: Form
    keys: Keys
    config: ModelConfig
    """What llama.cpp runs, in our settings."""

    @property
    def approximates(self) -> bool:
        """Whether llama.cpp takes its approximation of GELU for the exact function."""
        return getattr(self.config.feed_forward, "activation", "") == "gelu"


def match(config: ModelConfig) -> Match:
    """The first form that computes what a model of `config` does.

    Raises ConvertError, where there is none, with what the nearest one would need.
    """
    tried = [entry for form in FORMS if (entry := _try(form, config)) is not None]
    found, odd = min(tried, key=lambda entry: (len(entry[1]), _added_biases(entry[0], config)))
    if odd:
        listed = "; ".join(odd[:_SHOWN])
        more = f"; and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        raise ConvertError(
            f"llama.cpp has no counterpart for this model. The nearest is its {found.form.name!r}, "
            f"which needs {listed}{more}. Train a model with these settings, or export to another "
            "format."
        )
    return found


def described(form: Form, keys: Fields, biases: Biases) -> ModelConfig:
    """The settings of the model that llama.cpp runs for a file's keys."""
    tree = {"embedding": {}, "reach": {"kind": "full"}, "head": {}} | dict(form.read(keys, biases))
    if form.head == "own":
        tree["head"] = tree["head"] | {"tied": False}
    return build(ModelConfig, tree)


def _try(form: Form, config: ModelConfig) -> tuple[Match, list[str]] | None:
    """How a form writes a model, and what it would compute otherwise; None where the model lacks
    what all models of the form have, such as experts."""
    keys = keys_of(config)
    try:
        found = described(form, keys, _biases(form, config))
    except (KeyError, RecipeError):
        return None
    odd = list(differences(config, found)) + list(_bias_differences(form, config))
    if form.head == "tied" and not config.head.tied:
        odd.append("head.tied = true instead of false")
    return Match(form=form, keys=keys, config=_in_our_words(found, form, config)), odd


def _added_biases(found: Match, config: ModelConfig) -> int:
    """How many kinds of biases the form has and the model has not."""
    there, own = _own_biases(found.config), _own_biases(config)
    return sum(a != b for a, b in zip(there, own, strict=True))


def differences(ours: ModelConfig, theirs: ModelConfig) -> Iterator[str]:
    """What `theirs` computes otherwise than `ours`, each once, however many layers it is in."""
    pairs = [(_model_meaning(ours), _model_meaning(theirs))]
    for own, other in zip(ours.layers, theirs.layers, strict=True):
        pairs.append((_layer_meaning(own, ours), _layer_meaning(other, theirs)))
    seen: dict[str, None] = {}
    for ours_said, theirs_said in pairs:
        for name in ours_said | theirs_said:
            own, other = (_rounded(said.get(name)) for said in (ours_said, theirs_said))
            kind = f"{name.rpartition('.')[0]}.kind"
            other_kind = ours_said.get(kind) != theirs_said.get(kind)
            if own != other and not (other_kind and name != kind):
                seen[f"{name} = {_said(other)} instead of {_said(own)}"] = None
    yield from seen


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _in_our_words(found: ModelConfig, form: Form, config: ModelConfig) -> ModelConfig:
    """`found` with the settings of `config` where those two say the same or nearly so."""
    tree, own = to_tree(found), to_tree(config)
    tree["head"]["tied"] = config.head.tied and form.head != "own"
    if own["feed_forward"].get("activation") == "gelu":  # llama.cpp has its approximation only
        tree["feed_forward"]["activation"] = "gelu"
    return build(ModelConfig, tree)


def _biases(form: Form, config: ModelConfig) -> Biases:
    """The smallest of the form's that has room for the model's."""
    wanted = _own_biases(config)
    attention = next((b for b in form.attention_bias if _covers(b, wanted.attention)), "none")
    dense = next((b for b in form.feed_forward_bias if b >= wanted.feed_forward), False)
    return Biases(attention, dense, next((b for b in form.head_bias if b >= wanted.head), False))


def _own_biases(config: ModelConfig) -> Biases:
    attentions = {_attention_bias(layer.attention) for layer in config.layers}
    attention = attentions.pop() if len(attentions) == 1 else "all"
    dense: list[Any] = [layer.feed_forward for layer in config.layers]
    return Biases(attention, any(part.bias for part in dense), config.head.bias)


def _attention_bias(attention: AttentionConfig) -> str:
    if isinstance(attention, GroupedConfig):
        return attention.bias
    return "all" if isinstance(attention, LatentConfig) and attention.bias else "none"


_LAYERS_WITH = {"none": set(), "input": {"in"}, "output": {"out"}, "all": {"in", "out"}}


def _covers(there: str, wanted: str) -> bool:
    return _LAYERS_WITH[wanted] <= _LAYERS_WITH[there]


def _bias_differences(form: Form, config: ModelConfig) -> Iterator[str]:
    """Biases that the form has no room for; ones that a model lacks are written as zeros."""
    wanted = _own_biases(config)
    if not any(_covers(bias, wanted.attention) for bias in form.attention_bias):
        yield f"attention.bias = {form.attention_bias[-1]} instead of {wanted.attention}"
    if wanted.feed_forward and True not in form.feed_forward_bias:
        yield "feed_forward.bias = false instead of true"
    if wanted.head and True not in form.head_bias:
        yield "head.bias = false instead of true"


def _model_meaning(config: ModelConfig) -> dict[str, Any]:
    """All of a model but its layers that decides what it computes: dotted name -> value.

    Settings that say the same in other words are made equal.
    """
    return flatten(
        {
            "max_seq_len": config.max_seq_len,
            "num_layers": config.num_layers,
            "model_dim": config.model_dim,
            "embedding": to_tree(config.embedding),
            "norm": {"kind": to_tree(config.norm)["kind"], "eps": config.norm.eps},
            "arrangement": config.arrangement,
            "head": {"softcap": config.head.softcap},
        }
    )


def _rounded(value: Any) -> Any:
    """A GGUF file holds single precision."""
    return float(f"{value:.6e}") if isinstance(value, float) else value


def _layer_meaning(layer: Layer, config: ModelConfig) -> dict[str, Any]:
    return flatten(
        {
            "attention": _attention_meaning(layer),
            "reach": _reach_meaning(layer, config.max_seq_len),
            "position": _position_meaning(layer),
            "feed_forward": _feed_forward_meaning(layer.feed_forward),
        }
    )


def _attention_meaning(layer: Layer) -> dict[str, Any]:
    attention = layer.attention
    tree = {name: value for name, value in to_tree(attention).items() if name != "bias"}
    return tree | {"scale": attention_scale(attention)}


def _reach_meaning(layer: Layer, max_seq_len: int) -> dict[str, Any]:
    reach = layer.reach
    if isinstance(reach, SlidingReach) and reach.window >= max_seq_len:
        reach = FullReach()
    return to_tree(reach)


def _position_meaning(layer: Layer) -> dict[str, Any]:
    position = layer.position
    if not isinstance(position, RotaryConfig):
        return to_tree(position)
    attention = layer.attention
    turned = (
        query_width(attention, position)
        if isinstance(attention, GroupedConfig | LatentConfig)
        else 0
    )
    tree: dict[str, Any] = {
        "kind": "rotary",
        "theta": settled_theta(position, turned),
        "turned": turned,
    }
    scaling = position.scaling
    if scaling is None or isinstance(scaling, NTKScaling):
        return tree
    tree["scaling"] = to_tree(scaling)
    if isinstance(scaling, YarnScaling):
        tree["scaling"]["attention_factor"] = yarn_gain(scaling)
    return tree


def _feed_forward_meaning(settings: Any) -> dict[str, Any]:
    tree = to_tree(settings)
    if not isinstance(settings, ExpertsConfig):
        # llama.cpp computes the approximation for both, which is within 0.0005 of the other
        tree["activation"] = tree["activation"].replace("gelu_tanh", "gelu")
        del tree["bias"]
    if isinstance(settings, ExpertsConfig):
        tree["bias_that_picks"] = settings.balance == "bias"
        if settings.num_groups == 1:
            del tree["groups_per_token"]
        del tree["balance"], tree["balance_weight"]
    return tree
