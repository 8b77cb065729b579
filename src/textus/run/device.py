"""Which device to compute on, and why."""

import torch

from textus.errors import RecipeError


def choose_device(name: str) -> tuple[torch.device, str]:
    """The device that `name` (auto, cpu, cuda, mps) stands for here, and a sentence saying why.

    A device is used only after a small product was computed on it: being listed is not the same as
    working.
    """
    if name != "auto":
        problem = _problem(name)
        if problem:
            raise RecipeError(f"device={name} does not work here: {problem}; use device=auto")
        return torch.device(name), f"{name}, as asked"
    tried = []
    for candidate in ("cuda", "mps"):
        problem = _problem(candidate)
        if problem is None:
            return torch.device(candidate), f"{candidate}: a trial product ran on it"
        tried.append(f"{candidate}: {problem}")
    threads = torch.get_num_threads()
    return torch.device("cpu"), f"cpu with {threads} threads ({'; '.join(tried)})"


def _problem(name: str) -> str | None:
    """What keeps a device from working; None if nothing does."""
    available = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }[name]
    if not available():
        return "not available"
    try:
        ones = torch.ones(16, 16, device=name)
        result = (ones @ ones).sum().item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None if result == 16**3 else "a trial product came out wrong"
