import pytest

from textus.tokenizer.special import NameFinder, NameRule, Stretch


def cut(text: str, **rules: NameRule) -> list[tuple[str, int | None]]:
    finder = NameFinder({"<a>": 1, "<a><b>": 2, "word": 3}, {"<a>": NameRule()} | rules)
    stretches = list(finder.cut(text))
    assert "".join(text[start:end] for start, end, _ in stretches) == text
    return [(text[start:end], id_) for start, end, id_ in stretches]


def test_the_longest_name_from_the_left_wins():
    assert cut("x<a><b><a><<a>") == [
        ("x", None),
        ("<a><b>", 2),
        ("<a>", 1),
        ("<", None),
        ("<a>", 1),
    ]
    assert cut("") == []
    assert list(NameFinder({}, {}).cut("x")) == [Stretch(0, 1, None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a word, word", [("a ", None), ("word", 3), (", ", None), ("word", 3)]),
        ("words sword wordé word_ 1word", None),
        ("(word)", [("(", None), ("word", 3), (")", None)]),
    ],
)
def test_single_words_are_not_parts_of_words(text, expected):
    assert cut(text, word=NameRule(single_word=True)) == (expected or [(text, None)])


def test_white_space_around_a_name_may_belong_to_it():
    text = "x \u3000word\n word"
    left, right = NameRule(lstrip=True), NameRule(rstrip=True)
    assert cut(text, word=left) == [("x", None), (" \u3000word", 3), ("\n word", 3)]
    assert cut(text, word=right) == [("x \u3000", None), ("word\n ", 3), ("word", 3)]
