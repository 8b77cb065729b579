"""Rank files, as tiktoken reads them: on each line a token in base64 and its rank, which is its id.

The file holds neither pattern nor special tokens. Nor does it hold merges: in tiktoken any two
neighbours are joined whose bytes together are a token, the one with the lowest rank first. That is
the same as byte-pair encoding with one merge for each token, the last one that joining its own
bytes makes: within a word the bytes that become a token are joined in the same order as when they
stand alone.
"""

import base64
import binascii
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from textus.errors import DataError
from textus.store import write_file
from textus.tokenizer.bpe.model import Merges, Pair
from textus.tokenizer.definition import Definition
from textus.tokenizer.ids import check_ids
from textus.tokenizer.split.patterns import PatternSplitter

Ranks = Mapping[bytes, int]


def read_ranks(data: bytes, *, origin: str) -> dict[bytes, int]:
    """The rank of each token; DataError names `origin`, and the line that is wrong."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line:
            continue
        try:
            token, rank = line.split()
            key = binascii.a2b_base64(token, strict_mode=True)
            value = int(rank)
        except ValueError as error:
            raise DataError(
                f"line {number} of {origin}, {line[:80]!r}, is no token in base64 with its rank "
                f"({error}); {_COPY}"
            ) from error
        if ranks.setdefault(key, value) != value:
            raise DataError(f"line {number} of {origin} gives {key!r} another rank; {_COPY}")
    if not ranks:
        raise DataError(f"{origin} holds no token; {_COPY}")
    try:
        check_ids(ranks.values(), what="its ranks")
    except DataError as error:
        raise DataError(f"{origin} holds no ranks: {error}; {_COPY}") from error
    return ranks


def write_ranks(definition: Definition, file: Path) -> None:
    """Writes the tokens of a byte-level BPE as ranks; DataError where ranks would not give its ids.

    The pattern and the special tokens must be told to tiktoken otherwise.
    """
    model = definition.model
    if not isinstance(model, Merges) or model.characters:
        raise DataError(f"{file}: only byte-level BPE has ranks; write a tokenizer.json instead.")
    if definition.normalizer is not None:
        raise DataError(
            f"{file}: tiktoken changes no text, and so has no place for the normalizer "
            f"{definition.normalizer}; write a tokenizer.json instead."
        )
    unreached = len(model.ids) - len(model.merges) - 256
    if merges_of(model.ids) != model.merges or (unreached and not model.whole_words):
        raise DataError(
            f"{file}: the ids of these tokens are not in the order of their merges, or some tokens "
            "have no merge, so that tiktoken would cut text otherwise; write a tokenizer.json "
            "instead."
        )
    lines = [
        b"%s %d\n" % (base64.b64encode(token), rank)
        for token, rank in sorted(model.ids.items(), key=lambda item: item[1])
    ]
    write_file(file, b"".join(lines))


def definition_of_ranks(
    ranks: Ranks,
    *,
    pattern: str,
    special_tokens: Mapping[str, int],
    end_of_text: str | None,
) -> Definition:
    """The tokenizer that tiktoken makes of ranks; a word that is a token is that token, whether
    merges reach it or not. DataError where the ids contradict one another."""
    ids = [*ranks.values(), *special_tokens.values()]
    check_ids(ids, what="the ranks and the ids of the special tokens")
    tokens = [b""] * (max(ids, default=-1) + 1)
    for token, rank in ranks.items():
        tokens[rank] = token
    for name, id_ in special_tokens.items():
        tokens[id_] = name.encode()
    return Definition(
        tokens=tuple(tokens),
        model=Merges(ids=dict(ranks), merges=merges_of(ranks), whole_words=True),
        splitter=PatternSplitter(pattern=pattern),
        special_tokens=dict(special_tokens),
        end_of_text=end_of_text,
    )


def merges_of(ranks: Ranks) -> tuple[Pair, ...]:
    """The merge of each token that merges reach, in the order of the ranks."""
    tokens = sorted(ranks, key=ranks.__getitem__)
    if len(tokens) < _MANY:
        merges = (last_merge(token, ranks) for token in tokens if len(token) > 1)
        return tuple(pair for pair in merges if pair)
    from textus.tokenizer.formats.rank_kernels import last_merges  # imports numba

    pairs = last_merges(tokens, [ranks[token] for token in tokens])
    left, right = pairs[pairs[:, 0] >= 0].T.tolist()
    return tuple(zip(left, right, strict=True))


def last_merge(token: bytes, ranks: Ranks) -> Pair | None:
    """The pair of ranks that is joined last when the bytes of `token` are joined as far as can be;
    None where the token does not come about."""
    parts = [token[i : i + 1] for i in range(len(token))]
    joined = [ranks.get(left + right, _NEVER) for left, right in pairwise(parts)]
    while len(parts) > 2:
        lowest = min(joined)
        if lowest == _NEVER:
            return None
        i = joined.index(lowest)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
        del joined[i]
        for left in range(max(0, i - 1), min(i + 1, len(joined))):
            joined[left] = ranks.get(parts[left] + parts[left + 1], _NEVER)
    left, right = map(ranks.get, parts)
    return None if left is None or right is None else (left, right)


_COPY = "copy the file from where it is whole."
_NEVER = 1 << 62
_MANY = 4096
"""Tokens from which on loading the kernel costs less than plain Python."""
