from collections.abc import Callable

import pytest

from textus.model.config import ModelConfig
from textus.model.presets import PRESETS


@pytest.fixture(params=list(PRESETS))
def config(request: pytest.FixtureRequest, small_config: Callable[..., ModelConfig]) -> ModelConfig:
    """Each preset, small."""
    return small_config(request.param)
