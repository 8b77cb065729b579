"""A run's model in the formats of others."""

from collections.abc import Callable
from pathlib import Path

from textus.convert.exporting import Exported, export_model
from textus.convert.gguf import export_gguf
from textus.errors import RecipeError
from textus.plugins import lookup
from textus.run.card import describe_model
from textus.run.folder import find_weights

Exporter = Callable[..., Exported]

FORMATS: dict[str, Exporter] = {
    "hf": export_model,
    "gguf": export_gguf,
}
"""Each is called with the folder of a model, the place to write and `card`, the text of a model
card."""


def export_run(
    path: Path,
    out: Path,
    format_: str = "hf",
    *,
    dtype: str | None = None,
    say: Callable[[str], None],
) -> Exported:
    """Writes the model of a run, checkpoint or model folder to `out`, with a model card.

    Raises RecipeError for a format that is not known or has no types to choose from, ConvertError
    for a model that has no counterpart in it.
    """
    exporter = lookup(format_, FORMATS, what="--format")
    if dtype is not None and format_ != "gguf":
        raise RecipeError(f"--dtype {dtype} is for --format gguf; {format_} keeps the model's own")
    options = {} if dtype is None else {"dtype": dtype}
    weights = find_weights(path, say)
    return exporter(weights, out, card=describe_model(weights, format_), **options)
