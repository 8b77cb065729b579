"""A model and its tokenizer as one GGUF file, which llama.cpp and what is built on it run."""

from collections.abc import Iterator
from pathlib import Path

from textus.convert.exporting import CARD, Exported
from textus.convert.gguf_check import check
from textus.convert.gguf_file import Content, DType, check_dtype, gguf, storage, write
from textus.convert.gguf_match import Match, match
from textus.convert.gguf_tokenizer import tokenizer_keys
from textus.convert.gguf_weights import Tensors, settled_weights, to_theirs
from textus.errors import StoreError
from textus.model.files import load_model
from textus.store import Manifest, new_folder, read_manifest
from textus.tokenizer.tokenizer import Tokenizer

FILE = "model.gguf"


def export_gguf(
    model: str | Path, out: str | Path, *, card: str | None = None, dtype: DType = "f16"
) -> Exported:
    """Makes the folder `out` with `model.gguf`, of a folder with a model; reads the file again, and
    runs it in llama.cpp where xllamacpp is installed, before it is there.

    The same model makes the same file. `card` is the text of a README.md. Raises ConvertError where
    llama.cpp has no exact counterpart of the model or its tokenizer, naming what stands in the way,
    and where a check fails; MissingExtraError without the package gguf.
    """
    gguf()
    check_dtype(dtype)
    model, out = Path(model), Path(out)
    if out.exists():
        raise StoreError(f"{out} exists already; give a new folder with --out")
    loaded, tokenizer = load_model(model), Tokenizer.load(model)
    found = match(loaded.config)
    content = Content(
        architecture=found.form.name,
        keys=found.keys,
        tokenizer=tokenizer_keys(tokenizer.definition, loaded.config.vocab_size),
        tensors=to_theirs(settled_weights(loaded, found.config), found.config, found.form),
    )
    made_of = read_manifest(model)
    inputs = {"model": made_of.digest} if made_of else {}
    with new_folder(out, Manifest(kind="export", inputs=inputs)) as work:
        write(work / FILE, content, dtype)
        if card is not None:
            (work / CARD).write_text(card, "utf-8")
        said = [*_remarks(found, loaded.config.predict_ahead, dict(content.tensors), dtype)]
        said += check(work / FILE, found, loaded, tokenizer, dtype)
    return Exported(architecture=f"llama.cpp's {found.form.name}, {dtype}", checked="; ".join(said))


def _remarks(found: Match, ahead: int, tensors: Tensors, dtype: DType) -> Iterator[str]:
    """What is not quite as in the model."""
    wide = [name for name, t in tensors.items() if storage(name, t, dtype) == "f16"]
    if dtype == "q8_0" and wide:
        yield f"kept in f16, as their rows are no multiple of 32: {', '.join(wide)}"
    if ahead:
        yield "left out: the modules that predict further ahead, which llama.cpp does not run"
    if found.approximates:
        yield "llama.cpp computes GELU by its tanh approximation"
