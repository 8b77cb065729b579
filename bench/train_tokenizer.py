"""Training tokenizers: Textus and its peers on the same text, 32,768 tokens.

    python bench/text.py build/text
    python bench/train_tokenizer.py build/text

With the packages of PACKAGES installed beside textus; some minutes. The text is 60 % English, 25 %
code and 15 % other languages, stretches from all over the files of bench/text.py; each system
learns from the same documents (or lines, where pieces are made of characters). BPE's, WordPiece's
and Unigram's words are those of GPT-2's pattern, but for BERT's form and pieces of characters.

Every training has a process of its own, held to one core where it has one thread: CPU seconds,
wall seconds and the peak of the process's resident memory, with reading the text. What Textus
compiles once on a machine is compiled before. A system that takes less than 20 seconds is started
three times, in turns with the others; ratios are those of the median CPU seconds to Textus's. A
library that is not installed, or takes longer than LONGEST, is named under "left_out".

For Unigram, "likelihood" holds the logarithm of the probability of the likeliest cut, for each byte
of the training text and of 2 MB of other text, with each system's pieces, as Textus's model finds
it: see `log_likelihood` in _tokenizer_trainers.py.

Each run is in the JSON as soon as it is done; started anew with the same sizes, the benchmark goes
on where it stopped.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from _machine import RESULTS, ROOT, header, peak_memory_mb, significant, summary, write_json
from _tokenizer_trainers import TASKS, VOCAB_SIZE, log_likelihood, pin_to_one_core

PACKAGES = ("tokenizers", "sentencepiece", "gigabpe", "gigatoken", "rustbpe", "bpeasy", "numba")
SHARES = {"english": 0.6, "code": 0.25, "multilingual": 0.15}
STRETCH = 20_000
"""Bytes that the text takes from one place of a file."""

TRAINING_PART = 0.9
"""Share of each file that texts to learn from are taken from; the others are from the rest."""

THREADED = [("bpe", "textus"), ("bpe", "gigabpe")]
"""What is measured with more than one thread, too."""

HELD_OUT_MEGABYTES = 2.0
WARM_UP_MEGABYTES = 1.5
"""Enough for the compiled kernels to be used at all."""

QUICK = 20.0
"""Seconds below which a system is measured three times."""

LONGEST = 180
"""Seconds after which a run is given up, and the system left out."""

Run = tuple[str, str, int, int]
"""Task, system, threads, round."""


def main() -> int:
    args = _arguments()
    if args.run:
        task, system, threads, text, target = args.run
        print(json.dumps(train_once(task, system, int(threads), Path(text), Path(target))))
    elif args.score:
        file, text, by_line = args.score
        print(json.dumps(log_likelihood(Path(file), Path(text), by_line=by_line == "lines")))
    else:
        measure(args)
    return 0


def measure(args: argparse.Namespace) -> None:
    """Runs what has not been run yet, and writes the JSON after each run."""
    report = start_report(args)
    for task in args.tasks:
        text = args.work / f"{task}.txt"
        write_text(text, args.folder, _megabytes(args, task))
        if next(runs_to_do(task, args.threads, report), None):
            warm_up(task, args)
        for run in runs_to_do(task, args.threads, report):
            record_run(run, text, report, args.work)
            report["rows"] = rows(report["runs"], args.work)
            write_json(args.out, report)
        if task.startswith("unigram"):
            record_likelihood(task, report, args)
            write_json(args.out, report)
    print_table(report)


def start_report(args: argparse.Namespace) -> dict[str, Any]:
    """The report so far, where there is one of the same settings; else a new one."""
    settings = {
        "vocab_size": VOCAB_SIZE,
        "megabytes": {"bpe": args.bpe, "wordpiece": args.wordpiece, "unigram": args.unigram},
        "threads": args.threads,
    }
    if args.out.exists():
        report = json.loads(args.out.read_text(encoding="utf-8"))
        if report.get("settings") == settings:
            return report
    lists = {"rows": [], "likelihood": [], "left_out": {}, "runs": []}
    return header(*PACKAGES) | {"settings": settings} | lists


def write_text(target: Path, folder: Path, megabytes: float, *, held_out: bool = False) -> None:
    """Stretches of the files in their shares, from places at equal distances."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        for name, share in SHARES.items():
            content = (folder / f"{name}.txt").read_bytes()
            border = int(TRAINING_PART * len(content))
            part = content[border:] if held_out else content[:border]
            count = max(1, round(share * megabytes * 1e6 / STRETCH))
            if len(part) < count * STRETCH:
                sys.exit(f"{folder / name}.txt is too short for {megabytes} MB; give a lower size.")
            for i in range(count):
                start = i * (len(part) - STRETCH) // count
                stretch = part[start : start + STRETCH].decode("utf-8", "ignore")
                out.write(stretch.encode() + b"\n\n")


def warm_up(task: str, args: argparse.Namespace) -> None:
    """Compiles what is not compiled yet."""
    text = args.work / "warm_up.txt"
    write_text(text, args.folder, WARM_UP_MEGABYTES)
    start(["--run", task, "textus", "1", str(text), str(args.work / "warm_up.json")])


