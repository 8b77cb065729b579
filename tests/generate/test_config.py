import pytest

from textus.errors import RecipeError
from textus.generate.config import SampleConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_new_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 1e-20),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("min_p", 1.1),
        ("seed", -1),
        ("stop", ("",)),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(RecipeError, match=field):
        SampleConfig(**{field: value})


def test_edges_are_allowed():
    SampleConfig(
        max_new_tokens=1, temperature=0, top_k=1, top_p=1.0, min_p=0.0, seed=0, stop=(" ",)
    )
