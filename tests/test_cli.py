"""The command line, as a person meets it: what goes to stdout, what to stderr, the exit code."""

import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from textus.cli import main
from textus.cli.stages import STAGES as STAGE_COMMANDS
from textus.model.size import count_parameters
from textus.recipe import build, read_toml, to_toml
from textus.recipe_help import describe
from textus.run.folder import load_run
from textus.run.resolve import resolve_recipe
from textus.run.settings import Recipe
from textus.run.stages import STAGES
from textus.store import read_manifest

Tree = dict[str, Any]
Go = Callable[..., list[str]]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`textus` with some arguments, in this process."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Said(int(caught.value.code or 0), out, err)

    return call


Call = Callable[..., Said]


@pytest.fixture
def recipe_file(recipe: Tree, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(recipe))
    return path


@pytest.fixture
def corpus_of(recipe: Tree, tmp_path: Path) -> Callable[[Path], Path]:
    """A recipe file over a folder."""

    def corpus_of(folder: Path) -> Path:
        path = tmp_path / "corpus.toml"
        source = [{"name": "own", "uri": str(folder)}]
        path.write_text(to_toml(recipe | {"corpus": {"source": source}}))
        return path

    return corpus_of


# Help


def test_help_names_every_command(call: Call):
    said = call("--help")
    assert said.code == 0
    commands = ("run", *STAGE_COMMANDS, "evaluate", "generate", "recipe", "plan", "data", "status")
    for command in commands:
        assert re.search(rf"^    {command}\b", said.out, re.MULTILINE)


def test_each_stage_is_a_command():
    assert {stage.name for stage in STAGES} <= {*STAGE_COMMANDS, "evaluate"}


@pytest.mark.parametrize("command", ["run", "pretrain", "plan"])
def test_help_lists_every_setting_with_type_default_and_meaning(call: Call, command: str):
    said = call(command, "--help")
    assert said.code == 0
    fields = list(describe(Recipe))
    assert len(fields) > 50
    for field in fields:
        name = re.escape(field.path.rpartition(".")[2].removesuffix("[]"))
        line = (
            rf"^  (--|\[\[).*{name}  <{re.escape(field.type)}>  \(.+\)\n +{re.escape(field.text)}$"
        )
        assert re.search(line, said.out, re.MULTILINE), field.path
        assert len(field.text.split()) > 1, f"{field.path} is not explained"
    assert call(command, "any.toml", "--settings").out in said.out


