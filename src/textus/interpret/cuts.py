"""How a word is cut, one step after the other: slow, obvious twins of the models' `encode_word`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.unigram.model import Unigram, character_length
from textus.tokenizer.wordpiece.model import LongestMatch

UNKNOWN = b"\xef\xbf\xbd"
"""What stands in a row for a character that no token has: U+FFFD."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened, and the row of pieces after it."""

    what: str
    row: tuple[bytes, ...]
    tried: bytes = b""
    """The piece that was made or found."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A way to cut a word, and the sum of its pieces' scores."""

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]
    score: float


def words_of(definition: Definition, text: str) -> list[bytes]:
    """The words that the model is given, in UTF-8; names of special and added tokens in the text
    are not looked for."""
    normalized = definition.normalizer(text) if definition.normalizer else text
    return [word.encode() for word in definition.splitter.split(normalized)]


def explain_word(definition: Definition, word: bytes) -> list[Step]:
    """The steps by which the model cuts a word; their last row has the tokens of the word."""
    model = definition.model
    if isinstance(model, Merges):
        return _merge_steps(definition, model, word)
    if isinstance(model, LongestMatch):
        return list(_match_steps(model, word))
    if isinstance(model, Unigram):
        return list(_cut_steps(model, word))
    row = tuple(definition.tokens[id_] for id_ in model.encode_word(word))
    return [Step(what=f"{type(model).__name__} cuts", row=row)]


def _merge_steps(definition: Definition, model: Merges, word: bytes) -> list[Step]:
    steps: list[Step] = []

    def row(ids: Sequence[int]) -> tuple[bytes, ...]:
        return tuple(definition.tokens[id_] if id_ >= 0 else UNKNOWN for id_ in ids)

    def join(start: list[int]) -> list[int]:
        ids = list(start)
        steps.append(Step(what="start", row=row(ids)))
        while pairs := [p for p in enumerate(pairwise(ids)) if p[1] in model.ranks]:
            place, pair = min(pairs, key=lambda p: (model.ranks[p[1]][0], p[0]))
            rank, joined = model.ranks[pair]
            ids[place : place + 2] = [joined]
            what = f"merge {rank:,}"
            steps.append(Step(what=what, row=row(ids), tried=definition.tokens[joined]))
        return ids

    whole = model.whole_words and word in model.ids
    if whole or word in model.symbols:
        return [Step(what="the word is a token", row=(word,), tried=word)]
    model.cut(word, join)
    return steps


def _match_steps(model: LongestMatch, word: bytes) -> Iterator[Step]:
    if model.unknown is not None and len(model.encode_word(word)) == 0:
        yield Step(what="white space becomes nothing", row=())
        return
    if model.encode_word(word) == [model.unknown]:
        yield Step(what="cannot be spelt: unknown", row=(UNKNOWN,))
        return
    found: list[bytes] = []
    start = 0
    while start < len(word):
        pieces = model.continuation if start else model.initial
        ends = range(len(word), start, -1)
        piece = next(word[start:end] for end in ends if word[start:end] in pieces)
        kind = "goes on with" if start else "begins with"
        start += len(piece)
        found.append(piece)
        rest = (word[start:],) if start < len(word) else ()
        yield Step(what=kind, row=(*found, *rest), tried=piece)


def _cut_steps(model: Unigram, word: bytes) -> Iterator[Step]:
    for name, cut in zip(("best cut", "runner-up"), best_cuts(model, word), strict=False):
        scores = " ".join(f"{score:.2f}" for score in cut.scores)
        yield Step(what=f"{name} {cut.score:.2f} = {scores}", row=cut.pieces)


def best_cuts(model: Unigram, word: bytes, *, count: int = 2) -> list[Cut]:
    """The likeliest ways to cut a word, the best first; UNKNOWN stands for a character that is no
    piece, unless it is spelt in bytes.

    Keeps the `count` best cuts of every beginning of the word (Viterbi with a list). Of equals the
    one whose last piece is longest comes first, as in `encode_word`.
    """
    number = np.float32 if model.single_precision else np.float64
    best: dict[int, list[Cut]] = {0: [Cut(pieces=(), scores=(), score=0.0)]}
    for start in range(len(word)):
        for end, piece, score in _edges(model, word, start):
            for cut in best.get(start, []):
                longer = Cut(
                    pieces=(*cut.pieces, piece),
                    scores=(*cut.scores, score),
                    score=float(number(cut.score) + number(score)),
                )
                best.setdefault(end, []).append(longer)
        for end, cuts in best.items():
            best[end] = sorted(cuts, key=lambda cut: -cut.score)[:count]
    return best[len(word)]


def _edges(model: Unigram, word: bytes, start: int) -> Iterator[tuple[int, bytes, float]]:
    """(end, piece, score) of what can stand next."""
    step = min(character_length(word[start]), len(word) - start) if model.characters else 1
    for end in range(start + 1, min(len(word), start + model.max_length) + 1):
        if (id_ := model.ids.get(word[start:end])) is not None:
            yield end, word[start:end], model.scores[id_]
    if word[start : start + step] not in model.ids:
        spelt = model.byte_ids is not None
        unknown = word[start : start + step] if spelt else UNKNOWN
        yield start + step, unknown, model.unknown_score
