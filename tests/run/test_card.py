import json
import shutil
from pathlib import Path

from textus.convert import export_model, import_model
from textus.model.files import read_config
from textus.model.size import count_parameters
from textus.run.card import describe_model
from textus.store import Manifest, new_folder


def test_a_card_says_what_the_run_recorded(shared_run: Path):
    card = describe_model(shared_run / "model")
    parameters = count_parameters(read_config(shared_run / "model")).total
    assert f"A language model with {parameters:,} parameters" in card
    assert "1 layer of width 32" in card
    report = json.loads((shared_run / "corpus/report.json").read_text())
    assert f"| {report['total']['train']['bytes']:,} |" in card
    assert "300 tokens (BPE)" in card
    assert "| steps | 6 |" in card
    assert (shared_run / "recipe.toml").read_text().strip() in card
    total = json.loads((shared_run / "evaluation/evaluation.json").read_text())["total"]
    assert f"| {total['bits_per_byte']:.4f} |" in card
    assert "at most 32 tokens at a time" in card
    assert card.startswith("---\nlibrary_name: transformers\n")


def test_the_way_to_use_it_is_that_of_the_format(shared_run: Path):
    there, gguf = (describe_model(shared_run / "model", format_) for format_ in ("hf", "gguf"))
    assert 'tokenizer.eos_token + "Once"' in there
    assert "llama-completion" not in there
    assert "library_name: llama.cpp" in gguf
    assert "-m model.gguf" in gguf
    assert "transformers" not in gguf


def test_what_was_not_recorded_is_left_out(finished: Path, tmp_path: Path):
    shutil.copytree(finished / "model", tmp_path / "alone")
    card = describe_model(tmp_path / "alone")
    assert "## Results" not in card
    assert "| words |" in card  # the recipe lies in the model's folder, too
    assert "bytes held out" not in card
    shutil.rmtree(finished / "evaluation")
    assert "## Results" not in describe_model(finished / "model")


def test_results_of_another_model_are_not_taken(finished: Path):
    manifest = finished / "evaluation" / "manifest.json"
    values = json.loads(manifest.read_text())
    values["inputs"] = dict.fromkeys(values["inputs"], "another")
    manifest.write_text(json.dumps(values))
    assert "## Results" not in describe_model(finished / "model")


def test_an_imported_model_names_where_it_is_from(shared_run: Path, tmp_path: Path):
    export_model(shared_run / "model", tmp_path / "hf")
    import_model(tmp_path / "hf", tmp_path / "ours")
    card = describe_model(tmp_path / "ours")
    assert f"Its weights were taken over from {tmp_path / 'hf'} by Textus." in card
    assert "## Data" not in card
    assert "## Training" not in card


def test_a_checkpoint_says_that_training_had_not_finished(shared_run: Path, tmp_path: Path):
    with new_folder(tmp_path / "step-00000002", Manifest(kind="checkpoint")) as work:
        shutil.copytree(shared_run / "model", work, dirs_exist_ok=True)
    assert "Its training had not finished." in describe_model(tmp_path / "step-00000002")
    assert "not finished" not in describe_model(shared_run / "model")