# Wrong calls


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["rnu", "x"], "'rnu' is unknown; did you mean 'run'?"),
        (["frobnicate"], "'frobnicate' is unknown; known: run, corpus"),
        (["recipe", "shwo"], "'shwo' is unknown; did you mean 'show'?"),
        (["run", "x", "--rdeo"], "unknown argument --rdeo; did you mean '--redo'?"),
        (["run", "x", "y"], "unknown argument 'y'"),
        (["generate", "x", "--promt", "a"], "--promt; did you mean '--prompt'?"),
        (["generate", "x", "--prompts=a"], "--prompts=a; did you mean '--prompt'?"),
        (["generate", "x", "--train.steps", "3"], "unknown argument --train.steps"),
        (["generate", "x", "--top-k", "many"], "argument --top-k: invalid int value: 'many'"),
        (["generate", "x", "--device", "gpu"], "'gpu' is unknown; did you mean 'cpu'?"),
        (["data", "show", "x", "--step", "0"], "'0' should be a whole number of 1 or more"),
        (["data", "show", "x", "--rows", "-1"], "argument --rows: "),
        (["status"], "the following arguments are required: RUN"),
    ],
)
def test_a_wrong_call_exits_2_and_says_what_was_meant(call: Call, arguments: list[str], shown: str):
    said = call(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "usage: textus" in said.err
    assert shown in said.err


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (["--train.stepz", "3"], "unknown setting train.stepz; did you mean 'steps'?"),
        (["--trian.steps", "3"], "unknown setting trian; did you mean 'train'?"),
        (["--train.steps", "many"], "train.steps='many' should be a whole number"),
        (["--train.steps", "2.5"], "train.steps='2.5' should be a whole number"),
        (["--train.steps", "0"], "[train] steps=0 must be at least 1"),
        (["--train.steps"], "--train.steps needs a value"),
        (["--train.steps", "3", "--train.steps", "4"], "--train.steps is given 2 times"),
        (["--train.clip", "nan"], "train.clip='nan' should be a number"),
        (["--train.overfit_batch", "maybe"], "should be true or false"),
        (["--device", "gpu"], "device='gpu' is none of 'auto', 'cpu', 'cuda', 'mps'"),
        (["--seed", "-1"], "seed=-1"),
        (["--data.seq_len", "64", "--model.max_seq_len", "32"], "data.seq_len=64 is above"),
        (["--model.num_heads", "3"], "model.num_heads; did you mean model.attention.num_heads?"),
        (
            ["--model.attention.num_heads", "3", "--model.attention.num_kv_heads", "2"],
            "[model.attention] num_heads=3 is not a multiple of num_kv_heads=2; use one of 1, 3",
        ),
        (["--model.position", "leant"], "unknown model.position.kind 'leant'; did you mean"),
        (["--tokenizer.vocab_size", "5"], "vocab_size=5 has no room for the 256"),
        (["--train.optimizer", "sgd"], "'sgd'; known: muon, adamw"),
        (["--redo", "tokens"], "unknown stage 'tokens'; did you mean 'tokenize'?"),
        (["--from", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_a_wrong_setting_exits_1_and_names_it_before_any_work(
    call: Call, recipe_file: Path, tmp_path: Path, settings: list[str], shown: str
):
    said = call("run", recipe_file, "--run", tmp_path / "run", *settings)
    assert (said.code, said.out) == (1, "")
    assert "textus: " in said.err
    assert shown in said.err
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("seed = ", "is not a readable recipe"),
        ("sead = 3", "unknown setting sead; did you mean 'seed'?"),
        ('[train]\nsteps = "5"', "train.steps='5' should be a whole number"),
        ("", "corpus is not set"),
        ("corpus = {}", "source"),
    ],
)
def test_a_wrong_recipe_is_refused(call: Call, tmp_path: Path, text: str, shown: str):
    (tmp_path / "r.toml").write_text(text)
    said = call("run", tmp_path / "r.toml", "--run", tmp_path / "run")
    assert said.code == 1
    assert shown in said.err
    assert not (tmp_path / "run").exists()


def test_a_missing_recipe_is_named(call: Call, tmp_path: Path):
    said = call("run", tmp_path / "no.toml")
    assert said.code == 1
    assert f"there is no recipe {tmp_path / 'no.toml'}" in said.err
    said = call("run", tmp_path)
    assert said.code == 1
    assert "neither a recipe nor a run folder" in said.err
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    assert "is not a readable recipe" in call("run", tmp_path / "binary.toml").err


@pytest.mark.parametrize(
    "command", [["status"], ["data", "show"], ["evaluate"], ["report"], ["generate"]]
)
def test_what_is_no_run_folder_is_refused(call: Call, tmp_path: Path, command: list[str]):
    said = call(*command, tmp_path / "nothing")
    assert (said.code, said.out) == (1, "")
    assert str(tmp_path / "nothing") in said.err
    (tmp_path / "empty").mkdir()
    said = call(*command, tmp_path / "empty")
    assert (said.code, said.out) == (1, "")
    assert str(tmp_path / "empty") in said.err


def test_a_run_folder_that_is_a_file_is_an_error_without_a_traceback(call: Call, recipe_file: Path):
    said = call("run", recipe_file, "--run", recipe_file)
    assert said.code == 1
    assert str(recipe_file) in said.err


# Running


def test_run_goes_all_the_way_and_then_has_nothing_to_do(
    call: Call, recipe_file: Path, tmp_path: Path
):
    run = tmp_path / "run"
    said = call("run", recipe_file, "--run", run)
    assert said.code == 0
    for stage in STAGES:
        assert f"{stage.name} {stage.title}" in said.err
        assert read_manifest(run / stage.output)
    assert "train.warmup_steps = " in said.err  # derived, with its reason
    assert said.out.startswith("\n--- 'the'\nthe")  # only what the model wrote
    assert (run / "report.html").is_file()
    again = call("run", recipe_file, "--run", run)
    assert (again.code, again.out) == (0, "")
    assert again.err.count("is up to date") == len(STAGES)
    changed = call("run", recipe_file, "--run", run, "--train.steps", 7)
    assert changed.code == 1
    assert "train.steps: 6 -> 7" in changed.err


def test_stages_one_by_one_end_as_a_run(
    call: Call,
    recipe_file: Path,
    shared_run: Path,
    tmp_path: Path,
    content: Callable[[Path], Tree],
):
    run = tmp_path / "run"
    for command in STAGE_COMMANDS:
        assert call(command, recipe_file, "--run", run).code == 0
    assert call("run", run).code == 0  # evaluates, and takes the folder as its recipe
    assert content(run) == content(shared_run)


def test_a_run_folder_can_be_run_by_itself(call: Call, finished: Path):
    said = call("run", finished)
    assert said.code == 0
    assert said.err.count("is up to date") == len(STAGES)


def test_without_a_folder_a_recipe_runs_under_its_name(
    call: Call, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert call("corpus", recipe_file).code == 0
    assert read_manifest(tmp_path / "runs" / "tiny" / "corpus")


def test_overfit_batch_is_a_setting(call: Call, recipe_file: Path, tmp_path: Path):
    assert call("corpus", recipe_file, "--run", tmp_path / "run", "--overfit-batch").code == 0
    assert read_toml(tmp_path / "run" / "recipe.toml")["train"]["overfit_batch"] is True


def test_a_corpus_can_be_named_on_the_command_line(
    call: Call, recipe_file: Path, texts: Path, tmp_path: Path
):
    said = call("corpus", recipe_file, "--run", tmp_path / "run", "--corpus.source", texts)
    assert said.code == 0
    assert read_toml(tmp_path / "run" / "recipe.toml")["corpus"]["source"][0]["uri"] == str(texts)


# Bad input


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (None, "there is no file or folder"),
        ({}, "is empty"),
        ({"picture.png": b"\x89PNG"}, "has no file ending in"),
        ({"a.txt": b""}, "no text is left"),
        ({"a.txt": b"short"}, "no text is left"),
    ],
)
def test_a_source_without_text_is_refused_with_the_reason(
    call: Call,
    corpus_of: Callable[[Path], Path],
    tmp_path: Path,
    files: dict[str, bytes] | None,
    shown: str,
):
    folder = tmp_path / "own"
    if files is not None:
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    said = call("run", corpus_of(folder), "--run", tmp_path / "run")
    assert said.code == 1
    assert shown in said.err.lower()
    assert str(folder) in said.err


