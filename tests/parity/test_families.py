"""Every family of models against Hugging Face transformers, through files: a tiny model of theirs
with random weights is saved, imported, compared, exported, loaded by them and imported again."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from textus.convert.catalogue import FAMILIES
from textus.convert.exporting import export_weights
from textus.convert.importing import import_weights
from textus.convert.match import match_family
from textus.convert.settings import WITHOUT_INFLUENCE, Asked
from textus.errors import ConvertError
from textus.model.config import LearnedConfig
from textus.model.files import load_model, save_model
from textus.model.presets import PRESETS, make_config
from textus.model.transformer import Transformer

transformers = pytest.importorskip("transformers")

SIZES = {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 3, "intermediate_size": 36}
SIZES |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
SIZES |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 5000.0, "factor": 4.0, "low_freq_factor": 1.0}
LLAMA3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "beta_fast": 4.0}
YARN |= {"original_max_position_embeddings": 8}
LINEAR = {"rope_type": "linear", "rope_theta": 100.0, "factor": 3.0}
EXPERTS = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 10}
LATENT = {"q_lora_rank": 13, "kv_lora_rank": 11, "qk_nope_head_dim": 10, "qk_rope_head_dim": 6}
LATENT |= {"v_head_dim": 7, "num_key_value_heads": 4, "n_routed_experts": 8, "n_group": 4}
LATENT |= {"topk_group": 2, "num_experts_per_tok": 3, "moe_intermediate_size": 10}
LATENT |= {"first_k_dense_replace": 1, "n_shared_experts": 2}
MSCALE = {"mscale": 1.3, "mscale_all_dim": 0.7}
FIRST = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 32}
FIRST |= {"bos_token_id": None, "eos_token_id": None}
NEO = {"vocab_size": 61, "hidden_size": 24, "num_layers": 3, "num_heads": 4}
NEO |= {"intermediate_size": 36, "max_position_embeddings": 32}
NEO |= {"bos_token_id": None, "eos_token_id": None}
LOCAL = {"attention_types": [[["global", "local", "local"], 1]], "window_size": 5}
TYPES = ["sliding_attention", "full_attention"]
LOCAL_ROPE = {
    "full_attention": LINEAR | {"factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
}
OSS_EXPERTS = {"num_local_experts": 6, "num_experts_per_tok": 2, "intermediate_size": 14}
OSS_EXPERTS |= {"swiglu_limit": 0.5}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt": ("openai-gpt", {}),
    "gpt, relu": ("openai-gpt", {"afn": "relu", "layer_norm_epsilon": 1e-3}),
    "gpt2": ("gpt2", {}),
    "gpt2, odd sizes": ("gpt2", {"n_embd": 21, "n_head": 3, "n_inner": 33}),
    "gpt2, untied, exact gelu": (
        "gpt2",
        {"tie_word_embeddings": False, "activation_function": "gelu"},
    ),
    "gpt_neo": ("gpt_neo", LOCAL),
    "gpt_neo, all local": ("gpt_neo", {"attention_types": [[["local"], 3]], "window_size": 7}),
    "gptj": ("gptj", {"rotary_dim": 4, "n_inner": 36}),
    "gptj, wholly turned": ("gptj", {"rotary_dim": 6}),
    "gpt_neox": ("gpt_neox", {"rotary_pct": 0.67}),
    "gpt_neox, one after the other": (
        "gpt_neox",
        {"use_parallel_residual": False, "rotary_pct": 1.0, "rotary_emb_base": 500.0},
    ),
    "gpt_neox, no biases": ("gpt_neox", {"attention_bias": False, "rotary_pct": 0.34}),
    "gemma": ("gemma", {"head_dim": 10}),
    "gemma, one key head, untied": (
        "gemma",
        {"head_dim": 8, "num_key_value_heads": 1, "tie_word_embeddings": False},
    ),
    "gemma2": (
        "gemma2",
        {"head_dim": 10, "sliding_window": 5, "query_pre_attn_scalar": 7}
        | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 1.5},
    ),
    "gemma2, no caps": (
        "gemma2",
        {"head_dim": 8, "attn_logit_softcapping": None, "final_logit_softcapping": None}
        | {"layer_types": TYPES[::-1] + TYPES[:1], "sliding_window": 4},
    ),
    "gemma3": (
        "gemma3_text",
        {"head_dim": 10, "num_hidden_layers": 7, "sliding_window": 5, "query_pre_attn_scalar": 160},
    ),
    "gemma3, scaled": (
        "gemma3_text",
        {"head_dim": 8, "rope_parameters": LOCAL_ROPE, "sliding_window": 6}
        | {"layer_types": TYPES[:1] + TYPES, "query_pre_attn_scalar": 8},
    ),
    "gpt_oss": ("gpt_oss", OSS_EXPERTS | {"head_dim": 10, "sliding_window": 5}),
    "gpt_oss, scaled": (
        "gpt_oss",
        OSS_EXPERTS
        | {"head_dim": 8, "sliding_window": 6, "layer_types": TYPES[::-1] + TYPES[1:]}
        | {"rope_parameters": YARN | {"truncate": False}, "attention_bias": False},
    ),
    "llama": ("llama", {}),
    "llama, tied, heads of their own width": (
        "llama",
        {"tie_word_embeddings": True, "head_dim": 10},
    ),
    "llama, biases": ("llama", {"attention_bias": True, "mlp_bias": True, "rms_norm_eps": 1e-4}),
    "llama, scaled as llama 3": ("llama", {"rope_parameters": LLAMA3}),
    "llama, scaled evenly": ("llama", {"rope_parameters": LINEAR, "hidden_act": "gelu"}),
    "mistral": ("mistral", {"sliding_window": 7}),
    "mistral, no window": ("mistral", {"sliding_window": None, "head_dim": 8}),
    "mixtral": ("mixtral", {"num_local_experts": 5, "num_experts_per_tok": 2}),
    "mixtral, window": ("mixtral", {"num_local_experts": 3, "sliding_window": 5}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen2, windows": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {"head_dim": 10, "rope_parameters": YARN}),
    "qwen3, biases": ("qwen3", {"head_dim": 8, "attention_bias": True}),
    "qwen3_moe": ("qwen3_moe", EXPERTS | {"head_dim": 8}),
    "qwen3_moe, some dense": (
        "qwen3_moe",
        EXPERTS | {"head_dim": 8, "mlp_only_layers": [1], "norm_topk_prob": True},
    ),
    "phi3": ("phi3", {"original_max_position_embeddings": 32, "sliding_window": 9}),
    "phi3, half turned": (
        "phi3",
        {
            "original_max_position_embeddings": 32,
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000.0,
                "partial_rotary_factor": 0.5,
            },
        },
    ),
    "olmo2": ("olmo2", {"tie_word_embeddings": True}),
    "olmo2, biases": ("olmo2", {"attention_bias": True, "rms_norm_eps": 1e-3}),
    "deepseek_v3": ("deepseek_v3", LATENT),
    "deepseek_v3, biases, halves": (
        "deepseek_v3",
        LATENT | {"q_lora_rank": None, "attention_bias": True, "rope_interleave": False},
    ),
    "deepseek_v3, scaled": ("deepseek_v3", LATENT | {"rope_parameters": YARN | MSCALE}),
}
SIZES_OF = dict.fromkeys(("openai-gpt", "gpt2", "gptj"), FIRST) | {"gpt_neo": NEO}
SIZES_OF["gpt_neox"] = {n: v for n, v in SIZES.items() if n != "num_key_value_heads"}
OLD_NAMES_ELSEWHERE = {*SIZES_OF, "gemma3_text"}
"""Whose settings of positions have other names: tests/convert has files as they were published."""
SPREAD = dict.fromkeys(("gemma", "gemma2", "gemma3_text"), 0.1) | {"openai-gpt": 0.4}
"""Of random weights where they are not 0.2: Gemma's stream grows with the root of the width and its
norms double, so that float32's own rounding would be above the tolerance; GPT's norms hide more."""
TOLERANCE = 1e-5
PLAIN = {"attn_implementation": "eager", "experts_implementation": "eager"}
"""The reference computation of theirs, which any width fits."""


def their_config(name: str) -> Any:
    model_type, settings = CASES[name]
    return transformers.AutoConfig.for_model(
        model_type, **SIZES_OF.get(model_type, SIZES) | settings, **PLAIN
    )


def randomise_picks(model: nn.Module) -> None:
    """Biases that pick experts, which are no parameters there."""
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.copy_(0.2 * torch.randn(buffer.shape))


@dataclasses.dataclass
class Pair:
    """A model of theirs, its files, and ours that was imported from them."""

    theirs: nn.Module
    ours: Transformer
    checkpoint: Path
    imported: Path


@pytest.fixture(scope="module", params=list(CASES))
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, randomise
) -> Pair:
    folder = tmp_path_factory.mktemp("family")
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(their_config(request.param)).eval()
    randomise(theirs, std=SPREAD.get(CASES[request.param][0], 0.2))
    randomise_picks(theirs)
    theirs.save_pretrained(folder / "theirs")
    (folder / "ours").mkdir()
    import_weights(folder / "theirs", folder / "ours")
    return Pair(theirs, load_model(folder / "ours"), folder / "theirs", folder / "ours")


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(61, (2, 32), generator=torch.Generator().manual_seed(0))


def test_logits_of_the_import_are_theirs(pair: Pair, tokens: Tensor):
    with torch.no_grad():
        expected = pair.theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(pair.ours(tokens), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_input_changes_the_output(
    pair: Pair, tokens: Tensor, every_token_matters, every_parameter_matters
):
    reach = pair.ours.config.layers[0].reach
    tokens = tokens[:, : getattr(reach, "window", 32)]
    every_token_matters(pair.ours, tokens)
    # Without turning, a key's bias adds the same to all scores of a query: softmax takes it away.
    added = isinstance(pair.ours.config.position, LearnedConfig)
    every_parameter_matters(pair.ours, tokens, but="attention.key.bias" if added else " ")


def test_the_export_loads_there_and_comes_back_bit_by_bit(
    pair: Pair, tokens: Tensor, tmp_path: Path
):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "again").mkdir()
    family = export_weights(pair.imported, tmp_path / "theirs")
    assert type(pair.theirs).__name__ == family.architecture
    reloaded, told = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "theirs", output_loading_info=True, **PLAIN
    )
    assert not any(told.values())
    with torch.no_grad():
        expected = pair.theirs(tokens).logits
        torch.testing.assert_close(reloaded(tokens).logits, expected, rtol=1e-6, atol=1e-6)
    import_weights(tmp_path / "theirs", tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (pair.imported / name).read_bytes()


@pytest.mark.parametrize("model_type", sorted({model_type for model_type, _ in CASES.values()}))
def test_every_setting_that_transformers_knows_is_read_or_without_influence(model_type: str):
    case = next(name for name, (kind, _) in CASES.items() if kind == model_type)
    settings = their_config(case).to_dict()
    asked = Asked(settings | {"surely_unknown": 1})
    FAMILIES[model_type].read(asked)
    assert list(asked.unread()) == ["surely_unknown"]
    assert "hidden_size" not in WITHOUT_INFLUENCE


@pytest.mark.parametrize(
    "name", [name for name, (kind, _) in CASES.items() if kind not in OLD_NAMES_ELSEWHERE]
)
def test_settings_under_their_old_names_mean_the_same(name: str):
    family, settings = FAMILIES[CASES[name][0]], their_config(name).to_dict()
    rope = dict(settings.pop("rope_parameters"))
    old = {"rope_theta": rope.pop("rope_theta")}
    share = rope.pop("partial_rotary_factor", None)
    old |= {} if share is None else {"partial_rotary_factor": share}
    kind = rope.pop("rope_type")
    old["rope_scaling"] = None if kind == "default" else rope | {"type": kind}
    new = their_config(name).to_dict()
    assert family.read(Asked(settings | old)) == family.read(Asked(new))


def test_every_family_has_a_case():
    assert {model_type for model_type, _ in CASES.values()} == set(FAMILIES)


def test_json_is_all_that_a_family_writes(pair: Pair):
    _, settings = match_family(pair.ours.config)
    assert json.loads(json.dumps(settings)) == settings


WITHOUT_COUNTERPART = {"gpt3", "speedrun"}


@pytest.mark.parametrize("architecture", sorted(set(PRESETS) - WITHOUT_COUNTERPART))
def test_presets_go_out_as_they_are(
    architecture: str, tokens: Tensor, tmp_path: Path, random_model
):
    """A family's own default in transformers for what a preset leaves out would show here."""
    sizes = {"vocab_size": 61, "max_seq_len": 32, "num_layers": 3, "model_dim": 64}
    model = random_model(
        make_config(architecture, **sizes, attention={"num_heads": 2, "head_dim": 32}), std=0.05
    ).eval()
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    save_model(model, tmp_path / "ours")
    export_weights(tmp_path / "ours", tmp_path / "theirs")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "theirs", **PLAIN)
    with torch.no_grad():
        expected = theirs(tokens).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(model(tokens), expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("architecture", sorted(WITHOUT_COUNTERPART & set(PRESETS)))
def test_presets_without_counterpart_are_refused(architecture: str):
    with pytest.raises(ConvertError, match="no architecture of Hugging Face transformers"):
        match_family(make_config(architecture))
