"""Names are those of llama.cpp's own package."""

from collections.abc import Iterator

import pytest

from textus.convert.gguf_forms import FORMS
from textus.convert.gguf_match import match
from textus.convert.gguf_weights import settled_weights, to_theirs

gguf = pytest.importorskip("gguf")
OURS = ("textus.rope_llama3", "textus.yarn_gain")
SCALINGS = [
    {"kind": "yarn", "factor": 4.0, "original_seq_len": 16},
    {"kind": "linear", "factor": 4.0},
    {"kind": "llama3", "factor": 4.0, "original_seq_len": 16},
]
FEW = {"num_experts": 12, "experts_per_token": 2, "hidden_dim": 24}
FULL = {"reach": {"kind": "full"}}


def _values(cls: type) -> Iterator[str]:
    for value in vars(cls).values():
        if isinstance(value, type):
            yield from _values(value)
        elif isinstance(value, str):
            yield value


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        *(("llama", {"position": {"scaling": scaling}}) for scaling in SCALINGS),
        *((name, {}) for name in ("qwen3", "qwen2", "olmo2", "gemma", "gemma2", "gemma3")),
        *((name, {"feed_forward": FEW}) for name in ("qwen3_moe", "gpt_oss")),
        ("mixtral", FULL | {"feed_forward": FEW}),
        ("phi3", FULL | {"position": {"fraction": 0.5}}),
        ("deepseek_v3", {"feed_forward": FEW | {"shared_hidden_dim": 24}}),
        *((name, {}) for name in ("gpt2", "gpt_neox", "gptj")),
    ],
)
def test_every_name_is_known_to_llama_cpp(architecture: str, settings, small_config, random_model):
    fitting = {"attention": {"num_heads": 4, "head_dim": 12}, "model_dim": 48}
    model = random_model(small_config(architecture, **fitting | settings))
    found = match(model.config)
    known_keys = {value.removeprefix("{arch}.") for value in _values(gguf.Keys)}
    assert found.keys.keys() - set(OURS) <= known_keys

    tensors = to_theirs(settled_weights(model, found.config), found.config, found.form)
    arch = next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == found.form.name)
    kinds = gguf.MODEL_TENSORS[arch]
    known = {gguf.TENSOR_NAMES[kind].format(bid=n) for kind in kinds for n in range(2)}
    assert {name.rpartition(".")[0] for name in tensors} <= known


def test_every_form_is_an_architecture_of_llama_cpp():
    names = [form.name for form in FORMS]
    assert set(names) <= set(gguf.MODEL_ARCH_NAMES.values())
    assert len(names) == len(set(names))
