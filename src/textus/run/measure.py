"""Looking at a run folder: evaluation, batches, where the stages stand."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from textus.corpus.config import Source
from textus.corpus.readers import Flaw, read_texts
from textus.corpus.sources import find_files
from textus.data.heldout import iterate_documents
from textus.data.shards import open_shards
from textus.data.show import show_batch
from textus.errors import DataError
from textus.evaluate.bits_per_byte import Evaluation, evaluate_documents, evaluate_texts
from textus.progress import Progress
from textus.run.device import choose_device
from textus.run.folder import check_run, load_recipe, load_run
from textus.run.graph import status
from textus.run.pretrain import make_loader
from textus.run.stages import STAGES
from textus.tokenizer.tokenizer import Tokenizer

Say = Callable[[str], None]


def evaluate_held_out(run: Path, say: Say, progress: Progress) -> Evaluation:
    """Bits per byte of a run's own held-out documents."""
    recipe = load_recipe(run)
    loaded = load_run(run, device=choose_device(recipe.device)[0], say=say)
    return evaluate_documents(
        loaded.model,
        iterate_documents(open_shards(run / "data", "held_out")),
        loaded.tokenizer.byte_lengths(),
        progress=progress,
    )


def evaluate_files(run: Path, files: Sequence[str], say: Say, progress: Progress) -> Evaluation:
    """Bits per byte of files of any format that a corpus can be made of; each address is a source
    of its own."""
    loaded = load_run(run, device=choose_device("auto")[0], say=say)
    texts = itertools.chain.from_iterable(_texts(file, say) for file in files)
    first = next(texts, None)
    if first is None:
        raise DataError(f"there is no text in {', '.join(files)}")
    texts = itertools.chain([first], texts)
    return evaluate_texts(loaded.model, loaded.tokenizer, texts, progress=progress)


def _texts(uri: str, say: Say) -> Iterator[tuple[str, str]]:
    source = Source.from_text(uri)
    for file in find_files(source):
        with file.open() as stream:
            for item in read_texts(stream, file.path, source.text_field):
                if isinstance(item, Flaw):
                    say(f"{file.path}: {item.problem}")
                elif item.text:
                    yield uri, item.text


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
    for entry in status(STAGES, run):
        manifest = entry.manifest
        detail = ""
        if manifest:
            size = sum(file["bytes"] for file in manifest.files.values())
            detail = f"{manifest.created}  {manifest.seconds:8.1f} s  {size / 1e6:9.2f} MB"
        yield f"{entry.stage.name:10} {entry.state:10} {detail}".rstrip()
