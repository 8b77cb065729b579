"""Which row comes when: the endless sequence of rows that one source gives.

In each epoch the source's documents are shuffled and laid end to end. The epochs follow one another
without a gap, and this endless stream is cut into rows of `seq_len` tokens. So an epoch has no
remainder: its last row reads on into the first documents of the next epoch, every token is an input
exactly once in every epoch, and a source that is shorter than one row simply comes several times in
it.

The rows that lie wholly inside an epoch come in shuffled order, so that neighbouring rows of a long
document do not meet in one batch; the row that reads on comes last. Any row is found directly, from
its number alone.
"""

import hashlib

import numpy as np

from textus.data.shards import SourceTokens


def shuffled(count: int, *key: str | int) -> np.ndarray:
    """A permutation (count,) of 0 ... count-1, int64, that depends on `key` alone.

    The numbers are sorted by a hash (the finalizer of SplitMix64, Steele et al. 2014). numpy's own
    generators may give another order in another version of numpy, and a run could then not be
    resumed exactly.
    """
    name = "\0".join(map(str, key)).encode()
    seed = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
    x = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(x ^ (x >> np.uint64(31)))


class Epoch:
    """One pass over a source: its documents shuffled and laid end to end (16 bytes a document)."""

    def __init__(self, source: SourceTokens, seed: int, number: int):
        order = shuffled(source.documents, seed, source.name, number, "documents")
        lengths = np.diff(source.starts, append=source.total)[order]
        self.source = source
        self.starts = source.starts[order]  # of each document, in the source
        self.ends = np.cumsum(lengths)  # of each document, in this epoch

    def read(self, offset: int, out: np.ndarray) -> int:
        """Fills `out` from position `offset` of the epoch on; returns how many ids there were."""
        document = int(np.searchsorted(self.ends, offset, side="right"))
        filled = 0
        while filled < len(out) and document < len(self.ends):
            begin = int(self.ends[document - 1]) if document else 0
            length = min(int(self.ends[document]) - offset, len(out) - filled)
            start = int(self.starts[document]) + offset - begin
            out[filled : filled + length] = self.source.tokens(start, length)
            filled, offset, document = filled + length, offset + length, document + 1
        return filled


class SourceRows:
    """The endless sequence of rows of one source, by number."""

    def __init__(self, source: SourceTokens, *, seq_len: int, seed: int, end_of_text: int):
        self.source, self.seq_len, self.seed = source, seq_len, seed
        self.end_of_text = end_of_text
        self._epochs: dict[int, Epoch] = {}
        self._row_order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def read(self, row: int, out: np.ndarray) -> None:
        """Fills `out` (seq_len + 1,) with the row's inputs and the token that follows them."""
        total = self.source.total
        epoch, offset = divmod(self.place(row) * self.seq_len, total)
        filled = self._epoch(epoch).read(offset, out)
        while filled < len(out):
            epoch += 1
            if filled == self.seq_len:
                # Every epoch begins with end-of-text: no need to shuffle the next one for that.
                out[filled:] = self.end_of_text
                return
            filled += self._epoch(epoch).read(0, out[filled:])

    def place(self, row: int) -> int:
        """Which stretch of the stream the row is: it begins at `place * seq_len`."""
        total = self.source.total
        epoch = row * self.seq_len // total
        first = -(-epoch * total // self.seq_len)
        inside = (epoch + 1) * total // self.seq_len - first
        if row - first >= inside:
            return row
        if self._row_order[0] != epoch:
            order = shuffled(inside, self.seed, self.source.name, epoch, "rows")
            self._row_order = (epoch, order)
        return first + int(self._row_order[1][row - first])

    def _epoch(self, number: int) -> Epoch:
        if number not in self._epochs:
            # Two are enough: a row that reads on needs the next, and then the old one is over.
            while len(self._epochs) > 1:
                self._epochs.pop(min(self._epochs))
            self._epochs[number] = Epoch(self.source, self.seed, number)
        return self._epochs[number]
