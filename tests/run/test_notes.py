import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.recipe import flatten, to_toml
from textus.run.notes import read_notes

KEYS = st.sampled_from(["a", "b", "c"])
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.just("x  # y"))
VALUES = st.one_of(st.booleans(), st.integers(), TEXTS, st.lists(TEXTS))
TABLES = st.dictionaries(KEYS, VALUES, min_size=1)
TREES = st.recursive(
    TABLES,
    lambda tree: st.dictionaries(KEYS, VALUES | tree | st.lists(tree, min_size=1), min_size=1),
    max_leaves=8,
)


@given(TREES, st.data())
def test_what_is_written_comes_back(tree, data):
    values = flatten(tree)
    comments = st.sampled_from(["", "recipe", "said  # twice", 'a "quoted" word'])
    notes = {path: data.draw(comments) for path in values}
    expected = {path: (value, notes[path]) for path, value in values.items()}
    assert read_notes(to_toml(tree, notes)) == expected


def test_a_note_is_told_from_a_hash_in_a_text():
    text = '[a]\nb = "x  # y"  # said  # twice\nc = ["#", "  # "]\n[[d.e]]\nf = 1\n[[d.e]]\nf = 2\n'
    assert read_notes(text) == {
        "a.b": ("x  # y", "said  # twice"),
        "a.c": (["#", "  # "], ""),
        "d.e[0].f": (1, ""),
        "d.e[1].f": (2, ""),
    }


def test_what_is_no_toml_is_an_error():
    with pytest.raises(ValueError, match=r"[Ii]nvalid value"):
        read_notes("a = \n")
