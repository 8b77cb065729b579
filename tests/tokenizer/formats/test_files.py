import pytest

from textus.errors import DataError
from textus.tokenizer.formats.tiktoken_ranks import write_ranks
from textus.tokenizer.tokenizer import Tokenizer


def test_a_file_by_itself_is_read(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    renamed = tmp_path / "another_name.json"
    renamed.write_bytes((tmp_path / "tokenizer.json").read_bytes())
    assert Tokenizer.load(renamed).definition == tokenizer.definition
    assert Tokenizer.load(tmp_path / "tokenizer.json").definition == tokenizer.definition


def test_a_folder_without_a_tokenizer_is_an_error_that_lists_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"none of tokenizer\.json.*\.model.*merges.*\.tiktoken"):
        Tokenizer.load(tmp_path)


def test_unknown_or_missing_files_are_errors(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        Tokenizer.load(tmp_path / "nowhere")
    (tmp_path / "words.bin").touch()
    with pytest.raises(DataError, match=r"words\.bin has a name that no kind"):
        Tokenizer.load(tmp_path / "words.bin")


def test_ranks_of_nobody_are_an_error(tokenizer, tmp_path):
    write_ranks(tokenizer.definition, tmp_path / "own.tiktoken")
    with pytest.raises(DataError, match=r"own\.tiktoken is none of the published.*read_ranks"):
        Tokenizer.load(tmp_path)
