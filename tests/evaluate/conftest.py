from collections.abc import Callable
from typing import Any

import pytest
import torch

from textus.model.config import ModelConfig
from textus.model.presets import PRESETS
from textus.model.transformer import Transformer
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer

LETTERS = b"abcdefgh"
torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves


def random_model(architecture: str = "qwen3", **settings: Any) -> Transformer:
    """A tiny model in which every parameter, norms and biases and the head too, is random."""
    values = PRESETS[architecture](16, 2)
    values |= {"vocab_size": 340, "max_seq_len": 64, "num_layers": 2, "model_dim": 16}
    values |= {"num_heads": 2, "head_dim": 8, "hidden_dim": 24}
    model = Transformer(ModelConfig(architecture=architecture, **(values | settings)))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.6, generator=generator)
    return model.eval()


@pytest.fixture
def make_model() -> Callable[..., Transformer]:
    return random_model


@pytest.fixture(params=["qwen3", "gpt2"])
def model(request: pytest.FixtureRequest) -> Transformer:
    return random_model(request.param)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """All bytes, the pairs of eight letters, and one special token in the middle of the ids."""
    pairs = [(a, b) for a in LETTERS for b in LETTERS]
    tokens = [bytes([i]) for i in range(256)] + [b"<end>"] + [bytes(pair) for pair in pairs]
    return Tokenizer(
        Definition(
            tokens=tuple(tokens),
            model=Merges(
                ids={token: id_ for id_, token in enumerate(tokens) if id_ != 256},
                merges=tuple(pairs),
            ),
            splitter=PatternSplitter(),
            special_tokens={"<end>": 256},
            end_of_text="<end>",
        )
    )
