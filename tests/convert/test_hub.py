import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from textus.convert import import_model
from textus.errors import ConvertError, MissingExtraError, StoreError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Stands in for the package huggingface_hub; returns what is asked of it."""

    def make(files: list[str], folder: Path | None = None) -> list[Any]:
        asked: list[Any] = []

        def list_repo_files(name: str, revision: str | None) -> list[str]:
            if not files:
                raise OSError("404")
            return files

        def snapshot_download(name: str, **options: Any) -> str:
            asked.append((name, options))
            return str(folder)

        module = SimpleNamespace(
            list_repo_files=list_repo_files, snapshot_download=snapshot_download
        )
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)
        return asked

    return make


def test_a_name_is_fetched_without_pickles_and_code(hub, checkpoint, tmp_path: Path):
    asked = hub(["model.safetensors", "model.py"], checkpoint())
    import_model("someone/small", tmp_path / "ours", revision="main")
    [(name, options)] = asked
    assert (name, options["revision"]) == ("someone/small", "main")
    assert options["allow_patterns"] == ["*.safetensors", "*.json", "*.txt", "*.model"]


def test_a_name_without_safetensors_is_refused_before_anything_is_fetched(hub, tmp_path: Path):
    asked = hub(["pytorch_model.bin", "other/model.safetensors"])
    with pytest.raises(ConvertError, match="someone/small has no weights as safetensors"):
        import_model("someone/small", tmp_path / "ours")
    assert asked == []


def test_a_name_that_is_not_there_is_told(hub, tmp_path: Path):
    hub([])
    with pytest.raises(StoreError, match="no folder nothing, and the Hugging Face Hub gave none"):
        import_model("nothing", tmp_path / "ours")


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'textus\[remote\]'"):
        import_model("someone/small", tmp_path / "ours")
