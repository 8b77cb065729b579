"""Which architecture learns most in equal seconds at equal size: held-out bits per byte.

    python bench/architectures.py
    python bench/architectures.py --chart docs/architectures.svg

The lineage from an LSTM to `speedrun`, and Qwen3's form with one part changed at a time, each with
as many parameters as Qwen3's (2 % at most apart), embedding and head among them: the feed-forward
layers' width makes up for what a change takes or gives, and the whole width where that is not
enough. Tables that are only looked up count as much as matrices, which makes `speedrun` half as
wide, and experts that sleep as much as those at work: `--equal flops` compares at equal arithmetic
a token instead (the LSTM stays at equal parameters). All are trained for the same seconds on the
quick start's plays with one tokenizer, with several seeds; about two and a half hours.

Seconds become steps beforehand: the time of a step of every model is measured in turn, several
times over, on a machine that should be quiet; after that a training may take as long as it likes.

The optimizer is the same for all, Muon, or AdamW for the rows of the lineage that say so. Learning
rates are not the same: each model takes the best of three, multiples of the optimizer's defaults,
by its training loss at the end of a quarter of the time, with a seed that is not used again. Muon
makes the LSTM's four gates of a layer orthogonal together, as the one matrix that they are stored
in. Rows are added to the result one by one: a run that was interrupted goes on.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from _machine import RESULTS, ROOT, header, significant, write_json

OUT = RESULTS / "architectures.json"
RECIPE = ROOT / "recipes" / "quickstart.toml"
LSTM = "lstm"
BASE = "qwen3"
LINEAGE = (LSTM, "gpt", "gpt2", "llama", "llama3", BASE, "speedrun")
LATENT = {"kind": "latent", "head_dim": 32, "rope_dim": 16, "value_dim": 32, "kv_rank": 32}
ABLATIONS: dict[str, dict[str, Any]] = {
    "learned positions": {"position": {"kind": "learned"}},
    "LayerNorm": {"norm": {"kind": "layer"}},
    "norms behind the sums": {"arrangement": "post"},
    "plain GELU": {"feed_forward": {"kind": "plain", "activation": "gelu"}},
    "no QK-norm": {"attention": {"qk_norm": "none"}},
    "one key head": {"attention": {"num_kv_heads": 1}},
    "sliding window of 64": {"reach": {"kind": "sliding", "window": 64}},
    "2 of 8 experts": {
        "feed_forward": {"kind": "experts", "num_experts": 8, "experts_per_token": 2}
    },
    "latent attention": {"attention": LATENT},
    "tied head": {"head": {"tied": True}},
}
RATES = {"muon": (0.25, 0.5, 1.0), "adamw": (1.0, 3.0, 10.0)}
"""Multiples of an optimizer's default learning rates that are tried."""
TRIAL_SHARE, TRIAL_SEED = 0.25, 0
ROWS_PER_STEP, SEQ_LEN = 16, 256
CALIBRATION_STEPS, CALIBRATION_ROUNDS = 5, 6


@dataclass(frozen=True)
class Arm:
    """A model and how it is trained."""

    model: str
    optimizer: str

    def __str__(self) -> str:
        return f"{self.model} / {self.optimizer}"


ARMS = (
    *(Arm(model, "muon") for model in LINEAGE),
    *(Arm(model, "adamw") for model in LINEAGE),
    *(Arm(model, "muon") for model in ABLATIONS),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=75, help="of training, for each row")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=[*LINEAGE, *ABLATIONS])
    parser.add_argument("--equal", choices=("parameters", "flops"), default="parameters")
    parser.add_argument("--layers", type=int, default=4, help="of the model that others equal")
    parser.add_argument("--width", type=int, default=128, help="of the same, in heads of 32")
    parser.add_argument("--vocabulary", type=int, default=2048)
    parser.add_argument("--steps", type=int, help="for a trial of this script: no calibration")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--chart", type=Path, help="draw the result as SVG, measure nothing")
    args = parser.parse_args()
    if args.chart:
        draw(json.loads(args.out.read_text("utf-8")), args.chart)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(args, Path(folder))


