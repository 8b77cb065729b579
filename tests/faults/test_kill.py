"""`kill -9` at any instant: the run goes on from there and ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.recipe import to_toml

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs fork and POSIX signals")

Content = Callable[[Path], dict[str, Any]]


@pytest.fixture
def recipe_file(recipe: dict[str, Any], tmp_path: Path) -> Path:
    recipe["train"] |= {"save_every": 1, "keep": 1, "steps": 4}
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(recipe))
    return path


@pytest.fixture
def expected(
    recipe_file: Path, tmp_path: Path, go: Callable[..., Any], content: Content
) -> dict[str, Any]:
    go(recipe_file, tmp_path / "whole")
    return content(tmp_path / "whole")


def _trials(tmp_path: Path, *arguments: object) -> list[dict[str, Any]]:
    command = [sys.executable, Path(__file__).with_name("killing.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_killed_at_any_call_of_a_save_the_run_ends_as_if_it_had_not_been(
    recipe_file: Path, tmp_path: Path, expected: dict[str, Any], content: Content
):
    """From the first step's last calls to the third's first: with keep=1 they write the second
    checkpoint, swap it in and remove the one before."""
    trials = _trials(tmp_path, "calls", recipe_file, tmp_path, 18, 46)
    assert len(trials) == 29
    for trial in trials:
        assert trial["killed"], trial
        assert trial["end"] == 0, trial
        assert content(Path(trial["folder"])) == expected, trial
    assert any(trial["leftovers"] for trial in trials)


@pytest.mark.slow
def test_killed_at_any_moment_the_run_ends_as_if_it_had_not_been(
    recipe_file: Path, tmp_path: Path, expected: dict[str, Any], content: Content
):
    trials = _trials(tmp_path, "moments", recipe_file, tmp_path, 12, 1)
    # How many of the moments fall into the run depends on the machine; not one would prove nothing.
    assert any(trial["killed"] for trial in trials)
    for trial in trials:
        assert trial["end"] == 0, trial
        assert content(Path(trial["folder"])) == expected, trial


@pytest.mark.slow
def test_killed_at_any_call_tokenizing_goes_on_behind_the_last_finished_shard(
    recipe: dict[str, Any], tmp_path: Path, go: Callable[..., Any], content: Content
):
    """From its first call to the rename that makes the stage's folder appear, and beyond."""
    recipe["data"]["shard_tokens"] = 1500
    file = tmp_path / "tiny.toml"
    file.write_text(to_toml(recipe))
    for stage in ("corpus", "tokenizer", "tokenize"):
        go(file, tmp_path / "whole", only=stage)
    expected = content(tmp_path / "whole" / "data")
    trials = _trials(tmp_path, "shards", file, tmp_path, 1, 60)
    for trial in trials:
        assert trial["end"] == 0, trial
        assert content(Path(trial["folder"]) / "data") == expected, trial
        assert not list(Path(trial["folder"]).glob(".[!l]*")), trial
        assert trial["kept"] == trial["shards"], trial
    killed = [trial["killed"] for trial in trials]
    assert killed == sorted(killed, reverse=True)
    assert 40 < sum(killed) < len(killed)  # the last ones die after the stage, that is not at all
    shards = [trial["shards"] for trial in trials]
    assert shards == sorted(shards)
    assert set(shards) == set(range(shards[-1] + 1))
    assert shards[-1] > 3
