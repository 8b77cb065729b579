"""Compares the word-cutting kernels with the package `regex` (and tiktoken) on random hard texts.

    python bench/fuzz_split.py --texts 200000 [--seed 1] [PATTERN ...]

Each text is made of a few kinds of hard fragments, or of random characters that every Unicode
table knows, and cut by `regex`, by the plain-Python twin, and by both kinds of kernels in chunks of
random length. Where tiktoken has the pattern, its cut is asked for too, through a vocabulary of
bytes in which it shows: every word's tokens are counted. Prints how many texts differed.
"""

import argparse
import random
import unicodedata
from collections.abc import Callable, Iterator

import numpy as np
import regex  # pyrefly: ignore[untyped-import]
from numba import njit

from textus.tokenizer.split.kernels import PADDING, SLACK, WordCutter, word_cutter, word_starts
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

FRAGMENTS = [
    "a",
    "B",
    "s",
    "t",
    "ll",
    "hello",
    "World",
    "HTMLParser",
    "x1",
    "ſ",
    "é",
    "É",
    "ж",
    "Ж",
]
FRAGMENTS += [
    "ǅ",
    "ʰ",
    "日本",
    "漢",
    "กำ",
    "ा",
    "ع",
    "א",
    "1",
    "23",
    "456",
    "1234",
    "123456789",
    "½",
    "٣",
]
FRAGMENTS += ["'", "''", "'re", "'S", "'ſ", "'ll", "'VE", "'d", "'x", "don't", "’", ".", "(", "!!"]
FRAGMENTS += ["_", "/", "//", "*", "👍", "👍🏽", "“", "、", "𝟘", "\u200d", "\ufeff", "\x1c", "\0"]
FRAGMENTS += ["\u0301", "\ufe0f", "\u20e3", "\u180e"]
SPACES = [" ", " ", "  ", "   ", "\n", "\n", "\r\n", "\r", "\t", "\x0b", "\x0c", "\n    ", " \n"]
SPACES += [" " * 70, "\n" * 65, "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f", "\u3000"]
KNOWN = [chr(i) for i in range(0x110000) if unicodedata.ucd_3_2_0.category(chr(i)) not in "CsCn"]


def random_texts(count: int, seed: int) -> Iterator[str]:
    """Texts of up to 500 fragments or characters, most of them short."""
    draw = random.Random(seed)
    for _ in range(count):
        length = draw.choice((3, 8, 30, 30, 100, 500))
        if draw.random() < 0.2:
            kinds = draw.choices(KNOWN, k=draw.randint(1, 30))
        else:
            kinds = draw.choices([*FRAGMENTS, *SPACES], k=draw.randint(1, 10))
        kinds += draw.choices(("a", " ", "\n", "é", "."), k=draw.randint(0, 2))
        yield "".join(draw.choices(kinds, k=draw.randint(1, length)))


@njit
def find_starts(*arguments):
    """`word_starts`, for Python."""
    return word_starts(*arguments)


def cut(cutter: WordCutter, data: bytes, limit: int) -> list[int]:
    """Where the words begin and the text ends."""
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    starts, edges = np.empty(limit + SLACK, np.int64), [0]
    while edges[-1] < len(data):
        at = edges[-1]
        count = find_starts(cutter, padded, 0, at, at + limit, len(data), starts)
        edges += starts[1 : count + 1].tolist()
    return edges


def edges_of(words: list[str]) -> list[int]:
    """Where the words begin and the last one ends, in bytes."""
    edges = [0]
    for word in words:
        edges.append(edges[-1] + len(word.encode()))
    return edges


TIKTOKEN = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": PATTERNS["o200k"],
    "llama3": PATTERNS["llama3"],
    "qwen2": PATTERNS["qwen2"],
}
"""The patterns as tiktoken spells them, where it has them or reads ours."""

# Any two neighbouring bytes are a token: nearly every other cut of a text shows in its ids.
PAIRS = {bytes([i]): i for i in range(256)}
PAIRS |= {bytes([i, j]): 256 + 256 * i + j for i in range(256) for j in range(256)}


def tiktoken_agrees(name: str) -> Callable[[str, list[str]], bool]:
    """Whether a text has the same ids in tiktoken as the given words one by one."""
    import tiktoken

    def encoder(pattern: str) -> Callable[[str], list[int]]:
        options = {"pat_str": pattern, "mergeable_ranks": PAIRS, "special_tokens": {}}
        return tiktoken.Encoding(pattern, **options).encode_ordinary

    if name not in TIKTOKEN:
        return lambda text, words: True
    whole, cutting = encoder(r"[\s\S]+"), encoder(TIKTOKEN[name])
    return lambda text, words: cutting(text) == [id_ for word in words for id_ in whole(word)]


def fuzz(name: str, texts: Iterator[str], seed: int) -> tuple[int, list[str]]:
    """How many texts were compared, and which differed."""
    draw, agrees = random.Random(seed), tiktoken_agrees(name)
    pattern, splitter = regex.compile(PATTERNS[name]), PatternSplitter(pattern=name)
    cutters = [word_cutter(name, scalar=scalar) for scalar in (True, False)]
    count, different = 0, []
    for text in texts:
        count += 1
        words = pattern.findall(text)
        data, limit = text.encode(), draw.choice((1, 7, 64, 65, 100, 1000, 1 << 14))
        same = splitter.split(text) == words and agrees(text, words)
        if not same or any(cut(cutter, data, limit) != edges_of(words) for cutter in cutters):
            different.append(text)
    return count, different


def main() -> None:
    """Prints one line for each pattern, and the first texts that differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=list(PATTERNS))
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.patterns:
        count, different = fuzz(name, random_texts(options.texts, options.seed), options.seed)
        print(f"{name}: {count} texts, {len(different)} different", flush=True)
        for text in different[:3]:
            print(f"    {text!r}")


if __name__ == "__main__":
    main()
