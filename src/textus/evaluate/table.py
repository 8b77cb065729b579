"""An evaluation as lines for a person and as JSON for a file."""

from collections.abc import Mapping
from typing import Any

from textus.evaluate.bits_per_byte import Evaluation, Score


def score_table(evaluation: Evaluation) -> list[str]:
    """The scores of each source and of all, as lines of a table."""
    width = max(len(name) for name in [*evaluation.sources, "total"])
    rows = list(evaluation.sources.items())
    if len(rows) > 1:
        rows.append(("total", evaluation.total))
    head = f"{'':{width}}  bits per byte  nats per token  perplexity       bytes  documents"
    return [head, *(f"{name:{width}}  {_score_row(score)}" for name, score in rows)]


def _score_row(score: Score) -> str:
    return (
        f"{score.bits_per_byte:13.4f}  {score.nats_per_token:14.4f}  {score.perplexity:10.2f}"
        f"  {score.bytes:10,}  {score.documents:9,}"
    )


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation, ready for JSON."""
    sources = {name: _score_json(score) for name, score in evaluation.sources.items()}
    return {"sources": sources, "total": _score_json(evaluation.total)}


def _score_json(score: Score) -> dict[str, float]:
    return {
        "nats": score.nats,
        "bits_per_byte": score.bits_per_byte,
        "nats_per_token": score.nats_per_token,
        "perplexity": score.perplexity,
        "tokens": score.tokens,
        "bytes": score.bytes,
        "documents": score.documents,
    }


def read_evaluation(data: Mapping[str, Any]) -> Evaluation:
    """The evaluation that `evaluation_json` gave."""
    names = ("nats", "tokens", "bytes", "documents")
    return Evaluation(
        sources={
            source: Score(**{name: values[name] for name in names})
            for source, values in data["sources"].items()
        }
    )
