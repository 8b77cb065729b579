import pytest

from textus.data.config import DataConfig
from textus.errors import RecipeError


@pytest.mark.parametrize("field", ["seq_len", "seed", "shard_tokens"])
def test_a_value_out_of_range_is_named_with_its_remedy(field):
    with pytest.raises(RecipeError, match=f"{field}=-1 .*use"):
        DataConfig(**{field: -1})
