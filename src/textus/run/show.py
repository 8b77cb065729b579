"""Looking at a run folder: a batch as the model sees it, and where the stages stand."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from textus.data.shards import open_shards
from textus.data.show import show_batch
from textus.run.folder import check_run, load_recipe
from textus.run.freshness import outdated
from textus.run.graph import status
from textus.run.pretrain import make_loader
from textus.run.stages import STAGES
from textus.tokenizer.tokenizer import Tokenizer


def describe_batch(run: Path, *, step: int, rows: int) -> str:
    """What the model sees at a training step, with document boundaries and targets."""
    recipe = load_recipe(run)
    tokenizer = Tokenizer.load(run / "tokenizer")
    loader = make_loader(recipe, open_shards(run / "data", "train"))
    batches = next(itertools.islice(loader, step - 1, None))
    width = min(100, _terminal_width())
    return show_batch(
        batches[0], tokenizer.decode, end_of_text=tokenizer.end_of_text, rows=rows, width=width
    )


def _terminal_width() -> int:
    return int(os.environ.get("COLUMNS", "100"))


def describe_status(run: Path) -> Iterator[str]:
    """A line for each stage of a run folder."""
    check_run(run)
    entries = list(status(STAGES, run))
    stale = outdated({e.stage.name: e.manifest for e in entries if e.manifest})
    for entry in entries:
        manifest = entry.manifest
        detail = ""
        state = "outdated" if entry.stage.name in stale else entry.state
        if manifest:
            size = sum(file["bytes"] for file in manifest.files.values())
            detail = f"{manifest.created}  {manifest.seconds:8.1f} s  {size / 1e6:9.2f} MB"
        yield f"{entry.stage.name:10} {state:10} {detail}".rstrip()
