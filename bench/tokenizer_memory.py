"""Memory that training a tokenizer takes where the words are far more than its memory holds.

    python bench/tokenizer_memory.py

A stream of 32 million different words (350 MB of text) is counted within `training_memory` of
64 MB, and merges are learnt from what is kept. Recorded: the peak of the process's resident memory
after each step against what it had beforehand, and whether the kept words are exactly those of the
rule (the most frequent ones, all of one count together, that fit by `word_memory`). The words and
their counts are a formula, so what the rule gives is known without counting.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _machine import RESULTS, header, memory_mb, peak_memory_mb, significant, write_json
from textus.tokenizer.bpe.train import learn_from_words
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.counting.count import count_words
from textus.tokenizer.counting.word_counts import WordCounts, word_memory
from textus.tokenizer.split.patterns import PatternSplitter

DOCUMENT = 4_096  # words
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def word(number: int) -> str:
    """A space and seven letters: a word of the pattern by itself."""
    return f" {number:07x}".translate(_LETTERS)


def documents(num_words: int) -> Iterator[str]:
    """The stream: word number i occurs `occurrences(i)` times, in so many turns."""
    for turn in range(5):
        for first in range(0, num_words, DOCUMENT):
            last = min(first + DOCUMENT, num_words)
            numbers = range(first, last) if turn == 0 else often(first, last)
            yield "".join(word(i) for i in numbers if occurrences(i) > turn)


def occurrences(number: int) -> int:
    """5 times for one word of 64, 4 times for one, twice for eight, once for the others."""
    rest = number % 64
    return 5 if rest == 0 else 4 if rest == 1 else 2 if rest < 10 else 1


def often(first: int, last: int) -> Iterator[int]:
    """The numbers of words that occur more than once, from `first`, a multiple of 64, on."""
    for start in range(first, last, 64):
        yield from range(start, min(start + 10, last))


def expected(num_words: int, memory: int) -> set[int]:
    """The counts whose words the rule keeps."""
    size = word_memory(len(word(0)))
    kept = set()
    for count in (5, 4, 2, 1):
        memory -= size * sum(
            len(range(rest, num_words, 64)) for rest in range(64) if occurrences(rest) == count
        )
        if memory < 0:
            break
        kept.add(count)
    return kept


def keeps_the_rule(words: WordCounts, num_words: int, memory: int) -> bool:
    """Whether the words are those that the rule keeps, with their counts."""
    kept = expected(num_words, memory)
    wanted = (
        (word(i).encode(), occurrences(i))
        for count in sorted(kept, reverse=True)
        for i in range(num_words)
        if occurrences(i) == count
    )  # numbers ascend as words do
    return all(
        found == right for found, right in zip(words.items(), wanted, strict=True)
    ) and words.words_left_out == num_words - len(words)


def measure(num_words: int, memory: int, threads: int) -> dict[str, Any]:
    """Counts and merges in this process."""
    count_words(["a b"] * 500_000, PatternSplitter(), training_bytes=None, memory=memory)
    before = memory_mb()
    began = time.process_time()
    words = count_words(
        documents(num_words),
        PatternSplitter(),
        training_bytes=None,
        memory=memory,
        threads=threads,
    )
    counted, peak_counting = time.process_time(), peak_memory_mb()
    config = BPEConfig(vocab_size=4096)
    learnt = learn_from_words(words, config, config.vocab_size)
    return {
        "words_kept": len(words),
        "words_left_out": words.words_left_out,
        "kept_by_the_rule": keeps_the_rule(words, num_words, memory),
        "merges": len(learnt.merges),
        "mb_before": significant(before),
        "mb_peak_counting_beyond": significant(peak_counting - before),
        "mb_peak_merging_beyond": significant(peak_memory_mb() - before),
        "cpu_s_counting_with_making_the_text": significant(counted - began),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=32_000_000, help="different words")
    parser.add_argument("--memory", type=int, default=64_000_000, help="training_memory, bytes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "tokenizer_memory.json")
    args = parser.parse_args()
    report = header("numba", "numpy")
    report["settings"] = {
        "different_words": args.words,
        "text_bytes": 8 * sum(occurrences(i % 64) for i in range(64)) * args.words // 64,
        "training_memory": args.memory,
        "threads": args.threads,
    }
    report["result"] = measure(args.words, args.memory, args.threads)
    for name, value in report["result"].items():
        print(f"{name:<40}{value}")
    write_json(args.out, report)
    return 0 if report["result"]["kept_by_the_rule"] else 1


if __name__ == "__main__":
    sys.exit(main())
