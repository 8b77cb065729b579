"""How long the quick start takes on a machine that has never seen Textus, and what it reaches.

    python bench/quickstart.py

Clones the committed project into a temporary folder and runs its own two lines of the README there:
`make` sets up a new environment, then the whole recipe runs. Times of the stages come from their
manifests. Then, in that environment: `textus --help`, and the time from starting `textus pretrain`
to the record of its first step.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _machine import RESULTS, ROOT, header, summary, write_json

STAGES = ("corpus", "tokenizer", "data", "model", "evaluation", "samples")
REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "quickstart.json")
    parser.add_argument("--settings", default="", help="settings for a shorter run, for trying out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "textus"
        _run(["git", "clone", "--quiet", str(ROOT), str(project)], Path(folder))
        result = header("textus", "torch") | measure(project, args.settings)
    write_json(args.out, result)
    print(json.dumps(result, indent=1))


def measure(project: Path, settings: str) -> dict[str, Any]:
    """Every figure, from a clean clone."""
    setup = _run(["make", "--silent", ".venv/installed", f"PYTHON={sys.executable}"], project)
    run = _run(["make", "--silent", "quickstart", f"SETTINGS={settings}"], project)
    folder = project / "runs/quickstart"
    manifests = {
        stage: json.loads((folder / stage / "manifest.json").read_text()) for stage in STAGES
    }
    counts = manifests["model"]["counts"]
    return {
        "settings": settings,
        "setup_seconds": setup,
        "run_seconds": run,
        "total_seconds": setup + run,
        "stage_seconds": {stage: manifests[stage]["seconds"] for stage in STAGES},
        "training": counts | {"tokens_per_second": counts["tokens"] / counts["seconds"]},
        "held_out_bits_per_byte": manifests["evaluation"]["counts"]["bits_per_byte"],
        "help_seconds": _repeat(lambda: _run([".venv/bin/textus", "--help"], project)),
        "first_step_seconds": _repeat(lambda: _first_step(project)),
    }


def _first_step(project: Path) -> float:
    """Seconds from starting `textus pretrain` to the record of its first step, documents being
    tokenized."""
    run = project / "runs/first-step"
    shutil.rmtree(run, ignore_errors=True)
    ignored = shutil.ignore_patterns("model", "training", "evaluation", "samples", ".lock*")
    shutil.copytree(project / "runs/quickstart", run, ignore=ignored)
    started = time.perf_counter()
    process = subprocess.Popen(
        [".venv/bin/textus", "pretrain", "runs/first-step"], cwd=project, stderr=subprocess.DEVNULL
    )
    metrics = run / "training/metrics.jsonl"
    while not (metrics.is_file() and metrics.stat().st_size) and process.poll() is None:
        time.sleep(0.005)
    seconds = time.perf_counter() - started
    assert process.poll() is None, "textus pretrain ended before its first step"
    process.kill()
    process.wait()
    return seconds


def _repeat(measurement: Any) -> dict[str, Any]:
    measurement()  # fills the file cache
    return summary([measurement() for _ in range(REPEATS)])


def _run(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
