"""Which tokenizer lets a small model learn most in equal seconds: held-out bits per byte.

    python bench/tokenizer_learning.py
    python bench/tokenizer_learning.py --text build/text/english.txt --seconds 120

The quick start's recipe (or the text given), the same model but for its vocabulary, trained for the
same seconds with each tokenizer and several seeds. Seconds become steps beforehand: the time of a
step is measured for each shape (vocabulary, rows and their length; arms of one shape do the same
arithmetic), the shapes in turn, several times over, on a machine that should be quiet; after that a
training may take as long as it likes, and other work may run beside it. Bits per byte count the
nats of every held-out token over the bytes of the held-out text, so that they compare whatever the
tokens are. Rows are added to the result one by one: a run that was interrupted goes on.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import textus
from _machine import RESULTS, ROOT, header, significant, write_json

RECIPE = ROOT / "recipes" / "quickstart.toml"
Settings = dict[str, Any]

ARMS: dict[str, Settings] = {
    "bpe": {},
    "bpe, 1,024 superwords": {"tokenizer.superwords": 1024},
    "bpe, dropout 0.1": {"tokenizer.dropout": 0.1},
    "bpe, 8,192 tokens": {"tokenizer.vocab_size": 8192},
    "wordpiece, frequency": {"tokenizer.kind": "wordpiece"},
    # by likelihood rare pairs come first; 100 is some 20 for each megabyte
    "wordpiece, likelihood": {
        "tokenizer.kind": "wordpiece",
        "tokenizer.criterion": "likelihood",
        "tokenizer.min_frequency": 100,
    },
    "unigram": {"tokenizer.kind": "unigram"},
    "unigram, sampling 0.3": {"tokenizer.kind": "unigram", "tokenizer.sampling": 0.3},
    # four times the context for tokens a quarter as long, so as many tokens in a step
    "bytes": {
        "tokenizer.kind": "bytes",
        "tokenizer.vocab_size": 257,
        "data.seq_len": 1024,
        "train.rows_per_step": 4,
        "train.micro_rows": 4,
    },
}
SHAPES = {
    "4,096 tokens": "bpe",
    "8,192 tokens": "bpe, 8,192 tokens",
    "bytes": "bytes",
}
"""The shapes of step there are, each by an arm that has it."""
CALIBRATION_STEPS, CALIBRATION_ROUNDS = 30, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="a text in place of the quick start's plays")
    parser.add_argument("--seconds", type=float, default=60, help="of training, for each arm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--out", type=Path, default=RESULTS / "tokenizer_learning.json")
    args = parser.parse_args()
    base = {"corpus.source": [{"uri": str(args.text.resolve())}]} if args.text else {}
    result = _open(args.out, args)
    with tempfile.TemporaryDirectory() as folder:
        if not result["seconds_per_step"]:
            result["seconds_per_step"] = _calibrate(base, Path(folder))
            write_json(args.out, result)
        for seed in range(1, args.seeds + 1):
            for arm in args.arms:
                key = f"{arm} / seed {seed}"
                if key not in result["rows"]:
                    steps = round(args.seconds / result["seconds_per_step"][_shape(arm)])
                    settings = (
                        base
                        | ARMS[arm]
                        | {"seed": seed, "train.steps": steps, "samples.prompts": []}
                    )
                    result["rows"][key] = _train(settings, Path(folder) / "run")
                    write_json(args.out, result)
                    print(key, result["rows"][key], flush=True)
    result["held_out_bits_per_byte"] = dict(_summaries(result["rows"]))
    write_json(args.out, result)
    print(json.dumps(result["held_out_bits_per_byte"], indent=1))


def _open(out: Path, args: argparse.Namespace) -> dict[str, Any]:
    asked = {"text": args.text.name if args.text else "quickstart", "seconds": args.seconds}
    if out.exists():
        result = json.loads(out.read_text())
        if result["asked"] == asked:
            return result
    empty: dict[str, Any] = {"asked": asked, "seconds_per_step": {}, "rows": {}}
    return header("textus", "torch", "numpy") | empty


def _shape(arm: str) -> str:
    return next((shape for shape, of in SHAPES.items() if of == arm), "4,096 tokens")


def _calibrate(base: Settings, folder: Path) -> dict[str, float]:
    """Median seconds of a step of each shape, all of them in turn, several times."""
    times: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    quick = {"train.steps": CALIBRATION_STEPS, "train.eval_every": 10**6, "samples.prompts": []}
    for _ in range(CALIBRATION_ROUNDS):
        for shape, arm in SHAPES.items():
            run = folder / f"calibrate {shape}"
            textus.build(RECIPE, run, base | ARMS[arm] | quick)
            times[shape] += list(_step_seconds(run))[5:]
            for stage in ("model", "training", "evaluation", "samples"):
                _remove(run / stage)
    return {shape: significant(statistics.median(values)) for shape, values in times.items()}


def _step_seconds(run: Path) -> Iterator[float]:
    before = 0.0
    for line in (run / "training" / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "tokens_per_second" in record:
            yield record["seconds"] - before
            before = record["seconds"]


def _train(settings: Settings, run: Path) -> dict[str, Any]:
    _remove(run)
    textus.build(RECIPE, run, settings)
    counts = {
        stage: json.loads((run / stage / "manifest.json").read_text())["counts"]
        for stage in ("tokenizer", "data", "evaluation")
    }
    train = counts["data"]["train"].values()
    tokens, size = (sum(source[key] for source in train) for key in ("tokens", "bytes"))
    return {
        "held_out_bits_per_byte": significant(counts["evaluation"]["bits_per_byte"]),
        "vocab_size": counts["tokenizer"]["vocab_size"],
        "bytes_per_token": significant(size / tokens),
        "steps": settings["train.steps"],
    }


def _summaries(rows: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    for arm in ARMS:
        values = [
            row["held_out_bits_per_byte"]
            for key, row in rows.items()
            if key.startswith(f"{arm} / ")
        ]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            mean = statistics.mean(values)
            yield arm, {"mean": significant(mean), "standard_deviation": significant(spread)}


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
