import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import RecipeError
from textus.plugins import allow_code
from textus.recipe import (
    Text,
    build,
    diff,
    flatten,
    kind_of,
    merge,
    parse_overrides,
    read_toml,
    to_toml,
    to_tree,
)
from textus.recipe_help import describe


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Base of the shapes."""

    default_kind = "circle"

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"circle": Circle, "box": Box}


@dataclass(frozen=True, kw_only=True)
class Circle(Shape):
    radius: float = 1.0
    """Half of the width."""

    def __post_init__(self) -> None:
        if self.radius <= 0:
            raise RecipeError(f"radius={self.radius} must be above 0")


@dataclass(frozen=True, kw_only=True)
class Box(Shape):
    width: int
    """How wide."""
    radius: float = 0.0
    """Of its corners."""


@dataclass(frozen=True, kw_only=True)
class Shade:
    """Base of two shades, one of which is called none."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"none": NoShade, "grey": Grey}


@dataclass(frozen=True, kw_only=True)
class NoShade(Shade):
    pass


@dataclass(frozen=True, kw_only=True)
class Grey(Shade):
    pass


@dataclass(frozen=True, kw_only=True)
class Needy:
    """Base of shapes of which none is the usual one."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"circle": Circle, "box": Box}


@dataclass(frozen=True, kw_only=True)
class Holder:
    shape: Needy


@dataclass(frozen=True, kw_only=True)
class Place:
    name: str = ""
    """What it is called."""
    uri: str = "."
    """Where it is."""
    weight: float | None = None
    """How much it counts."""

    @classmethod
    def from_text(cls, text: str) -> "Place":
        if text == "nowhere":
            raise RecipeError("uri='nowhere' does not exist")
        return cls(name=text[:1], uri=text)


@dataclass(frozen=True, kw_only=True)
class Part:
    flag: bool = False
    """On or off."""
    count: int = 3
    """How many,
    over two lines."""
    rate: float = 0.5
    """How fast."""
    word: str = "w"
    """Anything."""
    mode: Literal["slow", "fast"] = "slow"
    """Which way."""
    bits: Literal[16, 32] = 16
    """How wide."""
    limit: int | None = 7
    """Most of all."""
    note: str | None = None
    """Nothing or something."""
    many: tuple[int, ...] = (1, 2)
    """Several."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    part: Part = field(default_factory=Part)
    """An ordinary part."""
    shape: Shape = field(default_factory=Circle)
    """One of several."""
    shapes: tuple[Shape, ...] = ()
    """Any number of several."""
    places: tuple[Place, ...] = ()
    """Where to look."""
    words: tuple[str, ...] = ()
    """Several texts."""


finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-300, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['"', "'", "\\", '"""', "a\nb", "\r\n", "\t", "\x00", "\x1f", "\x7f", "\x85", "\u2028", "# no"]
)
shapes = st.builds(Circle, radius=positive) | st.builds(Box, width=st.integers(), radius=finite)
wholes = st.builds(
    Whole,
    part=st.builds(
        Part,
        flag=st.booleans(),
        count=st.integers(),
        rate=finite,
        word=texts,
        mode=st.sampled_from(["slow", "fast"]),
        bits=st.sampled_from([16, 32]),
        limit=st.none() | st.integers(),
        note=st.none() | texts.filter(lambda text: text.lower() != "none"),
        many=st.lists(st.integers(), max_size=3).map(tuple),
    ),
    shape=shapes,
    shapes=st.lists(shapes, max_size=3).map(tuple),
    places=st.lists(
        st.builds(Place, name=texts, uri=texts, weight=st.none() | finite), max_size=3
    ).map(tuple),
    words=st.lists(texts, max_size=3).map(tuple),
)


@given(wholes)
@settings(max_examples=150)
def test_a_tree_is_read_back_as_it_was(whole: Whole):
    assert build(Whole, to_tree(whole)) == whole


@given(wholes)
@settings(max_examples=150)
def test_toml_is_read_back_as_it_was(whole: Whole):
    tree = to_tree(whole)
    text = to_toml(tree)
    assert tomllib.loads(text) == tree
    assert build(Whole, tomllib.loads(text)) == whole


def test_toml_carries_notes_as_comments():
    text = to_toml(to_tree(Whole()), {"part.count": "three of them", "shape.radius": "why not"})
    assert "count = 3  # three of them" in text.splitlines()
    assert "radius = 1.0  # why not" in text.splitlines()
    assert build(Whole, tomllib.loads(text)) == Whole()