def runs_to_do(task: str, threads: Sequence[int], report: dict[str, Any]) -> Iterator[Run]:
    """All runs of a task that the report lacks: a round of all, two more of the quick ones."""
    for round_ in range(3):
        for number in threads:
            for system in TASKS[task]:
                if number > 1 and (task, system) not in THREADED:
                    continue
                found = [r for r in report["runs"] if _key(r)[:3] == (task, system, number)]
                slow = any(run["wall_s"] > QUICK for run in found)
                recorded = any(run["round"] == round_ for run in found)
                if not slow and not recorded and system not in report["left_out"]:
                    yield task, system, number, round_


def record_run(run: Run, text: Path, report: dict[str, Any], work: Path) -> None:
    task, system, threads, round_ = run
    target = work / f"{task}-{system}.json"
    arguments = ["--run", task, system, str(threads), str(text), str(target)]
    try:
        figures = start(arguments, threads=threads)
    except subprocess.TimeoutExpired:
        figures = {"missing": f"{task}: took more than {LONGEST} s"}
    if "missing" in figures:
        report["left_out"][system] = figures["missing"]
        return
    key = {"task": task, "system": system, "threads": threads, "round": round_}
    report["runs"].append(key | figures)
    print(*run, figures, flush=True)


def train_once(task: str, system: str, threads: int, text: Path, target: Path) -> dict[str, Any]:
    """Trains in this process."""
    if threads == 1:
        pin_to_one_core()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        write = TASKS[task][system](text, threads)
    except ImportError as error:
        return {"missing": str(error)}
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = peak_memory_mb()
    if write is not None:
        write(target)
    return {name: significant(x) for name, x in (("cpu_s", cpu), ("wall_s", wall), ("mb", peak))}


def record_likelihood(task: str, report: dict[str, Any], args: argparse.Namespace) -> None:
    """The likelihood of the training text and of other text, by each system's pieces."""
    held_out = args.work / "held_out.txt"
    write_text(held_out, args.folder, HELD_OUT_MEGABYTES, held_out=True)
    texts = {"training": args.work / f"{task}.txt", "held_out": held_out}
    unit = "lines" if task == "unigram-characters" else "documents"
    done = {(row["task"], row["system"]) for row in report["likelihood"]}
    for system in TASKS[task]:
        file = args.work / f"{task}-{system}.json"
        if (task, system) in done or system in report["left_out"]:
            continue
        row: dict[str, Any] = {"task": task, "system": system}
        for name, text in texts.items():
            figures = start(["--score", str(file), str(text), unit])
            row |= {f"{name}_{key}": significant(value) for key, value in figures.items()}
        report["likelihood"].append(row)
        print(row, flush=True)


def start(arguments: Sequence[str], *, threads: int = 1) -> dict[str, Any]:
    """What a process of its own prints."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
    }
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, timeout=LONGEST
    )
    return json.loads(done.stdout.splitlines()[-1])


def rows(runs: Sequence[dict[str, Any]], work: Path) -> list[dict[str, Any]]:
    """The runs of each task, system and number of threads together, beside those of Textus."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    result = []
    for (task, system, threads), group in groups.items():
        row: dict[str, Any] = {"task": task, "system": system, "threads": threads}
        row |= {name: summary([run[name] for run in group]) for name in ("cpu_s", "wall_s", "mb")}
        textus = groups.get((task, "textus", threads), [])
        for name in ("cpu_s", "wall_s", "mb") if textus else ():
            own = median(run[name] for run in textus)
            row[f"{name}_to_textus"] = significant(row[name]["median"] / own)
        result.append(row | compare(work / f"{task}-{system}.json", work / f"{task}-textus.json"))
    return result


def compare(file: Path, textus: Path) -> dict[str, Any]:
    """Whether both files list the same, and the share of Textus's list that the other has."""
    if file == textus or not file.exists() or not textus.exists() or "unigram" in file.name:
        return {}
    theirs, own = (json.loads(path.read_text(encoding="utf-8")) for path in (file, textus))
    shared = set(map(str, theirs)) & set(map(str, own))
    return {"same_as_textus": theirs == own, "shared_with_textus": len(shared) / len(own)}


def print_table(report: dict[str, Any]) -> None:
    print(f"{'task':<20}{'system':<15}{'threads':>7}{'CPU s':>9}{'wall s':>9}{'MB':>8}{'CPU x':>8}")
    for row in report["rows"]:
        cpu, wall, peak = (row[name]["median"] for name in ("cpu_s", "wall_s", "mb"))
        print(
            f"{row['task']:<20}{row['system']:<15}{row['threads']:>7}{cpu:>9.2f}{wall:>9.2f}"
            f"{peak:>8.0f}{row.get('cpu_s_to_textus', 0):>8.2f}"
        )


def _key(run: dict[str, Any]) -> tuple[str, str, int]:
    return run["task"], run["system"], run["threads"]


def _megabytes(args: argparse.Namespace, task: str) -> float:
    return getattr(args, task.partition("-")[0])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="the texts that bench/text.py wrote")
    parser.add_argument("--bpe", type=float, default=100, help="MB of text (%(default)s)")
    parser.add_argument("--wordpiece", type=float, default=50, help="MB of text (%(default)s)")
    parser.add_argument("--unigram", type=float, default=10, help="MB of text (%(default)s)")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "train_tokenizer")
    parser.add_argument("--out", type=Path, default=RESULTS / "train_tokenizer.json")
    parser.add_argument("--run", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--score", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
