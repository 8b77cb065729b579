"""What BERT asks of characters, read from `bert_tables`: the same on every machine."""

import string
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

from textus.tokenizer.bert_tables import APART, CLASSES, CONTROLS, LOWER, MARKS, PUNCTUATION
from textus.tokenizer.split.unicode_classes import class_runs


def _white_space() -> frozenset[int]:
    classes, lengths = class_runs()
    runs = zip(classes, lengths, accumulate(lengths), strict=True)
    return frozenset(i for kind, n, end in runs if kind == "w" for i in range(end - n, end))


WHITE_SPACE = _white_space()
"""Code points with the property White_Space."""

IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""The ranges that google-research/bert sets off. Hugging Face's library begins the sixth one at
U+2B920, so that it joins the 256 rare characters before."""

HANGUL = range(0xAC00, 0xD7A4)
"""Syllables, which are made of an initial, a vowel and, but for every 28th, a final."""

_REPLACEMENT = 0xFFFD
INITIALS, VOWELS, FINALS = 0x1100, 0x1161, 0x11A7
NUM_VOWELS, NUM_FINALS = 21, 28


def is_ideograph(code_point: int) -> bool:
    """Whether BERT sets a character off as Chinese."""
    return any(first <= code_point <= last for first, last in IDEOGRAPHS)


@cache
def dropped() -> frozenset[int]:
    """What cleaning drops: control characters but tab and the line ends, and two more."""
    return frozenset([*_code_points(CONTROLS), 0, _REPLACEMENT]) - set(map(ord, "\t\n\r"))


@cache
def marks() -> frozenset[int]:
    """The marks that stripping accents drops."""
    return frozenset(_code_points(MARKS))


@cache
def punctuation() -> frozenset[int]:
    """The characters that are words of their own: Unicode's punctuation, and all of ASCII's."""
    return frozenset([*map(ord, string.punctuation), *_code_points(PUNCTUATION)])


@cache
def combining_classes() -> dict[int, int]:
    """The combining class of each character that has one other than 0."""
    pairs = (item.split(":") for item in CLASSES.split())
    return {i: int(class_, 16) for edges, class_ in pairs for i in _code_points(edges)}


@cache
def reordered() -> frozenset[int]:
    """Characters that stay and have a combining class, by which Unicode puts them in order."""
    return frozenset(combining_classes().keys() - marks())


@cache
def small_letters() -> dict[int, str]:
    """The small letter of each character that has another one."""
    letters = {0x130: "i\u0307"}
    for item in LOWER.split():
        edges, small = item.split(":")
        edges, _, step = edges.partition("/")
        found = _code_points(edges)[:: int(step or "1")]
        letters |= {i: chr(int(small, 16) + i - found[0]) for i in found}
    return letters


@cache
def parts_of_characters() -> dict[int, str]:
    """What each character is made of that can be taken apart, Hangul aside."""
    found: dict[int, str] = {}
    i = 0
    for item in APART.split():
        first, _, parts = item.rpartition(":")
        i = int(first, 16) if first else i + 1
        found[i] = "".join(chr(int(part, 16)) for part in parts.split("+"))
    return found


def lowered(text: str) -> str:
    """Small letters for capital ones, each character by itself."""
    return text.translate(small_letters())


def taken_apart(text: str) -> str:
    """Unicode's form D: the parts of all characters, marks in the order of their classes."""
    classes = combining_classes()
    whole: list[str] = []
    run: list[str] = []
    for part in _parts(text):
        if ord(part) in classes:
            run.append(part)
            continue
        whole += [*sorted(run, key=lambda mark: classes[ord(mark)]), part]
        run = []
    return "".join([*whole, *sorted(run, key=lambda mark: classes[ord(mark)])])


def _parts(text: str) -> Iterator[str]:
    parts = parts_of_characters()
    for character in text:
        code_point = ord(character)
        if code_point in HANGUL:
            yield from _syllable(code_point - HANGUL.start)
        else:
            yield from parts.get(code_point, character)


def _syllable(number: int) -> str:
    """The two or three parts of a syllable of Hangul (Unicode 16.0, section 3.12)."""
    number, final = divmod(number, NUM_FINALS)
    initial, vowel = divmod(number, NUM_VOWELS)
    parts = chr(INITIALS + initial) + chr(VOWELS + vowel)
    return parts + chr(FINALS + final) if final else parts


def _code_points(ranges: str) -> list[int]:
    """The code points of a table: of "9 b-d" they are 9, 11, 12, 13."""
    edges = [[int(edge, 16) for edge in item.split("-")] for item in ranges.split()]
    return [i for item in edges for i in range(item[0], item[-1] + 1)]
