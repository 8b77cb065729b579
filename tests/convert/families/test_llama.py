import pytest

from textus.convert.catalogue import FAMILIES
from textus.errors import ConvertError
from textus.model.presets import make_config


def test_a_width_that_transformers_would_refuse_is_refused_before():
    config = make_config("llama", model_dim=100, attention={"num_heads": 3, "head_dim": 32})
    with pytest.raises(ConvertError, match="model_dim=100 is not a multiple of num_heads=3"):
        FAMILIES["llama"].write(config)
