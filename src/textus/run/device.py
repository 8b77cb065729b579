"""Which device to compute on, and why; what machine this is."""

import os
import platform
import sys
from pathlib import Path

import psutil
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
        return _device(name), f"{name}, as asked"
    tried = []
    for candidate in ("cuda", "mps"):
        problem = _problem(candidate)
        if problem is None:
            return _device(candidate), f"{candidate}: a trial product ran on it"
        tried.append(f"{candidate}: {problem}")
    threads = torch.get_num_threads()
    return torch.device("cpu"), f"cpu with {threads} threads ({'; '.join(tried)})"


def _device(name: str) -> torch.device:
    """Each process of a group gets an accelerator of its own."""
    if name == "cuda":
        return torch.device(name, int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device(name)


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


def machine() -> str:
    """Processor and number of cores of this machine, for records."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [
            line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {psutil.cpu_count(logical=True)} cores, {platform.system()}"


def peak_memory() -> int | None:
    """Most bytes that this process has held so far; None where the system does not tell."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