def test_unreadable_files_are_named_and_counted_and_the_run_goes_on(
    call: Call, corpus_of: Callable[[Path], Path], texts: Path, tmp_path: Path
):
    (texts / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (texts / "latin.txt").write_bytes(
        "Ein Stück Text in einer älteren Kodierung. ".encode("latin-1")
    )
    (texts / "broken.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n' * 99)[:-9])
    lines = ['{"text": "a good line with enough text in it"}', '{"text": ', '{"other": 1}', "[3]"]
    (texts / "lines.jsonl").write_text("\n".join(lines))
    run = tmp_path / "run"
    said = call("run", corpus_of(texts), "--run", run)
    assert said.code == 0
    for name in ("binary.txt", "broken.jsonl.gz", "lines.jsonl"):
        assert name in said.err, name
    (source,) = json.loads((run / "corpus" / "report.json").read_text())["sources"]
    places = [problem["path"] for problem in source["problems"]]
    lines_of = ["lines.jsonl:2", "lines.jsonl:3", "lines.jsonl:4"]
    assert places == ["binary.txt", "broken.jsonl.gz:99", "latin.txt:1", *lines_of]
    assert source["problem_count"] == 6
    assert source["dropped"]["too_short"]["documents"] == 99


CODE = '''
from dataclasses import dataclass
from textus.corpus.config import MapStep

@dataclass(frozen=True, kw_only=True)
class NoDogs(MapStep):
    """Drops what mentions a word."""

    word: str = "dog"
    """The word."""

    def apply(self, batch):
        return batch
'''


def test_code_that_a_recipe_names_runs_only_when_allowed(
    call: Call, recipe: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "canine_steps.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    recipe["corpus"]["step"] = [{"kind": "canine_steps:NoDogs", "word": "wolf"}]
    file, run = tmp_path / "own.toml", tmp_path / "run"
    file.write_text(to_toml(recipe))
    said = call("run", file, "--run", run)
    assert said.code == 1
    assert "'canine_steps:NoDogs' is code outside Textus" in said.err
    assert "--allow-code" in said.err
    assert "canine_steps" not in sys.modules
    assert not run.exists()
    assert call("run", file, "--run", run, "--allow-code").code == 0
    assert read_toml(run / "recipe.toml")["corpus"]["step"] == [
        {"kind": "canine_steps:NoDogs", "word": "wolf"}
    ]
    for command in (["evaluate"], ["data", "show"]):
        assert call(*command, run).code == 1
        assert call(*command, run, "--allow-code").code == 0
    for command in (["status"], ["generate"], ["report"]):  # need nothing of it
        assert call(*command, run).code == 0
    misspelt = call(
        "run", file, "--run", run, "--allow-code", "--corpus.step", "canine_steps:Nodogs"
    )
    assert misspelt.code == 1
    assert "cannot be loaded" in misspelt.err


# Writing


def test_generate_puts_the_text_alone_on_stdout(call: Call, shared_run: Path):
    said = call("generate", shared_run, "--prompt", "the cat", "--max-new-tokens", 8, "--seed", 3)
    assert said.code == 0
    assert said.out.startswith("the cat")
    assert said.out.endswith("\n")
    assert "tokens in" in said.err
    again = call("generate", shared_run, "--prompt", "the cat", "--max-new-tokens", 8, "--seed", 3)
    assert again.out == said.out
    other = call("generate", shared_run, "--prompt", "the cat", "--max-new-tokens", 8, "--seed", 4)
    assert other.out != said.out


def test_generate_takes_several_prompts(call: Call, shared_run: Path):
    said = call(
        "generate", shared_run, "--prompt", "one", "--prompt", "two", "--max-new-tokens", 3,
        "--temperature", 0,
    )  # fmt: skip
    assert said.out.startswith("--- 'one'\none")
    assert "\n\n--- 'two'\ntwo" in said.out
    alone = call(
        "generate", shared_run, "--prompt", "two", "--max-new-tokens", 3, "--temperature", 0
    )
    assert alone.out.strip() in said.out


def test_generate_reads_a_prompt_from_stdin(
    call: Call, shared_run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("the mat"))
    said = call("generate", shared_run, "--prompt", "-", "--max-new-tokens", 2)
    assert said.out.startswith("the mat")


def test_generate_heeds_its_options(call: Call, shared_run: Path):
    greedy = ["generate", shared_run, "--prompt", "the", "--max-new-tokens", 30, "--temperature", 0]
    text = call(*greedy).out.removeprefix("the").rstrip("\n")
    stop = text[4:6]
    stopped = call(*greedy, "--stop", stop)
    assert stopped.out == f"the{text[: text.index(stop)]}\n"
    assert "ended by: stop" in stopped.err
    assert call(*greedy, "--device", "cpu").out.rstrip("\n") == f"the{text}"
    sampled = [*greedy[:-1], 1, "--seed", 1]
    assert call(*sampled, "--top-k", 1).out == f"the{text}\n"
    assert call(*sampled, "--min-p", 1).out == f"the{text}\n"
    assert call(*sampled, "--top-p", 1e-9).out == f"the{text}\n"
    assert call(*sampled).out != f"the{text}\n"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--temperature", "-1"], "temperature=-1.0"),
        (["--top-p", "2"], "top_p=2.0"),
        (["--max-new-tokens", "0"], "max_new_tokens=0"),
        (["--prompt", "the cat " * 40], "context"),
        (["--stop", ""], "stop holds an empty text"),
    ],
)
def test_generate_refuses_what_it_cannot_do(
    call: Call, shared_run: Path, options: list[str], shown: str
):
    said = call("generate", shared_run, *options)
    assert (said.code, said.out) == (1, "")
    assert shown in said.err


def test_generate_can_cut_a_prompt_that_is_too_long(call: Call, shared_run: Path):
    prompt = "the cat " * 40
    said = call("generate", shared_run, "--prompt", prompt, "--truncate-prompt")
    assert said.code == 0
    assert said.out.startswith(prompt)


def test_generate_writes_with_a_checkpoint_while_training_goes_on(call: Call, finished: Path):
    greedy = ["--prompt", "the", "--temperature", 0, "--max-new-tokens", 5]
    expected = call("generate", finished, *greedy).out
    (finished / "model").rename(finished / "gone")
    said = call("generate", finished, *greedy)
    assert said.out == expected
    assert "training has not finished; taking step-00000006" in said.err
    checkpoint = finished / "training" / "checkpoints" / "step-00000006"
    assert call("generate", checkpoint, *greedy).out == expected
    assert call("generate", finished / "gone", *greedy).out == expected
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    said = call("generate", finished, *greedy)
    assert said.code == 0
    assert "checkpoint step-00000006 is damaged and left out" in said.err
    assert "taking step-00000004" in said.err
    (finished / "gone" / "model.safetensors").write_bytes(b"")
    said = call("generate", finished / "gone")
    assert said.code == 1
    assert "model.safetensors has 0 bytes instead of" in said.err


# Looking


def test_evaluate_scores_held_out_text_and_a_person_s_own_files(
    call: Call, shared_run: Path, texts: Path
):
    said = call("evaluate", shared_run)
    assert said.code == 0
    bits = json.loads((shared_run / "evaluation" / "manifest.json").read_text())["counts"]
    assert f"{bits['bits_per_byte']:.4f}" in said.out
    assert "words" in said.out
    own = call("evaluate", shared_run, texts / "1.txt", texts)
    assert own.code == 0
    assert str(texts / "1.txt") in own.out
    (texts / "new").mkdir()
    (texts / "new" / "empty.txt").write_text("")
    assert "there is no text in" in call("evaluate", shared_run, texts / "new").err
    assert call("evaluate", shared_run, texts / "nowhere.txt").code == 1


def test_evaluate_tells_of_training_text_and_of_some_of_what_it_cannot_read(
    call: Call, finished: Path, texts: Path, tmp_path: Path
):
    trained = "is a file that the model was trained on"
    copy = tmp_path / "copy.txt"
    shutil.copy(texts / "1.txt", copy)
    said = call("evaluate", finished, copy)
    assert f"{copy} {trained}" in said.err
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a line of other text"}\n' + "{\n" * 40)
    said = call("evaluate", finished, bad)
    assert (said.code, trained in said.err) == (0, False)
    assert said.err.count("could not read ") == 5
    assert f"{bad.name}:2: the JSON is broken" in said.err
    assert "and 35 more that could not be read" in said.err
    said = call("evaluate", finished, texts)
    assert said.err.count(trained) == 5
    shutil.rmtree(finished / "corpus")
    assert trained not in call("evaluate", finished, copy).err


def test_recipe_show_can_be_read_back(call: Call, recipe_file: Path, tmp_path: Path):
    said = call("recipe", "show", recipe_file, "--train.steps", 9)
    assert (said.code, said.err) == (0, "")
    assert "steps = 9  # command line" in said.out
    assert "seq_len = 32  # recipe" in said.out
    (tmp_path / "shown.toml").write_text(said.out)
    expected = resolve_recipe(recipe_file, {"train": {"steps": 9}}).recipe
    assert build(Recipe, read_toml(tmp_path / "shown.toml")) == expected
    assert call("recipe", "diff", tmp_path / "shown.toml", tmp_path / "shown.toml").code == 0


def test_recipe_diff_names_what_differs(call: Call, recipe_file: Path, shared_run: Path):
    said = call("recipe", "diff", recipe_file, shared_run)
    assert (said.code, said.out) == (0, "no difference\n")
    other = recipe_file.with_name("other.toml")
    other.write_text(recipe_file.read_text().replace("steps = 6", "steps = 8"))
    said = call("recipe", "diff", recipe_file, other)
    assert said.code == 1
    assert "train.steps: 6 -> 8" in said.out
    assert call("recipe", "diff", recipe_file, "no.toml").code == 1


def test_plan_counts_the_parameters_of_the_model_that_is_built(
    call: Call, recipe_file: Path, shared_run: Path
):
    said = call("plan", recipe_file)
    assert said.code == 0
    model = load_run(shared_run).model
    built = sum(parameter.numel() for parameter in model.parameters())
    assert built == count_parameters(model.config).total
    assert f"parameters   {built:,} (" in said.out
    assert "fits         yes" in said.out
    assert "s a step" in said.out


def test_a_plan_that_does_not_fit_is_an_error_that_names_settings(
    call: Call, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("textus.run.plan._memory_of", lambda device: 1000)
    said = call("plan", recipe_file)
    assert said.code == 1
    assert "parameters   " in said.out
    assert "does not fit into memory" in said.err
    for name in ("train.micro_rows", "depth", "data.seq_len", "tokenizer.vocab_size"):
        assert name in said.err


def test_data_show_prints_a_batch_with_its_documents(call: Call, shared_run: Path):
    said = call("data", "show", shared_run)
    assert said.code == 0
    assert said.out.strip()
    assert call("data", "show", shared_run, "--step", 2).out != said.out
    assert len(call("data", "show", shared_run, "--rows", 1).out) < len(said.out)


def test_status_tells_where_a_run_stands(call: Call, shared_run: Path):
    said = call("status", shared_run)
    assert said.code == 0
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        [stage.name, "finished"] for stage in STAGES
    ]


def test_status_looks_at_the_files_of_the_sources(
    call: Call, recipe_file: Path, texts: Path, tmp_path: Path
):
    run = tmp_path / "run"
    call("corpus", recipe_file, "--run", run, "--corpus.source", texts)
    assert call("status", run).out.split()[:2] == ["corpus", "finished"]
    os.utime(texts / "1.txt", ns=(1, 1))
    assert call("status", run).out.split()[:2] == ["corpus", "finished"]
    (texts / "1.txt").write_text("Something else.")
    line = call("status", run).out.splitlines()[0]
    assert line.split()[:2] == ["corpus", "outdated"]
    assert line.endswith("the files of its sources have changed")
    shutil.rmtree(texts)
    line = call("status", run).out.splitlines()[0]
    assert line.split()[:2] == ["corpus", "outdated"]
    assert "there is no file or folder" in line


def test_report_writes_the_page_anew(call: Call, finished: Path):
    page = finished / "report.html"
    before = page.read_text()
    page.unlink()
    said = call("report", finished)
    assert (said.code, said.out) == (0, f"{page}\n")
    assert page.read_text() == before


# The process around it


@pytest.mark.parametrize("command", [["recipe", "show"], ["run", "--help"]])
def test_output_that_nobody_reads_any_more_is_no_crash(recipe_file: Path, command: list[str]):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "textus", *command, str(recipe_file)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_that_lacks_a_character_is_no_crash(
    textus: Callable[..., Any], shared_run: Path
):
    done = textus(
        *("generate", shared_run, "--prompt", "é €", "--max-new-tokens", 3),
        env={"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("? ?")
