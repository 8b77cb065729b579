"""Bits per byte with the model of a run folder."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from textus.corpus.config import Source
from textus.corpus.readers import Flaw, read_texts
from textus.corpus.sources import find_files, fingerprint
from textus.data.held_out import iterate_documents
from textus.data.shards import open_shards
from textus.errors import DataError
from textus.evaluate.bits_per_byte import Evaluation, evaluate_documents, evaluate_texts
from textus.progress import Progress
from textus.run.device import choose_device
from textus.run.folder import load_recipe, load_run
from textus.store import read_manifest
from textus.text import count_of

Say = Callable[[str], None]

SHOWN = 5
"""How many files with something about them are named; of the others the number is said."""


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
    sources = [Source.from_text(file) for file in files]
    for warning in _training_text(run, sources):
        say(warning)
    flaws = _Flaws()
    texts = itertools.chain.from_iterable(_texts(source, flaws) for source in sources)
    try:
        first = next(texts, None)
        if first is None:
            raise DataError(f"there is no text in {', '.join(files)}")
        texts = itertools.chain([first], texts)
        return evaluate_texts(loaded.model, loaded.tokenizer, texts, progress=progress)
    finally:
        for line in flaws.lines():
            say(line)


def _training_text(run: Path, sources: Sequence[Source]) -> Iterator[str]:
    """A warning for each of the files that the run's corpus was made from, known by content."""
    manifest = read_manifest(run / "corpus")
    known = manifest.counts["files"] if manifest else []
    digests = {entry["digest"] for entry in known}
    found = [e["address"] for e in fingerprint(sources, known) if e["digest"] in digests]
    for address in found[:SHOWN]:
        yield (
            f"{address} is a file that the model was trained on: it knows the text, and the bits "
            "per byte say nothing of others"
        )
    if len(found) > SHOWN:
        yield f"and {count_of(len(found) - SHOWN, 'more file')} that the model was trained on"


class _Flaws:
    """What could not be read: the first few, and how many more."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._count = 0

    def add(self, path: str, flaw: Flaw) -> None:
        self._count += 1
        if len(self._shown) < SHOWN:
            where = f"{path}:{flaw.line}" if flaw.line else path
            self._shown.append(f"could not read {where}: {flaw.problem}")

    def lines(self) -> list[str]:
        more = self._count - len(self._shown)
        return [*self._shown, *([f"and {more:,} more that could not be read"] if more else [])]


def _texts(source: Source, flaws: _Flaws) -> Iterator[tuple[str, str]]:
    for file in find_files(source):
        with file.open() as stream:
            for item in read_texts(stream, file.path, source.text_field):
                if isinstance(item, Flaw):
                    flaws.add(file.path, item)
                elif item.text:
                    yield source.uri, item.text
