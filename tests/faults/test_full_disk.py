"""A disk that is full while a stage writes: said clearly, nothing lost, and the run goes on."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from textus.cli import main
from textus.errors import StoreError
from textus.recipe import to_toml

resource = pytest.importorskip("resource", reason="needs POSIX limits")

Go = Callable[..., list[str]]
Folder = Callable[[Path], dict[str, Any]]


@contextlib.contextmanager
def _room_for(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes: to the caller the error of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("stage", "room", "named"),
    [
        ("corpus", 1_000, "corpus"),
        ("tokenizer", 1_000, "tokenizer"),
        ("tokenize", 3_000, "data"),
        ("pretrain", 300, "begun.json"),
        ("pretrain", 3_000, "step-00000002"),
        ("pretrain", 60_000, "step-00000002"),
        ("evaluate", 200, "evaluation"),
        ("sample", 100, "samples"),
    ],
)
def test_a_full_disk_is_explained_and_costs_nothing(
    recipe: dict[str, Any],
    finished: Path,
    go: Go,
    content: Folder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stage: str,
    room: int,
    named: str,
):
    expected = content(finished)
    file, run = tmp_path / "tiny.toml", tmp_path / "run"
    file.write_text(to_toml(recipe))
    stages = ("corpus", "tokenizer", "tokenize", "pretrain", "evaluate", "sample")
    for earlier in stages[: stages.index(stage)]:
        go(recipe, run, only=earlier)
    run.mkdir(exist_ok=True)
    for name in ("recipe.toml", "written.toml"):
        (run / name).write_text((finished / name).read_text())
    before = content(run)
    with _room_for(room), pytest.raises(SystemExit) as caught:
        main(["run", str(file), "--run", str(run)])
    error = capsys.readouterr().err
    assert caught.value.code == 1
    assert "textus: no room to write " in error
    assert "what was finished before is intact" in error
    assert named in error.partition("no room to write ")[2].partition("(")[0]
    after = content(run)
    assert {name: after[name] for name in before} == before
    assert not [p for p in run.rglob("*") if p.name.startswith((".tmp-", ".old-"))]
    go(recipe, run)
    assert content(run) == expected


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(
    recipe: dict[str, Any], finished: Path, go: Go, content: Folder, tmp_path: Path
):
    run = tmp_path / "run"
    size = max(p.stat().st_size for p in (finished / "training").rglob("*.safetensors"))
    with contextlib.ExitStack() as stack:

        def fill(record: dict[str, Any], steps: int) -> None:
            if record["step"] == 3:
                stack.enter_context(_room_for(size - 1))

        with pytest.raises(StoreError, match=r"no room to write .*step-00000004"):
            go(recipe, run, record=fill)
    assert [p.name for p in (run / "training" / "checkpoints").iterdir()] == ["step-00000002"]
    assert "resumed from step-00000002" in go(recipe, run)
    assert content(run) == content(finished)


def test_metrics_that_find_no_room_are_cut_back_later(
    recipe: dict[str, Any], finished: Path, go: Go, content: Folder, tmp_path: Path
):
    run = tmp_path / "run"
    with contextlib.ExitStack() as stack:

        def fill(record: dict[str, Any], steps: int) -> None:
            if record["step"] == 5:
                size = (run / "training" / "metrics.jsonl").stat().st_size
                stack.enter_context(_room_for(size + 20))

        with pytest.raises(StoreError, match="no room to write"):
            go(recipe, run, record=fill)
    assert "resumed from step-00000004" in go(recipe, run)
    assert content(run) == content(finished)
