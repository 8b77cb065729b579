import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from textus.errors import DataError
from textus.evaluate.bits_per_byte import Evaluation, Score
from textus.interpret.text_file import TextFile
from textus.interpret.tokenizer_table import comparison_json, comparison_table
from textus.interpret.tokenizers import (
    bits_per_byte,
    compare,
    open_tokenizer,
    renyi_efficiency,
)
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.wordpiece.model import LongestMatch

File = Callable[[str, str], TextFile]
BYTES = tuple(bytes([byte]) for byte in range(256))
SPLITTER = PatternSplitter(pattern="gpt2")
TH, THE, SPACE_THE, UNUSED = range(256, 260)


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A file of that name."""

    def file(name: str, text: str) -> TextFile:
        (tmp_path / name).write_bytes(text.encode())
        return TextFile(name=name, path=tmp_path / name)

    return file


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    """The bytes, "th", "the", " the", and a token that no text has."""
    tokens = (*BYTES, b"th", b"the", b" the", b"qq")
    merges = ((ord("t"), ord("h")), (TH, ord("e")), (ord(" "), THE), (ord("q"), ord("q")))
    model = Merges(ids={token: id_ for id_, token in enumerate(tokens)}, merges=merges)
    return Tokenizer(Definition(tokens=tokens, model=model, splitter=SPLITTER))


@pytest.fixture(scope="module")
def lossy() -> Tokenizer:
    """Knows "the" and "é" only, and white space not at all."""
    tokens = (b"[UNK]", b" the", "é".encode())
    model = LongestMatch(
        initial={b"the": 1, "é".encode(): 2}, continuation={}, unknown=0, max_word_chars=9
    )
    return Tokenizer(
        Definition(
            tokens=tokens,
            model=model,
            splitter=SPLITTER,
            special_tokens={"[UNK]": 0},
            drops_first_space=True,
        )
    )


def test_the_numbers_are_those_counted_by_hand(small: Tokenizer, file: File):
    # the| the|   th|i|n -> "the", " the", " ", "th", "i", "n": 6 tokens, 12 bytes, 3 words
    comparison = compare({"small": small}, [file("a", "the the thin")])
    portrait = comparison.portraits["small"]
    fit = portrait.fits["a"]
    assert (fit.tokens, fit.bytes, fit.words, fit.used) == (6, 12, 3, 6)
    assert (fit.bytes_per_token, fit.tokens_per_word, fit.loss) == (2.0, 2.0, None)
    assert (portrait.vocab_size, portrait.used) == (260, 6)
    assert portrait.longest[:3] == (b" the", b"the", b"th")
    assert portrait.rarest[:2] == ((b" the", 1), (b"the", 1))
    assert fit.renyi_efficiency == pytest.approx(math.log(6) / math.log(260))


def test_bytes_are_those_of_utf8_and_texts_count_apart_and_together(small: Tokenizer, file: File):
    texts = [file("é", "é"), file("the", "the the")]
    portrait = compare({"small": small}, texts).portraits["small"]
    assert (portrait.fits["é"].bytes, portrait.fits["é"].tokens) == (2, 2)
    assert portrait.fits["the"].used == 2
    assert portrait.used == 4


def test_renyi_efficiency_is_that_of_the_formula():
    assert renyi_efficiency(np.array([5, 5, 5, 5])) == pytest.approx(1)
    assert renyi_efficiency(np.array([9, 0, 0, 0])) == pytest.approx(0)
    entropy = -math.log(0.75**2.5 + 0.25**2.5) / 1.5
    assert renyi_efficiency(np.array([3, 1, 0])) == pytest.approx(entropy / math.log(3))


def test_lines_that_do_not_come_back_are_counted_and_the_first_is_shown(
    lossy: Tokenizer, file: File
):
    text = "the\nthe x\nthe y"
    fit = compare({"lossy": lossy}, [file("a", text)]).portraits["lossy"].fits["a"]
    assert fit.loss is not None
    assert fit.loss.lines == 3
    assert text.startswith("the" + fit.loss.example)
    assert fit.loss.returned == ""
    table = "\n".join(comparison_table(compare({"lossy": lossy}, [file("a", text)])))
    assert "lossy: 3 lines do not come back; first '\\n' as ''" in table


def test_a_models_nats_are_divided_by_the_bytes_of_the_text_itself(small: Tokenizer, file: File):
    text = file("a", "the é")  # 6 bytes
    score = Score(nats=12 * math.log(2), tokens=3, bytes=5, documents=1)
    bits = bits_per_byte(Evaluation(sources={"a": score}), [text])
    assert bits == {"a": pytest.approx(2.0)}
    comparison = compare({"x": small, "y": small}, [text])
    assert "bits/byte" not in comparison_table(comparison)[1]
    lines = comparison_table(comparison.with_bits("x", bits))
    assert lines[1].endswith("bits/byte")
    assert lines[2].endswith("2.0000")
    assert not lines[3].endswith("2.0000")


def test_every_tokenizer_has_a_row_for_every_text(small: Tokenizer, file: File):
    comparison = compare(
        {"one": small, "another": small},
        [file("a", "the the"), file("b", "thin")],
    )
    lines = comparison_table(comparison)
    assert lines[0] == "a: 7 bytes, 2 words"
    assert lines[2].split() == ["one", "260", "2", "3.500", "1.000", "0.77%", "0.125"]
    assert lines[3].split()[0] == "another"
    assert len({len(line) for line in lines[1:4]}) == 1
    data = comparison_json(comparison)
    assert data["one"]["texts"]["a"]["bytes_per_token"] == 3.5
    assert data["another"]["texts"]["b"]["loss"] is None
    assert data["one"]["longest"][0] == "·the"


def test_a_tokenizer_is_opened_by_run_folder_or_by_its_own(small: Tokenizer, tmp_path: Path):
    (tmp_path / "run" / "tokenizer").mkdir(parents=True)
    small.save(tmp_path / "run" / "tokenizer")
    for name in ("run", "run/tokenizer", "run/tokenizer/tokenizer.json"):
        assert open_tokenizer(str(tmp_path / name)).encode("the thin") == small.encode("the thin")
    with pytest.raises(DataError, match="nothing does not exist"):
        open_tokenizer(str(tmp_path / "nothing"))
