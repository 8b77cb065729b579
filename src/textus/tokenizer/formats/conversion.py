"""A tokenizer written in another form, and proof that the files are the same tokenizer."""

import dataclasses
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.contents import read_bytes
from textus.tokenizer.formats.files import (
    RANKS,
    holds_any_tokenizer,
    read_definition,
    write_definition,
)
from textus.tokenizer.formats.tiktoken_ranks import definition_of_ranks, read_ranks
from textus.tokenizer.formats.tokenizer_json import TOKENIZER_FILE
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter
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

HARD_TEXTS = (
    "می\u200cخواهم क\u094d\u200dष ক্\u200cষ \u200d\u200c",
    "e\u0301\u0327 Z\u0351\u036f \u0301a ŀ·l ªº ʰ ǅ ß ẞ İıſK",
    "½ Ⅷ x² 10⁹ ٣٤٥ १२३४ ๑๒๓ 〇 _a_ a-b a’b",
    "\x0b\x0c\x1c\x1d\x85\xa0\u1680\u180e\u2003\u2028\u2029\u2060\u3000\r\r\n",
    "\u0600 \ue000 \u0378 \U00016d40 \U0001e4d0 \U00020000 🏴\U000e0067\U000e007f",
)
"""What engines of regular expressions read otherwise: joiners, marks, numbers, white space, new and
unassigned characters."""

_MOST_TOKENS = 4000


def convert(tokenizer: Tokenizer, path: Path) -> int:
    """Writes a tokenizer to `path`, in the form that its name says (see `write_definition`).

    What was written is read again, as by `read_definition`, before anything appears at `path`.
    Raises DataError, and leaves nothing there, where the form has no place for this tokenizer, or
    gives other ids or other special tokens. Of a `.tiktoken` file only the ranks are read, as it
    tells neither pattern nor special tokens. Where a tokenizer.json holds a regular expression of
    the user's own, Hugging Face's `tokenizers`, if installed, has to read it in the same way.
    Returns how many texts were compared.
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
        _check_expression(tokenizer, trial, path)
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


def _check_expression(tokenizer: Tokenizer, trial: Path, path: Path) -> None:
    """DataError where Hugging Face's engine reads the user's own expression otherwise."""
    splitter = tokenizer.definition.splitter
    if not isinstance(splitter, PatternSplitter) or splitter.pattern in PATTERNS:
        return
    if not holds_any_tokenizer(trial) or importlib.util.find_spec("tokenizers") is None:
        return
    engine = f"Hugging Face's tokenizers, which take the pattern {splitter.pattern!r} in their way"
    try:
        encode = _hugging_face_encoder(trial / TOKENIZER_FILE if trial.is_dir() else trial)
    except Exception as error:  # it raises nothing narrower
        raise DataError(
            f"{path} cannot be read by {engine}: {error}; use another pattern."
        ) from error
    for text in (*TEXTS, *HARD_TEXTS):
        if any(name in text for name in tokenizer.special_tokens):  # they look for these always
            continue
        ids, new_ids = tokenizer.encode(text), encode(text)
        if ids != new_ids:
            raise DataError(
                f"{path} would be another tokenizer to {engine}: {text!r} becomes {new_ids[:8]}, "
                f"not {ids[:8]}; use another pattern."
            )


def _hugging_face_encoder(file: Path) -> Callable[[str], list[int]]:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    tokenizer = HuggingFaceTokenizer.from_file(str(file))
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


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
