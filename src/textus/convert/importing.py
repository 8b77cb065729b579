"""A checkpoint of Hugging Face's transformers becomes a model of ours.

Tensors go from file to file one by one, in the type that they have; memory is that of the largest.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textus.convert.carry import to_ours
from textus.convert.catalogue import FAMILIES
from textus.convert.checkpoint import read_settings, weight_files
from textus.convert.family import Family
from textus.convert.hub import fetch_checkpoint
from textus.convert.settings import Asked
from textus.convert.tensors import TensorFiles, write_tensors
from textus.errors import ConvertError, RecipeError, StoreError
from textus.model.config import ModelConfig
from textus.model.files import CONFIG, WEIGHTS
from textus.recipe import build, to_tree
from textus.store import Manifest, new_folder
from textus.tokenizer.tokenizer import Tokenizer

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


def _silent(text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import made."""

    family: str
    """The model_type in config.json."""
    config: ModelConfig
    parameters: int
    """Numbers that were carried over."""
    special_ids: dict[str, Any]
    """What config.json says of the tokens around texts, for an export."""


def import_model(
    source: str | Path,
    out: str | Path,
    *,
    revision: str | None = None,
    say: Callable[[str], None] = _silent,
) -> Imported:
    """Makes the folder `out`, a model with its tokenizer, of a checkpoint of Hugging Face's
    transformers: a folder, or a name on the Hugging Face Hub.

    Raises ConvertError for what has no counterpart here, StoreError where there is no checkpoint,
    or `out` is there already, DataError for a tokenizer that is not known.
    """
    out = Path(out)
    if out.exists():
        raise StoreError(f"{out} exists already; give a new folder with --out")
    folder = find_checkpoint(source, revision, say)
    find_family(read_settings(folder)["model_type"])  # before the tokenizer is complained of
    tokenizer = Tokenizer.load(folder)
    manifest = Manifest(kind="import", counts={"source": str(source)})
    with new_folder(out, manifest) as work:
        imported = import_weights(folder, work, say=say)
        _check_vocabulary(imported.config, tokenizer)
        tokenizer.save(work)
        manifest.settings.update(to_tree(imported.config))
        manifest.counts.update(family=imported.family, parameters=imported.parameters)
        manifest.counts.update(special_ids=imported.special_ids)
    return imported


def import_weights(folder: Path, out: Path, *, say: Callable[[str], None] = _silent) -> Imported:
    """Writes configuration and weights of a checkpoint in `folder` into the existing folder
    `out`."""
    theirs = read_settings(folder)
    family = find_family(theirs["model_type"])
    with TensorFiles(weight_files(folder)) as tensors:
        config = settle_config(family, theirs, tensors.names, say)
        batches = to_ours(family, config, tensors)
        (out / CONFIG).write_text(json.dumps(to_tree(config), indent=1) + "\n", "utf-8")
        write_tensors(batches, out / WEIGHTS)
    outlines = [outline for batch in batches for outline in batch.outlines.values()]
    return Imported(
        family=family.model_type,
        config=config,
        parameters=sum(outline.numel() for outline in outlines),
        special_ids={name: theirs.get(name) for name in SPECIAL_IDS},
    )


def find_checkpoint(source: str | Path, revision: str | None, say: Callable[[str], None]) -> Path:
    """The folder that a path or a name on the hub stands for."""
    if Path(source).is_dir():
        return Path(source)
    if not _HUB_NAME.fullmatch(str(source)) or str(source).startswith("."):
        raise StoreError(f"there is no folder {source}")
    say(f"fetching {source} from the Hugging Face Hub")
    return fetch_checkpoint(str(source), revision)


def find_family(model_type: str) -> Family:
    """By the name in config.json; ConvertError lists the known ones."""
    if model_type not in FAMILIES:
        raise ConvertError(
            f"config.json says model_type = {model_type!r}, an architecture that is not known here"
            f"; known are {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[model_type]


def settle_config(
    family: Family, theirs: dict[str, Any], names: set[str], say: Callable[[str], None]
) -> ModelConfig:
    """Our configuration of a config.json; ConvertError for settings without a counterpart."""
    if quantised := theirs.get("quantization_config"):
        raise ConvertError(
            f"config.json says quantization_config = {quantised}: quantised weights have no "
            "counterpart here; take the model's plain weights"
        )
    asked = Asked(theirs)
    settings = family.settle(family.read(asked), names)
    for name, value in asked.unread().items():
        say(f"config.json says {name} = {value!r}, which is no setting of {family.model_type}")
    try:
        return build(ModelConfig, settings)
    except RecipeError as error:
        raise ConvertError(f"config.json describes no model that can be built: {error}") from error


def _check_vocabulary(config: ModelConfig, tokenizer: Tokenizer) -> None:
    if tokenizer.vocab_size > config.vocab_size:
        raise ConvertError(
            f"the tokenizer has {tokenizer.vocab_size:,} ids and the embedding "
            f"{config.vocab_size:,} rows: tokens were added that the model never knew; "
            "take them out of the tokenizer's files"
        )
