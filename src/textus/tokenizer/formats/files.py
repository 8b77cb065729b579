"""Finds out which kind of tokenizer a folder or a file holds, and reads it."""

from collections.abc import Callable
from pathlib import Path

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats import tokenizer_json, vocab_merges, vocab_txt
from textus.tokenizer.formats.published import published_of_ranks
from textus.tokenizer.formats.sentencepiece import read_sentencepiece

Reader = Callable[[Path], Definition]


def read_definition(path: Path) -> Definition:
    """Reads a tokenizer from a folder, by the files in it, or from one file, by its name.

    In a folder the first of these counts: tokenizer.json; a SentencePiece .model; vocab.json with
    merges.txt; vocab.txt; a .tiktoken file. DataError where there is none of them, or it is broken.
    """
    path = Path(path)
    if path.is_dir():
        for name, reader in _IN_FOLDERS.items():
            if found := sorted(path.glob(name)):
                return reader(found[0])
        raise DataError(
            f"{path} holds no tokenizer: none of {', '.join(_IN_FOLDERS)}. Give the folder of a "
            "trained tokenizer."
        )
    if not path.exists():
        raise DataError(f"{path} does not exist; give the folder or file of a tokenizer.")
    for name, reader in _IN_FOLDERS.items():
        if path.match(name):
            return reader(path)
    if path.suffix == ".json":
        return tokenizer_json.read_tokenizer(path)
    raise DataError(
        f"{path} has a name that no kind of tokenizer has; the known ones are "
        f"{', '.join(_IN_FOLDERS)}. Rename it, or give the folder it is in."
    )


def _read_ranks(file: Path) -> Definition:
    return published_of_ranks(file.read_bytes(), origin=str(file))


_IN_FOLDERS: dict[str, Reader] = {
    tokenizer_json.TOKENIZER_FILE: tokenizer_json.read_tokenizer,
    "*.model": read_sentencepiece,
    vocab_merges.VOCAB_FILE: lambda file: vocab_merges.read_vocab_merges(file.parent),
    vocab_merges.MERGES_FILE: lambda file: vocab_merges.read_vocab_merges(file.parent),
    vocab_txt.VOCAB_FILE: vocab_txt.read_vocab_txt,
    "*.tiktoken": _read_ranks,
}
