from pathlib import Path

import pytest
import torch

from textus.errors import DamagedError, StoreError
from textus.run.device import choose_device, machine, peak_memory
from textus.run.folder import find_weights, load_recipe, load_run


def test_a_run_s_own_model_comes_before_its_checkpoints(finished: Path):
    said: list[str] = []
    assert find_weights(finished, said.append) == finished / "model"
    assert said == []
    (finished / "model").rename(finished / "elsewhere")
    newest = finished / "training" / "checkpoints" / "step-00000006"
    assert find_weights(finished, said.append) == newest
    assert said == ["training has not finished; taking step-00000006"]
    assert find_weights(newest, pytest.fail) == newest
    assert find_weights(finished / "elsewhere", pytest.fail) == finished / "elsewhere"


def test_damaged_weights_are_never_loaded(finished: Path):
    file = finished / "model" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(DamagedError, match=r"model\.safetensors differs from its checksum"):
        load_run(finished)


def test_all_ways_to_a_model_give_the_same(finished: Path):
    ids = torch.arange(20)[None]
    places = [finished, finished / "model", finished / "training/checkpoints/step-00000006"]
    logits = [load_run(place, say=pytest.fail).model(ids) for place in places]
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


def test_a_checkpoint_is_complete_in_itself(finished: Path, tmp_path: Path):
    lonely = finished / "training/checkpoints/step-00000006"
    lonely.rename(tmp_path / "lonely")
    loaded = load_run(tmp_path / "lonely")
    assert loaded.tokenizer.vocab_size == loaded.model.config.vocab_size


def test_what_is_no_run_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(StoreError, match=r"is not a run folder.*Make one with: textus run"):
        load_recipe(tmp_path)
    with pytest.raises(StoreError, match="train one with: textus run"):
        load_run(tmp_path)


def test_a_device_is_chosen_and_the_reason_told():
    device, why = choose_device("cpu")
    assert (device.type, why) == ("cpu", "cpu, as asked")
    device, why = choose_device("auto")
    assert why.startswith(device.type)
    assert machine()
    memory = peak_memory()
    assert memory is None or memory > 1e7
