"""Training step: Textus, nanoGPT, Hugging Face GPT-2 and litgpt on the same work, in one run.

Two GPT-2-shaped models, 4 layers/4 heads/128 wide and 6/6/384, vocabulary 8,192, context 256,
8 rows (2,048 tokens) a step: AdamW (betas 0.9 and 0.95, weight decay 0.1 on matrices), gradients
clipped to norm 1.0, no dropout, fp32, eager, 2 threads. Measured for each: tokens per second,
peak resident memory, the first step.

Every system lives in a process of its own, so that memory and first step are its own. The
processes stay alive and take turns in rounds, one computing at a time, so that noise of the
machine hits all alike; a ratio is the median over the rounds of each round's ratio.

To reproduce, from the root of a checkout (the last install lifts litgpt to its newest release,
whose pins on helper packages are older than what transformers asks for; it runs with them):

    python -m venv .venv-bench && . .venv-bench/bin/activate
    pip install -c constraints.txt -e . transformers litgpt
    pip install --no-deps --upgrade litgpt
    git clone https://github.com/karpathy/nanoGPT
    python bench/step.py --nanogpt nanoGPT

Takes about five minutes; leave the machine alone meanwhile. `--quick` only shows that it runs.
A peer that is not installed is skipped, and the result says so.
"""

import argparse
import importlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from _machine import RESULTS, git_commit, header, memory_mb, peak_memory_mb, summary, write_json

if TYPE_CHECKING:  # the parent process never imports torch
    from torch import Tensor, nn, optim

SEED = 1234
VOCAB_SIZE = 8192
SEQ_LEN = 256
BATCH = 8
TOKENS_PER_STEP = BATCH * SEQ_LEN
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0
POOL = 64
"""Different batches of data; step i takes batch i modulo POOL."""

LAST = 8
"""The final loss is the mean over this many last steps, the same batches for every system."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Shape of a GPT-2, and how many steps a system takes when it is its turn (3 s or so)."""

    num_layers: int
    num_heads: int
    model_dim: int
    burst: int