def test_toml_file_is_read_and_faults_are_named(tmp_path: Path):
    file = tmp_path / "r.toml"
    with pytest.raises(RecipeError, match=r"there is no recipe .*r\.toml"):
        read_toml(file)
    file.write_text("a = 1\nb = = 2\n")
    with pytest.raises(RecipeError, match=r"r\.toml is not a readable recipe: .*line 2"):
        read_toml(file)
    file.write_bytes(b"a = '\xff'")
    with pytest.raises(RecipeError, match="not a readable recipe"):
        read_toml(file)
    with pytest.raises(RecipeError, match="not a readable recipe"):
        read_toml(tmp_path)
    file.write_text("a = 'ä'\n", "utf-8")
    assert read_toml(file) == {"a": "ä"}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"prat": {}}, r"unknown setting prat; did you mean 'part'\?"),
        ({"part": {"cuont": 1}}, r"unknown setting part\.cuont; did you mean 'count'\?"),
        ({"count": 1}, r"unknown setting count; did you mean part\.count\?"),
        ({"radius": 1.0}, r"unknown setting radius; did you mean shape\.radius\?"),
        ({"part": {"zzz": 1}}, r"unknown setting part\.zzz; known: flag, count, rate"),
        ({"shapes": [{}, {"radios": 1}]}, r"shapes\[1\]\.radios; did you mean 'radius'"),
        ({"shape": {"kind": "boxx"}}, r"unknown shape\.kind 'boxx'; did you mean 'box'"),
        ({"part": {"flag": 1}}, r"part\.flag=1 should be true or false"),
        ({"part": {"count": 1.0}}, r"part\.count=1\.0 should be a whole number"),
        ({"part": {"count": True}}, r"part\.count=True should be a whole number"),
        ({"part": {"count": "3"}}, r"part\.count='3' should be a whole number"),
        ({"part": {"count": []}}, r"part\.count=\[\] should be a whole number"),
        ({"part": {"count": {"a": 1}}}, r"part\.count=.* should be a whole number"),
        ({"part": {"rate": "fast"}}, r"part\.rate='fast' should be a number"),
        ({"part": {"rate": True}}, r"part\.rate=True should be a number"),
        ({"part": {"rate": float("nan")}}, r"part\.rate=nan should be a number"),
        ({"part": {"rate": float("inf")}}, r"part\.rate=inf should be a number"),
        ({"part": {"word": 5}}, r"part\.word=5 should be a text"),
        ({"part": {"mode": "fats"}}, r"part\.mode='fats' is none of 'slow', 'fast'"),
        ({"part": {"bits": 8}}, r"part\.bits=8 is none of 16, 32"),
        ({"part": {"bits": "16"}}, r"part\.bits='16' is none of 16, 32"),
        ({"part": {"limit": "x"}}, r"part\.limit='x' should be a whole number"),
        ({"part": {"many": [1, "a"]}}, r"part\.many\[1\]='a' should be a whole number"),
        ({"part": 3}, r"part=3 should be a table of settings"),
        ({"part": "text"}, r"part='text' should be a table of settings"),
        ({"part": []}, r"part=\[\] should be a table of settings"),
        ({"shape": {"radius": -1.0}}, r"\[shape\] radius=-1\.0 must be above 0"),
        ({"shape": {"kind": "box"}}, r"shape\.width is not set, and has no default"),
        ({"shapes": [{"radius": -1.0}]}, r"\[shapes\[0\]\] radius=-1\.0"),
        ({"places": ["here", "nowhere"]}, r"\[places\[1\]\] uri='nowhere' does not exist"),
    ],
)
def test_mistakes_are_explained(tree: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        build(Whole, tree)


def test_whole_numbers_serve_as_numbers():
    part = build(Part, {"rate": 2})
    assert part.rate == 2.0
    assert type(part.rate) is float


def test_a_variant_called_none_is_no_missing_value():
    @dataclass(frozen=True)
    class Maybe:
        shade: Shade | None = None

    assert build(Maybe, {"shade": "none"}).shade == NoShade()
    assert build(Maybe, {"shade": {"kind": "grey"}}).shade == Grey()
    assert build(Maybe, {}).shade is None


def test_variants_are_picked_by_kind():
    assert build(Whole, {}).shape == Circle()
    assert build(Whole, {"shape": {"radius": 2.0}}).shape == Circle(radius=2.0)
    assert build(Whole, {"shape": {"kind": "box", "width": 3}}).shape == Box(width=3)
    assert build(Whole, {"shape": "circle"}).shape == Circle()
    mixed = build(Whole, {"shapes": ["circle", {"kind": "box", "width": 1}]})
    assert mixed.shapes == (Circle(), Box(width=1))
    assert [kind_of(x) for x in (Circle(), Box(width=1), Part())] == ["circle", "box", None]


def test_variants_without_a_default_must_be_named():
    with pytest.raises(RecipeError, match=r"shape\.kind is not set; use one of circle, box"):
        build(Holder, {"shape": {}})


def test_a_text_may_stand_for_a_table():
    whole = build(Whole, {"places": ["a/b", {"name": "n", "uri": "c"}]})
    assert whole.places == (Place(name="a", uri="a/b"), Place(name="n", uri="c"))


def test_one_value_may_stand_for_a_list():
    assert build(Whole, {"places": "a/b", "words": "w"}).places == (Place(name="a", uri="a/b"),)


def test_code_of_ones_own_needs_permission(tmp_path: Path, monkeypatch):
    (tmp_path / "own_shapes.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Star:\n"
        "    points: int = 5\n"
        "    @classmethod\n"
        "    def variants(cls): return {}\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    tree = {"shape": {"kind": "own_shapes:Star", "points": 6}}
    with pytest.raises(RecipeError, match=r"shape\.kind 'own_shapes:Star' is code .*--allow-code"):
        build(Whole, tree)
    try:
        allow_code()
        star = build(Whole, tree).shape
        assert star.points == 6  # pyrefly: ignore
        assert to_tree(star) == tree["shape"]
        with pytest.raises(RecipeError, match=r"unknown setting shape\.pionts"):
            build(Whole, {"shape": {"kind": "own_shapes:Star", "pionts": 6}})
        with pytest.raises(RecipeError, match=r"'own_shapes:number' is no dataclass"):
            build(Whole, {"shape": {"kind": "own_shapes:number"}})
    finally:
        allow_code(False)


def _from_line(line: str) -> Whole:
    return build(Whole, parse_overrides(line.split(" ")))


def test_overrides_take_the_type_of_their_field():
    part = _from_line(
        "--part.flag yes --part.count -5 --part.rate=-1e-3 --part.word 7 --part.mode fast "
        "--part.bits 32 --part.limit none --part.note none"
    ).part
    expected = Part(
        flag=True, count=-5, rate=-1e-3, word="7", mode="fast", bits=32, limit=None, note=None
    )
    assert part == expected
    assert type(part.word) is type(part.mode) is str
    assert type(part.bits) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("no", False), ("false", False), ("0", False)],
)
def test_booleans_are_typed_as_words(text: str, value: bool):
    assert _from_line(f"--part.flag {text}").part.flag is value


