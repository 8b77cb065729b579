"""Finds out by its name which kind of tokenizer a folder or a file holds; reads and writes it."""

from collections.abc import Callable
from pathlib import Path

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats import tokenizer_json, vocab_merges, vocab_txt
from textus.tokenizer.formats.contents import read_bytes
from textus.tokenizer.formats.published import PUBLISHED, published_of_ranks
from textus.tokenizer.formats.sentencepiece import read_sentencepiece, write_sentencepiece
from textus.tokenizer.formats.tiktoken_ranks import write_ranks

Reader = Callable[[Path], Definition]
Writer = Callable[[Definition, Path], None]

RANKS = ".tiktoken"

_NO_FOLDERS = {".json", ".txt", ".gguf", ".bin", ".safetensors", ".spm", ".vocab"}
"""Endings of files of other kinds: no one means a folder by such a name."""


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
        raise DataError(
            f"{path} does not exist; give the folder or file of a tokenizer. Published ones are "
            f"{', '.join(PUBLISHED)}: Tokenizer(published({next(iter(PUBLISHED))!r})), with "
            "published of textus.tokenizer.formats.published."
        )
    for name, reader in _IN_FOLDERS.items():
        if path.match(name):
            return reader(path)
    if path.suffix == ".json":
        return tokenizer_json.read_tokenizer(path)
    raise DataError(
        f"{path} has a name that no kind of tokenizer has; the known ones are "
        f"{', '.join(_IN_FOLDERS)}. Rename it, or give the folder it is in."
    )


def write_definition(definition: Definition, path: Path) -> None:
    """Writes a tokenizer in the form that the name of `path` says: `.model` for SentencePiece,
    `.tiktoken` for ranks, `vocab.txt` for BERT's, `vocab.json` or `merges.txt` for both of these;
    any other name is a folder, for tokenizer.json and tokenizer_config.json.

    Folders are made if need be. DataError where the form has no place for the tokenizer.
    """
    path = Path(path)
    if writer := _writer_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return writer(definition, path)
    if not path.is_dir() and (path.exists() or path.suffix in _NO_FOLDERS):
        raise DataError(
            f"{path} is a file's name that no kind of tokenizer has; the known ones are "
            f"{', '.join(_WRITERS)}. Give one of these, or a folder."
        )
    path.mkdir(parents=True, exist_ok=True)
    return tokenizer_json.write_tokenizer(definition, path)


def holds_any_tokenizer(path: Path) -> bool:
    """Whether `write_definition` would write tokenizer.json, the form that has a place for all that
    a tokenizer does."""
    return path.name == tokenizer_json.TOKENIZER_FILE or _writer_of(path) is None


def _writer_of(path: Path) -> Writer | None:
    """What writes the file of this name; None where it is a folder's or unknown."""
    if path.is_dir():
        return None
    return next((writer for name, writer in _WRITERS.items() if path.match(name)), None)


def _read_ranks(file: Path) -> Definition:
    return published_of_ranks(read_bytes(file), origin=str(file))


_IN_FOLDERS: dict[str, Reader] = {
    tokenizer_json.TOKENIZER_FILE: tokenizer_json.read_tokenizer,
    "*.model": read_sentencepiece,
    vocab_merges.VOCAB_FILE: lambda file: vocab_merges.read_vocab_merges(file.parent),
    vocab_merges.MERGES_FILE: lambda file: vocab_merges.read_vocab_merges(file.parent),
    vocab_txt.VOCAB_FILE: vocab_txt.read_vocab_txt,
    f"*{RANKS}": _read_ranks,
}

_WRITERS: dict[str, Writer] = {
    tokenizer_json.TOKENIZER_FILE: lambda own, file: tokenizer_json.write_tokenizer(
        own, file.parent
    ),
    "*.model": write_sentencepiece,
    vocab_merges.VOCAB_FILE: lambda own, file: vocab_merges.write_vocab_merges(own, file.parent),
    vocab_merges.MERGES_FILE: lambda own, file: vocab_merges.write_vocab_merges(own, file.parent),
    vocab_txt.VOCAB_FILE: vocab_txt.write_vocab_txt,
    f"*{RANKS}": write_ranks,
}
