"""What a recipe calls the algorithm of a tokenizer."""

from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Model
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.wordpiece.model import LongestMatch

_KINDS: dict[type, str] = {Merges: "bpe", LongestMatch: "wordpiece", Unigram: "unigram"}


def kind_of(model: Model) -> str:
    """The name of the algorithm; a tokenizer of bytes is one of bpe without merges."""
    return _KINDS.get(type(model), type(model).__name__)
