"""A text cut into tokens, in a terminal: pieces in two colours by turns, and ids below them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textus.interpret.cuts import explain_word, words_of
from textus.interpret.tokens import Part, show
from textus.tokenizer.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = ("black on #9ecae1", "black on #fdd0a2")
_MARK = "dim"
_MARK_ON_COLOUR = "#666666"
_NEW = "bold"
_SEPARATOR = "|"


def token_rows(tokenizer: Tokenizer, text: str, *, width: int, plain: bool) -> list["Text"]:
    """The tokens of a text in rows of at most `width` columns, and below each row the ids.

    Where the text has a newline, a row ends. `plain` puts bars between the pieces and no colours.
    """
    from rich.text import Text

    cells = [_cell(tokenizer, id_) for id_ in tokenizer.encode(text)]
    lines: list[Text] = []
    number = 0
    for row in _rows(cells, width):
        pieces, ids = Text(), Text(style="" if plain else _MARK)
        for parts, id_ in row:
            columns = max(_columns(parts), len(id_))
            style = "" if plain else _COLOURS[number % 2]
            pieces.append_text(_piece(parts, style))
            pieces.append(" " * (columns - _columns(parts)) + _SEPARATOR * plain or "")
            ids.append(id_.ljust(columns + plain))
            if not plain:
                pieces.append(" ")
                ids.append(" ")
            number += 1
        pieces.rstrip()
        ids.rstrip()
        lines += [pieces, ids]
    return lines


def step_lines(tokenizer: Tokenizer, text: str, *, plain: bool) -> list["Text"]:
    """For each word of a text, how it is cut: a line for each step with what was done, the piece
    that was made, and the row of pieces after it."""
    from rich.text import Text

    lines: list[Text] = []
    for word in words_of(tokenizer.definition, text):
        steps = explain_word(tokenizer.definition, word)
        lines += [Text(), _piece(_unbroken(word), "" if plain else _NEW)]
        whats = max(len(step.what) for step in steps)
        tried = max(_columns(_unbroken(step.tried)) for step in steps)
        for step in steps:
            made = _unbroken(step.tried)
            line = Text(f"  {step.what.ljust(whats)}  ")
            line.append_text(_piece(made, "" if plain else _NEW))
            line.append(" " * (tried - _columns(made)) + "  " * bool(tried))
            lines.append(line.append_text(_row(step.row, plain=plain)))
    return lines


Cell = tuple[Sequence[Part], str]


def _cell(tokenizer: Tokenizer, id_: int) -> Cell:
    return show(tokenizer.token_bytes(id_)), str(id_)


def _rows(cells: Iterable[Cell], width: int) -> list[list[Cell]]:
    """The cells in rows: a row ends where it is full, and after a newline."""
    rows: list[list[Cell]] = [[]]
    used = 0
    for parts, id_ in cells:
        columns = max(_columns(parts), len(id_)) + 1
        if rows[-1] and used + columns > width:
            rows.append([])
            used = 0
        rows[-1].append((parts, id_))
        used += columns
        if any("\n" in part.text for part in parts):
            rows.append([])
            used = 0
    return [row for row in rows if row]


def _row(pieces: Iterable[bytes], *, plain: bool) -> "Text":
    from rich.text import Text

    shown = (
        _piece(_unbroken(piece), "" if plain else _COLOURS[number % 2])
        for number, piece in enumerate(pieces)
    )
    return Text(_SEPARATOR if plain else " ").join(shown)


def _unbroken(token: bytes) -> list[Part]:
    return [Part(part.text.replace("\n", ""), part.mark) for part in show(token)] if token else []


def _piece(parts: Iterable[Part], style: str) -> "Text":
    from rich.text import Text

    piece = Text(style=style)
    for text, mark in parts:
        piece.append(text.replace("\n", ""), _MARK_ON_COLOUR if mark and style in _COLOURS else "")
    return piece


def _columns(parts: Iterable[Part]) -> int:
    """How many columns of a terminal the parts take; Chinese characters take two each."""
    from rich.cells import cell_len

    return sum(cell_len(part.text.replace("\n", "")) for part in parts)
