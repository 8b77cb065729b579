"""Carries all tensors of a model over, by the rules of its family."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from textus.convert.family import Family
from textus.convert.tensors import Batch, TensorFiles
from textus.convert.weights import Carry
from textus.errors import ConvertError
from textus.model.config import ModelConfig
from textus.model.files import weights_of
from textus.model.transformer import Transformer

SHOWN = 8
"""Names in a message."""


def to_ours(family: Family, config: ModelConfig, theirs: TensorFiles) -> list[Batch]:
    """Every tensor of ours, from a checkpoint.

    Raises ConvertError that names tensors which are missing there, or left over, or of another
    shape than the settings say.
    """
    names = {name.removeprefix(family.base): name for name in theirs.names}
    rules = list(family.rules(config))
    asked = [name for rule in rules for name in rule.theirs]
    found = {name: names.get(name.removeprefix(family.base), name) for name in asked}
    refuse_names("lacks", sorted(set(found.values()) - theirs.names))
    spare = theirs.names - set(found.values())
    spare -= {name for name in spare for rule in family.ignored if re.fullmatch(rule, name)}
    if config.head.tied and family.head in spare:
        embedding = next(rule for rule in rules if rule.ours == ("embedding.weight",))
        _check_tied(family.head, found[embedding.theirs[0]], theirs)
        spare -= {family.head}
    refuse_names("also holds", sorted(spare))
    batches = [
        plan(rule.ours, [found[name] for name in rule.theirs], theirs, rule.to_ours)
        for rule in rules
    ]
    _check_shapes(config, batches)
    return batches


def to_theirs(family: Family, config: ModelConfig, ours: TensorFiles) -> list[Batch]:
    """Every tensor of a checkpoint, from ours."""
    return [plan(rule.theirs, rule.ours, ours, rule.to_theirs) for rule in family.rules(config)]


def plan(names: Sequence[str], sources: Sequence[str], files: TensorFiles, carry: Carry) -> Batch:
    """Tensors `names` that `carry` makes from `sources`; what they will be is found out on tensors
    without content."""
    outlines = [files.outline(name) for name in sources]
    try:
        made = carry(outlines)
    except RuntimeError as error:
        shapes = ", ".join(f"{n} {tuple(o.shape)}" for n, o in zip(sources, outlines, strict=True))
        raise ConvertError(f"the shapes of {shapes} do not fit the settings: {error}") from error

    def make() -> list[Tensor]:
        return carry([files.read(name) for name in sources])

    return Batch(outlines=dict(zip(names, made, strict=True)), make=make)


def refuse_names(verb: str, names: Sequence[str]) -> None:
    """Raises ConvertError if there are any."""
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise ConvertError(
            f"the checkpoint {verb} {', '.join(names[:SHOWN])}{more}: "
            "it is not of the architecture that its config.json names"
        )


def _check_tied(head: str, embedding: str, theirs: TensorFiles) -> None:
    if not theirs.read(head).equal(theirs.read(embedding)):
        raise ConvertError(
            f"config.json says that the head is the embedding (tie_word_embeddings), and "
            f"{head} differs from {embedding}; if the head is right, set it to false"
        )


def _check_shapes(config: ModelConfig, batches: Sequence[Batch]) -> None:
    with torch.device("meta"):
        wanted = {name: w.shape for name, w in weights_of(Transformer(config)).items()}
    made = {name: o.shape for batch in batches for name, o in batch.outlines.items()}
    assert made.keys() == wanted.keys(), sorted(made.keys() ^ wanted.keys())
    odd = [f"{n} {tuple(made[n])} for {tuple(wanted[n])}" for n in made if made[n] != wanted[n]]
    if odd:
        raise ConvertError(
            f"the checkpoint's tensors are of other shapes than its config.json says: "
            f"{', '.join(odd[:SHOWN])}"
        )
