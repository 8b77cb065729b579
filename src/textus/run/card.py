"""The model card of an export, written from what a run recorded of itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textus.corpus.report import CorpusReport
from textus.evaluate.table import read_evaluation
from textus.model.config import ModelConfig
from textus.model.files import read_config
from textus.model.size import count_parameters
from textus.recipe import Tree, kind_of, read_toml
from textus.run.names import RECIPE
from textus.store import Manifest, read_manifest
from textus.text import count_of
from textus.tokenizer.tokenizer import Tokenizer

_HEAD = """\
---
library_name: {library}
pipeline_tag: text-generation
tags:
- textus
---
"""
_LIBRARIES = {"hf": "transformers", "gguf": "llama.cpp"}
_USES = {
    "hf": """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")
prompt = {prompt}
ids = tokenizer(prompt, return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=40)[0]))
```""",
    "gguf": """\
```console
$ llama-completion -m model.gguf -no-cnv -p "Once" -n 40
```""",
}
_ALGORITHMS = {"Merges": "BPE", "LongestMatch": "WordPiece", "Unigram": "Unigram"}


def describe_model(weights: Path, format_: str = "hf") -> str:
    """The text of README.md for the model in the folder `weights` in another format, in Markdown.

    It says what the folder, and the run that it lies in, have recorded; what they have not, it
    leaves out.
    """
    sections = {
        "Use": list(_use(weights, format_)),
        "Data": list(_data(weights)),
        "Tokenizer": list(_tokenizer(weights)),
        "Training": list(_training(weights)),
        "Results": list(_results(weights)),
        "Limits": list(_limits(weights)),
    }
    parts = [f"# {_name(weights)}", _summary(weights)]
    parts += ["\n\n".join((f"## {t}", *lines)) for t, lines in sections.items() if lines]
    head = _HEAD.replace("{library}", _LIBRARIES.get(format_, "textus"))
    return head + "\n\n".join(("", *parts)).lstrip("\n") + "\n"


def _use(weights: Path, format_: str) -> Iterator[str]:
    if format_ not in _USES:
        return
    own = format_ == "hf" and _manifest(weights).kind != "import"
    yield _USES[format_].replace("{prompt}", 'tokenizer.eos_token + "Once"' if own else '"Once"')
    if own:
        yield "A text begins with the token that ends one, as it did in training."


def find_run(weights: Path) -> Path | None:
    """The run folder that a finished model or a checkpoint lies in."""
    if _manifest(weights).kind == "import":
        return None
    near = list(weights.resolve().parents)[:3]
    return next((folder for folder in near if (folder / RECIPE).is_file()), None)


def _name(weights: Path) -> str:
    return (find_run(weights) or weights.resolve()).name


def _summary(weights: Path) -> str:
    config = read_config(weights)
    count = count_parameters(config)
    active = "" if count.active == count.total else f", of which a token uses {count.active:,}"
    return (
        f"A language model with {count.total:,} parameters{active}: {_describe(config)}. "
        f"{_origin(weights)}"
    )


def _describe(config: ModelConfig) -> str:
    parts = (
        f"architecture {config.architecture}",
        f"{count_of(config.num_layers, 'layer')} of width {config.model_dim}",
        f"{kind_of(config.attention)} attention with "
        f"{count_of(config.attention.num_heads, 'head')}",
        f"{kind_of(config.feed_forward)} feed-forward layers",
        f"{kind_of(config.position)} positions",
        f"a context of {config.max_seq_len:,} tokens",
    )
    return ", ".join(parts)


def _origin(weights: Path) -> str:
    manifest = _manifest(weights)
    if manifest.kind == "import":
        return f"Its weights were taken over from {manifest.counts.get('source')} by Textus."
    version = manifest.versions.get("textus")
    return f"Trained with Textus{f' {version}' if version else ''}."


def _manifest(folder: Path | None) -> Manifest:
    return (read_manifest(folder) if folder else None) or Manifest(kind="")


def _recipe(weights: Path) -> Tree:
    return read_toml(weights / RECIPE) if (weights / RECIPE).is_file() else {}


def _json(weights: Path, name: str) -> Any:
    """A file of the run; None where it has not been made."""
    run = find_run(weights)
    file = run / name if run else None
    return json.loads(file.read_text("utf-8")) if file and file.is_file() else None


def _table(*rows: tuple[object, ...]) -> str:
    """A table in Markdown; the first row is its head, and numbers stand at the right."""
    right = [isinstance(value, int | float) for value in rows[-1]]
    rule = tuple("---:" if r else "---" for r in right)
    lines = [" | ".join(map(_cell, row)) for row in (rows[0], rule, *rows[1:])]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value).replace("|", "\\|")


def _data(weights: Path) -> Iterator[str]:
    found = _json(weights, "corpus/report.json")
    if found is None:
        sources = _recipe(weights).get("corpus", {}).get("source", [])
        rows = [(source.get("name", ""), source.get("uri", "")) for source in sources]
        yield from [_table(("source", "address"), *rows)] if rows else []
        return
    report = CorpusReport.from_json(found)
    rows = [
        (s.name, s.uri, s.train.documents, s.train.bytes, s.held_out.bytes) for s in report.sources
    ]
    yield _table(("source", "address", "documents", "bytes", "bytes held out"), *rows)
    total = report.total
    dropped = [f"{amount.documents:,} ({why})" for why, amount in total.dropped.items()]
    if dropped:
        read = count_of(total.read.documents, "document")
        yield f"Of {read} read, these were dropped: {', '.join(dropped)}."


def _tokenizer(weights: Path) -> Iterator[str]:
    tokenizer = Tokenizer.load(weights)
    algorithm = _ALGORITHMS.get(type(tokenizer.definition.model).__name__, "bytes")
    end = tokenizer.definition.end_of_text
    yield (
        f"{tokenizer.vocab_size:,} tokens ({algorithm}), {len(tokenizer.special_tokens)} of them "
        "special" + (f"; `{end}` ends a document." if end else ".")
    )


def _training(weights: Path) -> Iterator[str]:
    recipe, counts = _recipe(weights), _manifest(weights).counts
    train, data = recipe.get("train", {}), recipe.get("data", {})
    if not train:
        return
    facts = {
        "steps": counts.get("steps", counts.get("step")),
        "tokens": counts.get("tokens"),
        "rows per step": train.get("rows_per_step"),
        "tokens per row": data.get("seq_len"),
        "optimizer": train.get("optimizer", {}).get("kind"),
        "learning rate": train.get("optimizer", {}).get("learning_rate"),
        "started from": train.get("start"),
        "seconds": counts.get("seconds"),
        "machine": counts.get("machine"),
        "device": counts.get("device"),
    }
    rows = [(name, _plain(value)) for name, value in facts.items() if value not in (None, "")]
    yield _table(("", ""), *rows)
    yield "Every setting:\n\n```toml\n" + (weights / RECIPE).read_text("utf-8").strip() + "\n```"


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _results(weights: Path) -> Iterator[str]:
    found, run = _json(weights, "evaluation/evaluation.json"), find_run(weights)
    measured = read_manifest(run / "evaluation") if run else None
    if found is None or not measured:
        return
    if _manifest(weights).digest not in measured.inputs.values():  # another model's
        return
    evaluation = read_evaluation(found)
    scores = [*evaluation.sources.items()]
    scores += [("total", evaluation.total)] if len(scores) > 1 else []
    rows = [(name, s.bits_per_byte, s.perplexity, s.bytes) for name, s in scores]
    yield "On text that was kept from training:"
    yield _table(("source", "bits per byte", "perplexity of tokens", "bytes"), *rows)


def _limits(weights: Path) -> Iterator[str]:
    manifest, config = _manifest(weights), read_config(weights)
    lines = [
        f"It reads at most {config.max_seq_len:,} tokens at a time.",
        "It goes on with a text. It was not taught to answer, to follow instructions or to refuse.",
    ]
    if manifest.kind == "import":
        lines[1] = f"What {manifest.counts.get('source')} says of its own limits holds here too."
    elif manifest.counts.get("tokens"):
        lines.append(
            f"It has learnt from {manifest.counts['tokens']:,} tokens of the texts above alone: "
            "what they do not say it does not know, and what is wrong in them it repeats."
        )
    if manifest.kind == "checkpoint":
        lines.append("Its training had not finished.")
    if _recipe(weights).get("train", {}).get("overfit_batch"):
        lines.append("It learnt one batch by heart, for testing.")
    yield "\n".join(f"- {line}" for line in lines)
