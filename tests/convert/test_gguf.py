"""The whole way: a model folder to a GGUF file, which llama.cpp runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.convert.gguf import FILE, export_gguf
from textus.convert.gguf_llama_cpp import is_installed
from textus.errors import ConvertError, RecipeError, StoreError
from textus.model.files import save_model
from textus.tokenizer.config import BytesConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

pytest.importorskip("gguf")
needs_llama_cpp = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
Made = Callable[..., Path]

FULL = {"reach": {"kind": "full"}}
YARN = {"kind": "yarn", "factor": 4.0, "original_seq_len": 16, "beta_fast": 8.0}
LLAMA3 = {"kind": "llama3", "factor": 4.0, "original_seq_len": 32}
LATENT = {"num_heads": 2, "head_dim": 8, "rope_dim": 4, "value_dim": 6, "kv_rank": 12}
GROUPS = {"num_experts": 12, "experts_per_token": 3, "hidden_dim": 14, "shared_hidden_dim": 28}
FEW = {"num_experts": 6, "experts_per_token": 2, "hidden_dim": 24}

# Ours, with what makes it interesting -> the architecture of llama.cpp that runs it.
RUN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "qwen3": ("qwen3", "qwen3", {}),
    "short texts": ("gpt2", "gpt2", {"max_seq_len": 16}),
    "tied": ("qwen3", "qwen3", {"head": {"tied": True}}),
    "yarn": ("qwen3", "qwen3", {"position": {"scaling": YARN}}),
    "yarn's gain": (
        "qwen3",
        "qwen3",
        {"position": {"scaling": YARN | {"attention_factor": 1.6}}},
    ),
    "linear": ("qwen3", "qwen3", {"position": {"scaling": {"kind": "linear", "factor": 3.0}}}),
    "ntk": ("qwen3", "qwen3", {"position": {"scaling": {"kind": "ntk", "factor": 3.0}}}),
    "neighbours": ("qwen3", "qwen3", {"position": {"pairs": "neighbours"}}),
    "qwen2": ("qwen2", "qwen2", {}),
    "qwen3_moe": ("qwen3_moe", "qwen3moe", {"feed_forward": FEW}),
    "llama": ("llama", "llama", {}),
    "llama with biases": (
        "llama",
        "llama",
        {"attention": {"bias": "all"}, "feed_forward": {"bias": True}},
    ),
    "llama 3.1": ("llama3", "llama", {"position": {"scaling": LLAMA3}}),
    "mistral": ("mistral", "llama", FULL),
    "mixtral": ("mixtral", "llama", {"feed_forward": FEW} | FULL),
    "phi3": ("phi3", "phi3", {"position": {"fraction": 0.5}} | FULL),
    "olmo2": ("olmo2", "olmo2", {}),
    "gemma": ("gemma", "gemma", {}),
    "gemma2": ("gemma2", "gemma2", {"num_layers": 3}),
    "gemma3": ("gemma3", "gemma3", {"num_layers": 7}),
    "gpt_oss": ("gpt_oss", "gpt-oss", {"feed_forward": FEW, "num_layers": 3}),
    "deepseek_v3": (
        "deepseek_v3",
        "deepseek2",
        {"attention": LATENT | {"query_rank": 10}, "feed_forward": GROUPS, "num_layers": 3},
    ),
    "deepseek_v3, lite": (
        "deepseek_v3",
        "deepseek2",
        {
            "attention": LATENT | {"query_rank": None},
            "feed_forward": GROUPS | {"num_experts": 8},
            "num_layers": 26,
        },
    ),
    "gpt2": ("gpt2", "gpt2", {}),
    "gpt2 without biases": (
        "gpt2",
        "gpt2",
        {"attention": {"bias": "none"}, "feed_forward": {"bias": False}, "norm": {"bias": False}},
    ),
    "gpt_neox": ("gpt_neox", "gptneox", {}),
    "gptj": ("gptj", "phi2", {}),
}


@pytest.fixture
def made(tmp_path: Path, make_model, tokenizer: Tokenizer) -> Made:
    """A folder with a tiny model and its tokenizer."""

    def make(architecture: str = "qwen3", **settings: Any) -> Path:
        folder = tmp_path / "made"
        folder.mkdir()
        save_model(make_model(architecture, **settings), folder)
        tokenizer.save(folder)
        return folder

    return make


@needs_llama_cpp
@pytest.mark.parametrize("name", RUN)
def test_llama_cpp_computes_what_the_model_does(name: str, made: Made, tmp_path: Path):
    ours, theirs, settings = RUN[name]
    exported = export_gguf(made(ours, **settings), tmp_path / "out", dtype="f32")
    assert exported.architecture == f"llama.cpp's {theirs}, f32"
    assert "weights bit for bit the same" in exported.checked
    assert "its greedy text is the same" in exported.checked


@needs_llama_cpp
@pytest.mark.parametrize("dtype", ["f16", "q8_0"])
@pytest.mark.parametrize("architecture", ["qwen3", "gpt2", "mixtral"])
def test_files_of_less_precision_run(architecture: str, dtype: Any, made: Made, tmp_path: Path):
    model = made(architecture, **(FULL if architecture == "mixtral" else {}))
    exported = export_gguf(model, tmp_path / "out", dtype=dtype)
    assert "logarithms of probabilities" in exported.checked


@needs_llama_cpp
def test_a_tokenizer_of_bytes_runs(tmp_path: Path, make_model):
    folder = tmp_path / "made"
    folder.mkdir()
    save_model(make_model(), folder)
    train_tokenizer([], BytesConfig(vocab_size=257)).save(folder)
    assert "the same ids" in export_gguf(folder, tmp_path / "out").checked


def test_the_same_model_makes_the_same_bytes(made: Made, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("textus.convert.gguf_check.is_installed", lambda: False)
    model = made()
    for name in ("first", "second"):
        exported = export_gguf(model, tmp_path / name, card="About it.")
        assert "not run in llama.cpp" in exported.checked
    first, second = ((tmp_path / name / FILE).read_bytes() for name in ("first", "second"))
    assert first == second
    assert (tmp_path / "first/README.md").read_text() == "About it."


def test_rows_that_are_no_whole_blocks_stay_f16_and_are_named(
    made: Made, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("textus.convert.gguf_check.is_installed", lambda: False)
    exported = export_gguf(made(), tmp_path / "out", dtype="q8_0")
    assert "kept in f16, as their rows are no multiple of 32: token_embd.weight" in exported.checked


def test_what_cannot_be_written_leaves_nothing(made: Made, tmp_path: Path):
    with pytest.raises(ConvertError, match=r"position\.kind = learned instead of alibi"):
        export_gguf(made("gpt2", position={"kind": "alibi"}), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_an_unknown_type_is_refused(made: Made, tmp_path: Path):
    with pytest.raises(RecipeError, match="q8_0"):
        export_gguf(made(), tmp_path / "out", dtype="q8")  # type: ignore[arg-type]


def test_a_folder_that_exists_is_kept(made: Made, tmp_path: Path):
    model = made()
    with pytest.raises(StoreError, match="exists already"):
        export_gguf(model, model)
