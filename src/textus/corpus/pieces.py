"""Cuts long texts where a reader would pause."""

import re

_HEADING = re.compile(rb"^(#{1,6}) ", re.MULTILINE)
_PARAGRAPH = re.compile(rb"\n[ \t\r]*\n")


def cut(text: str, piece_bytes: int) -> list[str]:
    """Pieces of at most `piece_bytes` (the last: half as much again) that, joined, are the text.

    Each but the last has at least half that size, so that there is a choice of where to cut.
    A text without any character gives no piece.
    """
    data = text.encode()
    pieces = []
    start = 0
    while len(data) - start > piece_bytes * 3 // 2:
        end = find_cut(data, start + max(1, piece_bytes // 2), start + piece_bytes)
        pieces.append(data[start:end].decode())
        start = end
    return [*pieces, data[start:].decode()] if start < len(data) else pieces


def find_cut(data: bytes, low: int, high: int) -> int:
    """The best place in `low`..`high` to cut UTF-8 data.

    Before the highest-ranking Markdown heading; else after the last empty line; else after a line;
    else after a space; else between any two characters (then perhaps a few bytes further on).
    """
    low = max(low, 1)
    headings = [(len(m[1]), -m.start()) for m in _HEADING.finditer(data, low, high)]
    if headings:
        return -min(headings)[1]
    paragraphs = [m.end() for m in _PARAGRAPH.finditer(data, low, high)]
    if paragraphs:
        return paragraphs[-1]
    for mark in (b"\n", b" "):
        if (at := data.rfind(mark, low, high)) >= 0:
            return at + 1
    return _character_boundary(data, low, high)


def _character_boundary(data: bytes, low: int, high: int) -> int:
    # A UTF-8 character has at most three bytes after its first, so one of these places fits.
    for at in (high, high - 1, high - 2, high - 3, high + 1, high + 2, high + 3):
        if at >= len(data) or (at >= low and data[at] & 0xC0 != 0x80):
            return min(at, len(data))
    return high
