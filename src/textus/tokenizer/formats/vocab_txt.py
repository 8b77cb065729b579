"""vocab.txt, the file of BERT: one piece on each line, its number the id.

Pieces that go on with a word begin with "##". Whether text is made lower case the file does not
say.
"""

from pathlib import Path

from textus.errors import DataError
from textus.store import write_file
from textus.tokenizer.bert import BertNormalizer, BertSplitter
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.contents import read_text
from textus.tokenizer.formats.hugging_face.models import BERT_PREFIX, read_model, write_model
from textus.tokenizer.formats.hugging_face.tokens import Names
from textus.tokenizer.wordpiece.model import LongestMatch

VOCAB_FILE = "vocab.txt"
UNKNOWN = "[UNK]"
MAX_WORD_CHARS = 100
"""The longest word that google-research/bert looks up."""

_ROLES = {
    "[PAD]": "pad_token",
    "[CLS]": "cls_token",
    "[SEP]": "sep_token",
    "[MASK]": "mask_token",
}


def read_vocab_txt(file: Path, *, lowercase: bool | None = None) -> Definition:
    """Reads a vocab.txt; [PAD], [CLS], [SEP] and [MASK] become special tokens, [SEP] ends a text.

    `lowercase`: whether text is made lower case and loses its accents; None: unless a piece holds a
    capital letter. DataError where there is no [UNK], or a piece stands there twice.
    """
    lines = read_text(file).split("\n")
    if lines[-1] == "":
        lines.pop()
    vocab = {piece: id_ for id_, piece in enumerate(lines)}
    if len(vocab) < len(lines):
        twice = next(piece for id_, piece in enumerate(lines) if vocab[piece] != id_)
        raise DataError(f"{file} holds the piece {twice!r} twice; copy it from where it is whole.")
    if UNKNOWN not in vocab:
        raise DataError(f"{file} has no piece {UNKNOWN}; it is no vocabulary of BERT's form.")
    special = {name: vocab[name] for name in _ROLES if name in vocab}
    if lowercase is None:
        lowercase = all(piece == piece.lower() for piece in lines if piece[:1] != "[")
    content = {
        "type": "WordPiece",
        "vocab": vocab,
        "unk_token": UNKNOWN,
        "continuing_subword_prefix": BERT_PREFIX,
        "max_input_chars_per_word": MAX_WORD_CHARS,
    }
    tokens, model = read_model(content, names=Names(special=special), spelling="plain")
    return Definition(
        tokens=tokens,
        model=model,
        splitter=BertSplitter(),
        normalizer=BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
        ),
        special_tokens=special,
        end_of_text="[SEP]" if "[SEP]" in special else None,
        token_roles={role: name for name, role in _ROLES.items() if name in special},
        drops_first_space=True,
    )


def write_vocab_txt(definition: Definition, file: Path) -> None:
    """Writes a vocab.txt; DataError for another form than BERT's."""
    model = definition.model
    if not isinstance(model, LongestMatch) or model.unknown is None:
        raise DataError(f"{file}: only BERT's WordPiece has this file; write a tokenizer.json.")
    vocab: dict[str, int] = write_model(definition, "plain")["vocab"]
    pieces = sorted(vocab, key=vocab.__getitem__)
    if [vocab[piece] for piece in pieces] != list(range(len(definition.tokens))):
        raise DataError(
            f"{file}: the number of a line is the id of its piece, and some of the "
            f"{len(definition.tokens)} ids have no piece; write a tokenizer.json instead."
        )
    write_file(file, "".join(f"{piece}\n" for piece in pieces))
