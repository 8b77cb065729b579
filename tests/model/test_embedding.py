from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from textus.errors import RecipeError
from textus.model.attention import Documents, attend_plainly
from textus.model.config import RMSNormConfig
from textus.model.embedding import NOTHING, Enriching, hash_rows, previous
from textus.model.files import load_model, save_model
from textus.model.norm import RMSNorm
from textus.model.position import Placing
from textus.model.transformer import Transformer

ROWS = [61, 53]
ALL = {"norm": True, "ngram_rows": ROWS, "values": True, "skip": True, "smear": True}
TEXTS = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@pytest.fixture(scope="session")
def make_enriched(small_config, random_model) -> Callable[..., Transformer]:
    """A random model with some of an embedding's options, with all where none are named."""
    return lambda **options: random_model(small_config(embedding=options or ALL))


def hash_plainly(ngram: list[int], rows: int) -> int:
    """The slow, obvious twin of `hash_rows`: of one n-gram, last token first."""
    hashed = 0
    for id_ in ngram:
        hashed = (hashed + id_ + 2) * 950_706_376 % (2**31 - 1)
    return hashed % rows


def enrich_plainly(module: Enriching, x: Tensor, ids: list[int]) -> Tensor:
    """The slow, obvious twin of `Enriching.forward`: x is (seq, dim) of one text alone."""
    vectors = []
    for t in range(len(ids)):
        vector = x[t].clone()
        for number, table in enumerate(module.ngrams, start=2):
            assert isinstance(table, nn.Embedding)
            ngram = [ids[t - i] if t >= i else NOTHING for i in range(number)]
            vector += table.weight[hash_plainly(ngram, table.num_embeddings)]
        vectors.append(vector)
    smeared = vectors
    if module.smear is not None:
        smeared = vectors[:1]
        for before, vector in pairwise(vectors):
            gate = module.smear.strength / (1 + (-(module.smear.weight * vector).sum()).exp())
            smeared.append(vector + gate * before)
    return torch.stack([module.norm(vector) for vector in smeared])


@given(st.lists(st.integers(NOTHING, 2**31 - 3), min_size=1, max_size=4), st.integers(1, 2**31))
def test_hash_is_that_of_its_plain_twin(ngram: list[int], rows: int):
    [row] = hash_rows([torch.tensor([id_]) for id_ in ngram], rows).tolist()
    assert row == hash_plainly(ngram, rows)


def test_hash_never_changes():
    """Trained tables depend on it."""
    assert hash_rows([torch.tensor([5, 50_256]), torch.tensor([7, 0])], 32768).tolist() == [
        15809,
        4370,
    ]


def test_hashed_pairs_are_spread_evenly():
    first, second = torch.arange(300).repeat(300), torch.arange(300).repeat_interleave(300)
    counts = hash_rows([first, second], 1024).bincount(minlength=1024).float()
    mean = 90_000 / 1024
    assert 0 < counts.var() < 1.3 * mean  # that of a fair draw is the mean


@given(TEXTS)
def test_the_token_before_is_of_the_same_text(lengths: list[int]):
    ids = torch.arange(sum(lengths))[None]
    expected = []
    for length in lengths:
        start = len(expected)
        expected += [NOTHING, *range(start, start + length - 1)]
    documents = Documents(tuple(lengths))
    assert previous(ids, documents).tolist() == [expected]
    assert previous(ids, documents.dense(1, sum(lengths))).tolist() == [expected]
    assert previous(ids, None).tolist() == [[NOTHING, *range(sum(lengths) - 1)]]


