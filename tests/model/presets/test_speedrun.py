import math

import pytest
import torch
import torch.nn.functional as F

from textus.model.presets import make_config
from textus.model.transformer import Transformer
from textus.recipe import flatten, to_tree


def test_the_preset_is_made_of_what_its_docstring_says():
    settings = flatten(to_tree(make_config("speedrun", model_dim=128)))
    expected = {
        "embedding.values": True,
        "embedding.skip": True,
        "embedding.smear": True,
        "embedding.norm": True,
        "position.kind": "rotary",
        "attention.qk_norm": "head",
        "feed_forward.kind": "plain",
        "feed_forward.hidden_dim": 512,
        "feed_forward.activation": "relu2",
        "norm.kind": "rms",
        "norm.learned": False,
        "head.softcap": 15.0,
        "head.tied": False,
    }
    assert {name: settings[name] for name in expected} == expected
    assert not make_config("speedrun").embedding.ngram_rows


def test_tables_of_ngrams_are_one_setting():
    config = make_config("speedrun", model_dim=64, embedding={"ngram_rows": [32768, 32768]})
    assert config.embedding.ngram_rows == (32768, 32768)
    assert config.embedding.values


def test_it_begins_with_a_uniform_guess_and_no_learned_norm(small_config):
    model, tokens = Transformer(small_config("speedrun")), torch.randint(97, (4, 16))
    loss = F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    assert loss.item() == pytest.approx(math.log(97), rel=1e-6)
    assert not [name for name, _ in model.named_parameters() if "norm" in name]
