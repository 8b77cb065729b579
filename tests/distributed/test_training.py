"""Two processes under torchrun train as one does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.recipe import to_toml
from textus.train.loop import Listener, Trainer
from textus.train.metrics import read_metrics

pytestmark = pytest.mark.skipif(os.name == "nt", reason="gloo under torchrun needs POSIX")

MakeTrainer = Callable[..., Trainer]


def _torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, make_trainer: MakeTrainer) -> Path:
    """What two processes made; `resumed` was begun by one process."""
    folder = tmp_path_factory.mktemp("together")
    calls = iter(range(1, 1000))
    alone = make_trainer(folder / "resumed", steps=20, rows_per_step=5, micro_rows=2)
    assert not alone.run(None, Listener(stopping=lambda: next(calls) == 9))
    _torchrun(Path(__file__).with_name("two_processes.py"), folder)
    return folder


def _losses(folder: Path) -> list[float]:
    records = [record for record in read_metrics(folder) if "loss" in record]
    assert [record["step"] for record in records] == list(range(1, 21))
    return [record["loss"] for record in records]


def _alone(make_trainer: MakeTrainer, folder: Path, rows: int) -> list[float]:
    trainer = make_trainer(folder, steps=20, rows_per_step=rows, micro_rows=2)
    assert trainer.run()
    return _losses(folder)


@pytest.mark.parametrize("rows", [1, 4, 5])
def test_two_processes_have_the_loss_curve_of_one(
    together: Path, make_trainer: MakeTrainer, tmp_path: Path, rows: int
):
    """Also where rows do not divide evenly, and where one process has none at all."""
    expected = _alone(make_trainer, tmp_path, rows)
    assert expected[-1] < expected[0] - 0.1
    assert _losses(together / f"rows-{rows}") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("folder", ["stopped", "resumed"])
def test_a_run_goes_on_with_another_number_of_processes(
    together: Path, make_trainer: MakeTrainer, tmp_path: Path, folder: str
):
    expected = _alone(make_trainer, tmp_path, 5)
    assert _losses(together / folder) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("folder", ["rows-1", "rows-4", "rows-5", "stopped", "resumed"])
def test_all_processes_end_with_the_same_weights(together: Path, folder: str):
    one, other = (json.loads((together / folder / f"rank-{n}.json").read_text()) for n in (0, 1))
    assert one == other
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
