from collections.abc import Callable
from typing import Any

import pytest
import torch

from textus.model.config import ModelConfig
from textus.model.presets import PRESETS
from textus.model.transformer import Transformer

torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves


def small_config(architecture: str, **settings: Any) -> ModelConfig:
    """A preset at a size where no two widths are equal by chance."""
    sizes: dict[str, Any] = {"vocab_size": 97, "max_seq_len": 32, "num_layers": 2, "model_dim": 40}
    sizes |= {"num_heads": 4, "head_dim": 12}
    sizes |= {name: value for name, value in settings.items() if name in sizes}
    values = PRESETS[architecture](sizes["model_dim"], sizes["num_heads"])
    return ModelConfig(architecture=architecture, **(values | sizes | settings))


def random_model(config: ModelConfig, seed: int = 0) -> Transformer:
    """A model whose every parameter is random, norms and biases too."""
    model = Transformer(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            middle = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(middle + 0.3 * noise)
    return model


@pytest.fixture(name="small_config")
def small_config_fixture() -> Callable[..., ModelConfig]:
    return small_config


@pytest.fixture(name="random_model")
def random_model_fixture() -> Callable[..., Transformer]:
    return random_model


@pytest.fixture(params=list(PRESETS))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    """Each preset, small."""
    return small_config(request.param)


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Each test begins with the same random numbers, whichever ran before it."""
    torch.manual_seed(0)
