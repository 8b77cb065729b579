"""The pieces of a training run, and which of them begin at each place of the corpus."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """Pieces sorted by their bytes, those that begin another before it.

    The pieces that begin at a place are the `deepest`, its parent, the parent of that, and so on:
    the corpus needs four bytes for each of its places, and no search tree.
    """

    lengths: np.ndarray
    """Bytes of each piece, int64 (pieces,)."""

    places: np.ndarray
    """Where in the corpus each piece stands, for one, int64 (pieces,)."""

    parents: np.ndarray
    """The longest other piece that each begins with, or -1, int64 (pieces,)."""

    required: np.ndarray
    """Whether a piece is never given up: the single bytes or characters, bool (pieces,)."""

    scores: np.ndarray
    """Natural logarithms of the probabilities, float64 (pieces,)."""

    deepest: np.ndarray
    """The longest piece that begins at each byte of the corpus, or -1, int32 (bytes,)."""

    def __len__(self) -> int:
        return len(self.lengths)

    def nodes(self) -> np.ndarray:
        """What the kernels read of each piece, float64 (pieces, 3): its probability, its score
        and, as the bits of an int64, parent * 65536 + length."""
        nodes = np.empty((len(self), 3))
        nodes[:, 0], nodes[:, 1] = np.exp(self.scores), self.scores
        nodes.view(np.int64)[:, 2] = (self.parents << 16) + self.lengths
        return nodes

    def keep(self, kept: np.ndarray, scores: np.ndarray) -> "Pieces":
        """The pieces with `kept`, which are given these scores (one for each piece before)."""
        from textus.tokenizer.unigram.train_kernels import renumber

        # new numbers: of a piece that goes, that of the longest one left that it begins with
        numbers = np.append(renumber(kept, self.parents), -1)
        return Pieces(
            lengths=self.lengths[kept],
            places=self.places[kept],
            parents=numbers[self.parents[kept]],
            required=self.required[kept],
            scores=scores[kept],
            deepest=numbers[self.deepest].astype(np.int32),
        )
