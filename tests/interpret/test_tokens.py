import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.interpret.tokens import Part, passage, show, show_shortened, view_tokenizer
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["the weaver wove the weft\n" * 20], BPEConfig(vocab_size=270))


def text_of(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts)


def test_white_space_is_marked() -> None:
    assert show(b" a\tb") == (Part("·", True), Part("a"), Part("→", True), Part("b"))


def test_newlines_are_marked_and_break_the_line_once() -> None:
    assert text_of(show(b".\n\n")) == ".↵↵\n"
    assert text_of(show_shortened(b".\n\n")) == ".↵↵"


def test_a_piece_of_a_character_is_shown_as_its_bytes() -> None:
    assert show("é".encode()[:1]) == (Part("C3", True),)


@pytest.mark.parametrize("code", [0x00, 0x0B, 0x2028, 0x3000])
def test_control_characters_and_rare_spaces_are_shown_by_number(code: int) -> None:
    assert show(chr(code).encode()) == (Part(f"U+{code:04X}", True),)


def test_long_runs_are_counted_in_lists_only() -> None:
    assert text_of(show_shortened(b" " * 64 + b"x")) == "·×64x"
    assert text_of(show(b"====")) == "===="


@given(st.binary(min_size=1, max_size=12))
def test_every_token_can_be_seen(token: bytes) -> None:
    for parts in (show(token), show_shortened(token)):
        assert text_of(parts).strip()


def test_a_passage_ends_with_a_whole_word_or_line() -> None:
    assert passage("\n short \n") == "short \n"
    words = passage("weaver " * 500)
    assert words.endswith("weaver")
    lines = passage(("w" * 99 + "\n") * 20)
    assert {len(line) for line in lines.splitlines()} == {99}
    assert 300 < len(passage("w" * 5000)) <= 700


def test_a_tokenizer_is_shown_by_example(tokenizer: Tokenizer) -> None:
    view = view_tokenizer(tokenizer, "the weaver")
    assert view.vocab_size == tokenizer.vocab_size
    assert text_of(view.longest[0]) == "·weaver"
    assert len(view.merges) == len(tokenizer.merges)
    assert [piece.id for piece in view.passage] == tokenizer.encode("the weaver")
    assert "".join(text_of(piece.parts) for piece in view.passage) == "the·weaver"


def test_lines_may_end_before_a_marked_space(tokenizer: Tokenizer) -> None:
    first, *others = view_tokenizer(tokenizer, "the weaver wove").passage
    assert not first.breakable
    assert any(piece.breakable for piece in others)
