"""Which tensors of a checkpoint hold the numbers of which of ours.

A family of models lists rules. Each ties some of our tensors to some of theirs and can carry
numbers both ways without changing a bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Carry = Callable[[list[Tensor]], list[Tensor]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Our tensors and theirs that hold the same numbers."""

    ours: tuple[str, ...]
    """Names in `Transformer.state_dict()`."""
    theirs: tuple[str, ...]
    """Names in the checkpoint's files."""
    to_ours: Carry
    """From tensors in the order of `theirs` to tensors in the order of `ours`."""
    to_theirs: Carry
    """The way back, exactly."""


def same(ours: str, theirs: str) -> Rule:
    """One tensor under two names."""
    return Rule(ours=(ours,), theirs=(theirs,), to_ours=list, to_theirs=list)


def transposed(ours: str, theirs: str) -> Rule:
    """A matrix that they hold as (inputs, outputs)."""

    def turn(tensors: list[Tensor]) -> list[Tensor]:
        return [tensors[0].T]

    return Rule(ours=(ours,), theirs=(theirs,), to_ours=turn, to_theirs=turn)


def joined(ours: Sequence[str], theirs: str, sizes: Sequence[int], *, dim: int = 0) -> Rule:
    """Several of ours that they hold as one, `sizes` of each behind one another along `dim`."""
    return Rule(
        ours=tuple(ours),
        theirs=(theirs,),
        to_ours=lambda tensors: list(tensors[0].split(list(sizes), dim)),
        to_theirs=lambda tensors: [torch.cat(tensors, dim)],
    )


def stacked(ours: str, theirs: Sequence[str]) -> Rule:
    """Several of theirs that are one of ours, with a first dimension that counts them."""
    return Rule(
        ours=(ours,),
        theirs=tuple(theirs),
        to_ours=lambda tensors: [torch.stack(tensors)],
        to_theirs=lambda tensors: list(tensors[0].unbind()),
    )


def then(rule: Rule, *, to_ours: Carry, to_theirs: Carry) -> Rule:
    """A rule whose results, on our side, are carried a step further."""
    return Rule(
        ours=rule.ours,
        theirs=rule.theirs,
        to_ours=lambda tensors: to_ours(rule.to_ours(tensors)),
        to_theirs=lambda tensors: rule.to_theirs(to_theirs(tensors)),
    )
