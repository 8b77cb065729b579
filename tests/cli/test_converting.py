import os
from pathlib import Path

import pytest

from textus.model.files import load_tensors


def test_a_run_goes_out_and_comes_back(call, shared_run: Path, tmp_path: Path):
    said = call("export", shared_run, "--format", "hf", "--out", tmp_path / "hf")
    assert said.code == 0, said.err
    assert said.out.startswith(f"{tmp_path / 'hf'}: Qwen3ForCausalLM; ")
    said = call("import", tmp_path / "hf", "--out", tmp_path / "ours")
    assert said.code == 0, said.err
    assert f"{tmp_path / 'ours'}: qwen3, " in said.out
    before, after = (
        load_tensors(folder / "model.safetensors")
        for folder in (shared_run / "model", tmp_path / "ours")
    )
    assert before.keys() == after.keys()
    assert all(after[name].equal(tensor) for name, tensor in before.items())
    assert call("generate", tmp_path / "ours", "--max-new-tokens", 2).code == 0


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["import", "./nothing", "--out", "x"], "there is no folder ./nothing"),
        (["export", "nothing", "--out", "x"], "nothing holds no trained model"),
        (["export", ".", "--format", "ggu", "--out", "x"], "unknown --format 'ggu'"),
    ],
)
def test_what_cannot_be_done_is_told(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], shown: str
):
    monkeypatch.chdir(tmp_path)
    said = call(*arguments)
    assert (said.code, said.out) == (1, "")
    assert shown in said.err
    assert os.listdir(tmp_path) == []


def test_where_to_is_always_said(call):
    said = call("import", "somewhere")
    assert said.code == 2
    assert "required: --out" in said.err
