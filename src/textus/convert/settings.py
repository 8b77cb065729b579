"""What the config.json files of all families have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from textus.errors import ConvertError
from textus.model.config import GatedConfig, GroupedConfig, ModelConfig, RMSNormConfig, SlidingReach
from textus.recipe import kind_of

Settings = dict[str, Any]
T = TypeVar("T")

WITHOUT_INFLUENCE = frozenset(
    {
        *("architectures", "auto_map", "model_type", "problem_type", "tokenizer_class"),
        *("bos_token_id", "eos_token_id", "pad_token_id", "id2label", "label2id"),
        *("dtype", "torch_dtype", "transformers_version", "transformers_weights"),
        *("initializer_range", "router_aux_loss_coef", "router_jitter_noise"),
        *("output_attentions", "output_hidden_states", "output_router_logits", "return_dict"),
        *("chunk_size_feed_forward", "is_encoder_decoder", "use_cache"),
    }
)
"""Settings that change nothing of what a model computes when it is used; nor does any dropout."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu2",
    "silu": "silu",
    "swish": "silu",
}
"""Theirs -> ours."""
THEIR_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_tanh": "gelu_pytorch_tanh",
    "relu": "relu",
    "relu2": "relu2",
    "silu": "silu",
}
"""Ours -> theirs."""


class Asked(Mapping[str, Any]):
    """A config.json that remembers which of its settings were asked for."""

    def __init__(self, values: Mapping[str, Any]):
        self._values = values
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        if name not in self._values:
            raise ConvertError(
                f"config.json does not say {name}, without which nothing can be made"
            )
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, or what its absence stands for."""
        return self[name] if name in self else default  # noqa: SIM401

    def __contains__(self, name: object) -> bool:
        self._asked.add(str(name))
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def unread(self) -> dict[str, Any]:
        """What nobody asked for and might matter."""
        return {
            name: value
            for name, value in self._values.items()
            if name not in self._asked | WITHOUT_INFLUENCE
            and not name.endswith(("dropout", "pdrop", "_drop"))
            and not name.startswith("_")
        }


def expect(theirs: Mapping[str, Any], name: str, *values: Any) -> None:
    """Raises ConvertError where a setting is said and is none of `values`, the only ones that have
    a counterpart here."""
    value = theirs.get(name, values[0])
    if value not in values:
        raise ConvertError(
            f"config.json says {name} = {value!r}, which has no counterpart here; "
            f"only {' or '.join(map(repr, values))} has"
        )


def read_activation(name: str) -> str:
    """Their name of an activation -> ours."""
    if name not in ACTIVATIONS:
        raise ConvertError(
            f"config.json says that the activation is {name!r}, which has no counterpart here; "
            f"known are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


def part(settings: object, kind: type[T], what: str) -> T:
    """The settings of the part `what`, which must be of this kind; ConvertError says from which
    kind to which it would have to be changed."""
    if not isinstance(settings, kind):
        kinds = {cls: name for name, cls in getattr(kind, "variants", dict)().items()}
        raise ConvertError(f"{what}.kind: {kind_of(settings)} -> {kinds.get(kind)}")
    return settings


def read_sizes(theirs: Mapping[str, Any], *, eps: float = 1e-6) -> Settings:
    """Sizes, norm and head, as LLaMA and those after it name them; `eps` is what the family takes
    where none is said."""
    return {
        "vocab_size": theirs["vocab_size"],
        "max_seq_len": theirs["max_position_embeddings"],
        "num_layers": theirs["num_hidden_layers"],
        "model_dim": theirs["hidden_size"],
        "norm": {"kind": "rms", "eps": theirs.get("rms_norm_eps", eps)},
        "head": {"tied": bool(theirs.get("tie_word_embeddings", False))},
    }


def write_sizes(config: ModelConfig) -> Settings:
    """The way back."""
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_seq_len,
        "num_hidden_layers": config.num_layers,
        "hidden_size": config.model_dim,
        "rms_norm_eps": part(config.norm, RMSNormConfig, "norm").eps,
        "tie_word_embeddings": config.head.tied,
    }


def read_heads(theirs: Mapping[str, Any]) -> Settings:
    """Numbers and width of heads."""
    heads = theirs["num_attention_heads"]
    return {
        "kind": "grouped",
        "num_heads": heads,
        "num_kv_heads": theirs.get("num_key_value_heads") or heads,
        "head_dim": theirs.get("head_dim") or theirs["hidden_size"] // heads,
        "qk_norm": "none",
    }


def write_heads(config: ModelConfig) -> Settings:
    """The way back, of the first layer."""
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    return {
        "num_attention_heads": attention.num_heads,
        "num_key_value_heads": attention.num_kv_heads,
        "head_dim": attention.head_dim,
    }


def read_gated(theirs: Mapping[str, Any]) -> Settings:
    """A gated feed-forward layer."""
    return {
        "kind": "gated",
        "hidden_dim": theirs["intermediate_size"],
        "activation": read_activation(theirs.get("hidden_act", "silu")),
    }


def write_gated(layer: object) -> Settings:
    """The way back, of one layer's feed-forward."""
    gated = part(layer, GatedConfig, "feed_forward")
    return {
        "intermediate_size": gated.hidden_dim,
        "hidden_act": THEIR_ACTIVATIONS[gated.activation],
    }


def read_reach(window: int | None) -> Settings:
    """Theirs see `window` tokens, themselves among them, as ours do."""
    return {"kind": "sliding", "window": window} if window else {"kind": "full"}


def write_window(config: ModelConfig) -> int | None:
    """The window of layers that slide, the first such one's; None where none does."""
    windows = [r.reach.window for r in config.layers if isinstance(r.reach, SlidingReach)]
    return windows[0] if windows else None


def write_layer_types(config: ModelConfig) -> list[str]:
    """What transformers calls each layer's reach."""
    sliding = [isinstance(layer.reach, SlidingReach) for layer in config.layers]
    return ["sliding_attention" if slides else "full_attention" for slides in sliding]


def pattern_of(layers: Sequence[Settings]) -> list[Settings]:
    """The shortest `pattern` whose repetition gives these layers; none where all are alike."""
    if all(layer == layers[0] for layer in layers):
        return []
    period = next(
        n
        for n in range(1, len(layers) + 1)
        if all(layer == layers[i % n] for i, layer in enumerate(layers))
    )
    pattern: list[Settings] = []
    for layer in layers[:period]:
        if pattern and {"count": pattern[-1]["count"], **layer} == pattern[-1]:
            pattern[-1]["count"] += 1
        else:
            pattern.append({"count": 1, **layer})
    return pattern


def with_layers(common: Settings, layers: Sequence[Settings]) -> Settings:
    """Settings of a model whose layers say these parts of themselves; what all say alike is the
    model's."""
    pattern = pattern_of(layers)
    return common | ({"pattern": pattern} if pattern else layers[0])
