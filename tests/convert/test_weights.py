import pytest
import torch
from torch import Tensor

from textus.convert.weights import joined, same, stacked, then, transposed


def turn(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.mT for tensor in tensors]


RULES = {
    "same": (same("a", "x"), [(2, 3)]),
    "transposed": (transposed("a", "x"), [(2, 3)]),
    "joined": (joined(["a", "b"], "x", [1, 3]), [(4, 2)]),
    "joined behind": (joined(["a", "b"], "x", [1, 3], dim=1), [(2, 4)]),
    "stacked and turned": (
        then(stacked("a", ["x", "y"]), to_ours=turn, to_theirs=turn),
        [(2, 3), (2, 3)],
    ),
    "stacked": (stacked("a", ["x", "y"]), [(2, 3), (2, 3)]),
}


@pytest.mark.parametrize("name", RULES)
def test_numbers_come_back_as_they_went(name: str):
    rule, shapes = RULES[name]
    theirs = [torch.randn(shape) for shape in shapes]
    ours = rule.to_ours(theirs)
    assert (len(ours), len(theirs)) == (len(rule.ours), len(rule.theirs))
    for before, after in zip(theirs, rule.to_theirs(ours), strict=True):
        assert after.equal(before)


def test_parts_lie_where_they_are_said_to():
    whole = torch.arange(4.0)[:, None]
    first, second = joined(["a", "b"], "x", [1, 3]).to_ours([whole])
    assert (first.tolist(), second.tolist()) == ([[0]], [[1], [2], [3]])
    assert stacked("a", ["x", "y"]).to_ours([whole, whole + 4])[0][1].equal(whole + 4)
