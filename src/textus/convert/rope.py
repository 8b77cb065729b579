"""Rotary positions in config.json: under the names of transformers 4 and of transformers 5.

Version 5 has one table `rope_parameters`; version 4 has `rope_theta`, `partial_rotary_factor` and
`rope_scaling`, which version 5 still reads, and which are therefore what is written.
"""

import math
from collections.abc import Mapping
from typing import Any

from textus.convert.settings import Settings, part
from textus.errors import ConvertError
from textus.model.config import (
    LinearScaling,
    Llama3Scaling,
    PositionConfig,
    RotaryConfig,
    ScalingConfig,
    YarnScaling,
)
from textus.recipe import kind_of

_NAMES: dict[str, dict[str, str]] = {
    "linear": {"factor": "factor"},
    "llama3": {
        "factor": "factor",
        "original_max_position_embeddings": "original_seq_len",
        "low_freq_factor": "low_frequency",
        "high_freq_factor": "high_frequency",
    },
    "yarn": {
        "factor": "factor",
        "original_max_position_embeddings": "original_seq_len",
        "beta_fast": "beta_fast",
        "beta_slow": "beta_slow",
        "attention_factor": "attention_factor",
        "truncate": "truncate",
    },
}
"""Their name -> ours, by kind of scaling."""
_KINDS: dict[type[ScalingConfig], str] = {
    LinearScaling: "linear",
    Llama3Scaling: "llama3",
    YarnScaling: "yarn",
}


def read_rope(
    theirs: Mapping[str, Any], *, theta: float = 10_000.0, of: str | None = None
) -> Settings:
    """Settings of `position`; `theta` is what the family takes where none is said.

    `of` is a type of layer, for files whose table has one of its own for each type. Raises
    ConvertError for a kind of scaling that has no counterpart.
    """
    table = rope_table(theirs, of)
    default = theirs.get("rope_theta", theta)
    share = theirs.get("partial_rotary_factor", 1.0)
    position = {
        "kind": "rotary",
        "theta": float(table.pop("rope_theta", None) or default),
        "fraction": float(table.pop("partial_rotary_factor", None) or share or 1.0),
    }
    old_name = table.pop("type", "default")
    kind = table.pop("rope_type", old_name)
    if kind == "default":
        return position
    if kind not in _NAMES:
        raise ConvertError(
            f"config.json says that rotary positions are scaled by {kind!r}, "
            f"which has no counterpart here; known are {', '.join(_NAMES)}"
        )
    table.setdefault("original_max_position_embeddings", theirs.get("max_position_embeddings"))
    return position | {"scaling": _read_scaling(kind, table)}


def rope_table(theirs: Mapping[str, Any], of: str | None = None) -> dict[str, Any]:
    """A copy of the table of rotary positions, empty where there is none."""
    old, new = theirs.get("rope_scaling"), theirs.get("rope_parameters")
    table = dict(old or new or {})
    return dict(table.get(of) or {}) if of in table else table


def _read_scaling(kind: str, table: dict[str, Any]) -> Settings:
    names = _NAMES[kind]
    if kind == "yarn":
        _settle_yarn(table)
    if kind == "linear":
        table.pop("original_max_position_embeddings")
    odd = {name: v for name, v in table.items() if name not in names and v is not None}
    if odd:
        raise ConvertError(
            f"config.json says {odd} of scaled rotary positions, which has no counterpart here"
        )
    known = {ours: table.get(name) for name, ours in names.items()}
    return {"kind": kind} | {name: value for name, value in known.items() if value is not None}


def _settle_yarn(table: dict[str, Any]) -> None:
    """One factor of attention for the two weights of which DeepSeek takes it as the quotient."""
    factor, mscale, over = (table.pop(k, None) for k in ("factor", "mscale", "mscale_all_dim"))
    table["factor"] = factor
    if table.get("attention_factor") is None and mscale and over:
        table["attention_factor"] = yarn_growth(factor, mscale) / yarn_growth(factor, over)


def yarn_growth(factor: float, weight: float = 1.0) -> float:
    """How much larger YaRN makes scores' queries and keys, as DeepSeek weighs it."""
    return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0


def write_rope(position: PositionConfig, *, pairs: str = "halves") -> Settings:
    """The way back; `pairs` are those that the family turns. Raises ConvertError for what it cannot
    say."""
    rotary = part(position, RotaryConfig, "position")
    if rotary.pairs != pairs:
        raise ConvertError(f"position.pairs: {rotary.pairs} -> {pairs}")
    share = {} if rotary.fraction == 1 else {"partial_rotary_factor": rotary.fraction}
    return {"rope_theta": rotary.theta, **share, "rope_scaling": _write_scaling(rotary.scaling)}


def _write_scaling(scaling: ScalingConfig | None) -> Settings | None:
    if scaling is None:
        return None
    kind = _KINDS.get(type(scaling))
    if kind is None:
        raise ConvertError(f"position.scaling.kind: {kind_of(scaling)} -> linear, yarn or llama3")
    values = {name: getattr(scaling, ours) for name, ours in _NAMES[kind].items()}
    return {"rope_type": kind} | {name: v for name, v in values.items() if v is not None}
