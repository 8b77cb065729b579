"""What attention costs by its pattern: forward and backward, time and memory, on a CPU.

    python bench/attention.py

One row of 4 heads of 32, float32, 2 threads; about 20 minutes. Each pattern of Textus stands beside
full causal attention and its own dense twin: for reaches the same fused attention of torch under a
mask of the row's square, for soft caps, sinks and latents the equations with all scores written
out, which is left out where those would not fit. The twins' masks are made beforehand and count
neither as time nor as memory. The latent layer is measured whole, with its projections, beside a
grouped layer of as many heads, which has them too. FlexAttention, torch's way to patterns, cannot
stand here: it has no backward pass on CPUs.

Seconds: for each length one process, in which all take turns, once in each round; the median over
the rounds, and the median of each round's ratio to full attention. Memory: the peak above what a
process held before one forward and backward pass, each in a process of its own. `cached_tokens` is
how many a cache keeps of a text of that length. A run that was interrupted goes on.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _machine import RESULTS, header, memory_mb, peak_memory_mb, significant, summary, write_json
from textus.model.config import (
    BandedReach,
    FullReach,
    ReachConfig,
    RotaryConfig,
    SlidingReach,
    StridedReach,
)

HEADS, HEAD_DIM = 4, 32
LENGTHS = (4096, 8192, 16384)
WARM_UP = 256
"""Tokens of the pass that loads torch's kernels before memory is looked at."""
SCORE_COPIES = 8
"""How many times the equations' twins hold all scores, forward and backward, at most."""
BASE = "full causal"
REACHES: dict[str, ReachConfig] = {
    "sliding 512": SlidingReach(window=512),
    "sliding 256": SlidingReach(window=256),
    "banded 256": BandedReach(block=256),
    "strided 128": StridedReach(stride=128),
}
SCORINGS = ("softcap", "sinks")
LAYERS = ("grouped layer", "latent layer")
TWIN = ", dense twin"
VARIANTS = (
    BASE,
    *(name + twin for name in REACHES for twin in ("", TWIN)),
    *(name + twin for name in SCORINGS for twin in ("", TWIN)),
    *LAYERS,
    LAYERS[1] + TWIN,
)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass, ready to run; its inputs want gradients."""

    run: Callable[[], Any]
    leaves: list[Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS)
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "attention.json")
    parser.add_argument("--time", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.time:
        print(json.dumps(measure_times(args.variants, args.time, args.rounds)))
    elif args.memory:
        print(json.dumps(measure_memory(args.memory[0], int(args.memory[1]))))
    else:
        publish(args)


def publish(args: argparse.Namespace) -> None:
    """Measures what the result does not have yet."""
    asked = {name: getattr(args, name) for name in ("rounds", "threads")}
    result = _open(args.out, asked)
    for length in args.lengths:
        fits = [name for name in args.variants if _fits(name, length)]
        missing = [name for name in fits if f"{name} / {length}" not in result["rows"]]
        left_out = [f"{name} / {length}" for name in args.variants if name not in fits]
        result["left_out"] |= dict.fromkeys(left_out, "all scores would not fit into memory")
        if not missing:
            continue
        names = missing if BASE in missing else [BASE, *missing]
        timed = _child(args, "--variants", *names, "--time", str(length))
        for name in missing:
            memory = _child(args, "--memory", name, str(length))
            row = timed[name] | {"peak_memory_mb": memory} | _cached(name, length)
            result["rows"][f"{name} / {length}"] = row
            write_json(args.out, result)
            print(f"{name} / {length}", row, flush=True)


def measure_times(names: list[str], length: int, rounds: int) -> dict[str, Any]:
    """Seconds of each variant, all of them in turn, several times over."""
    passes = {name: make_pass(name, length) for name in names}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            seconds = time_pass(passes[name])
            if number:  # the first round only warms up
                times[name].append(seconds)
    whole = {name: [sum(pair) for pair in pairs] for name, pairs in times.items()}
    return {
        name: {
            "forward_seconds": summary([forward for forward, _ in times[name]]),
            "backward_seconds": summary([backward for _, backward in times[name]]),
            "times_full": significant(
                statistics.median(
                    own / full for own, full in zip(whole[name], whole[BASE], strict=True)
                )
            ),
        }
        for name in names
    }


def time_pass(made: Pass) -> tuple[float, float]:
    """Seconds of the forward and of the backward pass."""
    for leaf in made.leaves:
        leaf.grad = None
    start = time.perf_counter()
    mixed = made.run()
    middle = time.perf_counter()
    mixed.sum().backward()
    return middle - start, time.perf_counter() - middle


def measure_memory(name: str, length: int) -> float:
    """The peak of both passes above what the process held before, in units of 10**6 bytes."""
    time_pass(make_pass(name, WARM_UP))
    made = make_pass(name, length)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten (Linux)
    before = memory_mb()
    time_pass(made)
    return significant(peak_memory_mb() - before)


def make_pass(name: str, length: int) -> Pass:
    """A variant over a random row of `length` tokens."""
    import torch

    torch.manual_seed(0)
    twin, name = name.endswith(TWIN), name.removesuffix(TWIN)
    if name in LAYERS:
        return _layer_pass(name, length, twin=twin)
    q, k, v = (torch.randn(1, length, HEADS, HEAD_DIM).requires_grad_() for _ in range(3))
    if name in SCORINGS:
        return _scoring_pass(name, [q, k, v], twin=twin)
    return _reach_pass(name, [q, k, v], twin=twin)


def _reach_pass(name: str, qkv: list[Any], *, twin: bool) -> Pass:
    from textus.model.attention import attend
    from textus.model.sparse import reach_mask

    reach = _reach(name)
    if not twin:
        return Pass(run=lambda: attend(*qkv, reach=reach), leaves=qkv)
    positions, (q, k, v) = _positions(qkv[0].size(1)), qkv
    mask = reach_mask(reach, positions, positions)[None, None]
    return Pass(run=lambda: attend(q, k, v, mask), leaves=qkv)


def _scoring_pass(name: str, qkv: list[Any], *, twin: bool) -> Pass:
    import torch

    from textus.model.attention import attend, attend_plainly
    from textus.model.sparse import reach_mask

    how: dict[str, Any] = {"softcap": 50.0}
    if name == "sinks":
        how = {"sinks": torch.randn(HEADS).requires_grad_()}
    leaves = [*qkv, *(value for value in how.values() if isinstance(value, torch.Tensor))]
    if not twin:
        return Pass(run=lambda: attend(*qkv, **how), leaves=leaves)
    positions, (q, k, v) = _positions(qkv[0].size(1)), qkv
    mask = reach_mask(_reach(BASE), positions, positions)
    return Pass(run=lambda: attend_plainly(q, k, v, mask, **how), leaves=leaves)


def _layer_pass(name: str, length: int, *, twin: bool) -> Pass:
    """A whole layer, with rotary positions."""
    import torch

    from textus.model.attention import Context, make_attention
    from textus.model.latent import attend_latent_plainly
    from textus.model.position import Rotary, query_width
    from textus.model.presets import make_config

    attention = {"kind": "grouped", "head_dim": HEAD_DIM}
    if name == "latent layer":
        attention |= {"kind": "latent", "rope_dim": 16, "value_dim": HEAD_DIM, "kv_rank": 64}
    config = make_config(
        "llama",
        model_dim=HEADS * HEAD_DIM,
        max_seq_len=length,
        attention={"num_heads": HEADS} | attention,
    )
    settled = config.layers[0]
    assert isinstance(settled.position, RotaryConfig)
    layer: Any = make_attention(settled, config.norm, config.model_dim)
    x = torch.randn(1, length, config.model_dim).requires_grad_()
    positions = _positions(length)
    rotary = Rotary(settled.position, query_width(settled.attention, settled.position))
    leaves, placing = [x, *layer.parameters()], rotary(positions)
    if not twin:
        return Pass(run=lambda: layer(x, Context(placing)), leaves=leaves)
    mask = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
    context = Context(placing, mask)
    return Pass(run=lambda: attend_latent_plainly(layer, x, context), leaves=leaves)


def _reach(name: str) -> ReachConfig:
    """The reach of a variant; all but those of REACHES see everything."""
    return REACHES.get(name, FullReach())


def _positions(length: int) -> Any:
    import torch

    return torch.arange(length)


def _cached(name: str, length: int) -> dict[str, int]:
    return {"cached_tokens": _reach(name.removesuffix(TWIN)).kept(length)}


def _fits(name: str, length: int) -> bool:
    """Whether half of the machine's memory holds what the equations write out."""
    reach = name.removesuffix(TWIN) in REACHES
    if reach or not name.endswith(TWIN):
        return True
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return SCORE_COPIES * 4 * HEADS * length**2 < memory / 2


def _open(out: Path, asked: dict[str, Any]) -> dict[str, Any]:
    if out.exists():
        result = json.loads(out.read_text("utf-8"))
        if result["asked"] == asked:
            return result
    return header("textus", "torch") | {"asked": asked, "left_out": {}, "rows": {}}


def _child(args: argparse.Namespace, *arguments: str) -> Any:
    """What this script prints in a process of its own."""
    command = [sys.executable, __file__, "--rounds", str(args.rounds), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
