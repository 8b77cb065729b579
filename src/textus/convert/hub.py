"""Checkpoints on the Hugging Face Hub."""

from pathlib import Path
from typing import Any

from textus.errors import ConvertError, MissingExtraError, StoreError

WANTED = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Neither pickles nor code."""
UNWANTED = ("*/*", "consolidated*")
"""Folders of other formats, and second copies of the weights."""


def fetch_checkpoint(name: str, revision: str | None = None) -> Path:
    """Downloads what an import reads of the model `name`, unless it was before; the folder.

    Raises MissingExtraError without huggingface_hub, StoreError where nothing can be fetched.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            "huggingface_hub", "remote", f"There is no folder {name}, and fetching it"
        ) from error
    _refuse_pickles(huggingface_hub, name, revision)
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            revision=revision,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
        )
    except Exception as error:  # the hub raises many kinds, of several libraries
        raise _lost(name, error) from error
    return Path(folder)


def _refuse_pickles(hub: Any, name: str, revision: str | None) -> None:
    """Before anything large is fetched."""
    try:
        files = hub.list_repo_files(name, revision=revision)
    except Exception as error:  # as above
        raise _lost(name, error) from error
    if not any(file.endswith(".safetensors") and "/" not in file for file in files):
        raise ConvertError(
            f"{name} has no weights as safetensors on the Hugging Face Hub; pickles (.bin) are not "
            "read, as they could run code: have transformers write them anew with save_pretrained"
        )


def _lost(name: str, error: Exception) -> StoreError:
    return StoreError(
        f"there is no folder {name}, and the Hugging Face Hub gave none: "
        f"{type(error).__name__}: {error}"
    )
