"""Build and load from Python: what `textus run` and `textus generate` do."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textus.generate.config import SampleConfig
from textus.generate.generate import Completion, generate
from textus.parallel.collectives import barrier, processes, rank
from textus.recipe import Tree, read_toml, to_toml, to_tree
from textus.run.device import choose_device
from textus.run.folder import Loaded, load_run
from textus.run.graph import Context, Display, Stopped, run_stages
from textus.run.names import CHECKPOINTS, RECIPE, TRAINING
from textus.run.report import write_run_report
from textus.run.settings import Resolved, overrides_from, resolve_recipe
from textus.run.stages import STAGES
from textus.store import locked, recover, write_file


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
        """A continuation of the prompt. `settings` are those of SampleConfig: temperature,
        max_new_tokens, ..."""
        return self.generate_many([prompt], **settings)[0].text

    def generate_many(self, prompts: Sequence[str], **settings: Any) -> list[Completion]:
        """A continuation of each prompt, written at the same time."""
        return generate(self.model, self.tokenizer, prompts, SampleConfig(**settings))


def load(run: str | Path, device: str = "auto") -> Model:
    """The model of a run folder, ready to write; its newest checkpoint if training has not
    finished."""
    return Model(load_run(Path(run), device=choose_device(device)[0]))


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
        if rank() != 0:
            context = dataclasses.replace(context, display=Display(stopping=display.stopping))
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


@contextlib.contextmanager
def _first_holds(run: Path) -> Iterator[None]:
    """The first process locks the folder and tidies it; the others come in when that is done."""
    with contextlib.ExitStack() as stack:
        if rank() == 0:
            stack.enter_context(locked(run))
            for folder in (run, run / TRAINING, run / CHECKPOINTS):
                recover(folder)
        barrier()
        yield


def _save_recipe(resolved: Resolved, run: Path) -> None:
    """Writes recipe.toml, unless it says the same already: its notes tell where values came
    from."""
    tree: Tree = to_tree(resolved.recipe)
    file = run / RECIPE
    if rank() == 0 and not (file.is_file() and read_toml(file) == tree):
        write_file(file, to_toml(tree, resolved.origins))
