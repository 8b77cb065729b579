"""Memory that training a tokenizer takes where the words are far more than its memory holds.

    python bench/tokenizer_memory.py

Streams of 8 and of 32 million different words (80 and 310 MB of text) are counted within a
`training_memory` of 64 MB, and merges are learnt from what is kept, each in a process of its own,
side by side. Recorded: the peak of the process's resident memory up to the end of each step against
what it had beforehand, with all that is compiled, and whether the kept words are exactly those of
the rule (the most frequent ones, all of one count together, that fit by `word_memory`). The words
and their counts are a formula, so what the rule gives is known without counting.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _machine import RESULTS, header, memory_mb, peak_memory_mb, significant, write_json
from textus.tokenizer.bpe.train import learn_from_words
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.counting.count import count_words
from textus.tokenizer.counting.word_counts import WordCounts, word_memory
from textus.tokenizer.split.patterns import PatternSplitter

DOCUMENT = 4_096  # words
FREQUENT = 400_000  # words that occur four times, the most that there is memory for
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def word(number: int) -> str:
    """A space and seven letters: a word of the pattern by itself."""
    return f" {number:07x}".translate(_LETTERS)


def documents(num_words: int) -> Iterator[str]:
    """The stream, in which each word occurs as `groups` says."""
    frequent, twice, _ = groups(num_words)
    for turn in (range(num_words), frequent, twice, frequent, frequent):
        for first in range(0, len(turn), DOCUMENT):
            yield "".join(map(word, turn[first : first + DOCUMENT]))


def groups(num_words: int) -> tuple[range, range, int]:
    """The words that occur four times, those that do twice, and how many occur once."""
    frequent = range(0, num_words, max(4, num_words // FREQUENT // 4 * 4))
    twice = range(1, num_words, 8)
    return frequent, twice, num_words - len(frequent) - len(twice)


def text_bytes(num_words: int) -> int:
    frequent, twice, once = groups(num_words)
    return len(word(0)) * (4 * len(frequent) + 2 * len(twice) + once)


def keeps_the_rule(words: WordCounts, num_words: int, memory: int) -> bool:
    """Whether the words are those of the rule: all that occur four times, and no others."""
    frequent, twice, _ = groups(num_words)
    size = word_memory(len(word(0)))
    assert len(frequent) * size <= memory < (len(frequent) + len(twice)) * size
    length = len(word(0))
    for first in range(0, len(frequent), DOCUMENT):  # numbers ascend as words do
        wanted = "".join(map(word, frequent[first : first + DOCUMENT])).encode()
        if words.data[length * first :][: len(wanted)].tobytes() != wanted:
            return False
    return (
        bool((words.counts == 4).all())
        and len(words) == len(frequent)
        and len(words.data) == length * len(frequent)
        and words.words_left_out == num_words - len(words)
    )


def measure(num_words: int, memory: int, threads: int) -> dict[str, Any]:
    """Counts and merges in this process."""
    config = BPEConfig(vocab_size=4096)
    compile_all(memory // 16, threads, config)
    before = memory_mb()
    began = time.process_time()
    words = count(documents(num_words), memory, threads)
    counted, peak_counting = time.process_time(), peak_memory_mb()
    size, left_out = len(words), words.words_left_out
    kept_by_the_rule = keeps_the_rule(words, num_words, memory)
    waiting = [words]
    del words
    checked = time.process_time()
    learnt = learn_from_words(waiting.pop(), config, config.vocab_size)  # which frees the words
    learning, peak_learning = time.process_time(), peak_memory_mb()
    return {
        "different_words": num_words,
        "text_mb": text_bytes(num_words) / 1e6,
        "words_kept": size,
        "words_left_out": left_out,
        "kept_by_the_rule": kept_by_the_rule,
        "merges": len(learnt.merges),
        "mb_before": significant(before),
        "mb_peak_counting_beyond": significant(peak_counting - before),
        "mb_peak_learning_beyond": significant(peak_learning - before),
        "cpu_s_counting_with_making_the_text": significant(counted - began),
        "cpu_s_learning": significant(learning - checked),
    }


def count(texts: Iterator[str], memory: int, threads: int) -> WordCounts:
    return count_words(
        texts, PatternSplitter(), training_bytes=None, memory=memory, threads=threads
    )


def compile_all(memory: int, threads: int, config: BPEConfig) -> None:
    """Takes every step on a small scale, so that what is compiled is in memory."""
    words = count(documents(300_000), memory, threads)
    words = words if len(words) else WordCounts.of({b"some": 2, b"word": 2})
    learn_from_words(words, config, config.vocab_size, plain=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, nargs="+", default=[8_000_000, 32_000_000])
    parser.add_argument("--memory", type=int, default=64_000_000, help="training_memory, bytes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "tokenizer_memory.json")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(measure(args.words[0], args.memory, args.threads)))
        return 0
    report = header("numba", "numpy")
    report["settings"] = {"training_memory": args.memory, "threads": args.threads}
    with ThreadPoolExecutor() as pool:
        rows = pool.map(lambda num_words: measure_in_own_process(num_words, args), args.words)
        report["rows"] = list(rows)
    for row in report["rows"]:
        print(row)
    write_json(args.out, report)
    return 0 if all(row["kept_by_the_rule"] for row in report["rows"]) else 1


def measure_in_own_process(num_words: int, args: argparse.Namespace) -> dict[str, Any]:
    settings = {"words": num_words, "memory": args.memory, "threads": args.threads}
    options = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
    command = [sys.executable, __file__, "--run", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
