import subprocess
import sys

import pytest

from textus.errors import RecipeError
from textus.model.config import ModelConfig
from textus.model.presets import PRESETS, round_up


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_layers": 0}, "num_layers=0 must be at least 1"),
        ({"vocab_size": -5}, "vocab_size=-5 must be at least 1"),
        ({"num_heads": 6, "num_kv_heads": 4}, "num_kv_heads=4; use one of 1, 2, 3, 6"),
        ({"head_dim": 7}, "head_dim=7 must be even"),
        ({"norm_eps": 0.0}, "norm_eps .* must be above 0"),
        ({"rope_theta": -1.0}, "rope_theta must be above 0"),
    ],
)
def test_impossible_sizes_are_refused(settings: dict[str, float], message: str):
    with pytest.raises(RecipeError, match=message):
        ModelConfig(**settings)  # pyrefly: ignore


def test_odd_heads_are_fine_without_rotation():
    assert ModelConfig(head_dim=7, position="learned").head_dim == 7


@pytest.mark.parametrize("architecture", PRESETS)
@pytest.mark.parametrize(("dim", "heads"), [(64, 1), (192, 3), (256, 4), (100, 5)])
def test_presets_fit_every_width_and_give_reasons(architecture: str, dim: int, heads: int):
    values = PRESETS[architecture](dim, heads)
    config = ModelConfig(architecture=architecture, model_dim=dim, num_heads=heads, **values)
    assert config.num_heads % config.num_kv_heads == 0


def test_presets_settle_the_same_settings():
    names = {tuple(preset(64, 2)) for preset in PRESETS.values()}
    assert len(names) == 1


def test_round_up_reaches_the_next_multiple():
    assert [round_up(x, 64) for x in (1, 64, 64.5, 682.7)] == [64, 64, 128, 704]


def test_settings_are_read_without_torch():
    code = (
        "import sys, textus.model.config, textus.model.presets; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
