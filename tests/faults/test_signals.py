"""Ctrl-C and SIGTERM: a checkpoint is written, and the run ends later as if it had gone through."""

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

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

Go = Callable[..., list[str]]


@pytest.fixture
def recipe_file(recipe: dict[str, Any], tmp_path: Path) -> Path:
    recipe["train"] |= {"steps": 150, "save_every": 100_000, "eval_every": 100_000}
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(recipe))
    return path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_saves_and_the_run_goes_on(
    recipe_file: Path,
    tmp_path: Path,
    go: Go,
    content: Callable[[Path], dict[str, Any]],
    number: int,
    code: int,
):
    run = tmp_path / "run"
    process = _start(recipe_file, run)
    _wait_for(run / "training" / "metrics.jsonl", process)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "stopping after this step, with a checkpoint" in error
    (saved,) = (run / "training" / "checkpoints").iterdir()
    step = int(saved.name.removeprefix("step-"))
    assert 0 < step < 150
    assert f"saved at step {step} of 150; the same command goes on from there" in error
    assert "Traceback" not in error
    assert not (run / "model").exists()
    assert f"resumed from {saved.name}" in go(recipe_file, run)
    go(recipe_file, tmp_path / "whole")
    one, other = content(run), content(tmp_path / "whole")
    old = f"training/checkpoints/{saved.name}"  # kept beside the last one
    assert {name: one[name] for name in one if not name.startswith(old)} == other


def test_a_signal_outside_training_ends_at_once(recipe: dict[str, Any], tmp_path: Path):
    """A source that is a pipe without a writer: reading it waits for ever."""
    os.mkfifo(tmp_path / "never.txt")
    recipe["corpus"] = {"source": [{"name": "pipe", "uri": str(tmp_path / "never.txt")}]}
    file = tmp_path / "tiny.toml"
    file.write_text(to_toml(recipe))
    process = _start(file, tmp_path / "run")
    _wait_for(tmp_path / "run" / ".lock-holder.json", process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted; what was finished and saved is kept" in error
    assert "Traceback" not in error


def _start(recipe: Path, run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "textus", "run", str(recipe), "--run", str(run)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Until the file has something in it; fails if the process ends before."""
    while not (file.is_file() and file.stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
