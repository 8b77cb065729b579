from hypothesis import given, settings
from hypothesis import strategies as st

from textus.tokenizer.formats.rank_kernels import last_merges
from textus.tokenizer.formats.tiktoken_ranks import last_merge

BYTES = [bytes([byte]) for byte in range(256)]
TOKEN = st.lists(st.sampled_from([b"a", b"b", b"ab", b"\x00", b"\xff"]), min_size=2, max_size=24)


@settings(max_examples=200)
@given(st.lists(TOKEN.map(b"".join), unique=True, max_size=40), st.randoms())
def test_merges_are_those_of_plain_python(longer, random):
    tokens = [*BYTES[: random.choice([98, 256])], *longer]
    random.shuffle(tokens)
    ranks = {token: 3 * rank for rank, token in enumerate(tokens)}
    expected = [last_merge(token, ranks) if len(token) > 1 else None for token in tokens]
    found = last_merges(tokens, list(ranks.values())).tolist()
    assert found == [[-1, -1] if pair is None else list(pair) for pair in expected]


def test_a_large_table_has_the_merges_of_each_of_its_tokens(tokenizer):
    """Every own merge, found again from the ids alone."""
    ids = tokenizer.definition.model.ids
    pairs = last_merges(list(ids), list(ids.values()))
    made = [tuple(pair) for pair in pairs.tolist() if pair[0] >= 0]
    assert made == list(tokenizer.definition.model.merges)
