import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.errors import StoreError
from textus.interpret.report import render_report
from textus.run import report
from textus.run.api import build
from textus.run.names import REPORT
from textus.run.report import gather_report, write_run_report
from textus.run.stages import STAGES

RECIPE_TREE: dict[str, Any] = {
    "depth": 1,
    "device": "cpu",
    "corpus": {"held_out": 0.2, "piece_bytes": 500},
    "tokenizer": {"vocab_size": 300},
    "data": {"seq_len": 32},
    "model": {
        "model_dim": 16,
        "attention": {"head_dim": 8},
        "feed_forward": {"hidden_dim": 32},
    },
    "train": {"steps": 4, "rows_per_step": 2, "eval_every": 2, "eval_rows": 2},
    "samples": {"prompts": ["the", ""], "settings": {"max_new_tokens": 4, "seed": 1}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for name in ("warp", "weft"):
        (folder / name).mkdir()
        for i in range(8):
            text = "".join(f"The {name} {i * j % 7} lies under thread {j}.\n" for j in range(40))
            (folder / name / f"{i}.md").write_text(text)
    (folder / "weft" / "broken.jsonl").write_text("{no json\n")
    sources = [{"name": n, "uri": str(folder / n), "weight": 1.0} for n in ("warp", "weft")]
    recipe = RECIPE_TREE | {"corpus": RECIPE_TREE["corpus"] | {"source": sources}}
    return build(recipe, folder / "run")


@pytest.fixture(scope="module")
def known(finished: Path) -> set[str]:
    return set(gather_report(finished).problems)


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def remove_from(run: Path, first: str) -> None:
    """Takes away the output of a stage and of those after it."""
    names = [stage.name for stage in STAGES]
    for stage in STAGES[names.index(first) :]:
        shutil.rmtree(run / stage.output)


def test_the_report_is_written_into_the_run_folder_and_each_time_the_same(run: Path) -> None:
    path = write_run_report(run)
    assert path == run / REPORT
    first = path.read_bytes()
    assert write_run_report(run).read_bytes() == first
    assert b"What it writes" in first


def test_a_finished_run_gives_every_number(run: Path) -> None:
    report = gather_report(run)
    evaluation = json.loads((run / "evaluation/evaluation.json").read_text())
    assert report.bits_per_byte == evaluation["total"]["bits_per_byte"]
    assert [s.corpus.name for s in report.sources] == ["warp", "weft"]
    assert all(s.bits_per_byte and s.drawn and s.epochs for s in report.sources)
    assert [s.asked for s in report.sources] == [0.5, 0.5]
    assert report.speed is not None
    assert (report.speed.steps, report.speed.tokens) == (4, 4 * 2 * 32)
    assert report.speed.flops_per_token
    assert report.speed.model_bytes == (run / "model/model.safetensors").stat().st_size
    assert [sample.prompt for sample in report.samples] == ["the", ""]
    assert all(stage.seconds is not None for stage in report.stages)
    assert "model/model.safetensors" in {file.path for file in report.files}
    assert report.compressor is not None
    assert 0 < report.compressor.bits_per_byte < 8
    assert report.compressor.characters is None
    assert report.device.startswith("cpu")


def test_bytes_per_token_do_not_count_the_ends_of_documents(run: Path) -> None:
    training, _ = gather_report(run).splits
    counts = json.loads((run / "data/train/index.json").read_text())["sources"].values()
    tokens = sum(count["tokens"] - count["documents"] for count in counts)
    assert (training.name, training.tokens) == ("training", tokens)


def test_only_what_there_is_to_know_is_at_the_top(run: Path) -> None:
    assert [p for p in gather_report(run).problems if "could not be read" not in p] == []
    assert "1 file, line or row could not be read" in " ".join(gather_report(run).problems)


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_a_run_can_be_shown_at_any_stage(run: Path, stage: str) -> None:
    remove_from(run, stage)
    if stage in ("corpus", "tokenizer", "tokenize", "pretrain"):
        shutil.rmtree(run / "training")
    html = write_run_report(run).read_text()
    names = [s.name for s in STAGES]
    missing = ", ".join(names[names.index(stage) :])
    assert f"Not made yet: {missing}." in html
    assert "None" not in html


def test_an_interrupted_training_says_where_it_stands(run: Path) -> None:
    remove_from(run, "pretrain")
    metrics = run / "training/metrics.jsonl"
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:2]) + '{"cut of')
    report = gather_report(run)
    assert "it stands at step 2 of 4" in report.problems[0]
    assert report.speed is not None
    assert report.speed.steps == 2
    assert report.parameters
    assert "How it learned" in write_run_report(run).read_text()


def test_skipped_steps_are_said(run: Path) -> None:
    metrics = run / "training/metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"skipped": 0', '"skipped": 2'))
    assert any("2 of 4 steps were skipped" in problem for problem in gather_report(run).problems)


def test_a_stage_made_from_an_earlier_output_is_said(run: Path) -> None:
    manifest = run / "tokenizer/manifest.json"
    content = json.loads(manifest.read_text())
    content["files"]["tokenizer.json"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(content))
    problems = " ".join(gather_report(run).problems)
    assert "tokenize was made from an earlier output of tokenizer" in problems
    assert "evaluate was made" not in problems


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("harm", [Path.unlink, truncate])
@pytest.mark.parametrize(
    "file",
    [
        *("recipe.toml", "corpus/report.json", "corpus/held_out-00000.parquet"),
        *("tokenizer/tokenizer.json", "data/train/index.json", "model/config.json"),
        *("evaluation/evaluation.json", "samples/samples.json", "model/manifest.json"),
    ],
)
def test_a_damaged_file_costs_only_its_own_part(
    run: Path, known: set[str], file: str, harm: Callable[[Path], None]
) -> None:
    harm(run / file)
    report = gather_report(run)
    html = render_report(report)
    assert set(report.problems) - known
    assert "Speed and time" in html
    assert ("What it writes" in html) == (file != "samples/samples.json")


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run folder"):
        write_run_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unrelated_folder_of_the_name_of_a_stage_makes_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(StoreError, match="is not a run folder"):
        write_run_report(tmp_path)
    assert not (tmp_path / REPORT).exists()


def test_a_mistake_in_the_program_is_not_taken_for_a_damaged_file(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "view_tokenizer", lambda tokenizer: None)
    with pytest.raises(TypeError):
        gather_report(run)


def test_only_the_beginning_of_much_text_is_compressed_and_said_so(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "COMPRESSED_CHARACTERS", 100)
    compressor = gather_report(run).compressor
    assert compressor is not None
    assert compressor.characters == 100


def test_settings_come_with_their_origin(run: Path) -> None:
    settings = {s.path: s for s in gather_report(run).settings}
    assert (settings["train.steps"].value, settings["train.steps"].origin) == ("4", "recipe")
    assert settings["model.num_layers"].origin == "depth"
    assert settings["train.clip"].origin == "default"
    assert settings["corpus.source[1].name"].value == '"weft"'


def test_a_page_of_a_run_refers_to_nothing_outside(run: Path) -> None:
    html = write_run_report(run).read_text()
    assert not re.search(r"""(src|href)=["']?(?!["']?#)""", html)
