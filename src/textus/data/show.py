"""A batch as text: what the model reads, where documents end, what it must predict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textus.data.batch import IGNORED, Batch
from textus.text import count_of

Decode = Callable[[list[int]], str]
"""Text of some ids."""

END = "<END>"
BETWEEN = "|"
LINE_BREAK = r"\n"
INDENT = "    "
COLUMN = 24
HEAD, TAIL = 60, 20
"""Tokens shown from the beginning and the end of a long segment."""
AROUND = 3
"""Positions shown before and after a document boundary in the table of targets."""


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """Positions `begin` to `end` (exclusive) of a row, within which attention stays."""

    begin: int
    end: int
    tokens: list[int]
    targets: list[int]

    @property
    def filling(self) -> int:
        """Positions at the end that predict nothing, after the document's own."""
        wanted = [position for position, target in enumerate(self.targets) if target != IGNORED]
        return len(self.tokens) - 1 - wanted[-1] if wanted else 0

    def describe(self, end_of_text: int) -> str:
        """Which part of its document this is."""
        last = self.targets[len(self.targets) - self.filling - 1]
        return {
            (True, True): "a whole document",
            (True, False): "the beginning of a document, which goes on in another row",
            (False, True): "the end of a document that began in another row",
            (False, False): "from the middle of a document",
        }[self.tokens[0] == end_of_text, last == end_of_text]


def show_batch(
    batch: Batch, decode: Decode, *, end_of_text: int, rows: int = 2, width: int = 100
) -> str:
    """Describes a batch and its first `rows` rows, wrapped at `width` columns.

    `decode` gives the text of a list of ids; it is asked for one id at a time, to show where tokens
    begin.
    """
    segments = _segments_by_row(batch)
    lines = _heading(batch, segments)
    for number, of_row in enumerate(segments[:rows]):
        source = f" - source {batch.sources[number]!r}" if batch.sources else ""
        lines += ["", f"== Row {number + 1} of {len(segments)}{source} ".ljust(width, "="), ""]
        for segment in of_row:
            lines += _text(segment, decode, end_of_text, width)
        lines += _targets(of_row, decode, end_of_text)
    if len(segments) > rows:
        lines += ["", f"({count_of(len(segments) - rows, 'more row')} in this batch)"]
    return "\n".join(lines)


def _segments_by_row(batch: Batch) -> list[list[_Segment]]:
    """The segments of each row of the batch."""
    tokens, targets = batch.tokens.tolist(), batch.targets.tolist()
    seq_len = batch.tokens.shape[1]
    lengths = [seq_len] * len(tokens) if batch.segments is None else batch.segments.tolist()
    by_row: list[list[_Segment]] = [[] for _ in tokens]
    position = 0
    for length in lengths:
        row, begin = divmod(position, seq_len)
        cut = slice(begin, begin + length)
        by_row[row].append(
            _Segment(
                begin=begin,
                end=begin + length,
                tokens=tokens[row][cut],
                targets=targets[row][cut],
            )
        )
        position += length
    return by_row


def _heading(batch: Batch, segments: list[list[_Segment]]) -> list[str]:
    rows, seq_len = batch.tokens.shape
    predicted = int((batch.targets != IGNORED).sum())
    count = sum(map(len, segments))
    return [
        f"{count_of(rows, 'row')} of {seq_len} tokens, "
        f"{count_of(predicted, 'prediction')} to learn.",
        f"{count_of(count, 'segment')}: documents, or the parts of them that fell into a row.",
        "Attention stays inside a segment: no token sees another document.",
        "",
        f"{BETWEEN} stands between tokens; {END} is the end-of-text token, which ends one document",
        r"and begins the next; \n is a line break; � is part of a character of several tokens.",
    ]


def _text(segment: _Segment, decode: Decode, end_of_text: int, width: int) -> list[str]:
    """The segment's heading and its tokens, the middle of a long one left out."""
    tokens = segment.tokens[: len(segment.tokens) - segment.filling]
    lines = [
        f"-- positions {segment.begin} to {segment.begin + len(tokens) - 1}, "
        f"{count_of(len(tokens), 'token')}: {segment.describe(end_of_text)}"
    ]
    if len(tokens) <= HEAD + TAIL:
        lines += _pieces(tokens, decode, end_of_text, width)
    else:
        lines += _pieces(tokens[:HEAD], decode, end_of_text, width)
        lines += [f"    [... {count_of(len(tokens) - HEAD - TAIL, 'token')} ...]"]
        lines += _pieces(tokens[-TAIL:], decode, end_of_text, width)
    if segment.filling:
        lines += [f"    [{count_of(segment.filling, 'position')} of filling: nothing to predict]"]
    return [*lines, ""]


def _pieces(tokens: list[int], decode: Decode, end_of_text: int, width: int) -> list[str]:
    """Tokens between marks, on lines that end where the text's do, or where full."""
    lines, line = [], BETWEEN
    for token in tokens:
        piece = _piece(token, decode, end_of_text)
        full = len(INDENT) + len(line) + len(piece) + len(BETWEEN) > width
        text_line_over = line.endswith(LINE_BREAK + BETWEEN) and not piece.startswith(LINE_BREAK)
        if line != BETWEEN and (full or text_line_over):
            lines.append(INDENT + line)
            line = BETWEEN
        line += piece + BETWEEN
    return [*lines, INDENT + line]


def _piece(token: int, decode: Decode, end_of_text: int) -> str:
    """One token as visible text on one line."""
    if token == end_of_text:
        return END
    text = decode([token])
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _targets(segments: list[_Segment], decode: Decode, end_of_text: int) -> list[str]:
    """A table of inputs and targets: the row's first positions, and those around a boundary."""

    def shown(token: int) -> str:
        if token == IGNORED:
            return "(nothing)"
        piece = _piece(token, decode, end_of_text)
        if len(piece) > COLUMN - 2:
            piece = piece[: COLUMN - 5] + "..."
        return piece if token == end_of_text else BETWEEN + piece + BETWEEN

    lines = [f"   {'position':>8}   {'reads':{COLUMN}} {'must predict':{COLUMN}} sees positions"]
    previous = -1
    for position, segment in _positions(segments):
        if position > previous + 1:
            lines.append(f"   {'...':>8}")
        reads, target = (ids[position - segment.begin] for ids in (segment.tokens, segment.targets))
        sees = f"{segment.begin} to {position}" if position > segment.begin else f"{position}"
        lines.append(f"   {position:8}   {shown(reads):{COLUMN}} {shown(target):{COLUMN}} {sees}")
        previous = position
    return lines


def _positions(segments: list[_Segment]) -> Iterator[tuple[int, _Segment]]:
    """The row's first positions, and those on both sides of its first document's end."""
    boundary = segments[0].end - segments[0].filling
    for segment in segments:
        for position in range(segment.begin, segment.end):
            if position < AROUND or boundary - AROUND <= position < boundary + AROUND:
                yield position, segment