def test_override_values_may_hold_anything():
    tree = parse_overrides(["--part.word=a=b --c", "--part.note", "", "--words=--dashes"])
    whole = build(Whole, tree)
    assert (whole.part.word, whole.part.note) == ("a=b --c", "")
    assert whole.words == ("--dashes",)


def test_dashes_in_names_are_underscores_but_not_in_values():
    assert parse_overrides(["--a-b.c-d", "e-f"]) == {"a_b": {"c_d": "e-f"}}


def test_repeated_options_are_a_list():
    whole = _from_line("--words a --words b --words c --part.many 4 --places x/y --places z")
    assert whole.words == ("a", "b", "c")
    assert whole.part.many == (4,)
    assert [p.uri for p in whole.places] == ["x/y", "z"]


def test_what_is_set_below_a_value_is_set_of_each():
    line = "--places.weight 2 --places x/y --places z --shape box --shape.width 3"
    whole = _from_line(line)
    assert [(p.uri, p.weight) for p in whole.places] == [("x/y", 2), ("z", 2)]
    assert whole.shape == Box(width=3)
    assert [p.weight for p in _from_line("--places x --places.weight 3").places] == [3]


def test_a_table_without_a_kind_changes_each_table_of_a_list():
    base = {"places": ["x", {"name": "b", "uri": "y", "weight": 1}]}
    merged = merge(base, {"places": {"weight": 3}})
    places = build(Whole, merged).places
    assert [(p.uri, p.weight) for p in places] == [("x", 3), ("y", 3)]
    named = merge(base, {"places": {"kind": "z", "weight": 3}})
    assert [(p.uri, p.weight) for p in build(Whole, named).places] == [("z", 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["part.count", "3"], r"'part\.count' is not an option"),
        (["--"], "'--' is not an option"),
        (["--part.count"], r"--part\.count needs a value"),
        (["--part.count", "--part.rate", "1"], r"--part\.count needs a value"),
        (["--part", "x", "--part.count", "1"], "part='x' should be a table of settings"),
        (["--part.count", "1", "--part", "x"], "part='x' should be a table of settings"),
        (["--part.count", "1", "--part.count", "2"], r"--part\.count is given 2 times"),
        (["--part.mode", "a", "--part.mode", "b"], r"--part\.mode is given 2 times"),
        (["--part.count", "3.5"], r"part\.count='3\.5' should be a whole number"),
        (["--part.rate", "nan"], r"part\.rate='nan' should be a number"),
        (["--part.flag", "maybe"], r"part\.flag='maybe' should be true or false"),
        (["--part.bits", "8"], r"part\.bits='8' is none of 16, 32"),
        (["--part.cuont", "1"], r"part\.cuont; did you mean 'count'"),
        (["--=3"], "unknown setting"),
        (["--part..count", "3"], "unknown setting part"),
    ],
)
def test_override_mistakes_are_explained(arguments: list[str], message: str):
    with pytest.raises(RecipeError, match=message):
        build(Whole, parse_overrides(arguments))


