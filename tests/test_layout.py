"""What holds everywhere in the source: who imports what, what costs nothing, what must not be."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import textus

SOURCE = Path(textus.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
SLOW = {"torch", "numpy", "numba", "pyarrow", "rich", "ftfy", "fsspec", "matplotlib", "safetensors"}


def _name(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def _imported(file: Path) -> Iterator[str]:
    """Modules that a file names in its imports, wherever they stand in it."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(file)} imports relative to itself"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_torch_distributed_is_spoken_in_one_folder():
    speakers = {
        file.parent.name
        for file in FILES
        if "torch.distributed" in file.read_text("utf-8")
        and any(name.startswith("torch.distributed") for name in _imported(file))
    }
    assert speakers == {"parallel"}


def test_the_model_needs_torch_and_itself_alone():
    allowed = ("torch", "safetensors", "textus.errors", "textus.plugins", "textus.recipe")
    for file in (SOURCE / "model").glob("*.py"):
        for name in _imported(file):
            first = name.partition(".")[0]
            own = f"{name}.".startswith(tuple(f"{a}." for a in (*allowed, "textus.model")))
            assert own or first in sys.stdlib_module_names, f"{_name(file)} imports {name}"


def test_nothing_is_unpickled_or_evaluated():
    """No file of a run can carry code: neither weights nor arrays nor settings."""
    calls = {"eval", "exec", "compile", "__import__"}
    for file in FILES:
        assert not {"pickle", "marshal", "shelve", "dill"} & set(_imported(file)), _name(file)
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in calls, f"{_name(file)}:{node.lineno}"
                assert called not in ("torch.load", "torch.save"), f"{_name(file)}:{node.lineno}"
                pickled = [k for k in node.keywords if k.arg == "allow_pickle"]
                assert all(ast.unparse(k.value) == "False" for k in pickled), _name(file)


def _public(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{inside}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{node.name}.")


def test_every_module_public_class_and_function_says_what_it_is():
    """Methods may be plain where a protocol or base class explains them."""
    silent = []
    for file in FILES:
        tree = _tree(file)
        if tree.body and not ast.get_docstring(tree):
            silent.append(_name(file))
        for name, node in _public(tree.body):
            assert isinstance(node, ast.ClassDef | ast.FunctionDef)
            if "." not in name and not ast.get_docstring(node):
                silent.append(f"{_name(file)}: {name}")
    assert silent == []


def test_files_stay_short():
    lengths = {_name(file): len(file.read_text("utf-8").splitlines()) for file in FILES}
    assert {name for name, length in lengths.items() if length > 400} == set()


def test_nothing_waits_to_be_done():
    waiting = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    assert [_name(file) for file in FILES if waiting.search(file.read_text("utf-8"))] == []


def _modules_after(*imports: str) -> dict[str, set[str]]:
    """For each statement, in one process of its own, the slow packages that are there after it."""
    code = (
        "import json, sys\nfound = {}\n"
        f"for name in {imports!r}:\n"
        "    exec(name, {})\n"
        f"    found[name] = sorted({SLOW!r} & set(sys.modules))\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name: set(slow) for name, slow in json.loads(done.stdout.splitlines()[-1]).items()}


def test_settings_names_and_folders_import_nothing_slow():
    quick = [
        *SOURCE.rglob("config.py"),
        *SOURCE.rglob("__init__.py"),
        *(SOURCE / "cli").glob("*.py"),
        *(SOURCE / "model" / "config").glob("*.py"),
        *(SOURCE / "model" / "presets").glob("*.py"),
        SOURCE / "model" / "size.py",
        *(SOURCE / "run" / name for name in ("names.py", "settings.py")),
        *(SOURCE / name for name in ("recipe.py", "plugins.py", "errors.py")),
        *(SOURCE / name for name in ("progress.py", "store.py")),
    ]
    modules = [
        "textus." + _name(file).removesuffix(".py").removesuffix("__init__").replace("/", ".")
        for file in quick
    ]
    after = _modules_after(*(f"import {module.rstrip('.')}" for module in modules))
    assert {name: slow for name, slow in after.items() if slow} == {}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["generate", "--help"]])
def test_help_answers_without_anything_slow(arguments: list[str]):
    """And a mistake on the command line too."""
    statement = f"""
import contextlib, io
from textus.cli import main
for words in ({arguments!r}, ["rnu"], ["run", "none.toml", "--train.stepz", "1"]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(words)
"""
    assert _modules_after(statement) == {statement: set()}


def test_the_public_names_are_there_and_hidden_by_no_folder():
    assert textus.__all__ == sorted(textus.__all__)
    for name in textus.__all__:
        assert getattr(textus, name).__doc__
        assert not (SOURCE / name).exists(), name
        assert not (SOURCE / f"{name}.py").exists(), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = textus.nothing  # pyrefly: ignore[missing-attribute]


def test_types_and_templates_come_along():
    assert (SOURCE / "py.typed").is_file()
    assert list((SOURCE / "interpret").glob("*.jinja"))


def test_tests_mirror_the_source():
    """A folder of the source has a folder of tests at the same place."""
    tests = Path(__file__).parent
    folders = {file.parent.relative_to(SOURCE) for file in FILES if file.name != "__init__.py"}
    silent = {str(folder) for folder in folders if not list((tests / folder).glob("test_*.py"))}
    assert silent == set()
