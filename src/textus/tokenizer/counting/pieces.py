"""Cuts long documents into pieces whose words are those of the whole, for several threads."""

import re
from collections.abc import Iterator

from textus.tokenizer.bert import BertSplitter
from textus.tokenizer.definition import Splitter
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter
from textus.tokenizer.split.unicode_classes import class_of

CUTTABLE = frozenset(PATTERNS) - {"superbpe", "none"}
"""The patterns in which a word ends wherever a space or a newline follows a letter: no word of
theirs has white space behind a letter, nor does what lies ahead of such a place, or behind it,
change words on the other side."""

_CHARACTER_BEFORE_SPACE = re.compile(rb"([A-Za-z]|[\xc2-\xf4][\x80-\xbf]{1,3})(?=[ \n])")


def is_cuttable(splitter: Splitter) -> bool:
    """Whether the same is true of all words of a splitter."""
    if isinstance(splitter, PatternSplitter):
        return splitter.pattern in CUTTABLE
    return isinstance(splitter, BertSplitter)


def pieces(document: bytes, size: int) -> Iterator[bytes]:
    """The document in UTF-8 in pieces of `size` bytes and what there is up to such a place."""
    begin = 0
    while begin + size < len(document):
        end = _next_cut(document, begin + size)
        yield document[begin:end]
        begin = end
    if begin < len(document):
        yield document if begin == 0 else document[begin:]


def _next_cut(document: bytes, start: int) -> int:
    for found in _CHARACTER_BEFORE_SPACE.finditer(document, start):
        if class_of(ord(found[1].decode())) in "ulo":  # letters: upper, lower, other
            return found.end(1)
    return len(document)
