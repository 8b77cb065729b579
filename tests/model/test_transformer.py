import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from textus.model.attention import Documents
from textus.model.config import ModelConfig
from textus.model.transformer import Transformer


@pytest.fixture
def tokens(config: ModelConfig) -> Tensor:
    return torch.randint(config.vocab_size, (2, 11), generator=torch.Generator().manual_seed(3))


def _changed(before: Tensor, after: Tensor) -> Tensor:
    """True at each (batch, position) whose logits differ."""
    return (before - after).abs().amax(dim=-1) > 1e-6


def test_a_token_never_moves_logits_before_it(config: ModelConfig, tokens: Tensor, random_model):
    model = random_model(config)
    before = model(tokens)
    for t in range(tokens.size(1)):
        other = tokens.clone()
        other[:, t] = (other[:, t] + 1) % config.vocab_size
        changed = _changed(before, model(other))
        assert not changed[:, :t].any()
        assert changed[:, t:].all()


def test_a_document_never_moves_logits_of_another(
    config: ModelConfig, tokens: Tensor, random_model
):
    model, documents = random_model(config), Documents((4, 7, 1, 9, 1))
    before = model(tokens, mask=documents)
    other = tokens.clone()
    other[0, 2] = (other[0, 2] + 1) % config.vocab_size
    changed = _changed(before, model(other, mask=documents))
    assert changed.nonzero().tolist() == [[0, 2], [0, 3]]


def test_documents_equal_their_dense_mask(config: ModelConfig, tokens: Tensor, random_model):
    model, documents = random_model(config), Documents((4, 7, 1, 9, 1))
    dense = model(tokens, mask=documents.dense(2, 11))
    torch.testing.assert_close(model(tokens, mask=documents), dense, rtol=1e-5, atol=1e-5)


def test_rows_do_not_meet(config: ModelConfig, tokens: Tensor, random_model):
    model = random_model(config)
    alone = torch.cat([model(row[None]) for row in tokens])
    torch.testing.assert_close(model(tokens), alone, rtol=1e-5, atol=1e-5)


def test_positions_count_from_zero_unless_given(config: ModelConfig, tokens: Tensor, random_model):
    model = random_model(config)
    given = torch.arange(11).expand(2, 11)
    assert model(tokens, positions=given).allclose(model(tokens), atol=1e-6)
    stretched = model(tokens, positions=2 * given)
    assert _changed(model(tokens), stretched)[:, 1:].all()


def test_learned_positions_tell_where_a_token_stands(small_config, random_model):
    model = random_model(small_config("gpt2"))
    same = torch.full((1, 5), 7)
    logits = model(same)[0]
    assert not logits[0].allclose(logits[1], atol=1e-3)


def test_modern_model_begins_with_a_uniform_guess(small_config):
    config = small_config("qwen3")
    tokens = torch.randint(config.vocab_size, (4, 16))
    logits = Transformer(config)(tokens).flatten(0, 1)
    loss = F.cross_entropy(logits, tokens.flatten())
    assert loss.item() == pytest.approx(math.log(config.vocab_size), rel=1e-6)


def test_gpt2_begins_near_a_uniform_guess(small_config):
    config = small_config("gpt2")
    tokens = torch.randint(config.vocab_size, (4, 16))
    targets = torch.randint(config.vocab_size, (64,))
    loss = F.cross_entropy(Transformer(config)(tokens).flatten(0, 1), targets)
    assert loss.item() == pytest.approx(math.log(config.vocab_size), rel=0.05)


def test_every_parameter_learns_within_two_steps(config: ModelConfig, tokens: Tensor):
    """What starts at zero (outputs, head) must not keep the rest at zero gradient for ever."""
    model = Transformer(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        logits = model(tokens).flatten(0, 1)
        F.cross_entropy(logits, tokens.roll(-1).flatten()).backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_weights_depend_on_the_seed_alone(config: ModelConfig):
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in Transformer(config).parameters()])

    assert weights(1).equal(weights(1))
    assert not weights(1).equal(weights(2))


def test_tied_head_is_the_embedding(small_config):
    for architecture in ("qwen3", "gpt2"):
        tied = Transformer(small_config(architecture, head={"tied": True}))
        apart = Transformer(small_config(architecture, head={"tied": False}))
        assert tied.head.weight is tied.embedding.weight
        assert apart.head.weight is not apart.embedding.weight
