from pathlib import Path

import pytest

from textus.errors import RecipeError
from textus.run.export import export_run
from textus.run.folder import load_run


def test_a_run_goes_out_with_its_card(shared_run: Path, tmp_path: Path):
    made = export_run(shared_run, tmp_path / "hf", say=lambda text: None)
    assert made.architecture == "Qwen3ForCausalLM"
    assert "| steps | 6 |" in (tmp_path / "hf" / "README.md").read_text()


def test_a_format_that_is_not_known_is_told_before_anything_is_read(tmp_path: Path):
    with pytest.raises(RecipeError, match="unknown --format 'hff'; did you mean 'hf'"):
        export_run(tmp_path / "nothing", tmp_path / "out", "hff", say=lambda text: None)


def test_training_goes_on_from_an_import(shared_run: Path, recipe, go, tmp_path: Path):
    from textus.convert import import_model

    export_run(shared_run, tmp_path / "hf", say=lambda text: None)
    import_model(tmp_path / "hf", tmp_path / "start")
    settings = {"train.start": str(tmp_path / "start"), "train.steps": 2}
    lines = go(recipe, tmp_path / "run", settings)
    assert any(f"starting from the weights in {tmp_path / 'start'}" in line for line in lines)
    before, after = load_run(tmp_path / "start"), load_run(tmp_path / "run")
    assert after.tokenizer.definition == before.tokenizer.definition
    assert after.model.config == before.model.config


def test_a_run_goes_to_llama_cpp(shared_run: Path, tmp_path: Path):
    pytest.importorskip("gguf")
    made = export_run(shared_run, tmp_path / "out", "gguf", dtype="q8_0", say=lambda text: None)
    assert made.architecture == "llama.cpp's qwen3, q8_0"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *("model.gguf", "README.md", "manifest.json")
    }


def test_a_type_is_for_files_that_have_a_choice(shared_run: Path, tmp_path: Path):
    with pytest.raises(RecipeError, match="is for --format gguf"):
        export_run(shared_run, tmp_path / "out", "hf", dtype="f16", say=lambda text: None)
