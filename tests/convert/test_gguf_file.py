from pathlib import Path

import pytest
import torch

from textus.convert.gguf_file import Content, encode, read, storage, write
from textus.errors import ConvertError

pytest.importorskip("gguf")
TENSORS = {
    "blk.0.ffn_up.weight": torch.randn(3, 64),
    "blk.0.attn_norm.weight": torch.randn(64),
    "blk.0.ffn_gate_inp.weight": torch.randn(4, 64),
    "blk.0.ffn_down.weight": torch.randn(2, 5, 33),
}


def _content() -> Content:
    return Content(
        architecture="llama",
        keys={"block_count": 1, "rope.freq_base": 1e4, "textus.rope_llama3": [1.0, 2.0]},
        tokenizer={"ggml.tokens": ["a", "Ġb"], "ggml.add_bos_token": True},
        tensors=TENSORS,
    )


def test_f32_comes_back_bit_for_bit(tmp_path: Path):
    write(tmp_path / "file", _content(), "f32")
    found = read(tmp_path / "file")
    assert found.keys == _content().keys
    assert found.tokenizer == _content().tokenizer
    assert found.architecture == "llama"
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in TENSORS.items())


def test_q8_0_rounds_each_block_to_127_steps(tmp_path: Path):
    write(tmp_path / "file", _content(), "q8_0")
    found = read(tmp_path / "file").tensors["blk.0.ffn_up.weight"]
    blocks = TENSORS["blk.0.ffn_up.weight"].view(3, 2, 32)
    error = (found.view(3, 2, 32) - blocks).abs()
    assert (error <= 0.51 * blocks.abs().amax(-1, keepdim=True) / 127 + 1e-3).all()
    assert error.max() > 0


def test_what_decides_stays_f32_and_odd_rows_f16():
    kinds = {name: storage(name, tensor, "q8_0") for name, tensor in TENSORS.items()}
    assert list(kinds.values()) == ["q8_0", "f32", "f32", "f16"]


def test_a_value_beyond_half_precision_is_refused():
    with pytest.raises(ConvertError, match="70000, beyond f16's 65504"):
        encode("blk.0.ffn_up.weight", torch.full((2, 64), 7e4), "f16")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(value: float):
    with pytest.raises(ConvertError, match="not finite"):
        encode("blk.0.ffn_up.weight", torch.full((2, 64), value), "f32")
