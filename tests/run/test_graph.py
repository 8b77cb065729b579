"""The run folder: what is made, what is kept, what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.errors import DamagedError, LockedError, RecipeError, StaleError
from textus.recipe import read_toml, to_tree
from textus.run.api import run_recipe
from textus.run.graph import Display, Stopped, status
from textus.run.resolve import overrides_from, resolve_recipe
from textus.run.show import describe_status
from textus.run.stages import STAGES
from textus.store import Manifest, read_manifest, recover, versions

Tree = dict[str, Any]
Go = Callable[..., list[str]]
Folder = Callable[[Path], dict[str, Any]]
NAMES = [stage.name for stage in STAGES]
SKIPPED = [f"{name} is up to date: nothing that it depends on has changed" for name in NAMES]


def _made(lines: list[str]) -> list[str]:
    """The stages that did some work."""
    begun = [line.split()[0] for line in lines if line.split()[0] in NAMES]
    return [name for name in begun if f"{name} is up to date" not in "\n".join(lines)]


def _manifest(run: Path, output: str) -> Manifest:
    manifest = read_manifest(run / output)
    assert manifest is not None
    return manifest


def test_a_second_run_skips_every_stage_and_says_why(
    recipe: Tree, finished: Path, go: Go, checksums: Folder
):
    before = checksums(finished)
    assert go(recipe, finished) == SKIPPED
    assert checksums(finished) == before


def test_a_run_folder_is_a_recipe_that_resolves_to_itself(
    recipe: Tree, finished: Path, go: Go, checksums: Folder
):
    before = checksums(finished)
    assert go(finished, finished) == SKIPPED
    assert go(finished / "recipe.toml", finished) == SKIPPED
    assert checksums(finished) == before  # the notes in recipe.toml too
    again = resolve_recipe(finished, {}).recipe
    assert again == resolve_recipe(finished / "recipe.toml", {}).recipe
    assert to_tree(again) == to_tree(resolve_recipe(recipe, {}).recipe)
    assert to_tree(again) == read_toml(finished / "recipe.toml")


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("train.steps", 7, "train.steps: 6 -> 7"),
        ("tokenizer.vocab_size", 310, "tokenizer.vocab_size: 300 -> 310"),
        ("samples.settings.seed", 2, "samples.settings.seed: 1 -> 2"),
        ("seed", 2, "seed: 1 -> 2"),
        ("data.seq_len", 16, "data.seq_len: 32 -> 16"),
        ("corpus.held_out", 0.1, "corpus.held_out: 0.02 -> 0.1"),
    ],
)
def test_a_changed_setting_is_refused_before_anything_is_touched(
    recipe: Tree, finished: Path, go: Go, checksums: Folder, path: str, value: Any, shown: str
):
    before = checksums(finished)
    with pytest.raises(StaleError, match=r"It was not touched\. Give --redo") as caught:
        go(recipe, finished, {path: value})
    assert shown in str(caught.value)
    assert checksums(finished) == before


def test_a_changed_setting_is_refused_although_an_earlier_stage_is_missing(
    recipe: Tree, finished: Path, go: Go, checksums: Folder
):
    for file in (finished / "tokenizer").iterdir():
        file.unlink()
    before = checksums(finished)
    with pytest.raises(StaleError, match=r"train\.steps: 6 -> 7"):
        go(recipe, finished, {"train.steps": 7})
    assert checksums(finished) == before


def test_unfinished_training_is_not_mixed_with_other_settings(
    recipe: Tree, tmp_path: Path, go: Go, checksums: Folder
):
    run = tmp_path / "run"
    _stop_at(recipe, run, go, 3)
    before = checksums(run)
    with pytest.raises(StaleError, match="model was begun with other settings") as caught:
        go(recipe, run, {"train.clip": 2.0})
    assert "train.clip: 1.0 -> 2.0" in str(caught.value)
    assert checksums(run) == before


def test_settings_that_do_not_change_the_model_may_change(recipe: Tree, finished: Path, go: Go):
    assert go(recipe, finished, {"train.save_every": 3, "train.keep": 1}) == SKIPPED
    assert read_toml(finished / "recipe.toml")["train"]["keep"] == 1


@pytest.mark.parametrize(
    ("path", "value", "made"),
    [
        ("samples.settings.seed", 2, ["sample"]),
        ("train.clip", 0.1, ["pretrain", "evaluate", "sample"]),
        ("data.seq_len", 16, ["pretrain", "evaluate", "sample"]),
        ("tokenizer.vocab_size", 290, NAMES[1:]),
        ("corpus.held_out", 0.3, NAMES),
    ],
)
def test_redo_makes_what_is_stale_and_what_depends_on_it(
    recipe: Tree, finished: Path, go: Go, path: str, value: Any, made: list[str]
):
    assert _made(go(recipe, finished, {path: value}, redo="stale")) == made
    assert go(recipe, finished, {path: value}) == SKIPPED


def test_what_is_made_anew_is_what_a_fresh_run_makes(
    recipe: Tree, finished: Path, tmp_path: Path, go: Go, content: Folder
):
    go(recipe, finished, {"train.clip": 0.1}, redo="stale")
    go(recipe, tmp_path / "fresh", {"train.clip": 0.1})
    assert content(finished) == content(tmp_path / "fresh")


def test_redo_of_a_stage_goes_no_further_than_its_output_changes(
    recipe: Tree, finished: Path, go: Go, content: Folder
):
    before, made = content(finished), _manifest(finished, "tokenizer")
    lines = go(recipe, finished, redo="tokenizer")
    assert _made(lines) == ["tokenizer"]
    assert "tokenizer learns which pieces of text become tokens, again as asked" in lines
    assert content(finished) == before
    assert _manifest(finished, "tokenizer") != made or made.created


def test_redo_of_training_trains_from_the_start(
    recipe: Tree, finished: Path, go: Go, content: Folder
):
    before = content(finished)
    lines = go(recipe, finished, redo="pretrain")
    assert _made(lines) == ["pretrain"]
    assert not any("resumed" in line for line in lines)
    assert content(finished) == before


def test_an_interrupted_redo_of_training_goes_on(
    recipe: Tree, finished: Path, go: Go, content: Folder
):
    before = content(finished)
    _stop_at(recipe, finished, go, 3, redo="pretrain")
    assert _made(go(recipe, finished)) == []  # the old model stands until the new one is finished
    lines = go(recipe, finished, redo="pretrain")
    assert "resumed from step-00000003" in lines
    assert content(finished) == before
    assert "resumed from" not in "\n".join(go(recipe, finished, redo="pretrain"))


def test_redo_of_one_stage_leaves_the_others_alone(
    recipe: Tree, finished: Path, go: Go, checksums: Folder
):
    before = checksums(finished)
    with pytest.raises(StaleError, match=r"train\.clip: 1\.0 -> 0\.1"):
        go(recipe, finished, {"train.clip": 0.1}, redo="sample")
    assert checksums(finished) == before


def test_redo_of_what_is_not_asked_for_is_refused(recipe: Tree, finished: Path, go: Go):
    with pytest.raises(RecipeError, match="unknown stage 'tokeniser'; did you mean 'tokenizer'"):
        go(recipe, finished, redo="tokeniser")
    with pytest.raises(RecipeError, match="textus sample makes sample alone"):
        go(recipe, finished, only="sample", redo="corpus")


def test_a_changed_input_file_is_noticed(texts: Path, recipe: Tree, tmp_path: Path, go: Go):
    run, source = tmp_path / "run", {"corpus.source": [{"name": "words", "uri": str(texts)}]}
    go(recipe, run, source)
    file = texts / "3.txt"
    text = file.read_text()
    os.utime(file, ns=(10**18, 10**18))
    assert go(recipe, run, source) == SKIPPED
    file.write_text(text.replace("cat", "dog"))
    with pytest.raises(StaleError, match="the content of source files is another"):
        go(recipe, run, source)
    file.write_text(text)
    assert go(recipe, run, source) == SKIPPED
    (texts / "new.txt").write_text("A further file, with enough text in it to be kept.")
    with pytest.raises(StaleError, match="the content of source files is another"):
        go(recipe, run, source)
    assert _made(go(recipe, run, source, redo="stale"))[0] == "corpus"


def test_the_same_files_elsewhere_are_the_same_input(
    texts: Path, recipe: Tree, tmp_path: Path, go: Go
):
    run = tmp_path / "run"
    go(recipe, run, {"corpus.source": [{"name": "words", "uri": str(texts)}]}, only="corpus")
    moved = texts.rename(tmp_path / "elsewhere")
    source = {"corpus.source": [{"name": "words", "uri": str(moved)}]}
    (line,) = go(recipe, run, source, only="corpus")
    assert "is up to date" in line
    (moved / "0.txt").rename(moved / "another.txt")
    with pytest.raises(StaleError, match="the content of source files is another"):
        go(recipe, run, source, only="corpus")


def test_a_raised_version_makes_a_stage_stale(recipe: Tree, finished: Path, go: Go):
    file = finished / "data" / "manifest.json"
    manifest = json.loads(file.read_text())
    assert manifest["settings"]["version"] == 1
    manifest["settings"]["version"] = 0
    file.write_text(json.dumps(manifest))
    with pytest.raises(StaleError, match="version: 0 -> 1"):
        go(recipe, finished)


def test_manifests_name_versions_inputs_and_settings(shared_run: Path):
    for stage in STAGES:
        manifest = _manifest(shared_run, stage.output)
        assert manifest.kind == stage.name
        assert manifest.versions == versions()
        assert set(manifest.inputs) >= set(stage.inputs)
        assert manifest.settings["version"] == stage.version
        for name in stage.inputs:
            output = next(s.output for s in STAGES if s.name == name)
            assert manifest.inputs[name] == _manifest(shared_run, output).digest


@pytest.mark.parametrize("broken", ["{", "[]", '{"files": 3}', '{"kind": "x", "odd": 1}'])
def test_a_broken_manifest_is_named(recipe: Tree, finished: Path, go: Go, broken: str):
    (finished / "data" / "manifest.json").write_text(broken)
    with pytest.raises(DamagedError, match=r"data/manifest\.json cannot be read"):
        go(recipe, finished)


def test_stages_one_by_one_make_what_a_run_makes(
    recipe: Tree, shared_run: Path, tmp_path: Path, go: Go, content: Folder
):
    for stage in NAMES:
        lines = go(recipe, tmp_path / "run", only=stage)
        assert _made(lines) == [stage]
        if stage != NAMES[-1]:
            states = [entry.state for entry in status(STAGES, tmp_path / "run")]
            done = NAMES.index(stage) + 1
            assert states == ["finished"] * done + ["missing"] * (len(NAMES) - done)
    assert content(tmp_path / "run") == content(shared_run)


def test_a_stage_that_lacks_its_input_says_what_to_run(recipe: Tree, tmp_path: Path, go: Go):
    with pytest.raises(StaleError, match=r"tokenize reads the output of corpus.*`textus corpus`"):
        go(recipe, tmp_path / "run", only="tokenize")


def test_a_deleted_intermediate_is_made_again_without_touching_what_follows(
    recipe: Tree, finished: Path, go: Go, content: Folder
):
    before = content(finished)
    for file in (finished / "corpus").iterdir():
        file.unlink()
    (finished / "corpus").rmdir()
    assert _made(go(recipe, finished)) == ["corpus"]
    assert content(finished) == before


def test_a_second_process_is_refused_and_the_first_is_named(
    recipe: Tree, finished: Path, go: Go, checksums: Folder
):
    code = "import sys; from pathlib import Path; from textus.store import locked\n"
    code += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(finished)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        before = checksums(finished)
        with pytest.raises(LockedError, match=rf"another process \(number {other.pid} on "):
            go(recipe, finished, {"train.steps": 9}, redo="stale")
        assert checksums(finished) == before
        assert "finished" in "\n".join(describe_status(finished))  # looking is allowed
        other.kill()
    assert go(recipe, finished) == SKIPPED  # the lock went with its holder


def test_a_run_begins_by_tidying_up_after_a_killed_one(
    recipe: Tree, finished: Path, go: Go, content: Folder
):
    before = content(finished)
    (finished / ".tmp-data-0badcafe").mkdir()
    (finished / ".tmp-data-0badcafe" / "half.bin").write_bytes(b"half")
    (finished / "training" / ".tmp-begun.json-0badcafe").write_text("{")
    (finished / "training" / "checkpoints" / ".tmp-step-00000006-0badcafe").mkdir()
    (finished / "model").rename(finished / ".old-model")
    assert go(recipe, finished) == SKIPPED
    assert content(finished) == before
    assert not list(finished.rglob(".tmp-*"))
    assert not list(finished.rglob(".old-*"))


def test_status_tells_where_each_stage_stands(recipe: Tree, tmp_path: Path, go: Go):
    run = tmp_path / "run"
    _stop_at(recipe, run, go, 3)
    states = [line.split()[:2] for line in describe_status(run)]
    expected = ["finished"] * 3 + ["unfinished"] + ["missing"] * 2
    assert states == [list(pair) for pair in zip(NAMES, expected, strict=True)]


def test_a_stop_between_stages_is_heeded(recipe: Tree, tmp_path: Path, go: Go):
    seen: list[str] = []
    with pytest.raises(Stopped, match="stopped before tokenize"):
        go(
            recipe,
            tmp_path / "run",
            stage=lambda name, text: seen.append(name),
            stopping=lambda: len(seen) == 2,
        )
    assert seen == ["corpus", "tokenizer"]


def test_the_display_hears_of_progress_records_and_words(recipe: Tree, tmp_path: Path):
    records: list[tuple[Tree, int]] = []
    words: list[str] = []
    progress: list[tuple[int, int | None, str]] = []
    display = Display(
        record=lambda record, steps: records.append((record, steps)),
        text=words.append,
        progress=lambda done, total, text: progress.append((done, total, text)),
    )
    run_recipe(resolve_recipe(recipe, overrides_from({})), tmp_path / "run", display)
    steps = [record["step"] for record, _ in records if "loss" in record]
    assert (steps, {total for _, total in records}) == ([1, 2, 3, 4, 5, 6], {6})
    assert "".join(words).startswith("\n--- 'the'\nthe")
    assert progress
    assert all(total is None or 0 <= done <= total for done, total, _ in progress)


def test_recovery_of_an_absent_folder_does_nothing(tmp_path: Path):
    recover(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def _stop_at(recipe: Tree, run: Path, go: Go, step: int, **options: Any) -> None:
    """Runs until `step` steps of training are done."""
    records: list[Tree] = []
    with pytest.raises(Stopped, match=f"saved at step {step} of 6"):
        go(
            recipe,
            run,
            record=lambda record, steps: records.append(record),
            stopping=lambda: bool(records) and _steps(records) >= step - 1,
            **options,
        )


def _steps(records: list[Tree]) -> int:
    return max(record["step"] for record in records)
