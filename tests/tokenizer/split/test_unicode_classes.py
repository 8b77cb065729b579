import unicodedata
from operator import mul
from pathlib import Path
from runpy import run_path

import pytest
import regex  # pyrefly: ignore[untyped-import]
from tokenizers import Regex, pre_tokenizers

from textus.tokenizer.split import unicode_tables
from textus.tokenizer.split.unicode_classes import class_of, class_runs

TOOL = Path(__file__).parents[3] / "tools/unicode_tables.py"
CODE_POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
EVERYTHING = "".join(map(chr, CODE_POINTS))
EXPRESSIONS = {
    "u": r"[\p{Lu}\p{Lt}]",
    "l": r"\p{Ll}",
    "o": r"[\p{Lm}\p{Lo}]",
    "m": r"\p{M}",
    "n": r"\p{N}",
    "w": r"\s",
}


@pytest.fixture(scope="module")
def classes() -> dict[str, set[int]]:
    letters = "".join(map(mul, *class_runs()))
    assert len(letters) == 0x110000
    return {class_: {i for i in CODE_POINTS if letters[i] == class_} for class_ in EXPRESSIONS}


def matches(pattern: str) -> set[int]:
    """The code points that match a pattern of one character, as Hugging Face's library reads it."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed")
    chunks = (EVERYTHING[start : start + 4096] for start in range(0, len(EVERYTHING), 4096))
    kept = (part for chunk in chunks for part, _ in splitter.pre_tokenize_str(chunk))
    return set(CODE_POINTS) - {ord(character) for part in kept for character in part}


@pytest.mark.parametrize("class_", EXPRESSIONS)
def test_classes_are_those_of_hugging_face_but_for_younger_characters(class_, classes):
    theirs = matches(EXPRESSIONS[class_])
    ours = classes[class_]
    known = {p for p in CODE_POINTS if unicodedata.ucd_3_2_0.category(chr(p)) != "Cn"}
    assert len(ours & theirs) > 0.99 * len(ours)
    assert ours <= theirs
    assert theirs & known == ours & known


def test_white_space_is_that_of_regular_expressions_not_of_str_isspace(classes):
    assert set(map(ord, regex.findall(r"\s", EVERYTHING))) == classes["w"]
    assert "\x1c".isspace()
    assert class_of(0x1C) == "x"


def test_class_of_one_character_is_that_of_the_runs(classes):
    for point in CODE_POINTS[::97]:
        assert class_of(point) == next((k for k, v in classes.items() if point in v), "x")


def test_tables_are_what_the_tool_makes():
    package = pytest.importorskip("unicodedata2")
    tool = run_path(str(TOOL))
    if package.unidata_version != tool["UNICODE_VERSION"]:
        pytest.skip("another version of unicodedata2 is installed")
    assert tool["module_text"]() == Path(unicode_tables.__file__).read_text("utf-8")
