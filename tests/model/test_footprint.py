"""How much of this repository a reader must follow to understand one forward pass and its loss."""

import inspect
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
import torch.nn.functional as F

import textus
from textus.model.config import ModelConfig
from textus.model.transformer import Transformer
from textus.train.loss import linear_cross_entropy

HERE = str(Path(textus.__file__).parent)


class _Reader:
    """Notes the functions of this repository that run, and how deep attention's kernel lies."""

    def __init__(self) -> None:
        self.functions: set[CodeType] = set()
        self.depths: set[int] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HERE):
            self.functions.add(frame.f_code)
        if event == "c_call" and argument is F.scaled_dot_product_attention:
            self.depths.add(sum(f.startswith(HERE) for f in _files_of_stack(frame)))


def _files_of_stack(frame: FrameType | None) -> list[str]:
    files = []
    while frame:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return files


def test_default_model_can_be_read_in_one_sitting():
    config = ModelConfig(num_layers=2, vocab_size=64)
    model, tokens = Transformer(config), torch.randint(64, (1, 8))
    reader = _Reader()
    sys.setprofile(reader)
    try:
        linear_cross_entropy(model.hidden_states(tokens), model.head.weight, tokens)
    finally:
        sys.setprofile(None)
    lines = sum(len(inspect.getsourcelines(code)[0]) for code in reader.functions)
    files = {code.co_filename for code in reader.functions}
    print(f"functions {len(reader.functions)}, files {len(files)}, lines {lines}", reader.depths)
    assert len(reader.functions) <= 15
    assert len(files) <= 6
    assert lines <= 300
    assert reader.depths
    assert max(reader.depths) <= 4
