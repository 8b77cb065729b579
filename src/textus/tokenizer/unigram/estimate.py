"""Expectation, maximisation and pruning: from many pieces to the best few.

`reference.py` has the same in plain Python.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from textus.cores import usable_cores
from textus.progress import Progress, silent
from textus.tokenizer.config import UnigramConfig
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.unigram.pieces import Pieces
from textus.tokenizer.unigram.seeds import find_seeds

MIN_EXPECTED = 0.5
"""A piece expected less often is given up, as in SentencePiece; where it has to stay, it counts for
as much."""

_CHUNKS = 8  # for any number of threads, so that sums are always made in the same order


def learn_pieces(
    words: WordCounts, *, num_pieces: int, config: UnigramConfig, progress: Progress = silent
) -> Pieces:
    """The `num_pieces` pieces (or as many as there are) with which `words` are likeliest, with the
    logarithms of their probabilities.

    In turn, probabilities are estimated in `config.em_iterations` rounds and the pieces that are
    missed least given up, until the number is reached. Results do not depend on the number of
    threads.
    """
    progress(0, None, "looking for repeated substrings")
    pieces = find_seeds(
        words,
        max_length=config.max_piece_length,
        characters=config.alphabet == "characters",
    )
    num_seeds = len(pieces)
    with ThreadPoolExecutor(usable_cores()) as pool:
        corpus = _Corpus.of(words, pool)
        while len(pieces) > num_pieces:
            for _ in range(config.em_iterations):
                pieces = _maximise(pieces, corpus.expect(pieces), num_pieces)
            pieces = _prune(pieces, corpus.losses(pieces), num_pieces, config.shrinking_factor)
            progress(
                num_seeds - len(pieces),
                num_seeds - num_pieces,
                f"giving up pieces, {len(pieces):,} left",
            )
        for _ in range(config.em_iterations):
            pieces = _maximise(pieces, corpus.expect(pieces), num_pieces)
        expected = np.maximum(corpus.expect(pieces), MIN_EXPECTED)
    return pieces.keep(np.full(len(pieces), True), np.log(expected / expected.sum()))


def _maximise(pieces: Pieces, expected: np.ndarray, num_pieces: int) -> Pieces:
    """New scores from expected counts, without the pieces that are hardly expected.

    The mean of the logarithm under a Dirichlet distribution, digamma(count) - digamma(total),
    instead of log(count / total): rare pieces get less than their share, which makes the model
    sparser (as in SentencePiece, after Liang and Klein 2007).
    """
    kept = pieces.required | (expected >= MIN_EXPECTED)
    if kept.sum() < num_pieces:
        kept = _highest(np.where(pieces.required, np.inf, expected), num_pieces)
    expected = np.maximum(expected, MIN_EXPECTED)
    scores = digamma(expected) - digamma(expected[kept].sum(keepdims=True))
    return pieces.keep(kept, scores)


def _prune(pieces: Pieces, losses: np.ndarray, num_pieces: int, factor: float) -> Pieces:
    """Without the pieces that are not used, and at most `factor` of the others."""
    losses = np.where(pieces.required, np.inf, losses)
    size = min(int(factor * len(pieces)), int(np.count_nonzero(losses >= 0)))
    return pieces.keep(_highest(losses, max(num_pieces, size)), pieces.scores)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """Which are the `count` highest values, of equals the first."""
    chosen = np.zeros(len(values), dtype=bool)
    chosen[np.argsort(-values, kind="stable")[:count]] = True
    return chosen


def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of log gamma for positive numbers, to some 1e-12: the asymptotic series, after
    digamma(x) = digamma(x + 1) - 1/x has brought small numbers above 8."""
    x = np.array(x, dtype=np.float64)
    result = np.zeros_like(x)
    while (small := x < 8).any():
        result[small] -= 1 / x[small]
        x[small] += 1
    square = 1 / (x * x)
    series = square * (
        1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132)))
    )
    return result + np.log(x) - 0.5 / x - series


@dataclass(frozen=True, kw_only=True, eq=False)
class _Corpus:
    """The words, shared out in chunks of about equal length."""

    chunks: list[tuple[np.ndarray, np.ndarray]]
    """Offsets (words + 1) and counts (words) of each chunk, int64 and float64."""

    pool: ThreadPoolExecutor

    @classmethod
    def of(cls, words: WordCounts, pool: ThreadPoolExecutor) -> "_Corpus":
        targets = np.linspace(0, words.offsets[-1], _CHUNKS + 1)
        bounds = np.searchsorted(words.offsets, targets).tolist()
        return cls(
            chunks=[
                (words.offsets[low : high + 1], words.counts[low:high].astype(np.float64))
                for low, high in pairwise(bounds)
                if low < high
            ],
            pool=pool,
        )

    def expect(self, pieces: Pieces) -> np.ndarray:
        """How often each piece occurs on average over all cuts, float64 (pieces,)."""
        from textus.tokenizer.unigram.train_kernels import expect

        nodes = pieces.nodes()
        links, reach = nodes.view(np.int64)[:, 2], int(pieces.lengths.max())

        def count(chunk: tuple[np.ndarray, np.ndarray], expected: np.ndarray) -> None:
            expect(*chunk, pieces.deepest, nodes, links, reach, expected)

        return self._sum(count, len(pieces))

    def losses(self, pieces: Pieces) -> np.ndarray:
        """What giving up each piece costs in likelihood, -1 where nothing, float64 (pieces,)."""
        from textus.tokenizer.unigram.train_kernels import count_best, losses

        nodes = pieces.nodes()
        links = nodes.view(np.int64)[:, 2]

        def count(chunk: tuple[np.ndarray, np.ndarray], used: np.ndarray) -> None:
            count_best(*chunk, pieces.deepest, nodes, links, used)

        used = self._sum(count, len(pieces))
        out = np.empty(len(pieces))
        bounds = np.linspace(0, len(pieces), _CHUNKS + 1).astype(np.int64).tolist()

        def lose(low: int, high: int) -> None:
            losses(
                low,
                pieces.places,
                pieces.lengths,
                pieces.deepest,
                nodes,
                links,
                used,
                used.sum(),
                int(pieces.lengths.max()),
                out[low:high],
            )

        list(self.pool.map(lose, bounds, bounds[1:]))
        return out

    def _sum(
        self, count: Callable[[tuple[np.ndarray, np.ndarray], np.ndarray], None], size: int
    ) -> np.ndarray:
        """What `count` adds up over the chunks, always in the same order."""
        sums = np.zeros((len(self.chunks), size))
        list(self.pool.map(count, self.chunks, sums))
        return sums.sum(axis=0)
