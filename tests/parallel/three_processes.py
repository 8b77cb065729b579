"""The laws of the collectives, checked in every process of a group that torchrun started."""

import os

import torch

from textus.parallel.collectives import (
    barrier,
    is_first,
    processes,
    rank,
    sum_gradients,
    sum_over_processes,
    world_size,
)

SHAPES = ((3,), (4, 5), (2, 3, 4), (1,), (0,))


def values(shape: tuple[int, ...], of: int, place: int) -> torch.Tensor:
    """Whole numbers that are another in each process, so that their sum is exact."""
    generator = torch.Generator().manual_seed(100 * of + place)
    return torch.randint(-1000, 1000, shape, generator=generator).float()


def laid_out(tensor: torch.Tensor, layout: int) -> torch.Tensor:
    """The same values in another order in memory."""
    if layout == 0:
        return tensor.clone()
    if layout == 1:  # transposed
        return tensor.mT.contiguous().mT if tensor.dim() > 1 else tensor.clone()
    wide = torch.empty(*tensor.shape[:-1], 2 * tensor.shape[-1])[..., ::2]  # every second element
    return wide.copy_(tensor)


def check_sums(layout: int) -> None:
    size = world_size()
    parameters = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    for place, parameter in enumerate(parameters):
        parameter.grad = laid_out(values(SHAPES[place], rank(), place), (layout + rank()) % 3)
    missing = torch.zeros(2, 2, requires_grad=True)  # had a part in the loss in one process only
    if rank() == 1:
        missing.grad = torch.full((2, 2), 7.0)
    untouched = [parameter.detach().clone() for parameter in parameters]
    sum_gradients([*parameters, missing])
    for place, parameter in enumerate(parameters):
        expected = torch.stack([values(SHAPES[place], of, place) for of in range(size)]).sum(0)
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, expected), (layout, place)
        assert torch.equal(parameter, untouched[place])
    assert missing.grad is not None
    assert torch.equal(missing.grad, torch.full((2, 2), 7.0))


def main() -> None:
    assert (rank(), world_size()) == (0, 1)  # before the group exists
    assert is_first() == (os.environ["RANK"] == "0")
    with processes(torch.device("cpu")):
        assert (rank(), world_size()) == (int(os.environ["RANK"]), 3)
        for layout in range(3):
            check_sums(layout)
        total = torch.tensor([1.0 + rank(), 10.0])
        assert sum_over_processes(total) is total
        assert total.tolist() == [6.0, 30.0]
        barrier()
    assert (rank(), world_size()) == (0, 1)


main()