@pytest.mark.parametrize("ngram_rows", [(), ROWS[:1], ROWS])
@pytest.mark.parametrize("smear", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_documents_are_enriched_as_their_plain_twin_enriches_each(
    small_config, randomise, ngram_rows: list[int], smear: bool, norm: bool
):
    options = {"ngram_rows": ngram_rows, "smear": smear, "norm": norm}
    module = Enriching(small_config(embedding=options))
    randomise(module)
    x, ids, lengths = torch.randn(2, 9, 40), torch.randint(5, (2, 9)), (4, 5, 1, 8)
    expected = [
        enrich_plainly(module, part, part_ids.tolist())
        for part, part_ids in zip(
            x.flatten(0, 1).split(lengths), ids.flatten().split(lengths), strict=True
        )
    ]
    enriched = module(x, ids, Documents(lengths))
    torch.testing.assert_close(enriched.flatten(0, 1), torch.cat(expected))


@given(st.integers(1, 9), st.integers(0, 3))
@settings(max_examples=20)
def test_a_text_can_be_read_in_two_parts(make_enriched, cut: int, more: int):
    model, ids = make_enriched(), torch.randint(97, (2, 10))
    known, count = ids[:, :cut], model.config.embedding.lookback + more
    preceding = torch.full((2, count), NOTHING)
    width = min(cut, count)
    preceding[:, count - width :] = known[:, cut - width :]
    rest = model._enrich(model.embedding(ids[:, cut:]), ids[:, cut:], None, preceding)
    whole = model._enrich(model.embedding(ids), ids, None, None)
    torch.testing.assert_close(rest, whole[:, cut:])


def test_each_layer_reads_a_blend_and_adds_values_of_the_ids(small_config, random_model):
    """The model, written out."""
    model = random_model(small_config(embedding=ALL))
    tokens = torch.randint(97, (2, 7))
    assert model.enriching is not None
    embedded = x = model.enriching(model.embedding(tokens), tokens, None)
    placing = model.placings[0](torch.arange(7))
    for i, block in enumerate(model.blocks):
        stream, own = model.skips[i]
        x = stream * x + own * embedded
        normed, attention = block.attention_norm(x), block.attention
        values = attention.value(normed) + model.value_tables[i].weight[tokens]
        x = x + _attend_to(attention, normed, values, placing)
        x = x + block.feed_forward(block.feed_forward_norm(x))
    torch.testing.assert_close(model(tokens), model.head(model.norm(x)))


def _attend_to(attention: Any, x: Tensor, values: Tensor, placing: Placing) -> Tensor:
    q, k, v = (h.unflatten(-1, (-1, 12)) for h in (attention.query(x), attention.key(x), values))
    q, k = placing.place(attention.query_norm(q), attention.key_norm(k))
    mask = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    return attention.output(attend_plainly(q, k, v, mask).flatten(-2))


def test_a_fresh_model_is_as_if_nothing_were_added(small_config):
    plain = Transformer(small_config("gpt2"))
    model = Transformer(small_config("gpt2", embedding=ALL | {"norm": False}))
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert len(missing) == 2 + 2 + 2 + 2  # n-grams, smear, values, skips
    tokens = torch.randint(97, (2, 9))
    assert model(tokens).equal(plain(tokens))


def test_normalised_embeddings_have_length_one_a_value(make_enriched):
    model = make_enriched(norm=True)
    assert model.enriching is not None
    x = model.enriching(100 * torch.randn(2, 3, 40), None, None)
    torch.testing.assert_close(x.square().mean(-1), torch.ones(2, 3))
    assert isinstance(model.enriching.norm, RMSNorm)
    assert not list(model.enriching.parameters())
    assert model.config.norm == RMSNormConfig()


@pytest.mark.parametrize("options", [{"ngram_rows": [7]}, {"values": True}])
def test_embeddings_are_refused_where_ids_are_needed(make_enriched, options):
    [name] = options
    with pytest.raises(RecipeError, match=rf"embedding\.{name}=.* give it tokens, not embeddings"):
        make_enriched(**options)(embeddings=torch.zeros(1, 3, 40))


def test_embeddings_can_stand_for_tokens_elsewhere(make_enriched):
    model, tokens = make_enriched(smear=True, skip=True, norm=True), torch.randint(97, (2, 8))
    for mask in (None, Documents((3, 5, 8))):
        given = model(embeddings=model.embedding(tokens), mask=mask)
        assert given.equal(model(tokens, mask=mask))


def test_an_enriched_model_comes_back_from_its_folder(make_enriched, tmp_path):
    model, tokens = make_enriched(), torch.randint(97, (2, 8))
    save_model(model, tmp_path)
    assert load_model(tmp_path)(tokens).equal(model(tokens))


def test_the_default_model_has_nothing_of_it(small_config):
    names = [name for name, _ in Transformer(small_config()).named_parameters()]
    assert not [n for n in names if n.startswith(("enriching", "value_tables", "skips"))]