def measure(args: argparse.Namespace, folder: Path) -> None:
    """Adds to the result what it does not have yet."""
    result = _open(args)
    bench = Bench(args, folder)
    arms = [arm for arm in ARMS if arm.model in args.models]
    if not result["seconds_per_step"] and args.steps is None:
        result["seconds_per_step"] = bench.calibrate()
        write_json(args.out, result)

    def steps(arm: Arm, share: float = 1.0) -> int:
        each = result["seconds_per_step"].get(str(arm))
        return args.steps or max(1, round(share * args.seconds / each))

    for arm in arms:
        if str(arm) not in result["learning_rates"]:
            result["learning_rates"][str(arm)] = bench.choose_rate(arm, steps(arm, TRIAL_SHARE))
            write_json(args.out, result)
            print(arm, result["learning_rates"][str(arm)], flush=True)
    for seed in range(1, args.seeds + 1):
        for arm in arms:
            key = f"{arm} / seed {seed}"
            if key not in result["rows"]:
                rate = result["learning_rates"][str(arm)]["chosen"]
                result["rows"][key] = bench.row(arm, steps(arm), rate, seed)
                write_json(args.out, result)
                print(key, result["rows"][key], flush=True)
    result["held_out_bits_per_byte"] = dict(summaries(result["rows"]))
    write_json(args.out, result)
    print(json.dumps(result["held_out_bits_per_byte"], indent=1))


def _open(args: argparse.Namespace) -> dict[str, Any]:
    names = ("seconds", "equal", "layers", "width", "vocabulary", "steps")
    asked = {name: getattr(args, name) for name in names}
    if args.out.exists():
        result = json.loads(args.out.read_text("utf-8"))
        if result["asked"] == asked:
            return result
    empty: dict[str, Any] = {"seconds_per_step": {}, "learning_rates": {}, "rows": {}}
    return header("textus", "torch", "numpy") | {"asked": asked} | empty


