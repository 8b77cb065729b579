"""Which characters of a text each of its tokens comes from."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from textus.tokenizer.definition import Definition, Normalizer
from textus.tokenizer.normalize import align


class Ordinary(NamedTuple):
    """The ids of a stretch of ordinary text, and its characters from which each comes."""

    ids: list[int]
    offsets: np.ndarray
    """int64 (number of ids, 2): the first character and the one after the last."""


def offsets_of(
    text: str,
    normalizer: Normalizer | None,
    definition: Definition,
    encode: Callable[[str], list[int]],
) -> Ordinary:
    """Encodes a text by `encode`, which is given the normalized text, and finds the offsets."""
    aligned = align(normalizer, text)
    ids = encode(aligned.text)
    data = aligned.text.encode()
    pieces = [definition.tokens[id_] for id_ in ids]
    if b"".join(pieces) == data:
        ends = np.fromiter(accumulate(map(len, pieces)), dtype=np.int64)
        spans = np.stack([np.append(0, ends)[:-1], ends], axis=1)
    else:
        spans = _spans_by_word(aligned.text, definition)
    character_of_byte = np.cumsum((np.frombuffer(data, dtype=np.uint8) & 0xC0) != 0x80) - 1
    first, last = character_of_byte[spans[:, 0]], character_of_byte[spans[:, 1] - 1]
    return Ordinary(ids, np.stack([aligned.starts[first], aligned.ends[last]], axis=1))


def _spans_by_word(text: str, definition: Definition) -> np.ndarray:
    """The bytes of `text` that each token stands for, where tokens do not spell their text: BERT's
    words without the spaces between them, and unknown words."""
    data, spans, place = text.encode(), [], 0
    for word in map(str.encode, definition.splitter.split(text)):
        place = data.index(word, place)
        pieces = [definition.tokens[id_] for id_ in definition.model.encode_word(word)]
        spans += [(place + a, place + b) for a, b in _spans_in_word(word, pieces)]
        place += len(word)
    return np.array(spans, dtype=np.int64).reshape(-1, 2)


def _spans_in_word(word: bytes, pieces: Sequence[bytes]) -> list[tuple[int, int]]:
    """Where each piece stands in a word. The unknown token stands for all up to the next piece."""
    spans: list[tuple[int, int]] = []
    done = 0
    for piece, following in pairwise([*pieces, b""]):
        if not word.startswith(piece, done):  # a BERT piece that begins a word holds its space
            piece = piece.removeprefix(b" ") or piece
        if word.startswith(piece, done):
            end = done + len(piece)
        else:
            end = word.find(following, done + 1) if following else len(word)
        spans.append((done, max(end, done + 1)))
        done = min(spans[-1][1], len(word) - 1)
    return spans