leaves = st.integers() | st.lists(st.integers(), max_size=2)
trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), leaves | inner, max_size=3),
)


@given(trees, trees)
def test_merged_values_are_those_of_the_upper_layer(base: dict, over: dict):
    before = repr((base, over))
    merged = flatten(merge(base, over))
    for path, value in flatten(over).items():
        assert merged[path] == value
    assert merge(base, {}) == base
    assert merge({}, over) == over
    assert merge(merge(base, over), over) == merge(base, over)
    assert repr((base, over)) == before


@given(trees, trees)
def test_merging_goes_table_by_table(base: dict, over: dict):
    merged = merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    for key, value in merged.items():
        pair = [side[key] for side in (base, over) if key in side]
        both_tables = [isinstance(side, dict) for side in pair] == [True, True]
        assert value == (merge(*pair) if both_tables else pair[-1])


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"kind": "box", "width": 3}, {"width": 4}, {"kind": "box", "width": 4}),
        ({"kind": "box", "width": 3}, {"kind": "circle"}, {"kind": "circle"}),
        ({"kind": "box", "width": 3}, {"kind": "box"}, {"kind": "box", "width": 3}),
        ({"radius": 2}, {"kind": "circle"}, {"kind": "circle", "radius": 2}),
        ("box", {"width": 4}, {"kind": "box", "width": 4}),
        ("box", {"kind": "circle", "radius": 4}, {"kind": "circle", "radius": 4}),
        ({"kind": "box", "width": 3}, "circle", {"kind": "circle"}),
        ({"kind": "box", "width": 3}, "box", {"kind": "box", "width": 3}),
    ],
)
def test_a_table_of_another_kind_starts_afresh(base: Any, over: Any, expected: dict[str, Any]):
    assert merge({"shape": base}, {"shape": over}) == {"shape": expected}


def test_lists_are_replaced_as_a_whole():
    assert merge({"a": [{"b": 1}]}, {"a": ["c"]}) == {"a": ["c"]}


def test_unchecked_values_are_typed_but_not_judged():
    whole = build(Whole, {"shape": {"radius": -1.0}}, checked=False)
    assert isinstance(whole.shape, Circle)
    assert whole.shape.radius == -1.0
    assert whole.part == Part()
    with pytest.raises(RecipeError, match="should be a number"):
        build(Whole, {"shape": {"radius": "x"}}, checked=False)


@given(wholes, wholes)
@settings(max_examples=40)
def test_diff_is_empty_only_for_equals(left: Whole, right: Whole):
    assert diff(to_tree(left), to_tree(left)) == []
    assert (diff(to_tree(left), to_tree(right)) == []) == (left == right)


def test_diff_names_both_values():
    left, right = to_tree(Whole()), to_tree(Whole(part=Part(count=9, note="n")))
    assert diff(left, right) == ["part.count: 3 -> 9", "part.note: (not set) -> n"]


def test_help_lists_every_setting_with_its_meaning():
    fields = {f.path: f for f in describe(Whole)}
    for name in asdict(Part()):
        assert fields[f"part.{name}"].text, name
    assert fields["part.count"].text == "How many, over two lines."
    assert fields["part.count"].type == "int"
    assert fields["part.count"].default == "3"
    assert fields["part.mode"].type == "slow|fast"
    assert fields["part.limit"].type == "int"
    assert fields["part.note"].default == "not set"
    assert fields["shape(kind=circle).radius"].text == "Half of the width."
    assert fields["shape(kind=box).radius"].text == "Of its corners."
    assert fields["shape(kind=box).width"].default == "required"
    assert fields["shapes[](kind=box).width"].text == "How wide."
    assert fields["shape"].default == "circle"
    assert fields["places[].uri"].text == "Where it is."
    assert fields["places[]"].text == "Where to look."
    assert all(f.text for f in fields.values())


def test_paths_of_the_help_are_paths_of_the_recipe():
    known = {f.path for f in describe(Whole)}
    flat = flatten(to_tree(Whole(shape=Box(width=1))))
    plain = [p for p in flat if p.startswith("part.")]
    assert plain
    assert set(plain) <= known


def test_text_is_kept_apart_from_strings_of_a_file():
    assert build(Part, {"count": Text("3")}).count == 3
    with pytest.raises(RecipeError):
        build(Part, {"count": "3"})
