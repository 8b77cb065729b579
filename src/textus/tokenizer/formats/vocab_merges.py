"""vocab.json and merges.txt, the files of GPT-2 and its like: byte-level BPE.

vocab.json has the id of each token, spelt as in `byte_level.py`; merges.txt on each line the two
parts of a merge. Which pattern cuts text into words they do not say.
"""

import dataclasses
import re
from pathlib import Path

from textus.errors import DataError
from textus.store import write_file, write_json
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.byte_level import to_bytes, to_characters
from textus.tokenizer.formats.contents import read_json, read_text
from textus.tokenizer.ids import check_ids
from textus.tokenizer.split.patterns import PatternSplitter

VOCAB_FILE = "vocab.json"
MERGES_FILE = "merges.txt"

_VERSION = "#version: 0.2"
_SPECIAL_NAME = re.compile(r"<[^<>\s]+>")
_ENDS_OF_TEXT = ("<|endoftext|>", "</s>")


def read_vocab_merges(folder: Path, *, pattern: str = "gpt2") -> Definition:
    """Reads the two files of a folder; DataError names what is missing or wrong.

    Tokens that neither are bytes nor come from merges and are written in angle brackets are special
    ones. `<|endoftext|>`, or else `</s>`, ends a text.
    """
    vocab = read_json(folder / VOCAB_FILE)
    text = read_text(folder / MERGES_FILE)
    try:
        check_ids(vocab.values(), what="its ids")
        pairs = _parse_merges(text)
        made = {left + right for left, right in pairs}
        special = {
            spelt: id_
            for spelt, id_ in vocab.items()
            if spelt not in made and _SPECIAL_NAME.fullmatch(spelt)
        }
        ids = {to_bytes(spelt): id_ for spelt, id_ in vocab.items() if spelt not in special}
        merges = tuple((vocab[left], vocab[right]) for left, right in pairs)
        tokens = [b""] * (max(vocab.values(), default=-1) + 1)
        for token, id_ in [*ids.items(), *((name.encode(), i) for name, i in special.items())]:
            tokens[id_] = token
        return Definition(
            tokens=tuple(tokens),
            model=Merges(ids=ids, merges=merges),
            splitter=PatternSplitter(pattern=pattern),
            special_tokens=special,
            end_of_text=next((name for name in _ENDS_OF_TEXT if name in special), None),
        )
    except (DataError, KeyError, IndexError, TypeError, ValueError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{folder / VOCAB_FILE} and {MERGES_FILE} are no byte-level BPE: {reason}. Copy both "
            "from where they are whole."
        ) from error


def write_vocab_merges(definition: Definition, folder: Path) -> None:
    """Writes the two files; DataError for another algorithm than byte-level BPE."""
    model = definition.model
    if not isinstance(model, Merges) or model.characters:
        raise DataError(
            f"{folder / VOCAB_FILE}: only byte-level BPE has these files; write a tokenizer.json "
            "instead."
        )
    if definition.normalizer is not None:
        raise DataError(
            f"{folder / VOCAB_FILE}: the file has no place for the normalizer "
            f"{definition.normalizer}; write a tokenizer.json instead."
        )
    merged = dataclasses.replace(model, whole_words=False)
    if model.whole_words and any(merged.encode_word(t) != [i] for t, i in model.ids.items()):
        raise DataError(
            f"{folder / VOCAB_FILE}: some tokens are taken for whole words and no merges make "
            "them, which these files cannot tell; write a tokenizer.json instead."
        )
    spellings = {id_: to_characters(token) for token, id_ in model.ids.items()}
    spellings |= {id_: name for name, id_ in definition.special_tokens.items()}
    spellings |= {id_: name for name, id_ in definition.added_tokens.items()}
    write_json(folder / VOCAB_FILE, {spellings[id_]: id_ for id_ in sorted(spellings)})
    lines = [_VERSION, *(f"{spellings[left]} {spellings[right]}" for left, right in model.merges)]
    write_file(folder / MERGES_FILE, "\n".join(lines) + "\n")


def _parse_merges(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line and not (number == 1 and line.startswith("#version")):
            parts = line.split(" ")
            if len(parts) != 2:
                raise DataError(f"line {number} of {MERGES_FILE}, {line[:80]!r}, is no pair")
            pairs.append((parts[0], parts[1]))
    return pairs
