"""What every benchmark records beside its numbers: the machine, the versions, the commit.

Standard library only, so that a benchmark's parent process stays small and starts at once.
"""

import datetime
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that the benchmark belongs to."""

RESULTS = ROOT / "bench" / "results"
"""Where published results are kept: one JSON per benchmark."""

_FLAGS = (
    *("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("avx_vnni", "amx_tile", "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve"),
)


def machine() -> dict[str, Any]:
    """The processor with its vector instructions, cores, memory, system, and how busy it is."""
    info = _cpuinfo()
    flags = info.get("flags", info.get("Features", "")).split()
    return {
        "cpu": info.get("model name") or _sysctl("machdep.cpu.brand_string") or platform.machine(),
        "cpu_family_model": f"{info.get('cpu family', '?')}/{info.get('model', '?')}",
        "cores": os.cpu_count(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def versions(*packages: str) -> dict[str, str | None]:
    """Installed version of each package, None for one that is not installed."""
    return {package: _version(package) for package in packages}


def git_commit(checkout: Path = ROOT) -> str | None:
    """Commit of a checkout, with "+changes" if tracked files differ from it.

    None where the folder is not the root of a git checkout with at least one commit.
    """
    top = _git(checkout, "rev-parse", "--show-toplevel")
    commit = _git(checkout, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit or not top or Path(top).resolve() != checkout.resolve():
        return None
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return commit + "+changes" if changed else commit


def header(*packages: str) -> dict[str, Any]:
    """The first part of each result: when, where, and with which versions it was measured."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", *_shown_arguments()]),
        "machine": machine(),
        "versions": versions(*packages),
        "textus_commit": git_commit(),
    }


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median, smallest and largest of some measurements, and the measurements themselves."""
    kept = [significant(value) for value in values]
    return {
        "median": significant(statistics.median(values)),
        "min": min(kept),
        "max": max(kept),
        "all": kept,
    }


def significant(value: float) -> float:
    """The value to five significant digits: no benchmark here measures more."""
    return float(f"{value:.5g}")


def memory_mb() -> float:
    """Resident memory of this process now, in units of 10**6 bytes (Linux only)."""
    return _status_mb("VmRSS")


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far, in units of 10**6 bytes.

    On Linux VmHWM, because getrusage also counts the process that this one was forked from.
    """
    if sys.platform == "linux":
        return _status_mb("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a result as indented JSON, lists of numbers on one line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_render(data) + "\n", encoding="utf-8")


def _render(value: Any, indent: str = "") -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key)}: {_render(item, inner)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + indent + "}"


def _shown_arguments() -> list[str]:
    """The command's arguments, folders shortened to their names: a path is nobody's business."""
    script = Path(sys.argv[0]).resolve()
    shown = script.relative_to(ROOT) if script.is_relative_to(ROOT) else Path(script.name)
    return [shown.as_posix(), *(Path(arg).name if "/" in arg else arg for arg in sys.argv[1:])]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(checkout: Path, *arguments: str) -> str:
    """Output of a git command, empty if it fails or git is not installed."""
    command = ["git", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpuinfo() -> dict[str, str]:
    """The first processor's entry of /proc/cpuinfo, empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    entry = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in entry.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _sysctl(name: str) -> str:
    if sys.platform != "darwin":
        return ""
    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True).stdout.strip()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(field + ":"))
    return int(kilobytes) * 1024 / 1e6
