"""Bits per byte with the model of a run folder."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from textus.corpus.config import Source
from textus.corpus.readers import Flaw, read_texts
from textus.corpus.sources import find_files
from textus.data.held_out import iterate_documents
from textus.data.shards import open_shards
from textus.errors import DataError
from textus.evaluate.bits_per_byte import Evaluation, evaluate_documents, evaluate_texts
from textus.progress import Progress
from textus.run.device import choose_device
from textus.run.folder import load_recipe, load_run

Say = Callable[[str], None]


def evaluate_held_out(run: Path, say: Say, progress: Progress) -> Evaluation:
    """Bits per byte of a run's own held-out documents."""
    device, why = choose_device(load_recipe(run).device)
    say(f"device: {why}")
    loaded = load_run(run, device=device, say=say)
    return evaluate_documents(
        loaded.model,
        iterate_documents(open_shards(run / "data", "held_out")),
        loaded.tokenizer.byte_lengths(),
        progress=progress,
    )


def evaluate_files(run: Path, files: Sequence[str], say: Say, progress: Progress) -> Evaluation:
    """Bits per byte of files of any format that a corpus can be made of; each address is a source
    of its own."""
    device, why = choose_device("auto")
    say(f"device: {why}")
    loaded = load_run(run, device=device, say=say)
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
