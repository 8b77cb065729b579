from collections.abc import Callable

import pytest
import torch

from textus.model.config import ModelConfig
from textus.model.transformer import Transformer
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.vocabulary import Vocabulary

LETTERS = b"abcdefgh"
MODERN = {"num_kv_heads": 1}
GPT2 = {
    "architecture": "gpt2",
    "position": "learned",
    "norm": "layer",
    "feed_forward": "gelu",
    "qk_norm": False,
    "bias": True,
    "tied_embeddings": True,
    "num_kv_heads": 2,
}


def random_model(**settings) -> Transformer:
    """A tiny model in which every parameter, zeros and ones at birth included, is random."""
    sizes = {"num_layers": 2, "model_dim": 16, "num_heads": 2, "head_dim": 8, "hidden_dim": 24}
    model = Transformer(
        ModelConfig(**{**sizes, "vocab_size": 340, "max_seq_len": 64, **MODERN, **settings})
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.6, generator=generator)
    return model.eval()


@pytest.fixture
def make_model() -> Callable[..., Transformer]:
    return random_model


@pytest.fixture(params=[MODERN, GPT2], ids=["qwen3", "gpt2"])
def model(request: pytest.FixtureRequest) -> Transformer:
    return random_model(**request.param)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """All bytes, the pairs of eight letters, and one special token in the middle of the ids."""
    pairs = [(a, b) for a in LETTERS for b in LETTERS]
    tokens = [bytes([i]) for i in range(256)] + [b"<end>"] + [bytes(pair) for pair in pairs]
    return Tokenizer(
        Vocabulary(tokens=tuple(tokens), merges=tuple(pairs), special_tokens={"<end>": 256})
    )
