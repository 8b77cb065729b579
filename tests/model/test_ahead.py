from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textus.model.ahead import targets_ahead
from textus.model.attention import Documents
from textus.model.files import load_model, save_model

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "deepseek_v3": ("deepseek_v3", {}),
    "qwen3": ("qwen3", {"embedding": {"scale": 1.7}}),
    "gpt": ("gpt", {}),
    "gpt2": ("gpt2", {}),
}


@pytest.fixture(params=list(VARIANTS))
def model(request: pytest.FixtureRequest, small_config, random_model):
    architecture, settings = VARIANTS[request.param]
    return random_model(small_config(architecture, predict_ahead=2, **settings), std=0.2)


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(97, (2, 9), generator=torch.Generator().manual_seed(3))


def _changed(before: Tensor, after: Tensor) -> list[list[bool]]:
    return ((before - after).abs().amax(dim=-1) > 1e-5).tolist()


def test_a_state_sees_as_far_as_it_predicts_from(model, tokens: Tensor):
    """Module d reads at position i the tokens up to i + d, and none behind."""
    states = model.ahead_states(tokens, model.hidden_states(tokens))
    assert [tuple(state.shape) for state in states] == 2 * [(2, 9, 40)]
    for t in range(9):
        other = tokens.clone()
        other[:, t] = (other[:, t] + 1) % 97
        after = model.ahead_states(other, model.hidden_states(other))
        for d, (one, two) in enumerate(zip(states, after, strict=True), start=1):
            # The last d positions read tokens from the beginning of the row: they count nowhere.
            changed = [row[: 9 - d] for row in _changed(one, two)]
            assert changed == 2 * [[i + d >= t for i in range(9 - d)]]


def test_a_document_never_moves_the_states_of_another_that_count(model, tokens: Tensor):
    documents = Documents((4, 5, 1, 8))

    def states(ids: Tensor) -> list[Tensor]:
        return model.ahead_states(ids, model.hidden_states(ids, mask=documents), documents)

    other = tokens.clone()
    other[0, 4:] = (other[0, 4:] + 1) % 97
    for d, (one, two) in enumerate(zip(states(tokens), states(other), strict=True), start=1):
        changed = _changed(one, two)
        assert not any(changed[0][: 4 - d])
        assert all(changed[0][4:9])
        assert not any(changed[1])


def test_states_of_packed_documents_are_those_of_each_alone(model, tokens: Tensor):
    documents = Documents((4, 5, 1, 8))
    hidden = model.hidden_states(tokens, mask=documents)
    packed = [state.flatten(0, 1) for state in model.ahead_states(tokens, hidden, documents)]
    start = 0
    for length in documents.lengths:
        part = tokens.flatten()[None, start : start + length]
        positions = start % 9 + torch.arange(length)  # learned ones count from the row's beginning
        hidden = model.hidden_states(part, positions=positions)
        for d, state in enumerate(model.ahead_states(part, hidden), start=1):
            count = max(0, length - d)
            torch.testing.assert_close(
                packed[d - 1][start : start + count], state[0, :count], rtol=1e-4, atol=1e-5
            )
        start += length


def test_generation_does_not_need_them(model, tokens: Tensor, tmp_path):
    before = model.eval()(tokens)
    names = {name.partition(".")[0] for name, _ in model.named_parameters()}
    assert "ahead" in names
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    hidden = model.hidden_states(tokens)
    for one, two in zip(
        model.ahead_states(tokens, hidden), loaded.ahead_states(tokens, hidden), strict=True
    ):
        assert one.equal(two)
    model.ahead = torch.nn.ModuleList()
    assert model(tokens).equal(before)
    assert model.ahead_states(tokens, hidden) == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 4))
@settings(max_examples=60)
def test_targets_ahead_stay_inside_documents(lengths: list[int], steps: int):
    """Against each document by itself: its tokens, and the end-of-text token behind it."""
    total = sum(lengths)
    stream = torch.arange(100, 101 + total)
    expected: list[int] = []
    start = 0
    for length in lengths:
        document = stream[start : start + length + 1].tolist()
        expected += [(document[i + 1 :] + 9 * [-7])[steps] for i in range(length)]
        start += length
    assert targets_ahead(stream[None, 1:], steps, lengths, -7)[0].tolist() == expected


def test_without_documents_rows_end_the_prediction():
    targets = torch.arange(8).view(2, 4)
    assert targets_ahead(targets, 1, None, -7).tolist() == [[1, 2, 3, -7], [5, 6, 7, -7]]
    assert targets_ahead(targets, 4, None, -7).tolist() == [[-7] * 4] * 2


def test_what_is_ignored_stays_ignored():
    targets = torch.tensor([[5, -7, 6, -7]])
    assert targets_ahead(targets, 1, None, -7).tolist() == [[-7, 6, -7, -7]]
