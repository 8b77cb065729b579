import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.model.attention import Documents
from textus.model.config import ModelConfig
from textus.model.size import activation_memory
from textus.model.transformer import Transformer


def kept(config: ModelConfig, make_live, rows: int, seq: int, *, told: bool = True) -> int:
    """Bytes that exist because of a forward pass, its result apart."""
    model, tokens = Transformer(config), torch.randint(config.vocab_size, (rows, seq))
    mask = Documents((seq,) * rows) if told else None
    with make_live() as live:
        for weight in (*model.parameters(), *model.buffers()):
            live.add(weight)
        before = live.now
        live.add(tokens)
        results = [model.hidden_states(tokens, mask=mask)]
        results += model.ahead_states(tokens, results[0], mask)
        # a result that another module reads is kept, the last one is not
        return live.now - before - results[-1].nbytes


def test_activations_of_every_preset_are_what_autograd_keeps(config: ModelConfig, make_live):
    measured = kept(config, make_live, 4, 32)
    assert measured == pytest.approx(activation_memory(config, rows=4, seq_len=32), rel=0.02)


@given(st.data(), st.integers(2, 4), st.integers(6, 20))
@settings(max_examples=60)
def test_activations_are_what_autograd_keeps(
    configs, make_live, data: st.DataObject, rows: int, seq: int
):
    config = data.draw(configs())
    measured = kept(config, make_live, rows, seq)
    assert measured == pytest.approx(activation_memory(config, rows=rows, seq_len=seq), rel=0.02)


def test_activations_of_undivided_rows_are_no_more(config: ModelConfig, make_live):
    measured = kept(config, make_live, 4, 32, told=False)
    assert 0.9 < measured / activation_memory(config, rows=4, seq_len=32) < 1.01


def test_what_is_computed_anew_is_not_kept(small_config, make_live):
    """Softcapped scores beyond one chunk of queries."""
    config = small_config("gemma2", max_seq_len=1200, pattern=[])
    measured = kept(config, make_live, 1, 1200)
    assert measured == pytest.approx(activation_memory(config, rows=1, seq_len=1200), rel=0.02)
