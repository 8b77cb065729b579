import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from textus.convert import export_model, import_model
from textus.convert.verifying import compare_import, compare_there
from textus.errors import ConvertError, StoreError
from textus.model.files import load_model, save_model
from textus.tokenizer.tokenizer import Tokenizer

Model = Callable[..., Path]


@pytest.fixture
def model_folder(tmp_path: Path, make_model, tokenizer: Tokenizer) -> Model:
    """A model with its tokenizer, as a run leaves it."""

    def make(architecture: str = "qwen3", **settings) -> Path:
        folder = tmp_path / "model"
        folder.mkdir()
        save_model(make_model(architecture, **settings), folder)
        tokenizer.save(folder)
        return folder

    return make


def test_transformers_loads_it_and_agrees(model_folder: Model, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    made = export_model(model_folder(), tmp_path / "hf", card="A card.\n")
    assert made.architecture == "Qwen3ForCausalLM"
    assert f"read through transformers {transformers.__version__}: logits of " in made.checked
    assert (tmp_path / "hf" / "README.md").read_text() == "A card.\n"
    config = transformers.AutoConfig.from_pretrained(tmp_path / "hf")
    assert (config.eos_token_id, config.bos_token_id) == (256, 256)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert tokenizer.decode(tokenizer("abc d")["input_ids"]) == "abc d"
    assert tokenizer(tokenizer.eos_token + "abc")["input_ids"][0] == 256


def test_the_tokens_around_texts_stay_what_they_were(checkpoint, tmp_path: Path):
    ids = {"bos_token_id": 3, "eos_token_id": [4, 5], "pad_token_id": 6}
    import_model(checkpoint(says=ids), tmp_path / "ours")
    export_model(tmp_path / "ours", tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert {name: config[name] for name in ids} == ids


def test_without_transformers_it_is_imported_again(
    model_folder: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "transformers", None)
    made = export_model(model_folder(), tmp_path / "hf")
    assert "transformers is not installed" in made.checked
    assert "weights are the same bit by bit" in made.checked
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hf", "model"]


def test_shards_and_their_index_are_one_model(model_folder: Model, tmp_path: Path):
    folder = model_folder()
    export_model(folder, tmp_path / "hf", shard_bytes=10_000)
    index = json.loads((tmp_path / "hf" / "model.safetensors.index.json").read_text())
    files = sorted(p.name for p in (tmp_path / "hf").glob("*.safetensors"))
    assert files == sorted(set(index["weight_map"].values()))
    assert len(files) > 2
    import_model(tmp_path / "hf", tmp_path / "again")
    before, after = (load_file(f / "model.safetensors") for f in (folder, tmp_path / "again"))
    assert before.keys() == after.keys()
    assert all(after[name].equal(weight) for name, weight in before.items())


def test_a_damaged_export_is_noticed(model_folder: Model, tokenizer: Tokenizer, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    folder = model_folder()
    export_model(folder, tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    (tmp_path / "hf" / "config.json").write_text(json.dumps(config | {"rope_theta": 50.0}))
    with pytest.raises(ConvertError, match="logits in transformers that differ by"):
        compare_there(folder, tmp_path / "hf", tokenizer, transformers)
    with pytest.raises(ConvertError, match=r"not the same model when it is read: .*theta"):
        compare_import(folder, tmp_path / "hf")


def test_another_tokenizer_in_the_export_is_noticed(
    model_folder: Model, tokenizer: Tokenizer, tmp_path: Path
):
    transformers = pytest.importorskip("transformers")
    folder = model_folder()
    export_model(folder, tmp_path / "hf")
    text = (tmp_path / "hf" / "tokenizer.json").read_text()
    tokens = json.loads(text)
    tokens["model"]["merges"] = []
    (tmp_path / "hf" / "tokenizer.json").write_text(json.dumps(tokens))
    with pytest.raises(ConvertError, match="the exported tokenizer cuts"):
        compare_there(folder, tmp_path / "hf", tokenizer, transformers)


def test_a_model_without_counterpart_leaves_nothing_behind(model_folder: Model, tmp_path: Path):
    with pytest.raises(ConvertError, match=r"head\.softcap: 9.0 -> not set"):
        export_model(model_folder(head={"softcap": 9.0}), tmp_path / "hf")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_there_is_left_alone(model_folder: Model, tmp_path: Path):
    (tmp_path / "hf").mkdir()
    with pytest.raises(StoreError, match="exists already"):
        export_model(model_folder(), tmp_path / "hf")


def test_halves_stay_halves(model_folder: Model, tmp_path: Path):
    folder = model_folder()
    export_model(folder, tmp_path / "hf")
    weights = {n: w.bfloat16() for n, w in load_file(tmp_path / "hf/model.safetensors").items()}
    save_file(weights, tmp_path / "hf" / "model.safetensors")
    import_model(tmp_path / "hf", tmp_path / "halves")
    export_model(tmp_path / "halves", tmp_path / "again")
    found = load_file(tmp_path / "again" / "model.safetensors")
    assert all(found[name].equal(weight) for name, weight in weights.items())
    assert json.loads((tmp_path / "again/config.json").read_text())["torch_dtype"] == "bfloat16"
    assert load_model(tmp_path / "halves").head.weight.dtype == torch.float32
