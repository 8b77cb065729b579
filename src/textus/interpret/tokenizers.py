"""How well tokenizers fit texts: numbers that need no model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from textus.evaluate.bits_per_byte import Evaluation
from textus.interpret.text_file import Block, TextFile, encode_file
from textus.tokenizer.formats.published import PUBLISHED, published
from textus.tokenizer.tokenizer import Tokenizer

RENYI_ORDER = 2.5
"""The order at which Zouhar et al. (2023) found the efficiency to go best with translation."""

_EXAMPLES = 8
_EXAMPLE_CHARACTERS = 40
_LINES = 10_000  # encoded at once


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Lines that do not come back from their ids as they were."""

    lines: int
    example: str
    """Where the first of them begins to differ."""
    returned: str
    """What came back in its place."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a tokenizer makes of a text."""

    tokens: int
    bytes: int
    """Of the text, in UTF-8."""
    words: int
    """Stretches of the text between white space; few, and no words, in Chinese, Japanese, Thai."""
    used: int
    """How many ids occur."""
    renyi_efficiency: float
    """Entropy of order 2.5 of the ids' frequencies, as a share of the most there can be."""
    loss: Loss | None
    """None where the text comes back as it was."""
    bits_per_byte: float | None = None
    """Of a model that was trained with the tokenizer."""

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / self.tokens

    @property
    def tokens_per_word(self) -> float:
        """Fertility (Rust et al. 2021)."""
        return self.tokens / self.words


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A tokenizer, with how it fits each text by the text's name."""

    vocab_size: int
    fits: dict[str, Fit]
    used: int
    """How many ids occur in any of the texts."""
    longest: tuple[bytes, ...]
    """The longest tokens that occur."""
    rarest: tuple[tuple[bytes, int], ...]
    """The tokens that occur least, and how often."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Tokenizers by name, in the order in which they were named."""

    portraits: dict[str, Portrait]

    def with_bits(self, name: str, bits: Mapping[str, float]) -> "Comparison":
        """The same, with a model's bits per byte of texts by name."""
        portrait = self.portraits[name]
        fits = {
            text: replace(fit, bits_per_byte=bits.get(text)) for text, fit in portrait.fits.items()
        }
        return Comparison(portraits=self.portraits | {name: replace(portrait, fits=fits)})


def open_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a run folder, of another folder or file, or a published one by name.

    Raises DataError where there is none.
    """
    path = Path(name)
    if name in PUBLISHED and not path.exists():
        return Tokenizer(published(name))
    return Tokenizer.load(path / "tokenizer" if (path / "tokenizer").is_dir() else path)


def compare(tokenizers: Mapping[str, Tokenizer], texts: Sequence[TextFile]) -> Comparison:
    """How each tokenizer cuts each text; DataError for what is not UTF-8, or without a word."""
    for text in texts:
        text.check()
    return Comparison(
        portraits={name: _portray(tokenizer, texts) for name, tokenizer in tokenizers.items()}
    )


def _portray(tokenizer: Tokenizer, texts: Iterable[TextFile]) -> Portrait:
    fits: dict[str, Fit] = {}
    total = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    for text in texts:
        fits[text.name], counts = _measure(tokenizer, text)
        total += counts
    used = np.flatnonzero(total)
    tokens = {int(id_): tokenizer.token_bytes(int(id_)) for id_ in used}
    longest = sorted(tokens.values(), key=lambda token: (-len(token), token))
    rarest = sorted(tokens, key=lambda id_: (int(total[id_]), -len(tokens[id_]), tokens[id_]))
    return Portrait(
        vocab_size=tokenizer.vocab_size,
        fits=fits,
        used=len(used),
        longest=tuple(longest[:_EXAMPLES]),
        rarest=tuple((tokens[id_], int(total[id_])) for id_ in rarest[:_EXAMPLES]),
    )


def _measure(tokenizer: Tokenizer, text: TextFile) -> tuple[Fit, np.ndarray]:
    """How a text is cut, and how often each id occurs."""
    counts = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    words, changed = 0, None
    for block in encode_file(tokenizer, text):
        counts += np.bincount(block.ids, minlength=tokenizer.vocab_size)
        words += len(block.text.split())
        if changed is None and block.returned != block.text.encode():
            changed = block
    fit = Fit(
        tokens=int(counts.sum()),
        bytes=text.size,
        words=words,
        used=int(np.count_nonzero(counts)),
        renyi_efficiency=renyi_efficiency(counts),
        loss=_describe_loss(tokenizer, text, changed) if changed else None,
    )
    return fit, counts


def renyi_efficiency(counts: np.ndarray, *, order: float = RENYI_ORDER) -> float:
    """Rényi entropy of the frequencies divided by log(vocab_size), between 0 and 1 (Zouhar et al.
    2023, "Tokenization and the Noiseless Channel").

    counts (vocab_size,) says how often each id occurs; `order` is not 1. 1 means that all ids occur
    equally often, a small value that a few make up most of the text.
    """
    if len(counts) < 2:
        return 0.0
    shares = counts[counts > 0] / counts.sum()
    return float(np.log((shares**order).sum()) / (1 - order) / math.log(len(counts)))


def bits_per_byte(evaluation: Evaluation, texts: Iterable[TextFile]) -> dict[str, float]:
    """A model's bits for each byte of each text by name; the bytes are those of the text itself, so
    that a tokenizer gains nothing by bytes that it leaves out."""
    nats = {name: score.nats for name, score in evaluation.sources.items()}
    return {t.name: nats[t.name] / math.log(2) / t.size for t in texts}


def _describe_loss(tokenizer: Tokenizer, text: TextFile, changed: Block) -> Loss:
    """What is lost of a text, line by line; `changed` is its first block that did not come back."""
    lines, first = 0, None
    rest = text.lines()
    while some := list(islice(rest, _LINES)):
        back = [tokenizer.decode(ids.tolist()) for ids in tokenizer.encode_batch(some)]
        lost = [pair for pair in zip(some, back, strict=True) if pair[0] != pair[1]]
        lines += len(lost)
        first = first or next(iter(lost), None)
    line, other = first or (changed.text, changed.returned.decode(errors="replace"))
    start = _first_difference(line, other)
    end = start + _EXAMPLE_CHARACTERS
    return Loss(lines=lines, example=line[start:end], returned=other[start:end])


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
