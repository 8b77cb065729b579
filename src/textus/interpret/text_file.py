"""Text files of any size, in blocks that a tokenizer cuts as it cuts the whole text."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from textus.errors import DataError
from textus.interpret.cuts import words_of
from textus.tokenizer.normalize import Prefixed, after_token, chain, parts_of
from textus.tokenizer.tokenizer import Tokenizer

BLOCK = 1 << 20
"""Bytes that are read at once, and about the size of a block."""

_NO_PLAIN_TEXT = (".jsonl", ".parquet", ".gz", ".zst")
_BLOCKS = 16  # encoded at once, so that all cores have work
_CONTEXT = 400  # characters on both sides of a place that decide whether a block may end there
_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A text in UTF-8, of one kind or language."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def check(self) -> None:
        """DataError where the file cannot be read, is of another kind, is not UTF-8, or has nothing
        but white space."""
        if not self.path.is_file():
            what = "is a folder" if self.path.is_dir() else "does not exist"
            raise DataError(f"{self.path} {what}; give a file of plain text")
        if self.path.suffix.lower() in _NO_PLAIN_TEXT:
            raise DataError(
                f"{self.path} is {self.path.suffix[1:]}, which would be measured "
                "as if it were text; give plain text in UTF-8"
            )
        if not sum(len(part.strip()) for part in self.read()):  # reads to the end
            raise DataError(f"{self.path} has no text; leave it out")

    def read(self) -> Iterator[str]:
        """The text in parts."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        done = 0
        with self.path.open("rb") as file:
            while True:
                data = file.read(BLOCK)
                waiting = len(decoder.getstate()[0])  # bytes of a character begun before
                try:
                    yield decoder.decode(data, final=not data)
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{self.path} is not UTF-8 (at byte {done - waiting + error.start:,}); "
                        "convert it, for example with iconv"
                    ) from None
                if not data:
                    return
                done += len(data)

    def lines(self) -> Iterator[str]:
        """The lines of the text, each with the newline that ends it."""
        with self.path.open("rb") as file:
            yield from (line.decode() for line in file)


@dataclass(frozen=True, kw_only=True)
class Block:
    """Part of a text."""

    text: str
    ids: np.ndarray
    """uint32 (number of ids,); those of all blocks, one behind another, are those of the text."""
    returned: bytes
    """What the ids come back as."""


def encode_file(tokenizer: Tokenizer, file: TextFile) -> Iterator[Block]:
    """A text in blocks with their ids, as `encode` of the whole text gives them.

    Holds some blocks of a megabyte, or more of a text without a place that words never cross, such
    as any text where the pattern is none.
    """
    rest = _behind_the_beginning(tokenizer)
    blocks = _cut(rest, file)
    yield from _encode(tokenizer, list(islice(blocks, 1)))
    while some := list(islice(blocks, _BLOCKS)):
        yield from _encode(rest, some)


def _behind_the_beginning(tokenizer: Tokenizer) -> Tokenizer:
    """The same for what does not stand at the beginning of a text: without the space there."""
    definition = tokenizer.definition
    normalizer = after_token(definition.normalizer)
    if not definition.added_tokens:  # behind these a space may be put as well
        parts = parts_of(normalizer)
        normalizer = chain(*(part for part in parts if not isinstance(part, Prefixed)))
    return Tokenizer(replace(definition, normalizer=normalizer, drops_first_space=False))


def _encode(tokenizer: Tokenizer, texts: list[str]) -> Iterator[Block]:
    for text, ids in zip(texts, tokenizer.encode_batch(texts), strict=True):
        yield Block(text=text, ids=ids, returned=tokenizer.decode_bytes(ids.tolist()))


def _cut(rest: Tokenizer, file: TextFile) -> Iterator[str]:
    """The text in blocks that end where words end."""
    waiting: list[str] = []
    size, enough = 0, 1
    for part in file.read():
        waiting.append(part)
        size += len(part)
        if size < enough:
            continue
        text = "".join(waiting)
        end = _find_end(rest, text)
        if end:
            yield text[:end]
        waiting = [text[end:]]
        size = len(waiting[0])
        enough = 1 if end else 2 * size  # so that a text without such a place is joined seldom
    yield "".join(waiting)


def _find_end(rest: Tokenizer, text: str) -> int:
    """The last place found in a text at which it can be cut; 0 where there is none."""
    spaces = (i for i in range(len(text) - _CONTEXT, 0, -1) if text[i].isspace())
    for space in islice(spaces, _TRIES):
        for place in (space, space + 1):
            left = text[max(0, place - _CONTEXT) : place]
            right = text[place : place + _CONTEXT]
            if left.strip() and right.strip() and _is_between(rest, left, right):
                return place
    return 0


def _is_between(rest: Tokenizer, left: str, right: str) -> bool:
    """Whether no word and no name of a token crosses from `left` to `right`, nor changes by what
    stands on the other side."""
    whole, definition = left + right, rest.definition
    words = [*words_of(definition, left), *words_of(definition, right)]
    ids = [*rest.encode(left), *rest.encode(right)]
    return words == words_of(definition, whole) and ids == rest.encode(whole)