SIZES = {
    "small": Size(num_layers=4, num_heads=4, model_dim=128, burst=10),
    "medium": Size(num_layers=6, num_heads=6, model_dim=384, burst=3),
}


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A system set up to train: `step(inputs, targets)` is one whole optimizer step.

    inputs and targets are (BATCH, SEQ_LEN) int64; the result is the step's loss in nats.
    """

    step: "Callable[[Tensor, Tensor], Tensor]"
    num_params: int
    note: str


# --- the systems: each function imports its system, builds it, and names what it set ---


def textus_worker(size: Size) -> Trainee:
    """Textus: its GPT-2 preset in its own trainer, with its loss, clipping and fused AdamW."""
    import tempfile
    from pathlib import Path

    import torch

    from textus.data.batch import Batch
    from textus.model.presets import make_config
    from textus.model.transformer import Transformer
    from textus.train.config import AdamWConfig, TrainConfig
    from textus.train.loop import Trainer

    sizes = make_config(
        "gpt2",
        vocab_size=VOCAB_SIZE,
        max_seq_len=SEQ_LEN,
        num_layers=size.num_layers,
        model_dim=size.model_dim,
        attention={"num_heads": size.num_heads, "head_dim": size.model_dim // size.num_heads},
    )
    model = Transformer(sizes)
    optimizer = AdamWConfig(
        learning_rate=LEARNING_RATE, beta1=BETAS[0], beta2=BETAS[1], weight_decay=WEIGHT_DECAY
    )
    config = TrainConfig(
        steps=10**6,
        rows_per_step=BATCH,
        micro_rows=BATCH,
        optimizer=optimizer,
        warmup_steps=0,
        decay_share=0.0,
        clip=CLIP_NORM,
    )

    class Fed:
        """Gives the trainer the batch at hand."""

        batch: Batch

        def __next__(self) -> list[Batch]:
            return [self.batch]

        def state(self) -> dict[str, object]:
            return {}

        def restore(self, state: dict[str, object]) -> None: ...

    fed = Fed()
    trainer = Trainer(model, fed, config, Path(tempfile.gettempdir()))

    def step(inputs: "Tensor", targets: "Tensor") -> "Tensor":
        fed.batch = Batch(tokens=inputs, targets=targets)
        loss, _ = trainer.step()
        return torch.tensor(loss)

    num_params = sum(p.numel() for p in model.parameters())
    return Trainee(step=step, num_params=num_params, note="GPT-2 preset; chunked loss")


def nanogpt_worker(size: Size) -> Trainee:
    """nanoGPT (its checkout is on sys.path): its model, loss and optimizer groups.

    Its rule asks for the fused AdamW by device type "cuda" only; PyTorch has had a fused CPU
    kernel since then, which is several times faster, so nanoGPT gets it here by that argument.
    """
    nanogpt = importlib.import_module("model")
    config = nanogpt.GPTConfig(
        block_size=SEQ_LEN,
        vocab_size=VOCAB_SIZE,
        n_layer=size.num_layers,
        n_head=size.num_heads,
        n_embd=size.model_dim,
        dropout=0.0,
        bias=True,
    )
    model = nanogpt.GPT(config)
    optimizer = model.configure_optimizers(WEIGHT_DECAY, LEARNING_RATE, BETAS, "cuda")

    def loss(inputs: "Tensor", targets: "Tensor") -> "Tensor":
        return model(inputs, targets)[1]

    note = "tied, with biases, SDPA, exact GELU (its only one), own configure_optimizers, fused"
    return _trainee(model, optimizer, loss, note)


def hf_worker(size: Size) -> Trainee:
    """Hugging Face GPT2LMHeadModel in a plain loop, loss computed by the model itself.

    gelu_pytorch_tanh is the function of GPT-2's gelu_new in one fused kernel instead of five
    operations. Targets go in as `shift_labels`, which spares the shifted copy of the labels.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=SEQ_LEN,
        n_embd=size.model_dim,
        n_layer=size.num_layers,
        n_head=size.num_heads,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).train()
    model.set_attn_implementation("sdpa")

    def loss(inputs: "Tensor", targets: "Tensor") -> "Tensor":
        return model(input_ids=inputs, labels=targets, shift_labels=targets).loss

    note = "tied, with biases, SDPA, fused tanh GELU, use_cache=False, fused AdamW"
    return _trainee(model, _adamw(model), loss, note)


def litgpt_worker(size: Size) -> Trainee:
    """litgpt has no GPT-2; this is the nearest it can express, with GPT-NeoX's parts.

    The difference: rotary positions on a quarter of each head (GPT-NeoX's share) in place of
    learned ones, so SEQ_LEN x model_dim fewer parameters. Sequential residuals, LayerNorm,
    biases, tanh GELU and tied embeddings are as in GPT-2; the loss is its pretraining script's.
    """
    litgpt = importlib.import_module("litgpt.model")
    cross_entropy = importlib.import_module("litgpt.utils").chunked_cross_entropy
    config = litgpt.Config(
        name="gpt-2-like",
        block_size=SEQ_LEN,
        vocab_size=VOCAB_SIZE,
        padded_vocab_size=VOCAB_SIZE,
        n_layer=size.num_layers,
        n_head=size.num_heads,
        n_embd=size.model_dim,
        rotary_percentage=0.25,
        parallel_residual=False,
        bias=True,
        attn_bias=True,
        gelu_approximate="tanh",
    )
    model = litgpt.GPT(config)
    model.apply(model._init_weights)
    model.transformer.wte.weight = model.lm_head.weight

    def loss(inputs: "Tensor", targets: "Tensor") -> "Tensor":
        return cross_entropy(model(inputs), targets)

    note = "rotary positions (25%) instead of learned; tied, biases, SDPA, its loss, fused AdamW"
    return _trainee(model, _adamw(model), loss, note)


WORKERS: dict[str, Callable[[Size], Trainee]] = {
    "textus": textus_worker,
    "nanogpt": nanogpt_worker,
    "hf": hf_worker,
    "litgpt": litgpt_worker,
}


