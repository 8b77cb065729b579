"""The slow, obvious twins of training: what its kernels compute, in a few lines each.

Words are units (bytes, or characters in UTF-8) in a row; the pieces that words can be cut into are
a mapping from their bytes to their scores.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

Words = Mapping[bytes, int]
Scores = Mapping[bytes, float]


def units(word: bytes, *, characters: bool) -> list[bytes]:
    """The bytes of a word, or its characters."""
    if characters:
        return [character.encode() for character in word.decode()]
    return [word[i : i + 1] for i in range(len(word))]


def repeated_substrings(words: Words, *, max_length: int, characters: bool) -> dict[bytes, int]:
    """How often each unit occurs, and each substring of at most `max_length` units that occurs
    twice and that no unit always stands before or behind.

    A substring at an end of a word has a neighbour that is like no other. Behind substrings of
    `max_length` units no neighbours are looked at.
    """
    counts: Counter[bytes] = Counter()
    before: dict[bytes, set[object]] = {}
    behind: dict[bytes, set[object]] = {}
    for word, count in words.items():
        row = units(word, characters=characters)
        for start in range(len(row)):
            for end in range(start + 1, min(start + max_length, len(row)) + 1):
                piece = b"".join(row[start:end])
                counts[piece] += count
                at_end = end == len(row) or end - start == max_length
                left = [row[start - 1][-1:]] if start else [None, word]
                right = [None, word] if at_end else [row[end]]
                before.setdefault(piece, set()).update(left)
                behind.setdefault(piece, set()).update(right)
    return {
        piece: count
        for piece, count in counts.items()
        if len(units(piece, characters=characters)) == 1
        or (count >= 2 and len(before[piece]) > 1 and len(behind[piece]) > 1)
    }


def cuts(word: bytes, pieces: Scores) -> Iterator[list[bytes]]:
    """Every way to cut a word into pieces."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in pieces:
            for rest in cuts(word[end:], pieces):
                yield [word[:end], *rest]


def expected_counts(words: Words, pieces: Scores) -> dict[bytes, float]:
    """How often each piece occurs on average, when each cut is as frequent as it is likely."""
    expected: defaultdict[bytes, float] = defaultdict(float)
    for word, count in words.items():
        all_cuts = [
            (cut, math.exp(sum(map(pieces.__getitem__, cut)))) for cut in cuts(word, pieces)
        ]
        total = sum(likelihood for _, likelihood in all_cuts)
        for cut, likelihood in all_cuts:
            for piece in cut:
                expected[piece] += count * likelihood / total
    return expected


def log_likelihood(words: Words, pieces: Scores) -> float:
    """The logarithm of the probability of all words."""
    return sum(
        count
        * math.log(sum(math.exp(sum(map(pieces.__getitem__, cut))) for cut in cuts(word, pieces)))
        for word, count in words.items()
    )


def best_cut(word: bytes, pieces: Scores) -> list[bytes] | None:
    """The likeliest cut, None where there is none."""
    return max(cuts(word, pieces), key=lambda cut: sum(map(pieces.__getitem__, cut)), default=None)


def losses(words: Words, pieces: Scores) -> dict[bytes, float]:
    """For each piece how much likelihood is lost if it is replaced by its own best cut into others;
    -1 where it is not used, or where those are likelier than it."""
    used: Counter[bytes] = Counter()
    for word, count in words.items():
        for piece in best_cut(word, pieces) or ():
            used[piece] += count
    total = used.total()
    return {piece: _loss(piece, pieces, used, total) for piece in pieces}


def _loss(piece: bytes, pieces: Scores, used: Counter[bytes], total: int) -> float:
    count = used[piece]
    others: Sequence[bytes] | None = best_cut(
        piece, {other: score for other, score in pieces.items() if other != piece}
    )
    if not count or not others or sum(map(pieces.__getitem__, others)) > pieces[piece]:
        return -1.0
    log_total = math.log(total + count * (len(others) - 1))
    alternative = sum(math.log(used[other] + count) - log_total for other in others)
    return count * (math.log(count / total) - alternative)
