"""Text to token ids and back: byte-level BPE, WordPiece and Unigram, trained and applied here.

    from textus.tokenizer import BPEConfig, Tokenizer, train_tokenizer

    tokenizer = train_tokenizer(documents, BPEConfig(vocab_size=8192))
    tokenizer.decode(tokenizer.encode("any text"))

config.py settings; definition.py what decides every id; tokenizer.py the `Tokenizer` itself;
train.py learns one from documents. split/ cuts text into words; bpe/, wordpiece/ and unigram/ cut
words into tokens, engine/ does so fast; counting/ counts words for training; formats/ are the files
that other tools read and write; chat.py conversations; stream.py text from ids as they come.

The names below are loaded on first use: settings alone must cost nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textus.tokenizer.config import BPEConfig, BytesConfig, UnigramConfig, WordPieceConfig
    from textus.tokenizer.tokenizer import Tokenizer
    from textus.tokenizer.train import train_tokenizer

__all__ = [
    "BPEConfig",
    "BytesConfig",
    "Tokenizer",
    "UnigramConfig",
    "WordPieceConfig",
    "train_tokenizer",
]

_HOMES = {
    "BPEConfig": "config",
    "BytesConfig": "config",
    "Tokenizer": "tokenizer",
    "UnigramConfig": "config",
    "WordPieceConfig": "config",
    "train_tokenizer": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textus.tokenizer' has no attribute {name!r}")
    return getattr(importlib.import_module(f"textus.tokenizer.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
