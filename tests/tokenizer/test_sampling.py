"""Random cuts of texts: kernels and plain Python agree, for any batch and number of threads."""

import math
from itertools import chain, pairwise

import pytest

from textus.errors import DataError
from textus.tokenizer import sampling
from textus.tokenizer.config import BPEConfig, UnigramConfig, WordPieceConfig
from textus.tokenizer.engine import sampling as engine
from textus.tokenizer.sampling import Sampler, Sampling
from textus.tokenizer.train import train_tokenizer

CONFIGS = {
    "bpe": (BPEConfig(vocab_size=900), Sampling(seed=5, dropout=0.2)),
    "unigram": (UnigramConfig(vocab_size=600), Sampling(seed=5, alpha=0.3)),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_kernels_draw_as_plain_python_for_any_threads(kind, corpus, scripts, monkeypatch):
    config, how = CONFIGS[kind]
    sampler = Sampler(train_tokenizer(corpus, config).definition)
    texts = [*scripts, "", corpus[0][:3000], "a" * 200]
    plain = [sampler.plain_ids(text, how) for text in texts]
    monkeypatch.setattr(sampling, "ENGINE_CHARACTERS", 0)
    monkeypatch.setattr(sampling, "LOADED_ENGINE_CHARACTERS", 0)
    monkeypatch.setattr(engine, "_GROUP", 400)
    for threads in (1, 3):
        ids, offsets = sampler.encode_batch(texts, how, threads=threads)
        assert sampler._engine.cache_info().currsize == 1
        assert [ids[a:b].tolist() for a, b in pairwise(offsets)] == plain
    assert [sampler.encode(text, how) for text in texts] == plain
    assert [len(part) for part in sampler.encode_batch([], how, threads=2)] == [0, 1]


def test_cuts_depend_on_the_seed_and_the_text(tokenizer, scripts):
    kwargs = {"dropout": 0.3}
    one, other = (tokenizer.encode_sampled_joined(scripts, seed=s, **kwargs)[0] for s in (1, 2))
    assert one.tolist() != other.tolist()
    ids, offsets = tokenizer.encode_sampled_joined(scripts[::-1], seed=1, **kwargs)
    rows = [ids[a:b].tolist() for a, b in pairwise(offsets)]
    assert rows == [tokenizer.encode_sampled(text, seed=1, **kwargs) for text in scripts[::-1]]
    assert list(chain.from_iterable(rows[::-1])) == one.tolist()


def test_splitters_without_kernels_are_cut_in_plain_python(corpus, monkeypatch):
    config = BPEConfig(vocab_size=300, pattern=r"\w+|\W")
    tokenizer = train_tokenizer(corpus, config)
    monkeypatch.setattr(sampling, "ENGINE_CHARACTERS", 0)
    ids = tokenizer.encode_sampled(corpus[0][:2000], seed=1, dropout=0.5)
    assert tokenizer.decode(ids) == corpus[0][:2000]
    assert not tokenizer._sampler._engine.cache_info().currsize


def test_the_longest_match_is_not_sampled(corpus):
    tokenizer = train_tokenizer(corpus, WordPieceConfig(vocab_size=900))
    with pytest.raises(DataError, match="not for a tokenizer of the kind wordpiece"):
        tokenizer.encode_sampled("a", seed=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 1.1},
        {"dropout": -0.1},
        {"dropout": math.nan},
        {"alpha": -1.0},
        {"alpha": math.nan},
        {"alpha": math.inf},
        {"seed": None},
    ],
)
def test_settings_out_of_their_range_are_refused(tokenizer, settings):
    for encode, texts in (
        (tokenizer.encode_sampled, "a"),
        (tokenizer.encode_sampled_joined, ["a"]),
    ):
        with pytest.raises(DataError, match=next(iter(settings))):
            encode(texts, **{"seed": 1, **settings})
    with pytest.raises(DataError, match="threads=0"):
        tokenizer.encode_sampled_joined(["a"], seed=1, dropout=0.1, threads=0)
