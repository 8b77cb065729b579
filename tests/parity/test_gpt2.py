"""The gpt2 architecture against Hugging Face transformers' GPT-2."""

import pytest
import torch
from torch import Tensor

from textus.model.config import ModelConfig
from textus.model.presets import make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")


def _config(*, num_heads: int, head_dim: int, hidden_dim: int) -> ModelConfig:
    return make_config(
        "gpt2",
        vocab_size=53,
        max_seq_len=20,
        num_layers=2,
        model_dim=num_heads * head_dim,
        attention={"num_heads": num_heads, "head_dim": head_dim},
        feed_forward={"hidden_dim": hidden_dim},
    )


SHAPES = {
    "usual": _config(num_heads=4, head_dim=8, hidden_dim=128),
    "odd sizes": _config(num_heads=3, head_dim=7, hidden_dim=33),
}
NAMES = {
    "embedding": "wte",
    "position": "wpe",
    "norm": "ln_f",
    "attention_norm": "ln_1",
    "feed_forward_norm": "ln_2",
    "attention.output": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
QKV = ("attention.query", "attention.key", "attention.value")


def _their_model(config: ModelConfig) -> torch.nn.Module:
    theirs = transformers.GPT2Config(
        vocab_size=config.vocab_size,
        n_positions=config.max_seq_len,
        n_embd=config.model_dim,
        n_layer=config.num_layers,
        n_head=config.attention.num_heads,
        n_inner=config.feed_forward.hidden_dim,
        layer_norm_epsilon=config.norm.eps,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",
    )
    return transformers.GPT2LMHeadModel(theirs).eval()


def _our_weights(theirs: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """Their weights, our names: Conv1D holds matrices transposed, and query, key, value as one."""
    weights = {}
    for name in names:
        path, kind = name.rsplit(".", 1)
        folder, part = "", path
        if path.startswith("blocks."):
            _, layer, part = path.split(".", 2)
            folder = f"h.{layer}."
        source = "attn.c_attn" if part in QKV else NAMES[part]
        tensor = theirs[f"transformer.{folder}{source}.{kind}"]
        if part in QKV:
            tensor = tensor.chunk(3, dim=-1)[QKV.index(part)]
        transposed = folder and "norm" not in part and kind == "weight"
        weights[name] = tensor.T if transposed else tensor
    return weights


def _pair(config: ModelConfig, randomise) -> tuple[Transformer, torch.nn.Module]:
    ours, theirs = Transformer(config).eval(), _their_model(config)
    randomise(theirs)
    names = [name for name, _ in ours.named_parameters()]
    weights = _our_weights(dict(theirs.named_parameters()), names)
    counts = [sum(p.numel() for p in model.parameters()) for model in (ours, theirs)]
    assert counts[0] == counts[1]
    ours.load_state_dict(weights, strict=False)
    return ours, theirs


@pytest.fixture(params=list(SHAPES))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return SHAPES[request.param]


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(53, (2, 20), generator=torch.Generator().manual_seed(0))


def test_logits_equal_gpt2(config: ModelConfig, tokens: Tensor, randomise):
    ours, theirs = _pair(config, randomise)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-5, atol=1e-5)


def test_every_input_changes_the_output(
    config: ModelConfig, tokens: Tensor, randomise, every_token_matters, every_parameter_matters
):
    ours, _ = _pair(config, randomise)
    every_token_matters(ours, tokens)
    # A key's bias adds the same to all scores of a query, which softmax takes away again.
    every_parameter_matters(ours, tokens, but="attention.key.bias")


def test_embeddings_stand_for_tokens(config: ModelConfig, tokens: Tensor, randomise):
    ours, _ = _pair(config, randomise)
    assert ours(embeddings=ours.embedding(tokens)).equal(ours(tokens))
