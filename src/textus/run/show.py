"""Looking at a run folder: a batch as the model sees it, and where the stages stand."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from textus.corpus.config import Source
from textus.corpus.sources import digest, fingerprint
from textus.data.shards import open_shards
from textus.data.show import show_batch
from textus.errors import DamagedError, DataError
from textus.recipe import build, read_toml
from textus.run.folder import check_run, load_recipe
from textus.run.freshness import outdated
from textus.run.graph import status
from textus.run.names import RECIPE
from textus.run.pretrain import make_loader
from textus.run.stages import STAGES
from textus.store import read_manifest
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
    stale = dict.fromkeys(outdated({e.stage.name: e.manifest for e in entries if e.manifest}), "")
    stale |= _changed_sources(run)
    for entry in entries:
        manifest = entry.manifest
        detail = ""
        state = "outdated" if entry.stage.name in stale else entry.state
        if manifest:
            size = sum(file["bytes"] for file in manifest.files.values())
            detail = f"{manifest.created}  {manifest.seconds:8.1f} s  {size / 1e6:9.2f} MB"
            detail += stale.get(entry.stage.name, "")
        yield f"{entry.stage.name:10} {state:10} {detail}".rstrip()


def _changed_sources(run: Path) -> dict[str, str]:
    """The stage that reads the sources, with what is the matter, if their files are others than
    when it was made. Files on this machine are looked at, and read where their time is another."""
    try:
        manifest = read_manifest(run / "corpus")
        # Not the whole recipe, which may name code of the user's own.
        written = read_toml(run / RECIPE)["corpus"]["source"]
        sources = [build(Source, tree) for tree in written if "://" not in tree["uri"]]
        files = manifest.counts["files"] if manifest else None
        if files is None:
            return {}
        local = {source.name for source in sources}
        then = digest([file for file in files if file["source"] in local])
        if digest(fingerprint(sources, files)) == then:
            return {}
    except DamagedError:  # the line of the stage says so
        return {}
    except DataError as error:
        return {"corpus": f"  {error}"}
    return {"corpus": "  the files of its sources have changed"}
