from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

Logits = Callable[[Tensor], Tensor]


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
def every_token_matters() -> Callable[[Logits, Tensor], None]:
    return _every_token_matters


@pytest.fixture
def every_parameter_matters() -> Callable[..., None]:
    return _every_parameter_matters
