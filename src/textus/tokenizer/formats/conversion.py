"""A tokenizer written in another form, and proof that the files are the same tokenizer."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.contents import read_bytes
from textus.tokenizer.formats.files import RANKS, read_definition, write_definition
from textus.tokenizer.formats.tiktoken_ranks import definition_of_ranks, read_ranks
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer

TEXTS = (
    "",
    " ",
    "The quick brown fox doesn't jump over 12345 lazy dogs, it'll LIE DOWN.",
    "  two  spaces\n\n\n\tand\ttabs \r\n end \x00\x07",
    "def area(r):\n    return 3.14159 * r ** 2  # m²\n",
    "Ünïcödé, ﬁne ① e\u0301 Å; Ελλάδα, Москва, ישראל, مرحبا, हिन्दी, ไทย",
    "日本語の文章。中文没有空格！한국어 문장 １２３",
    "👩‍👩‍👧 👍🏽 🇪🇺 \u200b\ufeff\u3000 <unk> [UNK] ##ing <0x0A>",
)
"""What makes tokenizers differ: cases, digits, spaces, scripts, what looks like tokens. "▁" is left
out: SentencePiece takes it for a space in every text."""

_MOST_TOKENS = 4000


def convert(tokenizer: Tokenizer, path: Path) -> int:
    """Writes a tokenizer to `path`, in the form that its name says (see `write_definition`).

    What was written is read again, as by `read_definition`, before anything appears at `path`.
    Raises DataError, and leaves nothing there, where the form has no place for this tokenizer, or
    gives other ids or other special tokens. Of a `.tiktoken` file only the ranks are read, as it
    tells neither pattern nor special tokens. Returns how many texts were compared.
    """
    path = Path(path)
    definition = tokenizer.definition
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / (path.name or "tokenizer")
        try:
            write_definition(definition, trial)
            again = _read_again(definition, trial)
        except DataError as error:
            reason = str(error).replace(folder, str(path.parent))
            if reason.startswith(str(path)):  # it names the file already
                raise DataError(reason) from error
            raise DataError(f"{path} cannot hold this tokenizer: {reason}") from error
    _check_names(definition, again, path)
    texts = [*TEXTS, *_texts_of_tokens(definition)]
    other = Tokenizer(again)
    for text in texts:
        ids, new_ids = tokenizer.encode(text), other.encode(text)
        if ids != new_ids:
            raise DataError(
                f"{path} would be another tokenizer: {text[:60]!r} becomes {new_ids[:8]}, not "
                f"{ids[:8]}. Files of this form do not tell all that this tokenizer does; write "
                "a tokenizer.json, by giving a folder."
            )
    write_definition(definition, path)
    return len(texts)


def _read_again(definition: Definition, path: Path) -> Definition:
    if path.suffix != RANKS:
        return read_definition(path)
    assert isinstance(definition.splitter, PatternSplitter)  # else write_ranks had refused it
    again = definition_of_ranks(
        read_ranks(read_bytes(path), origin=str(path)),
        pattern=definition.splitter.pattern,
        special_tokens=definition.special_tokens,
        end_of_text=definition.end_of_text,
    )
    return dataclasses.replace(again, added_tokens=definition.added_tokens)


def _check_names(definition: Definition, again: Definition, path: Path) -> None:
    for kind, names, new_names in (
        ("special tokens", definition.special_tokens, again.special_tokens),
        ("added tokens", definition.added_tokens, again.added_tokens),
        ("end of text", definition.end_of_text, again.end_of_text),
    ):
        if names != new_names:
            raise DataError(
                f"{path} would be another tokenizer: its {kind} would be {new_names!r:.200}, not "
                f"{names!r:.200}. Write a tokenizer.json, by giving a folder."
            )


def _texts_of_tokens(definition: Definition) -> Iterator[str]:
    """Tokens as texts, from all over the vocabulary, those that are text."""
    step = 1 + len(definition.tokens) // _MOST_TOKENS
    for token in definition.tokens[::step]:
        try:
            yield token.decode()
        except UnicodeDecodeError:
            continue
