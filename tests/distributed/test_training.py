"""Two processes under torchrun train as one does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.recipe import to_toml
from textus.train.loop import Listener, Trainer
from textus.train.metrics import read_metrics

pytestmark = pytest.mark.skipif(os.name == "nt", reason="gloo under torchrun needs POSIX")

MakeTrainer = Callable[..., Trainer]


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}


def _torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done


def _train_together(folder: Path, make_trainer: MakeTrainer) -> Path:
    """What two processes made; `resumed` was begun by one process."""
    folder = folder / "together"
    calls = iter(range(1, 1000))
    alone = make_trainer(folder / "resumed", steps=20, rows_per_step=5, micro_rows=2)
    assert not alone.run(None, Listener(stopping=lambda: next(calls) == 9))
    _torchrun(Path(__file__).with_name("two_processes.py"), folder)
    return folder


def _losses(folder: Path) -> list[float]:
    records = [record for record in read_metrics(folder) if "loss" in record]
    assert [record["step"] for record in records] == list(range(1, 21))
    return [record["loss"] for record in records]


def test_two_processes_train_as_one(make_trainer: MakeTrainer, mixed: Any, tmp_path: Path):
    """Also where rows do not divide evenly, where one process has none at all, where training was
    begun by one process or stopped on the way, and where experts are balanced."""
    together = _train_together(tmp_path, make_trainer)
    expected: dict[int | str, list[float]] = {}
    for rows in (1, 4, 5):
        trainer = make_trainer(tmp_path / f"{rows}", steps=20, rows_per_step=rows, micro_rows=2)
        assert trainer.run()
        expected[rows] = _losses(tmp_path / f"{rows}")
        assert expected[rows][-1] < expected[rows][0] - 0.1
    trainer = make_trainer(tmp_path / "mixed", steps=20, rows_per_step=5, micro_rows=2, model=mixed)
    assert trainer.run()
    expected["mixed"] = _losses(tmp_path / "mixed")
    names = {"rows-1": 1, "rows-4": 4, "rows-5": 5, "stopped": 5, "resumed": 5, "mixed": "mixed"}
    for name, rows in names.items():
        assert _losses(together / name) == pytest.approx(expected[rows], abs=1e-5), name
        one, other = (json.loads((together / name / f"rank-{n}.json").read_text()) for n in (0, 1))
        assert one == other, name  # the weights, to the last bit
        assert one["step"] == 20


def test_a_whole_run_under_torchrun(
    recipe: dict[str, Any], finished: Path, tmp_path: Path, go: Callable[..., Any]
):
    file, run = tmp_path / "tiny.toml", tmp_path / "run"
    file.write_text(to_toml(recipe))
    # Without the two dashes torchrun may take --run for an option of its own.
    done = _torchrun("-m", "--", "textus", "run", file, "--run", run)
    assert done.stderr.count("pretrain trains the model") == 1  # one process speaks
    assert done.stderr.count("report: ") == 1
    assert (run / "report.html").is_file()
    alone = {"corpus", "tokenizer", "data"}
    for name in alone:
        one, other = ((f / name / "manifest.json").read_text() for f in (run, finished))
        assert json.loads(one)["files"] == json.loads(other)["files"] or name == "corpus"
    one, other = (list(read_metrics(f / "training")) for f in (run, finished))
    for key in ("loss", "held_out_bits_per_byte"):
        values = ([r[key] for r in records if key in r] for records in (one, other))
        first, second = values
        assert first == pytest.approx(second, abs=1e-5)
    manifest = json.loads((run / "model" / "manifest.json").read_text())
    assert manifest["counts"]["processes"] == 2
    skipped = go(recipe, run)
    assert all("is up to date" in line for line in skipped)


@pytest.mark.slow
def test_ctrl_c_under_torchrun_saves_and_one_process_goes_on(
    recipe: dict[str, Any], tmp_path: Path, go: Callable[..., list[str]]
):
    """The terminal sends the signal to every process, and torchrun hands it on once more."""
    recipe["train"] |= {"steps": 400, "save_every": 10_000, "eval_every": 10_000}
    file, run = tmp_path / "tiny.toml", tmp_path / "run"
    file.write_text(to_toml(recipe))
    command = [*TORCHRUN, "-m", "--", "textus", "run", str(file), "--run", str(run)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    )
    metrics = run / "training" / "metrics.jsonl"
    while not (metrics.is_file() and metrics.stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    (saved,) = (run / "training" / "checkpoints").iterdir()
    assert "stopping after this step, with a checkpoint" in error
    assert 0 < int(saved.name.removeprefix("step-")) < 400
    assert f"resumed from {saved.name}" in go(recipe, run)
