"""What a recipe may say about the corpus."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from textus.errors import RecipeError
from textus.text import replace_surrogates

if TYPE_CHECKING:
    import pyarrow as pa

RUN_MARK = "written.toml"
"""The file that makes a folder a run folder; such folders are never sources."""

WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where documents come from."""

    name: str
    """What shards, mixtures and reports call these documents; unique in the corpus."""
    uri: str
    """A folder, a file, a glob ("notes/**/*.py"), all from the folder of the recipe file, or on the
    command line from the current one; package:NAME/path inside an installed Python
    package, or any fsspec address (https://, s3://, hf://). Folders are searched for .txt, .md,
    .jsonl and .parquet, the first three also as .gz and .zst; a file or glob of another suffix is
    read as plain text."""
    weight: float | None = None
    """Share in the training mixture relative to the other sources; none draws by size. Either all
    sources have one or none has."""
    text_field: str = "text"
    """The key (.jsonl) or column (.parquet) that holds the text."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise RecipeError("name='' is empty; use a word that tells this source from the others")
        if not self.uri.strip():
            raise RecipeError(
                "uri='' is empty; use a folder, a file, a glob, package:NAME/path, "
                "or an address such as https://..."
            )
        for field, value in (("uri", self.uri), ("name", self.name)):
            if replace_surrogates(value) != value:
                raise RecipeError(
                    f"{field}={value!r} has bytes that are not UTF-8, which no recipe can hold; "
                    "rename the file, or name it by a glob with ? for each of them"
                )
        if self.weight is not None and not 0 < self.weight < float("inf"):
            raise RecipeError(f"weight={self.weight} is no share; use a number above 0")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A source from its bare uri, named after the last part that has no wildcard in it."""
        path = re.split(r"[?#]", text)[0] if "://" in text else text
        path = path.replace("\\", "/").removeprefix("package:")
        parts = [p for p in PurePosixPath(path).parts if not WILDCARD.search(p) and p != "/"]
        last = parts[-1] if parts else "."
        if last in (".", "..", "~"):
            last = Path(*parts).expanduser().resolve().name or "corpus"
        return cls(name=PurePosixPath(re.sub(r"\.(gz|zst)$", "", last)).stem, uri=text)


class Step:
    """One step of curation: the base of `MapStep` and `Barrier`.

    A step of your own is a frozen keyword-only dataclass derived from one of the two; its fields
    are its settings, and the recipe names it as kind = "package.module:Class". Nothing else is
    asked of it. The columns of a batch are described in `textus.corpus.batches`.
    """

    @classmethod
    def variants(cls) -> dict[str, type["Step"]]:
        """The steps that a recipe can name."""
        return {"fix_text": FixText, "length": Length, "exact_dedup": ExactDedup}


class MapStep(Step, ABC):
    """A step that judges each document by itself, so that batches run on any core in any order."""

    @abstractmethod
    def apply(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """The batch with as many rows, texts changed (`with_text`) or rows marked (`reject`).

        Must be pure: the same batch gives the same result, in any process.
        """


class Barrier(Step, ABC):
    """A step that must see every document, in order; it runs in one process."""

    @abstractmethod
    def apply_all(self, batches: Iterator["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
        """All batches in order, rows marked with `reject`; holds no text longer than it must."""


@dataclass(frozen=True, kw_only=True)
class FixText(MapStep):
    """Repairs text: newlines become \\n, wrongly decoded characters (mojibake) are decoded again,
    control characters go, Unicode is normalised to NFC (ftfy; Speer 2019)."""

    html_entities: bool = True
    """Turn &amp; and the like into the characters they stand for, in documents without a "<"."""
    straight_quotes: bool = False
    """Turn curly quotation marks into straight ones."""

    def apply(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        from textus.corpus.steps import fix_texts

        return fix_texts(batch, self)


@dataclass(frozen=True, kw_only=True)
class Length(MapStep):
    """Drops documents that are empty, too short or too long."""

    min_chars: int = 20
    """Fewest characters of a kept document, blank space at both ends not counted."""
    max_chars: int | None = None
    """Most characters of a kept document; none sets no limit."""

    def __post_init__(self) -> None:
        if self.min_chars < 1:
            raise RecipeError(
                f"min_chars={self.min_chars} is below 1; use 1 to drop empty ones only"
            )
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise RecipeError(
                f"max_chars={self.max_chars} is below min_chars={self.min_chars}; "
                "use a larger number, or leave it out for no limit"
            )

    def apply(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        from textus.corpus.steps import check_lengths

        return check_lengths(batch, self)


@dataclass(frozen=True, kw_only=True)
class ExactDedup(Barrier):
    """Drops documents whose text came before, letter for letter; the first one stays."""

    def apply_all(self, batches: Iterator["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
        from textus.corpus.steps import drop_duplicates

        return drop_duplicates(batches)


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """Which documents to read, what to do with them, and what to hold out."""

    source: tuple[Source, ...]
    """Where documents come from; read in this order."""
    step: tuple[Step, ...] = (FixText(), Length(), ExactDedup())
    """What happens to each document, in this order."""
    piece_bytes: int = 20_000
    """Size of the pieces into which long documents are cut to choose the held-out text."""
    held_out: float = 0.02
    """Share of each source's bytes that is kept from training, to measure the model on."""

    def __post_init__(self) -> None:
        if not self.source:
            raise RecipeError("source=[] names no documents; add a [[corpus.source]] with a uri")
        self._check_names()
        weighted = [s.name for s in self.source if s.weight is not None]
        if weighted and len(weighted) < len(self.source):
            bare = [s.name for s in self.source if s.weight is None]
            raise RecipeError(
                f"source.weight is given for {weighted} but not for {bare}; "
                "give it for all sources or for none"
            )
        for step in self.step:
            if not isinstance(step, MapStep | Barrier):
                raise RecipeError(
                    f"step={step!r} is no step; derive its class from "
                    "textus.corpus.config.MapStep or Barrier"
                )
        if self.piece_bytes < 100:
            raise RecipeError(f"piece_bytes={self.piece_bytes} is below 100; use some 20000")
        if not 0 < self.held_out <= 0.5:
            raise RecipeError(
                f"held_out={self.held_out} is no share between 0 and 0.5; use 0.02 for 2%"
            )

    def _check_names(self) -> None:
        names = [s.name for s in self.source]
        for name in names:
            if names.count(name) > 1:
                raise RecipeError(
                    f"source.name={name!r} is given to {names.count(name)} sources; "
                    "give each a name of its own"
                )
