import pytest
from rich.cells import cell_len

from textus.interpret.cut_view import step_lines, token_rows
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["the weaver wove the weft\n" * 20], BPEConfig(vocab_size=270))


def rows(tokenizer: Tokenizer, text: str, *, width: int = 60, plain: bool = True) -> list[str]:
    return [line.plain for line in token_rows(tokenizer, text, width=width, plain=plain)]


def test_plain_pieces_have_bars_between_them_and_ids_below(tokenizer: Tokenizer):
    pieces, ids = rows(tokenizer, "the weaver")
    assert "".join(piece.strip() for piece in pieces.split("|")) == "the·weaver"
    assert [int(id_) for id_ in ids.split()] == tokenizer.encode("the weaver")
    starts = [i for i, c in enumerate(ids) if c.isdigit() and (i == 0 or ids[i - 1] == " ")]
    assert all(start == 0 or pieces[start - 1] == "|" for start in starts)


@pytest.mark.parametrize("plain", [True, False])
def test_no_row_is_wider_than_the_terminal_and_nothing_is_lost(tokenizer: Tokenizer, plain: bool):
    text = "the weaver wove 日本語 " * 9
    lines = rows(tokenizer, text, width=30, plain=plain)
    assert len(lines) > 4
    assert max(map(cell_len, lines)) <= 30
    ids = " ".join(lines[1::2]).split()
    assert list(map(int, ids)) == tokenizer.encode(text)


def test_a_newline_is_marked_and_ends_the_row(tokenizer: Tokenizer):
    lines = rows(tokenizer, "a\nb")
    assert len(lines) == 4
    assert "↵" in lines[0]
    assert lines[2].startswith("b")


def test_colours_alternate_in_a_terminal_only(tokenizer: Tokenizer):
    def styles(plain: bool) -> list[str]:
        line = token_rows(tokenizer, "xyz", width=60, plain=plain)[0]
        return [str(span.style) for span in line.spans if str(span.style)]

    first, second, third = styles(plain=False)
    assert first == third != second
    assert styles(plain=True) == []


def test_the_last_row_of_the_steps_of_a_word_has_its_tokens(tokenizer: Tokenizer):
    lines = [line.plain for line in step_lines(tokenizer, "the weaver", plain=True)]
    assert lines[1] == "the"
    last = lines[-1].split("  ")[-1]
    assert last.replace("|", "") == "·weaver"
    assert last.count("|") == len(tokenizer.encode(" weaver")) - 1
    assert any("merge 0 " in line for line in lines)
