"""Token sets in memory whose ids are all different, so that each can be followed."""

from collections.abc import Callable

import numpy as np
import pytest

from textus.data.shards import SourceTokens, TokenSet

MakeTokens = Callable[..., TokenSet]


def _make_tokens(shards_by_source: dict[str, list[list[int]]]) -> TokenSet:
    """Per source the lengths of its documents (without end-of-text, id 0), shard by shard."""
    sources, following = {}, 1
    for name, shards in sorted(shards_by_source.items()):
        ids, starts = [], []
        for lengths in shards:
            flat: list[int] = []
            starts.append(np.array([sum(lengths[:i]) + i for i in range(len(lengths))]))
            for length in lengths:
                flat += [0, *range(following, following + length)]
                following += length
            ids.append(np.array(flat, dtype="<u4"))
        sources[name] = SourceTokens(name, ids, starts, bytes=following, digest=f"{shards}")
    return TokenSet(sources=sources, end_of_text=0, vocab_size=following)


@pytest.fixture(scope="session")
def make_tokens() -> MakeTokens:
    return _make_tokens
