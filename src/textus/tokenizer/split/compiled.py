"""Which splitters have a twin that is compiled, and what `word_starts` needs of it."""

from typing import TYPE_CHECKING

from textus.tokenizer.bert import BertSplitter, load_kernels
from textus.tokenizer.definition import Splitter
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

if TYPE_CHECKING:
    from textus.tokenizer.split.kernels import WordCutter


def is_compiled(splitter: Splitter) -> bool:
    """Whether `cutter_for` has what cuts as `splitter` does."""
    if isinstance(splitter, PatternSplitter):
        return splitter.pattern in PATTERNS
    return isinstance(splitter, BertSplitter)


def cutter_for(splitter: Splitter) -> "WordCutter":
    """The compiled twin of a splitter; imports numba, and compiles what is new to this machine.

    From then on BERT's normalizer is compiled, too: whoever cuts so, normalizes so.
    """
    if isinstance(splitter, BertSplitter):
        return load_kernels().bert_cutter()
    from textus.tokenizer.split.kernels import word_cutter

    assert isinstance(splitter, PatternSplitter)  # all others are not compiled
    return word_cutter(splitter.pattern)
