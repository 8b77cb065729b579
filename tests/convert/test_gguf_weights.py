import pytest
import torch

from textus.convert.gguf_match import match
from textus.convert.gguf_weights import settled_weights, to_ours, to_theirs
from textus.model.transformer import Transformer

FEW = {"num_experts": 12, "experts_per_token": 2, "hidden_dim": 24}
MODELS = {
    "qwen3": {},
    "llama": {"attention": {"bias": "all"}, "feed_forward": {"bias": True}},
    "phi3": {"reach": {"kind": "full"}, "position": {"fraction": 0.5}},
    "olmo2": {"position": {"pairs": "neighbours"}},
    "gemma2": {},
    "gpt_oss": {"feed_forward": FEW},
    "deepseek_v3": {"feed_forward": FEW | {"shared_hidden_dim": 24}},
    "gpt2": {"attention": {"bias": "none"}},
    "gptj": {},
}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest, small_config, random_model) -> Transformer:
    fitting = {"attention": {"num_heads": 4, "head_dim": 12}, "model_dim": 48}
    return random_model(small_config(request.param, **fitting | MODELS[request.param]))


def test_the_settled_model_computes_the_same(model: Transformer):
    found = match(model.config)
    settled = Transformer(found.config)
    settled.load_state_dict(settled_weights(model, found.config), strict=False)
    tokens = torch.randint(97, (2, 20))
    torch.testing.assert_close(settled(tokens), model(tokens), rtol=1e-5, atol=1e-4)


def test_weights_come_back_bit_for_bit(model: Transformer):
    found = match(model.config)
    weights = settled_weights(model, found.config)
    again = to_ours(to_theirs(weights, found.config, found.form), found.config, found.form)
    assert again.keys() == {name for name in weights if not name.startswith("ahead.")}
    assert all(torch.equal(again[name], weights[name]) for name in again)
