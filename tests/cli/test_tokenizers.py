import io
import json
from pathlib import Path

import pytest

from textus.tokenizer.tokenizer import Tokenizer


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "own.txt"
    path.write_text("the cat sat beside an elephant\nwatching stones\n")
    return path


def test_compare_prints_a_table_and_writes_json(call, shared_run: Path, text: Path, tmp_path: Path):
    out = tmp_path / "numbers.json"
    tokenizer = shared_run / "tokenizer"
    said = call("tokenizer", "compare", shared_run, tokenizer, "--text", text, "--json", out)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == f"{text}: 47 bytes, 8 words"
    count = len(Tokenizer.load(tokenizer).encode(text.read_text()))
    for line, name in zip(lines[2:4], (shared_run, tokenizer), strict=True):
        assert line.split()[:3] == [str(name), "300", str(count)]
    data = json.loads(out.read_text())
    assert data[str(shared_run)]["texts"][str(text)]["tokens"] == count
    assert data[str(shared_run)]["texts"][str(text)]["bits_per_byte"] is None


def test_compare_gives_the_bits_of_models_that_are_there(call, shared_run: Path, text: Path):
    tokenizer = shared_run / "tokenizer"
    said = call("tokenizer", "compare", shared_run, tokenizer, "--text", text, "--models")
    assert said.code == 0
    bits = call("evaluate", shared_run, text).out.splitlines()[1].split()[1]
    lines = said.out.splitlines()
    assert lines[2].split()[-1] == bits
    assert lines[3].split()[-1] != bits


def test_show_prints_the_pieces_and_ids(call, shared_run: Path):
    said = call("tokenizer", "show", "the cat", "--tokenizer", shared_run)
    assert said.code == 0
    pieces, ids = said.out.splitlines()
    assert "".join(piece.strip() for piece in pieces.split("|")) == "the·cat"
    expected = Tokenizer.load(shared_run / "tokenizer").encode("the cat")
    assert [int(id_) for id_ in ids.split()] == expected


def test_show_walks_through_the_steps_of_text_from_stdin(
    call, shared_run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO("elephant"))
    said = call("tokenizer", "show", "-", "--tokenizer", shared_run, "--steps")
    assert said.code == 0
    assert "e|l|e|p|h|a|n|t" in said.out
    assert "merge " in said.out


def test_convert_writes_another_form_and_tells_what_it_lacks(
    call, shared_run: Path, tmp_path: Path
):
    said = call("tokenizer", "convert", shared_run, tmp_path / "own.tiktoken")
    assert (said.code, said.err) == (0, "")
    first, pattern, special = said.out.splitlines()
    assert first.startswith(f"{tmp_path / 'own.tiktoken'}: 300 tokens; ")
    assert pattern.startswith("tell tiktoken: pat_str=")
    assert "<|endoftext|>" in special
    assert (tmp_path / "own.tiktoken").is_file()
    said = call("tokenizer", "convert", shared_run, tmp_path / "copy")
    assert len(said.out.splitlines()) == 1
    loaded = Tokenizer.load(tmp_path / "copy").definition
    assert loaded == Tokenizer.load(shared_run / "tokenizer").definition
    said = call("tokenizer", "convert", shared_run, tmp_path / "own.model")
    assert (said.code, said.out) == (1, "")
    assert "unigram models over characters only" in said.err


def test_the_stage_goes_by_the_same_word(call, tmp_path: Path):
    said = call("tokenizer", tmp_path / "none.toml")
    assert "there is no recipe" in said.err


@pytest.mark.parametrize(
    ("content", "shown"), [(b"\xff\xfe", "is not UTF-8 (at byte 0)"), (b" \n", "has no text")]
)
def test_what_is_no_text_is_refused(
    call, shared_run: Path, tmp_path: Path, content: bytes, shown: str
):
    (tmp_path / "own.txt").write_bytes(content)
    said = call("tokenizer", "compare", shared_run, "--text", tmp_path / "own.txt")
    assert (said.code, said.out) == (1, "")
    assert f"{tmp_path / 'own.txt'} {shown}" in said.err


def test_what_is_no_tokenizer_is_refused(call, tmp_path: Path, text: Path):
    said = call("tokenizer", "compare", tmp_path / "nothing", "--text", text)
    assert (said.code, said.out) == (1, "")
    assert "nothing does not exist" in said.err
