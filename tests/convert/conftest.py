import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from textus.convert.exporting import export_weights
from textus.model.files import save_model
from textus.tokenizer.tokenizer import Tokenizer

Checkpoint = Callable[..., Path]


@pytest.fixture
def checkpoint(tmp_path: Path, make_model, tokenizer: Tokenizer) -> Checkpoint:
    """A tiny checkpoint in Hugging Face's form with its tokenizer, in a folder of its own.

    `says` is put over its config.json, and `changes` gives it other tensors.
    """

    def make(
        architecture: str = "llama",
        says: dict[str, Any] | None = None,
        changes: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        **settings: Any,
    ) -> Path:
        ours, theirs = tmp_path / "made", tmp_path / "checkpoint"
        ours.mkdir()
        theirs.mkdir()
        save_model(make_model(architecture, **settings), ours)
        export_weights(ours, theirs)
        tokenizer.save(theirs)
        if says:
            config = json.loads((theirs / "config.json").read_text()) | says
            (theirs / "config.json").write_text(json.dumps(config))
        if changes:
            weights = load_file(theirs / "model.safetensors")
            save_file(changes(weights), theirs / "model.safetensors")
        return theirs

    return make
