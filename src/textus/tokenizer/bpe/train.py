"""Learns the merges of byte-pair encoding, incrementally.

The algorithm is that of Sennrich et al. 2016: merge the most frequent pair of neighbours, again
and again. As a merge changes only the places where its pair stands, these places are remembered
for each pair and the counts of the pairs around them are corrected; everything else is left alone.
`reference.py` has the version that counts anew each time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from textus.errors import DataError
from textus.progress import Progress, silent
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.byte_level import BYTES_IN_ID_ORDER
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.word_counts import count_words

Pair = tuple[int, int]


def train_bpe(
    texts: Iterable[str], config: BPEConfig, *, progress: Progress = silent
) -> Definition:
    """Learns merges from documents, which are gone through once.

    The merges are those of Hugging Face's BpeTrainer on the same documents. Where `texts` hold too
    few pairs that occur `config.min_frequency` times, there are fewer tokens than
    `config.vocab_size`. Raises DataError when there is no text at all.
    """
    words = count_words(texts, training_bytes=config.training_bytes, progress=progress)
    if not words:
        raise DataError("There is no text to train the tokenizer on; give at least one document.")
    tokens, merges = learn_merges(words, config, progress=progress)
    special = {token: id_ for id_, token in enumerate(config.special_tokens)}
    ids = {token: id_ for id_, token in enumerate(tokens) if id_ >= len(special)}
    return Definition(
        tokens=tuple(tokens),
        model=Merges(ids=ids, merges=tuple(merges)),
        splitter=PatternSplitter(pattern=config.pattern),
        special_tokens=special,
        end_of_text=config.special_tokens[0],
    )


def learn_merges(
    words: Mapping[str, int], config: BPEConfig, *, progress: Progress = silent
) -> tuple[list[bytes], list[Pair]]:
    """The tokens (special ones, then bytes, then learnt ones) and merges for words and their
    counts."""
    tokens = [token.encode() for token in config.special_tokens]
    first_byte = len(tokens)
    tokens += [bytes([byte]) for byte in BYTES_IN_ID_ORDER]
    id_of_byte = {byte: first_byte + i for i, byte in enumerate(BYTES_IN_ID_ORDER)}
    pairs = _Pairs(([id_of_byte[byte] for byte in word.encode()], n) for word, n in words.items())
    merges: list[Pair] = []
    while len(tokens) < config.vocab_size:
        pair = pairs.pop_most_frequent(config.min_frequency)
        if pair is None:
            progress(len(tokens), config.vocab_size, "no pair is frequent enough to go on")
            break
        pairs.merge(pair, joined=len(tokens))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        merges.append(pair)
        progress(len(tokens), config.vocab_size, "merging pairs")
    return tokens, merges


class _Pairs:
    """The pairs of neighbouring symbols in all words: how often, and at which positions.

    The words' symbols lie one word behind the other in one list; each position knows its
    neighbours within the word (-1: none) and how often its word occurs.
    """

    def __init__(self, words: Iterable[tuple[list[int], int]]):
        self.symbols: list[int] = []
        self.following: list[int] = []
        self.preceding: list[int] = []
        self.frequency: list[int] = []
        self.counts: defaultdict[Pair, int] = defaultdict(int)
        self.positions: defaultdict[Pair, list[int]] = defaultdict(list)
        for symbols, frequency in words:
            self._append(symbols, frequency)
        # Entries (-count, pair): the most frequent first, of equals the smallest pair of ids.
        # Counts that have fallen since an entry was made are put right when it comes up.
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapify(self.heap)

    def _append(self, symbols: list[int], frequency: int) -> None:
        start = len(self.symbols)
        end = start + len(symbols)
        self.symbols += symbols
        self.preceding += [-1, *range(start, end - 1)]
        self.following += [*range(start + 1, end), -1]
        self.frequency += [frequency] * len(symbols)
        for position, pair in enumerate(pairwise(symbols), start):
            self.counts[pair] += frequency
            self.positions[pair].append(position)

    def pop_most_frequent(self, min_frequency: int) -> Pair | None:
        while self.heap:
            negative, pair = heappop(self.heap)
            count = self.counts[pair]
            if count == -negative:
                return pair if count >= min_frequency else None
            if count >= min_frequency:
                heappush(self.heap, (-count, pair))
        return None

    def merge(self, pair: Pair, *, joined: int) -> None:
        """Replaces the pair by the symbol `joined` from left to right, wherever it still stands."""
        symbols, following, preceding = self.symbols, self.following, self.preceding
        fresh: set[Pair] = set()
        for left in self.positions.pop(pair):
            right = following[left]
            if right < 0 or (symbols[left], symbols[right]) != pair:
                continue
            symbols[left], symbols[right] = joined, -1
            before, after = preceding[left], following[right]
            following[left] = after
            if before >= 0:
                other = symbols[before]
                fresh.add(self._replace((other, pair[0]), (other, joined), before))
            if after >= 0:
                preceding[after] = left
                other = symbols[after]
                fresh.add(self._replace((pair[1], other), (joined, other), left))
        del self.counts[pair]
        for new in fresh:
            heappush(self.heap, (-self.counts[new], new))

    def _replace(self, old: Pair, new: Pair, position: int) -> Pair:
        frequency = self.frequency[position]
        self.counts[old] -= frequency
        self.counts[new] += frequency
        self.positions[new].append(position)
        return new
