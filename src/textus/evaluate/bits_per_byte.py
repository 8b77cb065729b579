"""Bits per byte: how many bits a model needs for each byte of a text it has not seen.

Unlike loss per token it does not depend on the tokenizer, so that any two models can be compared. A
document is read from its end-of-text id on; every token of text counts, the end-of-text id itself
does not: it is no byte of the text. A document that is longer than a window is read in windows that
overlap, and each token counts once, in the first window that holds it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from textus.errors import DataError, RecipeError
from textus.model.transformer import Transformer
from textus.progress import Progress, silent
from textus.tokenizer.tokenizer import Tokenizer

Ids = Sequence[int] | np.ndarray

CHUNK = 512
"""Tokens whose logits exist at a time."""
SORTED_BATCHES = 16
"""So many batches are sorted by length together: short documents then need little padding."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How surprised the model was by some text: `nats` is the sum of -log p over its tokens."""

    nats: float
    tokens: int
    bytes: int
    documents: int

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / self.bytes

    @property
    def nats_per_token(self) -> float:
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """Of a token; comparable only between models with the same tokenizer."""
        return math.exp(self.nats_per_token)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            nats=self.nats + other.nats,
            tokens=self.tokens + other.tokens,
            bytes=self.bytes + other.bytes,
            documents=self.documents + other.documents,
        )


NOTHING = Score(nats=0.0, tokens=0, bytes=0, documents=0)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores by source, in the order in which the sources came; each has some text."""

    sources: dict[str, Score]

    @property
    def total(self) -> Score:
        return sum(self.sources.values(), NOTHING)


@dataclass(frozen=True, eq=False)
class _Window:
    """A stretch of a document: of its targets, ids[1:], those from number `first` on count."""

    source: str
    ids: np.ndarray
    first: int


def evaluate_texts(
    model: Transformer,
    tokenizer: Tokenizer,
    texts: Iterable[tuple[str, str]],
    *,
    seq_len: int | None = None,
    stride: int | None = None,
    rows: int = 8,
    progress: Progress = silent,
) -> Evaluation:
    """`evaluate_documents` of (source, text) pairs, such as a person's own files."""
    documents = (
        (source, np.array([tokenizer.end_of_text, *tokenizer.encode(text)]))
        for source, text in texts
    )
    return evaluate_documents(
        model,
        documents,
        tokenizer.byte_lengths(),
        seq_len=seq_len,
        stride=stride,
        rows=rows,
        progress=progress,
    )


