import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.attention import Context, Documents
from textus.model.config import Arrangement, BandedReach, ModelConfig, NoPositionConfig
from textus.model.presets import PRESETS
from textus.model.transformer import BLOCKS, Transformer

VARIANTS: dict[str, dict[str, Any]] = {
    "sandwich": {"arrangement": "sandwich"},
    "output": {"arrangement": "output"},
    "parallel": {"arrangement": "parallel"},
    "shared": {"arrangement": "shared"},
    "no positions": {"position": "none"},
    "alibi": {"position": "alibi"},
    "sinusoidal": {"position": "sinusoidal"},
    "turned in part": {"position": {"fraction": 0.5, "pairs": "neighbours"}},
    "capped": {"attention": {"softcap": 2.0, "scale": 0.5}, "head": {"softcap": 3.0, "bias": True}},
    "sinks": {"attention": {"sinks": True, "bias": "all", "qk_norm": "whole"}},
    "around one": {"norm": {"around_one": True}, "embedding": {"scale": 6.3}},
    "enriched": {
        "embedding": {"scale": 3.0, "norm": True, "ngram_rows": [61, 53], "values": True}
        | {"skip": True, "smear": True}
    },
    "alternating": {
        "num_layers": 3,
        "pattern": [{"position": {"theta": 100.0}}, {"position": "none", "feed_forward": "plain"}],
    },
}


@pytest.fixture(params=[*PRESETS, *VARIANTS])
def config(request: pytest.FixtureRequest, small_config) -> ModelConfig:
    """Each preset, and other kinds of each part."""
    if request.param in PRESETS:
        return small_config(request.param)
    return small_config("qwen3", **VARIANTS[request.param])


@pytest.fixture
def tokens(config: ModelConfig) -> Tensor:
    return torch.randint(config.vocab_size, (2, 11), generator=torch.Generator().manual_seed(3))


def _changed(before: Tensor, after: Tensor) -> Tensor:
    """True at each (batch, position) whose logits differ by more than rounding: an expert's product
    rounds in its own way for each number of tokens that it is given."""
    return (before - after).abs().amax(dim=-1) > 1e-5


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
    if any(isinstance(layer.reach, BandedReach) for layer in config.layers):
        pytest.skip("blocks begin with each document, which no mask of a row can say")
    model, documents = random_model(config), Documents((4, 7, 1, 9, 1))
    dense = model(tokens, mask=documents.dense(2, 11))
    torch.testing.assert_close(model(tokens, mask=documents), dense, rtol=1e-5, atol=1e-5)


def test_rows_do_not_meet(config: ModelConfig, tokens: Tensor, random_model):
    model = random_model(config, std=0.2)
    alone = torch.cat([model(row[None]) for row in tokens])
    torch.testing.assert_close(model(tokens), alone, rtol=1e-5, atol=1e-5)


def test_positions_count_from_zero_unless_given(config: ModelConfig, tokens: Tensor, random_model):
    model = random_model(config)
    given = torch.arange(11).expand(2, 11)
    assert model(tokens, positions=given).allclose(model(tokens), atol=1e-6)
    stretched = _changed(model(tokens), model(tokens, positions=2 * given))
    assert stretched[:, 1:].all() != (config.position == NoPositionConfig())


@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
def test_added_positions_tell_where_a_token_stands(position: str, small_config, random_model):
    model = random_model(small_config(position=position))
    same = torch.full((1, 5), 7)
    logits = model(same)[0]
    assert not logits[0].allclose(logits[1], atol=1e-3)


Part = Callable[[Tensor], Tensor]


def _pre(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    h = x + attention(norms["attention_norm"](x))
    return h + feed_forward(norms["feed_forward_norm"](h))


def _post(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    h = norms["attention_norm"](x + attention(x))
    return norms["feed_forward_norm"](h + feed_forward(h))


def _sandwich(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    h = x + norms["attention_output_norm"](attention(norms["attention_norm"](x)))
    return h + norms["feed_forward_output_norm"](feed_forward(norms["feed_forward_norm"](h)))


def _output(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    h = x + norms["attention_output_norm"](attention(x))
    return h + norms["feed_forward_output_norm"](feed_forward(h))


def _parallel(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    return x + attention(norms["attention_norm"](x)) + feed_forward(norms["feed_forward_norm"](x))


def _shared(x: Tensor, attention: Part, feed_forward: Part, norms: dict[str, Part]) -> Tensor:
    return x + attention(norms["attention_norm"](x)) + feed_forward(norms["attention_norm"](x))


FORMULAS = {
    "pre": _pre,
    "post": _post,
    "sandwich": _sandwich,
    "output": _output,
    "parallel": _parallel,
    "shared": _shared,
}


@pytest.mark.parametrize("arrangement", get_args(Arrangement))
def test_a_block_is_its_arrangements_formula(arrangement: str, small_config, randomise):
    config = small_config(arrangement=arrangement)
    block, x = BLOCKS[arrangement](config, config.layers[0]), torch.randn(2, 5, config.model_dim)
    randomise(block)
    norms: dict[str, Part] = {
        name: part for name, part in block.named_children() if name.endswith("norm")
    }
    expected = FORMULAS[arrangement](
        x, lambda h: block.attention(h, Context()), block.feed_forward, norms
    )
    torch.testing.assert_close(block(x, Context()), expected)


def test_only_norms_behind_the_sums_end_without_another(small_config):
    for arrangement in get_args(Arrangement):
        names = dict(Transformer(small_config(arrangement=arrangement)).named_parameters())
        assert ("norm.weight" in names) == (arrangement != "post")


def test_each_layer_has_the_parts_of_its_place_in_the_pattern(small_config, random_model):
    """Written as a model of its own, a layer does what it does in its place."""
    heads = {"num_heads": 3, "num_kv_heads": 3, "head_dim": 4}
    parts = [
        {"position": {"theta": 100.0}},
        {"position": "none", "feed_forward": {"kind": "plain", "hidden_dim": 9}},
        {"position": {"theta": 100.0}, "attention": heads},
    ]
    model = random_model(small_config(num_layers=4, pattern=parts))
    x = torch.randn(2, 7, 40)
    expected = x
    for i in range(4):
        alone = Transformer(small_config(num_layers=1, pattern=[parts[i % 3]]))
        alone.norm = nn.Identity()
        alone.blocks[0] = model.blocks[i]
        expected = alone.hidden_states(embeddings=expected)
    torch.testing.assert_close(model.hidden_states(embeddings=x), model.norm(expected))


def test_layers_of_one_kind_share_their_positions(small_config):
    pattern = [{"count": 2}, {"position": {"theta": 7.0}}, {"position": "none"}]
    model = Transformer(small_config(num_layers=8, pattern=pattern))
    assert model.placing_of == [0, 0, 1, None, 0, 0, 1, None]
    assert len(model.placings) == 2


def test_logits_and_embeddings_are_scaled_as_configured(small_config, random_model):
    plain = random_model(small_config())
    for settings, embedding, cap in (
        ({"embedding": {"scale": 3.0}}, 3.0, None),
        ({"head": {"softcap": 2.0}}, 1.0, 2.0),
    ):
        model, tokens = random_model(small_config(**settings)), torch.randint(97, (2, 5))
        expected = plain(embeddings=embedding * plain.embedding(tokens))
        expected = expected if cap is None else cap * (expected / cap).tanh()
        torch.testing.assert_close(model(tokens), expected)


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
        if parameter.requires_grad and not name.startswith("ahead."):  # those are in no logit
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
