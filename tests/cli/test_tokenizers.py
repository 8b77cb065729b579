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
    assert "gpt2, cl100k, o200k" in said.err


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("none.txt", "does not exist; give a file of plain text"),
        ("", "is a folder; give a file of plain text"),
        ("own.jsonl", "give plain text in UTF-8"),
        ("own.parquet", "give plain text in UTF-8"),
    ],
)
def test_files_that_are_no_plain_text_are_refused(call, shared_run, tmp_path, name, shown):
    if name.startswith("own"):
        (tmp_path / name).write_text('{"text": "a"}')
    said = call("tokenizer", "compare", shared_run, "--text", tmp_path / name)
    assert (said.code, said.out) == (1, "")
    assert shown in said.err


def test_numbers_for_a_missing_folder_are_refused_before_anything_else(
    call, tmp_path: Path, text: Path
):
    out = tmp_path / "none" / "numbers.json"
    said = call("tokenizer", "compare", tmp_path / "none", "--text", text, "--json", out)
    assert (said.code, said.out) == (1, "")
    assert f"--json {out} is no file in a folder that exists" in said.err


def test_a_misspelt_action_is_told_the_known_ones(call):
    said = call("tokenizer", "shw", "the cat")
    assert (said.code, said.out) == (1, "")
    assert "action shw; the actions of textus tokenizer are compare, convert, show" in said.err


def test_convert_makes_no_folder_of_a_files_name(call, shared_run: Path, tmp_path: Path):
    said = call("tokenizer", "convert", shared_run, tmp_path / "own.gguf")
    assert said.code == 1
    assert "own.gguf is a file's name that no kind of tokenizer has" in said.err
    assert not (tmp_path / "own.gguf").exists()