def evaluate_documents(
    model: Transformer,
    documents: Iterable[tuple[str, Ids]],
    byte_lengths: np.ndarray,
    *,
    seq_len: int | None = None,
    stride: int | None = None,
    rows: int = 8,
    progress: Progress = silent,
) -> Evaluation:
    """Bits per byte of (source, ids) pairs; the ids of each document begin with the end-of-text id.

    byte_lengths (vocab_size,) are the bytes of each token; one of length 0, a special token, does
    not count. Windows have `seq_len` tokens, the model's max_seq_len if not given, and begin
    `stride` apart, half of seq_len if not given: then each token sees at least half a window of
    what stands before it. stride = seq_len is quickest, and gives the first tokens of a window
    nothing to go by. `rows` windows are read at once; the result does not depend on it. `progress`
    counts tokens. Raises DataError for a source without any text.
    """
    seq_len = model.config.max_seq_len if seq_len is None else seq_len
    stride = max(1, seq_len // 2) if stride is None else stride
    _check(model, byte_lengths, seq_len, stride)
    lengths = torch.from_numpy(np.array(byte_lengths, dtype=np.int64))
    scores: dict[str, Score] = {}
    windows = _windows(_counted(documents, scores), seq_len, stride)
    while group := list(islice(windows, rows * SORTED_BATCHES)):
        by_length = sorted(group, key=lambda window: len(window.ids))
        for first in range(0, len(group), rows):
            batch = by_length[first : first + rows]
            for window, score in zip(batch, _score(model, batch, lengths), strict=True):
                scores[window.source] += score
        progress(sum(s.tokens for s in scores.values()), None, f"evaluating {group[-1].source}")
    _check_text(scores)
    return Evaluation(sources=scores)


def evaluate_plainly(
    model: Transformer,
    documents: Iterable[tuple[str, Ids]],
    byte_lengths: np.ndarray,
    *,
    seq_len: int,
    stride: int,
) -> Evaluation:
    """The slow, obvious twin of `evaluate_documents`: a forward pass for each single token."""
    scores: dict[str, Score] = {}
    for source, ids in documents:
        tokens = torch.tensor(np.array(ids, dtype=np.int64))
        score = Score(nats=0.0, tokens=0, bytes=0, documents=1)
        for t in range(1, len(tokens)):
            start = 0  # of the first window that holds t; the last one ends with the document
            while t - start > seq_len:
                start = min(start + stride, len(tokens) - 1 - seq_len)
            with torch.inference_mode():
                log_p = model(tokens[None, start:t])[0, -1].double().log_softmax(-1)
            if size := int(byte_lengths[ids[t]]):
                nats = -float(log_p[tokens[t]])
                score += Score(nats=nats, tokens=1, bytes=size, documents=0)
        scores[source] = scores.get(source, NOTHING) + score
    return Evaluation(sources=scores)


@torch.inference_mode()
def token_nats(model: Transformer, tokens: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """-log p of the targets that are counted, and 0 for the others: (batch, seq) float32.

    tokens and targets are (batch, seq) of ids, counted is bool (batch, seq). At no time do the
    logits of more than a few hundred tokens exist.
    """
    hidden = model.hidden_states(tokens)[counted]
    nats = [
        _nats(model.logits(hidden_part), wanted)
        for hidden_part, wanted in zip(
            hidden.split(CHUNK), targets[counted].split(CHUNK), strict=True
        )
    ]
    result = torch.zeros(tokens.shape, device=tokens.device)
    result[counted] = torch.cat(nats)
    return result


def _nats(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    return logits.logsumexp(-1) - logits.gather(-1, targets[:, None])[:, 0]


def _check(model: Transformer, byte_lengths: np.ndarray, seq_len: int, stride: int) -> None:
    if not 1 <= seq_len <= model.config.max_seq_len:
        raise RecipeError(
            f"seq_len={seq_len} must be between 1 and the model's "
            f"max_seq_len={model.config.max_seq_len}"
        )
    if not 1 <= stride <= seq_len:
        raise RecipeError(f"stride={stride} must be between 1 and seq_len={seq_len}")
    if len(byte_lengths) > model.config.vocab_size:
        raise DataError(
            f"the tokenizer has {len(byte_lengths):,} ids and the model knows "
            f"{model.config.vocab_size:,}: they do not belong together; use the tokenizer that the "
            "model was trained with"
        )


def _counted(
    documents: Iterable[tuple[str, Ids]], scores: dict[str, Score]
) -> Iterator[tuple[str, np.ndarray]]:
    """The documents as they are, each added to the count of its source."""
    for source, ids in documents:
        scores[source] = scores.get(source, NOTHING) + Score(
            nats=0.0, tokens=0, bytes=0, documents=1
        )
        yield source, np.array(ids, dtype=np.int64)


def _windows(
    documents: Iterable[tuple[str, np.ndarray]], seq_len: int, stride: int
) -> Iterator[_Window]:
    """Cuts documents into windows that together count each token but the first once.

    The last window of a document is moved back to end with it, so that only documents shorter than
    a window give windows shorter than that.
    """
    for source, ids in documents:
        inputs = len(ids) - 1
        start = done = 0
        while done < inputs:
            end = min(start + seq_len, inputs)
            begin = max(0, end - seq_len)
            yield _Window(source, ids[begin : end + 1], done - begin)
            start, done = start + stride, end


def _score(model: Transformer, windows: Sequence[_Window], byte_lengths: Tensor) -> list[Score]:
    """The score of each window; padding stands at the end, where no token sees it."""
    longest = max(len(window.ids) for window in windows)
    ids = torch.zeros(len(windows), longest, dtype=torch.long)
    counted = torch.zeros(len(windows), longest - 1, dtype=torch.bool)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = torch.from_numpy(window.ids)
        counted[row, window.first : len(window.ids) - 1] = True
    sizes = byte_lengths[ids[:, 1:]] * counted
    counted &= sizes > 0
    place = model.head.weight.device
    nats = token_nats(model, ids[:, :-1].to(place), ids[:, 1:].to(place), counted.to(place)).cpu()
    return [
        Score(nats=n, tokens=t, bytes=b, documents=0)
        for n, t, b in zip(
            nats.double().sum(-1).tolist(),
            counted.sum(-1).tolist(),
            sizes.sum(-1).tolist(),
            strict=True,
        )
    ]


def _check_text(scores: dict[str, Score]) -> None:
    if not scores:
        raise DataError("there is no document to evaluate")
    for source, score in scores.items():
        if not score.bytes:
            raise DataError(f"{source} has no text to evaluate; leave it out")