class Bench:
    """The text, and the models that are trained on it."""

    def __init__(self, args: argparse.Namespace, folder: Path):
        from textus.data.shards import open_shards
        from textus.run.api import run_recipe
        from textus.run.graph import Display
        from textus.run.resolve import overrides_from, resolve_recipe
        from textus.tokenizer.tokenizer import Tokenizer

        settings = {"tokenizer.vocab_size": args.vocabulary, "data.seq_len": SEQ_LEN}
        resolved = resolve_recipe(RECIPE, overrides_from(settings))
        for stage in ("corpus", "tokenizer", "tokenize"):
            run_recipe(resolved, folder, Display(), only=stage)
        self.folder, self.equal = folder, args.equal
        self.tokenizer = Tokenizer.load(folder / "tokenizer")
        self.train = open_shards(folder / "data", "train")
        self.held_out = open_shards(folder / "data", "held_out")
        self.sizes: dict[str, Any] = {
            "vocab_size": self.tokenizer.vocab_size,
            "max_seq_len": SEQ_LEN,
            "num_layers": args.layers,
            "model_dim": args.width,
            "attention": {"num_heads": args.width // 32, "head_dim": 32},
        }

    def config(self, model: str) -> Any:
        """A model's settings, at the size of BASE."""
        from _lstm import lstm_of_size
        from textus.model.presets import make_config
        from textus.model.size import count_parameters, counterpart
        from textus.recipe import merge

        base = make_config(BASE, **self.sizes)
        if model == LSTM:
            size = count_parameters(base).total
            return lstm_of_size(size, vocab_size=base.vocab_size, max_seq_len=SEQ_LEN)
        changes = ABLATIONS.get(model, {})
        name = BASE if model in ABLATIONS else model
        changed = make_config(name, **merge(self.sizes, changes))
        return counterpart(changed, like=base, equal=self.equal).config

    def trainer(self, arm: Arm, steps: int, rate: float, seed: int) -> Any:
        """Ready to step; nothing is written to disk."""
        import torch

        from _lstm import LSTM as Recurrent
        from _lstm import LSTMConfig
        from textus.data.loader import Loader
        from textus.model.transformer import Transformer
        from textus.train.config import TrainConfig
        from textus.train.loop import Trainer

        torch.manual_seed(seed)
        config = self.config(arm.model)
        model: Any = Recurrent(config) if isinstance(config, LSTMConfig) else Transformer(config)
        train = TrainConfig(
            steps=steps,
            rows_per_step=ROWS_PER_STEP,
            micro_rows=ROWS_PER_STEP,
            warmup_steps=min(10, steps),
            optimizer=_optimizer(arm.optimizer, rate),
        )
        loader = Loader(
            self.train,
            seq_len=SEQ_LEN,
            rows_per_step=ROWS_PER_STEP,
            micro_rows=ROWS_PER_STEP,
            seed=seed,
        )
        return Trainer(model, loader, train, self.folder)

    def calibrate(self) -> dict[str, float]:
        """Median seconds of a step of each arm, all of them in turn, several times."""
        count = CALIBRATION_STEPS * CALIBRATION_ROUNDS
        trainers = {str(arm): self.trainer(arm, count, 1.0, seed=TRIAL_SEED) for arm in ARMS}
        times: dict[str, list[float]] = {name: [] for name in trainers}
        for number in range(CALIBRATION_ROUNDS):
            for name, trainer in trainers.items():
                seconds = [_seconds(trainer) for _ in range(CALIBRATION_STEPS)]
                if number:  # the first round only warms up
                    times[name] += seconds
        return {name: significant(statistics.median(taken)) for name, taken in times.items()}

    def choose_rate(self, arm: Arm, steps: int) -> dict[str, Any]:
        """The multiple of the default learning rates that short trainings like best."""
        losses = {
            rate: significant(_learn(self.trainer(arm, steps, rate, TRIAL_SEED)))
            for rate in RATES[arm.optimizer]
        }
        chosen = min(losses, key=lambda rate: losses[rate])
        return {"chosen": chosen, "training_loss": {str(r): loss for r, loss in losses.items()}}

    def row(self, arm: Arm, steps: int, rate: float, seed: int) -> dict[str, Any]:
        """One training and its held-out bits per byte."""
        from textus.data.held_out import iterate_documents
        from textus.evaluate.bits_per_byte import evaluate_documents

        trainer = self.trainer(arm, steps, rate, seed)
        loss = _learn(trainer)
        model = trainer.model.eval()
        lengths = self.tokenizer.byte_lengths()
        evaluation = evaluate_documents(model, iterate_documents(self.held_out), lengths)
        return {
            "held_out_bits_per_byte": significant(evaluation.total.bits_per_byte),
            "training_loss": significant(loss),
            "parameters": sum(p.numel() for p in model.parameters()),
            "model_dim": model.config.model_dim,
            "hidden_dim": _hidden(model.config),
            "learning_rate": rate,
            "steps": steps,
        }


def _optimizer(kind: str, rate: float) -> Any:
    from textus.train.config import OptimizerConfig

    plain = OptimizerConfig.variants()[kind]()
    rates = [name for name in vars(plain) if name.endswith("learning_rate")]
    return replace(plain, **{name: rate * getattr(plain, name) for name in rates})


def _step(trainer: Any) -> float:
    loss, _ = trainer.step()
    trainer.state.step += 1
    return loss


def _seconds(trainer: Any) -> float:
    start = time.perf_counter()
    _step(trainer)
    return time.perf_counter() - start


def _learn(trainer: Any) -> float:
    """Trains to the end; the mean loss of the last tenth of the steps."""
    losses = [_step(trainer) for _ in range(trainer.config.steps)]
    return statistics.fmean(losses[-max(1, len(losses) // 10) :])


def _hidden(config: Any) -> int | None:
    feed_forward = getattr(config, "feed_forward", None)
    return None if feed_forward is None else feed_forward.hidden_dim


def summaries(rows: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Mean and standard deviation over the seeds, arm by arm."""
    for arm in ARMS:
        if values := _values(rows, arm):
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            mean = significant(statistics.mean(values))
            yield str(arm), {"mean": mean, "standard_deviation": significant(spread)}


def _values(rows: dict[str, Any], arm: Arm) -> list[float]:
    found = (row for key, row in rows.items() if key.startswith(f"{arm} / "))
    return [row["held_out_bits_per_byte"] for row in found]


def draw(result: dict[str, Any], out: Path) -> None:
    """The lineage under both optimizers, and the changes to BASE: a dot for each seed, a line for
    the mean."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams |= {"svg.hashsalt": "textus", "svg.fonttype": "none"}
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for optimizer, colour, lower in (("muon", "#1f5fa8", 0.0), ("adamw", "#b5651d", 0.35)):
        arms = [Arm(model, optimizer) for model in LINEAGE]
        _dots(left, result["rows"], arms, label=optimizer, colour=colour, lower=lower)
    left.set_title(f"the lineage, {result['asked']['seconds']:g} s each", loc="left")
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower left", ncols=2, frameon=False)
    arms = [Arm(model, "muon") for model in (BASE, *ABLATIONS)]
    _dots(right, result["rows"], arms, label="muon", colour="#1f5fa8")
    right.set_title(f"{BASE} with one part changed", loc="left")
    for axes in (left, right):
        axes.set_xlabel("held-out bits per byte (less is better)")
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, format="svg", metadata={"Date": None})


def _dots(
    axes: Any, rows: dict[str, Any], arms: list[Arm], *, label: str, colour: str, lower: float = 0.0
) -> None:
    """A line of the chart for each arm, the first on top, `lower` below its name."""
    for place, arm in enumerate(arms):
        if values := _values(rows, arm):
            at, mean = -place - lower, statistics.mean(values)
            axes.plot(values, [at] * len(values), "o", color=colour, alpha=0.6, markersize=5)
            axes.plot([mean, mean], [at - 0.15, at + 0.15], color=colour, linewidth=2)
    axes.plot([], [], "o", color=colour, label=label)
    axes.set_yticks([-place for place in range(len(arms))], [arm.model for arm in arms])


if __name__ == "__main__":
    main()
