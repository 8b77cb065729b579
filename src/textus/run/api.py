"""Build and load from Python: what `textus run` and `textus generate` do."""

import contextlib
import dataclasses
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textus.errors import StoreError
from textus.evaluate.bits_per_byte import Evaluation
from textus.evaluate.table import read_evaluation
from textus.generate.config import SampleConfig
from textus.generate.generate import Completion, generate
from textus.parallel.collectives import barrier, processes, rank
from textus.recipe import Tree, read_toml, to_toml, to_tree
from textus.recipe import build as build_config
from textus.run.device import choose_device
from textus.run.folder import Loaded, check_run, load_run
from textus.run.graph import Context, Display, Stopped, run_stages
from textus.run.measure import evaluate_held_out
from textus.run.names import CHECKPOINTS, RECIPE, TRAINING, WRITTEN
from textus.run.report import write_run_report
from textus.run.resolve import Resolved, overrides_from, resolve_recipe
from textus.run.stages import STAGES
from textus.store import locked, read_manifest, recover, write_file


def build(
    recipe: str | Path | Mapping[str, Any],
    run: str | Path,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Runs a recipe in a run folder, from documents to an evaluated model; returns the folder.

    `recipe` is a file or a nested dict, `settings` overrides it: {"train.steps": 100}. What is
    finished in the folder already is kept, and what was interrupted is resumed.
    """
    source = recipe if isinstance(recipe, Mapping) else Path(recipe)
    run_recipe(resolve_recipe(source, overrides_from(settings or {})), Path(run), Display())
    return Path(run)


class Model:
    """A trained model with its tokenizer: what `load` gives."""

    def __init__(self, loaded: Loaded):
        self.model = loaded.model
        self.tokenizer = loaded.tokenizer

    def generate(self, prompt: str = "", **settings: Any) -> str:
        """What follows the prompt, without it. `settings` are those of SampleConfig:
        max_new_tokens, temperature, top_k, top_p, min_p, seed, stop, truncate_prompt."""
        return self.generate_many([prompt], **settings)[0].text

    def generate_many(self, prompts: Sequence[str], **settings: Any) -> list[Completion]:
        """A continuation of each prompt, written at the same time."""
        config = build_config(SampleConfig, settings)
        return generate(self.model, self.tokenizer, prompts, config)


def load(run: str | Path, device: str = "auto") -> Model:
    """The model of a run folder, ready to write; its newest checkpoint if training has not
    finished."""
    return Model(load_run(Path(run), device=choose_device(device)[0], say=warnings.warn))


def run_recipe(
    resolved: Resolved,
    run: Path,
    display: Display,
    *,
    only: str | None = None,
    redo: str | None = None,
) -> None:
    """Brings the stages of a run folder up to date; under torchrun all processes take part in
    training."""
    device, _ = choose_device(resolved.recipe.device)
    context = Context(recipe=resolved.recipe, run=run, display=display, redo=redo)
    with processes(device), _first_holds(run):
        try:
            run_stages(STAGES, context, only=only, before_work=lambda: _save_recipe(resolved, run))
        except Stopped:
            _report(context)
            raise
        if only is None:
            _report(context)


def _report(context: Context) -> None:
    if rank() == 0:
        context.display.say(f"report: {write_run_report(context.run)}")


def evaluate_stage(run: Path, display: Display) -> Evaluation:
    """Bits per byte of a run's held-out documents, kept in the run folder once training is done."""
    check_run(run)
    if read_manifest(run / "model") is None:
        return evaluate_held_out(run, display.say, display.progress)
    quiet = dataclasses.replace(display, say=lambda text: None)  # the caller shows the table
    run_recipe(resolve_recipe(run, {}), run, quiet, only="evaluate")
    return read_evaluation(json.loads((run / "evaluation" / "evaluation.json").read_text("utf-8")))


@contextlib.contextmanager
def _first_holds(run: Path) -> Iterator[None]:
    """The first process locks the folder and tidies it; the others come in when that is done."""
    with contextlib.ExitStack() as stack:
        if rank() == 0:
            _refuse_other_folder(run)
            stack.enter_context(locked(run))
            for folder in (run, run / TRAINING, run / CHECKPOINTS):
                recover(folder)
        barrier()
        yield


def _refuse_other_folder(run: Path) -> None:
    """StoreError for a folder that is in use for something else: a run would replace its files."""
    if not run.is_dir() or (run / RECIPE).is_file():
        return
    others = sorted(path.name for path in run.iterdir() if not path.name.startswith(".lock"))
    if others:
        raise StoreError(
            f"{run} is no run folder, and holds other things ({others[0]!r}); give a new folder "
            "with --run. (Documents to learn from are named with --corpus.source.)"
        )


def _save_recipe(resolved: Resolved, run: Path) -> None:
    """Writes what was asked for, and every value with its origin, unless they stand there already:
    a recipe that is read back from a run folder no longer knows what the command line said."""
    tree: Tree = to_tree(resolved.recipe)
    file = run / RECIPE
    if rank() == 0 and not (file.is_file() and read_toml(file) == tree):
        write_file(run / WRITTEN, to_toml(resolved.written))
        write_file(file, to_toml(tree, resolved.origins))
