import pytest

from textus.model.presets import make_config
from textus.recipe import flatten, to_tree

CHANGES = {
    ("llama", "llama3"): {"position.theta", "attention.num_kv_heads"},
    ("llama", "mistral"): {"attention.num_kv_heads", "reach.kind", "reach.window"},
    ("llama", "phi3"): {"reach.kind", "reach.window"},
    ("llama", "olmo2"): {"position.theta", "attention.qk_norm", "norm.eps", "arrangement"},
    ("qwen3", "qwen2"): {"attention.bias", "attention.qk_norm"},
}


@pytest.mark.parametrize("pair", CHANGES)
def test_a_model_changes_what_its_docstring_says_and_no_more(pair: tuple[str, str]):
    trees = [make_config(name, model_dim=512, max_seq_len=8192) for name in pair]
    before, after = (flatten(to_tree(tree)) for tree in trees)
    changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    assert changed == CHANGES[pair] | {"architecture"}


@pytest.mark.parametrize(("max_seq_len", "window"), [(32768, 4096), (1024, 512), (1, 1)])
def test_a_window_is_its_own_or_half_of_the_longest_text(max_seq_len: int, window: int):
    config = make_config("mistral", max_seq_len=max_seq_len)
    assert to_tree(config.reach) == {"kind": "sliding", "window": window}
