"""Training a tokenizer: Textus and its peers on the same text, 32,768 tokens.

Every system lives in a process of its own, so that memory is its own, and learns from the same
file, cut into the same documents where it takes documents. Each round starts every system once; a
ratio is the median over the rounds of each round's ratio. Measured: CPU seconds, wall seconds,
peak resident memory of the whole process; what is compiled once on a machine is compiled before.

    python bench/train_tokenizer.py --text FILE --systems textus-bpe gigabpe hf-bpe --threads 1

A peer that is not installed is skipped, and the result says so. `--python` names an interpreter
that has the peers; Textus is imported from this checkout.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from _machine import RESULTS, ROOT, header, peak_memory_mb, summary, write_json

VOCAB_SIZE = 32_768
SPECIAL = "<|endoftext|>"
DOCUMENT = 8_000
"""Characters of a document, at least."""

Merges = list[list[str]] | None
"""What was learnt, to compare; None where it is no list of merges."""


def documents(path: Path) -> Iterator[str]:
    """The text in documents of DOCUMENT characters, and more up to the end of a paragraph."""
    with path.open(encoding="utf-8", newline="") as file:
        rest = ""
        while block := file.read(1 << 20):
            rest += block
            begin = 0
            while (end := rest.find("\n\n", begin + DOCUMENT)) >= 0:
                yield rest[begin : end + 2]
                begin = end + 2
            rest = rest[begin:]
        yield rest


def textus_bpe(path: Path, threads: int) -> Merges:
    from textus.tokenizer.config import BPEConfig
    from textus.tokenizer.formats.byte_level import to_characters
    from textus.tokenizer.train import train_tokenizer

    if threads == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    config = BPEConfig(vocab_size=VOCAB_SIZE, pattern="gpt2", training_bytes=None)
    tokenizer = train_tokenizer(documents(path), config)
    return [[to_characters(left), to_characters(right)] for left, right in tokenizer.merges]


def hf_bpe(path: Path, threads: int) -> Merges:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        min_frequency=2,
        special_tokens=[SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents(path), trainer)
    return [list(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def gigabpe(path: Path, threads: int) -> Merges:
    """Cuts the file into lines, so its merges differ a little."""
    gigabpe = importlib.import_module("gigabpe")

    gigabpe.train_bpe(
        [str(path)],
        VOCAB_SIZE,
        special_tokens=[SPECIAL],
        min_frequency=2,
        threads=threads,
        pretokenizer="bytelevel",
    )
    return None


def rustbpe(path: Path, threads: int) -> Merges:
    rustbpe = importlib.import_module("rustbpe")

    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    rustbpe.Tokenizer().train_from_iterator(documents(path), VOCAB_SIZE - 1, pattern=pattern)
    return None


def bpeasy(path: Path, threads: int) -> Merges:
    bpeasy = importlib.import_module("bpeasy")

    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    bpeasy.train_bpe(documents(path), pattern, 128, VOCAB_SIZE - 1)
    return None


SYSTEMS: dict[str, Callable[[Path, int], Merges]] = {
    "textus-bpe": textus_bpe,
    "hf-bpe": hf_bpe,
    "gigabpe": gigabpe,
    "rustbpe": rustbpe,
    "bpeasy": bpeasy,
}


def work(system: str, path: Path, threads: int) -> dict[str, Any]:
    """Trains once in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        merges = SYSTEMS[system](path, threads)
    except ImportError as error:
        return {"missing": str(error)}
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_rss_mb": peak_memory_mb(),
        "merges": merges,
    }


def start(system: str, args: argparse.Namespace) -> dict[str, Any]:
    """Trains once in a process of its own."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(args.threads)}
    environment["PYTHONPATH"] = str(ROOT / "src")
    python = sys.executable if system.startswith("textus") else args.python
    options = ["--text", str(args.text), "--threads", str(args.threads), "--worker", system]
    done = subprocess.run(
        [python, __file__, *options], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(args: argparse.Namespace) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {system: [] for system in args.systems}
    for system in args.systems:
        if system.startswith("textus"):
            start(system, args)  # compiles what is not compiled yet
    for _ in range(args.rounds):
        for system in args.systems:
            runs[system].append(start(system, args))
    first = args.systems[0]
    return {system: _entry(runs[system], runs[first]) for system in args.systems}


def _entry(runs: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    """Summaries, and the ratio of CPU time to that of the first system."""
    if "missing" in runs[0]:
        return {"missing": runs[0]["missing"]}
    entry: dict[str, Any] = {
        name: summary([run[name] for run in runs]) for name in ("cpu_s", "wall_s", "peak_rss_mb")
    }
    pairs = zip(runs, first, strict=True)
    entry["cpu_ratio"] = median(run["cpu_s"] / other["cpu_s"] for run, other in pairs)
    if runs[0]["merges"] is not None and first[0]["merges"] is not None:
        entry["same_merges"] = runs[0]["merges"] == first[0]["merges"]
    return entry


def print_table(systems: dict[str, Any]) -> None:
    print(f"{'system':<14}{'CPU s':>8}{'wall s':>8}{'MB':>8}{'ratio':>8}  merges")
    for name, entry in systems.items():
        if "missing" in entry:
            print(f"{name:<14}  not measured: {entry['missing']}")
            continue
        cpu, wall, memory = (entry[key]["median"] for key in ("cpu_s", "wall_s", "peak_rss_mb"))
        same = {True: "same", False: "DIFFERENT"}.get(entry.get("same_merges"), "")
        print(f"{name:<14}{cpu:>8.2f}{wall:>8.2f}{memory:>8.0f}{entry['cpu_ratio']:>8.2f}  {same}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training of Textus's tokenizers and its peers.")
    parser.add_argument("--text", type=Path, required=True, help="UTF-8 text to learn from")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--rounds", type=int, default=3, help="turns of each system (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of each system (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--out", type=Path, help="the JSON (bench/results/train_tokenizer.json)")
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = _arguments()
    if args.worker:
        print(json.dumps(work(args.worker, args.text, args.threads)))
        return 0
    report = header("numba", "numpy", "tokenizers", "gigabpe", "rustbpe", "bpeasy")
    report["settings"] = {
        "vocab_size": VOCAB_SIZE,
        "text_bytes": args.text.stat().st_size,
        "threads": args.threads,
        "rounds": args.rounds,
    }
    report["systems"] = measure(args)
    print_table(report["systems"])
    write_json(args.out or RESULTS / "train_tokenizer.json", report)
    return 0 if all(e.get("same_merges", True) for e in report["systems"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
