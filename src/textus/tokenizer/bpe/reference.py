"""The slow, obvious twins: what training and encoding mean, in a few lines each.

The tests hold `plain.py`, `compiled.py` and `merge.py` to them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from textus.tokenizer.bpe.spans import UNLIMITED, num_words

Pair = tuple[int, int]


def merge_pair(ids: Sequence[int], pair: Pair, joined: int) -> list[int]:
    """Replaces `pair` by `joined` from left to right: `merge_pair([1, 1, 1, 2], (1, 1), 9)` is [9,
    1, 2]."""
    out: list[int] = []
    i = 0
    while i < len(ids):
        hit = tuple(ids[i : i + 2]) == pair
        out.append(joined if hit else ids[i])
        i += 2 if hit else 1
    return out


def learn_merges(
    words: Iterable[tuple[Sequence[int], int]],
    *,
    first_id: int,
    count: int,
    min_frequency: int,
    tokens: Sequence[bytes] = (),
    max_words: int = UNLIMITED,
) -> list[Pair]:
    """Learns up to `count` merges, with ids from `first_id` on, from words and how often each
    occurs.

    With a, b, c as 0, 1, 2 and first_id 3, let "ab" occur five times and "abc" twice: the first
    pair is (0, 1), found seven times, and becomes 3; the second is (3, 2), found twice, and
    becomes 4. Of equally frequent pairs the one with the smallest ids wins. Where `tokens` says
    what the first ids stand for, no pair of more than `max_words` words is merged.
    """
    words = [(list(ids), n) for ids, n in words]
    merges: list[Pair] = []
    tokens = list(tokens)
    while len(merges) < count:
        counts: Counter[Pair] = Counter()
        for ids, n in words:
            for pair in pairwise(ids):
                if not tokens or num_words(tokens[pair[0]] + tokens[pair[1]]) <= max_words:
                    counts[pair] += n
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < min_frequency:
            break
        words = [(merge_pair(ids, best, first_id + len(merges)), n) for ids, n in words]
        merges.append(best)
        if tokens:
            tokens.append(tokens[best[0]] + tokens[best[1]])
    return merges


def merge_word(ids: Sequence[int], merges: Mapping[Pair, tuple[int, int]]) -> list[int]:
    """Joins the pair with the lowest rank, of equals the leftmost, until no pair has a rank.

    With merges {(0, 1): (0, 3), (3, 2): (1, 4)}, [0, 1, 2] becomes [3, 2] and then [4].
    """
    symbols = list(ids)
    while found := [(merges[p][0], i) for i, p in enumerate(pairwise(symbols)) if p in merges]:
        i = min(found)[1]
        symbols[i : i + 2] = [merges[symbols[i], symbols[i + 1]][1]]
    return symbols
