"""Held-out documents, once through and in the order of the shards: for evaluation.

Documents are not packed together: each begins a row of its own, and what its last row has left over
is filled with end-of-text ids that nothing predicts and that, standing last, no token sees.
"""

from collections.abc import Iterator

import numpy as np
import torch

from textus.data.batch import IGNORED, Batch
from textus.data.shards import SourceTokens, TokenSet


def iterate_documents(tokens: TokenSet) -> Iterator[tuple[str, np.ndarray]]:
    """Each document once: its source's name and its ids, read-only, beginning with end-of-text."""
    for name, source in tokens.sources.items():
        for number in range(source.documents):
            yield name, source.document(number)


def held_out_batches(
    tokens: TokenSet, *, seq_len: int, rows: int, max_rows: int | None = None
) -> Iterator[Batch]:
    """Batches of at most `rows` rows, each of a single source, together every held-out token once.

    A document's last token has the end-of-text id as its target. `max_rows` takes only so many
    rows, always the same ones: evenly spread over the documents, from each source in proportion to
    its size (and at least one, so that many small sources can make it a few more).
    """
    places = {name: _row_places(source, seq_len) for name, source in tokens.sources.items()}
    total = sum(len(of_source) for of_source in places.values())
    for name, of_source in places.items():
        if max_rows is not None and max_rows < total:
            of_source = _spread(of_source, max(1, len(of_source) * max_rows // total))
        for first in range(0, len(of_source), rows):
            chosen = of_source[first : first + rows]
            yield _batch(tokens.sources[name], chosen, seq_len, tokens.end_of_text)


def _row_places(source: SourceTokens, seq_len: int) -> np.ndarray:
    """For each of the source's rows its document, and which row of it: (rows, 2) int64."""
    counts = -(-np.diff(source.starts, append=source.total) // seq_len)
    documents = np.repeat(np.arange(source.documents), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([documents, np.arange(len(documents)) - before], axis=1)


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """`count` of the places, from the middles of as many equal stretches."""
    return places[(2 * np.arange(count) + 1) * len(places) // (2 * count)]


def _batch(source: SourceTokens, places: np.ndarray, seq_len: int, end_of_text: int) -> Batch:
    inputs = np.full((len(places), seq_len), end_of_text, np.int64)
    targets = np.full((len(places), seq_len), IGNORED, np.int64)
    for index, (document, row) in enumerate(places.tolist()):
        ids = source.document(document)[row * seq_len : (row + 1) * seq_len + 1]
        length = min(len(ids), seq_len)
        inputs[index, :length] = ids[:length]
        targets[index, : len(ids) - 1] = ids[1:]
        if len(ids) <= seq_len:  # the document ends in this row
            targets[index, len(ids) - 1] = end_of_text
    return Batch(
        tokens=torch.from_numpy(inputs),
        targets=torch.from_numpy(targets),
        sources=(source.name,) * len(places),
    )
