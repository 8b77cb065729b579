"""A model of ours becomes a checkpoint that Hugging Face's transformers loads, without code of its
own."""

import json
from dataclasses import dataclass
from pathlib import Path

from textus.convert.carry import to_theirs
from textus.convert.checkpoint import INDEX, WEIGHTS
from textus.convert.family import Family
from textus.convert.match import match_family
from textus.convert.settings import Settings
from textus.convert.tensors import Batch, TensorFiles, split_by_size, write_tensors
from textus.convert.verifying import compare
from textus.errors import StoreError
from textus.model.files import WEIGHTS as OUR_WEIGHTS
from textus.model.files import read_config
from textus.store import Manifest, new_folder, read_manifest
from textus.tokenizer.tokenizer import Tokenizer

SHARD_BYTES = 5_000_000_000
CARD = "README.md"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export made."""

    architecture: str
    """The class of transformers that loads it."""
    checked: str
    """How it was read again and compared with the model, and what came out."""


def export_model(
    model: str | Path,
    out: str | Path,
    *,
    card: str | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Exported:
    """Makes the folder `out`, which transformers' AutoModelForCausalLM and AutoTokenizer load, of a
    folder with a model; reads it again and compares before it is there.

    `card` is the text of its README.md. Raises ConvertError where no architecture of transformers
    computes what the model does, naming what stands in the way.
    """
    model, out = Path(model), Path(out)
    if out.exists():
        raise StoreError(f"{out} exists already; give a new folder with --out")
    tokenizer = Tokenizer.load(model)
    made_of = read_manifest(model)
    inputs = {"model": made_of.digest} if made_of else {}
    with new_folder(out, Manifest(kind="export", inputs=inputs)) as work:
        ids = made_of.counts.get("special_ids") if made_of else None
        ids = ids or special_ids(tokenizer)
        family = export_weights(model, work, ids=ids, shard_bytes=shard_bytes)
        tokenizer.save(work)
        (work / CARD).write_text(card or _plain_card(family), "utf-8")
        checked = compare(model, work, tokenizer)
    return Exported(architecture=family.architecture, checked=checked)


def export_weights(
    model: Path, out: Path, *, ids: Settings | None = None, shard_bytes: int = SHARD_BYTES
) -> Family:
    """Writes config.json and weights into the existing folder `out`; the family that was found."""
    config = read_config(model)
    family, theirs = match_family(config)
    with TensorFiles([model / OUR_WEIGHTS]) as tensors:
        batches = to_theirs(family, config, tensors)
        _write_config(family, theirs, batches, ids or special_ids(None), out)
        _write_shards(split_by_size(batches, shard_bytes), out)
    return family


def special_ids(tokenizer: Tokenizer | None) -> Settings:
    """Of the tokens around texts: one and the same ends a document here and begins the next.
    transformers has numbers of its own for those not said."""
    end = None
    if tokenizer is not None and tokenizer.definition.end_of_text is not None:
        end = tokenizer.end_of_text
    return {"bos_token_id": end, "eos_token_id": end, "pad_token_id": None}


def _write_config(
    family: Family, theirs: Settings, batches: list[Batch], ids: Settings, out: Path
) -> None:
    dtypes = [str(o.dtype) for batch in batches for o in batch.outlines.values()]
    common = max(set(dtypes), key=dtypes.count).removeprefix("torch.")
    head = {"architectures": [family.architecture], "model_type": family.model_type}
    write = {"config.json": head | theirs | ids | {"torch_dtype": common}}
    write["generation_config.json"] = {name: i for name, i in ids.items() if i is not None}
    for name, value in write.items():
        (out / name).write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def _write_shards(shards: list[list[Batch]], out: Path) -> None:
    """One file, or several and an index of what is where."""
    if len(shards) == 1:
        write_tensors(shards[0], out / WEIGHTS)
        return
    homes: dict[str, str] = {}
    for number, batches in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_tensors(batches, out / name)
        homes |= dict.fromkeys((n for batch in batches for n in batch.outlines), name)
    total = sum(batch.bytes for batches in shards for batch in batches)
    index = {"metadata": {"total_size": total}, "weight_map": homes}
    (out / INDEX).write_text(json.dumps(index, indent=2) + "\n", "utf-8")


def _plain_card(family: Family) -> str:
    return f"A language model of the architecture {family.architecture}, written by Textus.\n"
