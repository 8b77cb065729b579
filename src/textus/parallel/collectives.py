"""Sums and barriers over all processes of a run; in a single process they do nothing."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

_PATIENCE = timedelta(days=1)  # others wait this long while the first process prepares data


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[None]:
    """Joins the group that `torchrun` started, if it did, and leaves it at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process speaks to the person; known before and after the group exists, too."""
    return os.environ.get("RANK", "0") == "0"


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Adds up a tensor over all processes, in place, and returns it."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Adds up the gradients of all processes; a parameter that had none here counts as zero.

    All gradients travel as one flat tensor: on CPUs the number of messages costs more than their
    length.
    """
    if world_size() == 1:
        return
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process; all get the same answer."""
    if world_size() == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    return bool(sum_over_processes(torch.tensor(float(flag), device=device)))


def barrier() -> None:
    """Waits until every process is here."""
    if world_size() > 1:
        dist.barrier()
