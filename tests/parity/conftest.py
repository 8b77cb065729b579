from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves

Logits = Callable[[Tensor], Tensor]


def _randomise(model: nn.Module) -> None:
    """Gives every parameter a random value: a 0 or 1 could be left out and nobody would see."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            middle = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + 0.2 * torch.randn(parameter.shape, generator=generator))


def _every_token_matters(logits: Logits, tokens: Tensor) -> None:
    """Asserts that another token at any position changes its own logits and the last ones."""
    before = logits(tokens)
    for position in range(tokens.size(1)):
        other = tokens.clone()
        other[:, position] = (other[:, position] + 1) % before.size(-1)
        change = (logits(other) - before).abs().amax(dim=-1)
        assert (change[:, position] > 1e-4).all()
        assert (change[:, -1] > 1e-6).all()


def _every_parameter_matters(model: nn.Module, tokens: Tensor, *, but: str = " ") -> None:
    """Asserts that each parameter moves the logits, but not those whose name ends with `but`."""
    before = model(tokens).detach()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            saved = parameter.clone()
            parameter.add_(0.1 * torch.randn(parameter.shape))
            change = (model(tokens) - before).abs().max()
            parameter.copy_(saved)
            assert (change > 1e-4) != name.endswith(but), name


@pytest.fixture
def randomise() -> Callable[[nn.Module], None]:
    return _randomise


@pytest.fixture
def every_token_matters() -> Callable[[Logits, Tensor], None]:
    return _every_token_matters


@pytest.fixture
def every_parameter_matters() -> Callable[..., None]:
    return _every_parameter_matters


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Each test begins with the same random numbers, whichever ran before it."""
    torch.manual_seed(0)
