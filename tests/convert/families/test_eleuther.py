"""GPT-Neo, GPT-J and GPT-NeoX, beside what tests/parity says of every family."""

import pytest

from textus.convert.families.eleuther import GPT_NEO, GPT_NEOX, GPTJ
from textus.convert.match import differences, read_config
from textus.errors import ConvertError
from textus.model.presets import make_config

NEO_125M = {"vocab_size": 50257, "max_position_embeddings": 2048, "hidden_size": 768}
NEO_125M |= {"num_layers": 12, "num_heads": 12, "intermediate_size": None, "window_size": 256}
NEO_125M |= {"attention_types": [[["global", "local"], 6]], "activation_function": "gelu_new"}
J_6B = {"vocab_size": 50400, "n_positions": 2048, "n_embd": 4096, "n_layer": 28, "n_head": 16}
J_6B |= {"rotary": True, "rotary_dim": 64, "tie_word_embeddings": False}
PYTHIA_70M = {"vocab_size": 50304, "max_position_embeddings": 2048, "hidden_size": 512}
PYTHIA_70M |= {"num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048}
PYTHIA_70M |= {"hidden_act": "gelu", "rotary_pct": 0.25, "rotary_emb_base": 10000}
PYTHIA_70M |= {"use_parallel_residual": True, "tie_word_embeddings": False}


def test_presets_at_the_published_sizes_are_the_published_models():
    neo = make_config("gpt_neo", vocab_size=50257, max_seq_len=2048, num_layers=12, model_dim=768)
    assert differences(neo, read_config(GPT_NEO, NEO_125M)) == []
    heads = {"num_heads": 16, "head_dim": 256}
    gptj = make_config(
        "gptj", vocab_size=50400, max_seq_len=2048, num_layers=28, model_dim=4096, attention=heads
    )
    assert differences(gptj, read_config(GPTJ, J_6B)) == []
    pythia = make_config(
        "gpt_neox", vocab_size=50304, max_seq_len=2048, num_layers=6, model_dim=512
    )
    assert differences(pythia, read_config(GPT_NEOX, PYTHIA_70M)) == []


def test_positions_that_gptj_cannot_say_are_found_out():
    scaled = make_config("gptj", model_dim=64, position={"theta": 500.0})
    assert differences(scaled, read_config(GPTJ, GPTJ.write(scaled)))
    with pytest.raises(ConvertError, match="neighbours"):
        GPT_NEOX.write(make_config("gpt_neox", model_dim=64, position={"pairs": "neighbours"}))