def _adamw(model: "nn.Module") -> "optim.Optimizer":
    """The fused AdamW with weight decay on matrices and embeddings only, as in nanoGPT."""
    import torch

    params = list(model.parameters())
    groups = [
        {"params": [p for p in params if p.dim() >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, fused=True)


def _trainee(
    model: "nn.Module",
    optimizer: "optim.Optimizer",
    loss_of: "Callable[[Tensor, Tensor], Tensor]",
    note: str,
) -> Trainee:
    """The plain training loop that nanoGPT, Hugging Face and litgpt share."""
    import torch

    params = list(model.parameters())

    def step(inputs: "Tensor", targets: "Tensor") -> "Tensor":
        loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return Trainee(step=step, num_params=sum(p.numel() for p in params), note=note)


# --- a worker process: reads one command a line, answers one JSON a line ---


def worker_main(system: str, size_name: str, threads: int) -> None:
    """Set a system up, take the first step, then as many steps as each line of input says."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the systems print must not mix with the answers
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    started = time.perf_counter()
    try:
        trainee = WORKERS[system](SIZES[size_name])
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    ready = {"setup_s": time.perf_counter() - started, "setup_rss_mb": memory_mb()}
    losses: list[float] = []
    steps = _steps(trainee, losses)
    ready |= {"first_step_s": next(steps), "loss_first": losses[0]}
    ready |= {"num_params": trainee.num_params, "note": trainee.note}
    print(json.dumps(ready), file=answers)
    for line in sys.stdin:
        seconds = [next(steps) for _ in range(int(line))]
        print(json.dumps({"seconds": seconds, "losses": losses[-LAST:]}), file=answers)
    print(json.dumps({"peak_rss_mb": peak_memory_mb(), "steps": len(losses)}), file=answers)


def _steps(trainee: Trainee, losses: list[float]) -> Iterator[float]:
    """Train for ever, one step for each value taken: its seconds. Appends to `losses`."""
    data = _batches()
    while True:
        inputs, targets = data[len(losses) % POOL]
        began = time.perf_counter()
        loss = float(trainee.step(inputs, targets))
        seconds = time.perf_counter() - began
        losses.append(loss)
        yield seconds


def _batches() -> "list[tuple[Tensor, Tensor]]":
    """POOL batches of random tokens, the same in every process; frequent ids are more likely.

    The probabilities follow Zipf's law so that there is something to learn: a system whose loss
    does not fall as the others' do is not doing the same work.
    """
    import torch

    chances = 1.0 / (torch.arange(VOCAB_SIZE) + 10.0)
    generator = torch.Generator().manual_seed(SEED)
    count = POOL * BATCH * (SEQ_LEN + 1)
    tokens = torch.multinomial(chances, count, replacement=True, generator=generator)
    rows = tokens.view(POOL, BATCH, SEQ_LEN + 1)
    return [(batch[:, :-1].contiguous(), batch[:, 1:].contiguous()) for batch in rows]


# --- the parent process ---


class WorkerError(Exception):
    """A worker process ended before it answered."""


class Worker:
    """A system's process, seen from the parent."""

    def __init__(self, system: str, size_name: str, args: argparse.Namespace):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long-lived as the process)
        env = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
        if system == "nanogpt":
            paths = [str(args.nanogpt), env.get("PYTHONPATH", "")]
            env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, __file__, "--threads", str(args.threads)]
        self.process = subprocess.Popen(
            [*command, "--worker", system, size_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=env,
            text=True,
        )

    def train(self, steps: int) -> dict[str, Any]:
        """Take some steps; answers the seconds of each, and the latest losses."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self.answer()

    def finish(self) -> dict[str, Any]:
        """End the process; answers its peak memory and number of steps."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        last = self.answer()
        self.process.wait()
        return last

    def answer(self) -> dict[str, Any]:
        """The next answer; raises WorkerError with the last line of the worker's log."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        raise WorkerError((self.log.read().strip() or "no message").splitlines()[-1])


def measure(size_name: str, systems: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """All systems on one size: start each, let them take turns, and sum up."""
    entries: dict[str, dict[str, Any]] = {}
    workers: dict[str, Worker] = {}
    try:
        for system in systems:
            _say(f"{size_name}: starting {system}")
            entries[system], worker = _start(system, size_name, args)
            if worker is not None:
                workers[system] = worker
        _take_turns(size_name, workers, entries, args)
        for system, worker in workers.items():
            entries[system] |= worker.finish()
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.process.wait()
    return _result(size_name, entries)


def _start(
    system: str, size_name: str, args: argparse.Namespace
) -> tuple[dict[str, Any], Worker | None]:
    """Start a system's process and wait for its first step; no process, and why, if it cannot."""
    if system == "nanogpt" and args.nanogpt is None:
        return {"skipped": "no --nanogpt PATH was given"}, None
    began = time.perf_counter()
    worker = Worker(system, size_name, args)
    try:
        entry = worker.answer()
    except WorkerError as error:
        return {"failed": str(error)}, None
    if "missing" in entry:
        outcome = "failed" if system == "textus" else "skipped"
        return {outcome: f"not installed: {entry['missing']}"}, None
    return entry | {"process_to_first_step_s": time.perf_counter() - began}, worker


def _take_turns(
    size_name: str,
    workers: dict[str, Worker],
    entries: dict[str, dict[str, Any]],
    args: argparse.Namespace,
) -> None:
    """Rounds in which each system trains for a burst; every other round in reverse order.

    The reversal cancels a steady drift of the machine. The first step of a burst is not counted:
    it finds the caches full of the other systems' data.
    """
    burst = 1 if args.quick else SIZES[size_name].burst
    speeds: dict[str, list[float]] = {system: [] for system in workers}
    for number in range(args.rounds + 1):
        _say(f"{size_name}: round {number} of {args.rounds}" + " (warm-up)" * (number == 0))
        for system in list(workers)[:: -1 if number % 2 else 1]:
            answer = workers[system].train(burst + 1)
            entries[system]["loss_last"] = fmean(answer["losses"])
            if number > 0:
                speeds[system].append(TOKENS_PER_STEP * burst / sum(answer["seconds"][1:]))
    for system, values in speeds.items():
        entries[system]["tokens_per_s"] = summary(values)


def _result(size_name: str, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The measurements of one size with what follows from them: ratios, checks."""
    size = SIZES[size_name]
    for entry in _measured(entries).values():
        entry["gflop_per_s"] = entry["tokens_per_s"]["median"] * flops_per_token(size) / 1e9
    return {
        "shape": asdict(size),
        "systems": {name: _rounded(entry) for name, entry in entries.items()},
        "textus_over": ratios(_measured(entries)),
        "problems": problems(size, entries),
    }


def ratios(entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """For each peer: Textus's speed over its (median of the rounds' ratios), and its memory."""
    ours = entries.get("textus")
    if ours is None:
        return {}
    result = {}
    for peer in entries.keys() - {"textus"}:
        speeds = zip(ours["tokens_per_s"]["all"], entries[peer]["tokens_per_s"]["all"], strict=True)
        result[peer] = {
            "tokens_per_s": summary([mine / its for mine, its in speeds]),
            "peak_rss_mb": round(ours["peak_rss_mb"] / entries[peer]["peak_rss_mb"], 3),
        }
    return dict(sorted(result.items(), key=lambda item: item[1]["tokens_per_s"]["median"]))


def problems(size: Size, entries: dict[str, dict[str, Any]]) -> list[str]:
    """What shows that the systems did not all do the same work, or did not work at all."""
    found = [f"{name} failed: {e['failed']}" for name, e in entries.items() if "failed" in e]
    measured = _measured(entries)
    middle = median([e["loss_last"] for e in measured.values()] or [0.0])
    for name, entry in measured.items():
        expected = num_params(size) - (SEQ_LEN * size.model_dim if name == "litgpt" else 0)
        if entry["num_params"] != expected:
            found.append(f"{name} has {entry['num_params']:,} parameters, not {expected:,}")
        if abs(entry["loss_first"] - math.log(VOCAB_SIZE)) > 0.2:
            found.append(f"{name} starts at loss {entry['loss_first']:.3f}, not ln(vocabulary)")
        if abs(entry["loss_last"] - middle) > 0.2:
            found.append(
                f"{name} ends at loss {entry['loss_last']:.3f}, the others at {middle:.3f}"
            )
    return found


def num_params(size: Size) -> int:
    """Parameters of a GPT-2 with tied embeddings and biases."""
    width = size.model_dim
    block = 12 * width**2 + 13 * width
    return (VOCAB_SIZE + SEQ_LEN) * width + size.num_layers * block + 2 * width


def flops_per_token(size: Size) -> int:
    """Forward and backward: 6 for each weight of a matrix product, and full square attention."""
    matrices = size.num_layers * 12 * size.model_dim**2 + VOCAB_SIZE * size.model_dim
    return 6 * matrices + 12 * size.num_layers * size.model_dim * SEQ_LEN


def _measured(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: entry for name, entry in entries.items() if "tokens_per_s" in entry}


def _rounded(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: round(v, 3) if isinstance(v, float) else v for key, v in entry.items()}


def print_table(size_name: str, result: dict[str, Any]) -> None:
    """One size as a table on stdout."""
    shape = result["shape"]
    print(f"\n{size_name}: {shape['num_layers']}/{shape['num_heads']}/{shape['model_dim']}")
    print(
        f"{'system':9}{'tokens/s':>10}{'textus x':>10}{'GFLOP/s':>9}{'peak MB':>9}{'step 1 s':>9}"
        f"{'parameters':>12}{'loss first':>11}{'last':>8}"
    )
    for name, entry in result["systems"].items():
        if "tokens_per_s" not in entry:
            print(f"{name:9} {entry.get('skipped') or entry.get('failed')}")
            continue
        ratio = result["textus_over"].get(name)
        faster = f"{ratio['tokens_per_s']['median']:.2f}" if ratio else "-"
        print(
            f"{name:9}{entry['tokens_per_s']['median']:>10,.0f}{faster:>10}"
            f"{entry['gflop_per_s']:>9.0f}{entry['peak_rss_mb']:>9.0f}{entry['first_step_s']:>9.2f}"
            f"{entry['num_params']:>12,}{entry['loss_first']:>11.3f}{entry['loss_last']:>8.3f}"
        )
    for problem in result["problems"]:
        print(f"PROBLEM: {problem}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training step of Textus and its peers.")
    parser.add_argument("--nanogpt", type=Path, metavar="PATH", help="a checkout of nanoGPT")
    parser.add_argument("--systems", nargs="+", choices=WORKERS, default=list(WORKERS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=7, help="turns of each system (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of each system (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of one step; no file")
    parser.add_argument("--out", type=Path, help="the JSON (bench/results/step.json)")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.rounds = 1
    elif args.out is None:
        args.out = RESULTS / "step.json"
    if args.nanogpt is not None and not (args.nanogpt / "model.py").is_file():
        parser.error(f"--nanogpt {args.nanogpt} has no model.py; give a checkout of nanoGPT.")
    return args


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "vocab_size": VOCAB_SIZE,
        "seq_len": SEQ_LEN,
        "batch": BATCH,
        "precision": "float32, eager",
        "optimizer": f"AdamW lr {LEARNING_RATE} betas {BETAS} decay {WEIGHT_DECAY} on matrices",
        "clip_norm": CLIP_NORM,
        "data": f"{POOL} batches of random tokens by Zipf's law, seed {SEED}",
        "threads": args.threads,
        "rounds": args.rounds,
        "quick": args.quick,
    }


def main() -> int:
    args = _arguments()
    if args.worker:
        system, size_name = args.worker
        worker_main(system, size_name, args.threads)
        return 0
    report = header("torch", "transformers", "litgpt", "numpy")
    report["nanogpt_commit"] = git_commit(args.nanogpt) if args.nanogpt else None
    report["settings"] = _settings(args)
    report["sizes"] = {}
    for size_name in args.sizes:
        report["sizes"][size_name] = measure(size_name, args.systems, args)
        print_table(size_name, report["sizes"][size_name])
    if args.out is not None:
        write_json(args.out, report)
        _say(f"\nwritten: {args.out}")
    return 1 if any(result["problems"] for result in report["sizes"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
