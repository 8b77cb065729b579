"""The likeliest cuts of a text, several of them, for study: as SentencePiece's NBestEncode."""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import chain
from typing import NamedTuple

from textus.tokenizer.unigram.model import Edge, Unigram


class _Cut(NamedTuple):
    """A cut of a word up to one of its places."""

    score: float
    edge: Edge | None
    """The last piece; None at the beginning."""
    before: int
    """Which of the cuts up to the beginning of that piece goes on here."""


class Scored(NamedTuple):
    """The ids of a cut, and the logarithm of its probability."""

    score: float
    ids: tuple[int, ...]


def best_cuts(model: Unigram, words: Iterable[bytes | int], *, n: int) -> list[Scored]:
    """The `n` likeliest cuts of words in a row, or all if there are fewer; the likeliest first.

    An int among the words is an id and stays. Of equally likely cuts of one word those go first
    whose last piece is longer.
    """
    best = [Scored(0.0, ())]
    for word in words:
        whole = isinstance(word, int)
        cuts = [Scored(0.0, (word,))] if whole else _cuts_of_word(model, word, n=n)
        best = _joined(best, cuts, n=n)
    return best


def _joined(left: Sequence[Scored], right: Sequence[Scored], *, n: int) -> list[Scored]:
    """The best of all that go on with one of `right` behind one of `left`."""
    both = (Scored(a.score + b.score, a.ids + b.ids) for a in left for b in right)
    return nlargest(n, both, key=lambda cut: cut.score)


def _cuts_of_word(model: Unigram, word: bytes, *, n: int) -> list[Scored]:
    """The best cuts of a word: of each place of it the best cuts up to there are kept."""
    cuts: list[list[_Cut]] = [[] for _ in range(len(word) + 1)]
    cuts[0] = [_Cut(0.0, None, 0)]
    arriving: list[list[_Cut]] = [[] for _ in range(len(word) + 1)]
    rounded = model.rounded
    for edge in chain.from_iterable(model.edges_by_start(word)):
        start, end, id_ = edge
        if not cuts[start]:
            cuts[start] = nlargest(n, arriving[start], key=lambda cut: cut.score)
        score = model.score(id_)
        arriving[end] += [
            _Cut(rounded(cut.score + score), edge, i) for i, cut in enumerate(cuts[start])
        ]
    if word:
        cuts[-1] = nlargest(n, arriving[-1], key=lambda cut: cut.score)
    return [Scored(cut.score, tuple(_ids(model, word, cuts, cut))) for cut in cuts[-1]]


def _ids(model: Unigram, word: bytes, cuts: Sequence[Sequence[_Cut]], cut: _Cut) -> list[int]:
    edges: list[Edge] = []
    while cut.edge is not None:
        edges.append(cut.edge)
        cut = cuts[cut.edge[0]][cut.before]
    return model.spell(word, edges[::-1])
