import torch

from textus.data.batch import IGNORED, Batch
from textus.data.show import show_batch

END = 0
WORDS = {1: "To", 2: " be", 3: ",\n", 4: " or", 5: "\ufffd", 6: " \t", 7: "日本", 8: "\n"}


def decode(ids: list[int]) -> str:
    return "".join(WORDS.get(i, f" w{i}") for i in ids)


def show(tokens, targets, segments=None, **options):
    batch = Batch(
        torch.tensor(tokens),
        torch.tensor(targets),
        None if segments is None else torch.tensor(segments, dtype=torch.int32),
        ("plays",) * len(tokens),
    )
    return show_batch(batch, decode, end_of_text=END, **options)


def test_documents_are_told_apart_and_their_parts_named():
    text = show([[1, 2, 0, 4, 6, 0, 7, 5]], [[2, 0, 4, 6, 0, 7, 5, 1]], [2, 3, 3])
    assert "1 row of 8 tokens, 8 predictions" in text
    assert "3 segments" in text
    assert "source 'plays'" in text
    assert "positions 0 to 1, 2 tokens: the end of a document that began in another row" in text
    assert "positions 2 to 4, 3 tokens: a whole document" in text
    assert "positions 5 to 7, 3 tokens: the beginning of a document" in text
    assert "    |To| be|\n" in text
    assert "    |<END>| or| \\t|\n" in text


def test_the_table_shows_inputs_targets_and_what_is_seen_around_a_boundary():
    lines = show([[1, 2, 0, 4]], [[2, 0, 4, 1]], [2, 2]).splitlines()
    cells = [line.split() for line in lines if line[:11].strip().isdigit()]
    assert cells == [
        ["0", "|To|", "|", "be|", "0"],
        ["1", "|", "be|", "<END>", "0", "to", "1"],
        ["2", "<END>", "|", "or|", "2"],
        ["3", "|", "or|", "|To|", "2", "to", "3"],
    ]


def test_lines_end_with_the_text_and_stay_within_the_width():
    assert "    |To|,\\n|\\n|\n    | be|\n" in show([[1, 3, 8, 2]], [[3, 8, 2, 1]])
    row = list(range(10, 60))
    body = show([row], [[*row[1:], 9]], width=40).split("== Row")[1].split("position ")[0]
    assert all(len(line) <= 40 for line in body.splitlines() if line.startswith("    |"))
    assert "| w10|" in body
    assert "| w59|" in body


def test_long_segments_and_many_rows_are_shortened():
    rows = [list(range(10, 510))] * 5
    text = show(rows, [[*row[1:], 9] for row in rows], rows=2)
    assert "[... 420 tokens ...]" in text
    assert "(3 more rows in this batch)" in text
    assert len(text.splitlines()) < 80


def test_filling_is_not_shown_as_text():
    text = show([[0, 1, 0, 0]], [[1, 0, IGNORED, IGNORED]])
    assert "positions 0 to 1, 2 tokens: a whole document" in text
    assert "[2 positions of filling: nothing to predict]" in text
    assert "1 row of 4 tokens, 2 predictions" in text
    assert "(nothing)" in text


def test_the_table_shows_where_the_document_ends_even_before_much_filling():
    text = show([[0, 1, 2] + [0] * 97], [[1, 2, 0] + [IGNORED] * 97])
    shown = [line.split()[0] for line in text.splitlines() if line[:11].strip().isdigit()]
    assert shown == ["0", "1", "2", "3", "4", "5"]
