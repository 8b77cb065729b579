"""What became of every document, in counts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from textus.text import count_of

PROBLEMS_NAMED = 100


@dataclass
class Amount:
    """A number of documents and their bytes of UTF-8 text."""

    documents: int = 0
    bytes: int = 0

    def add(self, other: "Amount") -> None:
        """Adds the other amount to this one."""
        self.documents += other.documents
        self.bytes += other.bytes


@dataclass(frozen=True)
class Problem:
    """Something in the input that could not be read."""

    path: str
    """The file, and after a colon the line, where it is known."""
    problem: str
    """What is wrong with it."""


@dataclass
class SourceReport:
    """What became of the documents of one source.

    A plain text file of more than a megabyte counts as several documents here: it is read in parts.
    """

    name: str
    uri: str
    files: int = 0
    """Input files found."""
    read: Amount = field(default_factory=Amount)
    """Documents read, before any step."""
    kept: Amount = field(default_factory=Amount)
    """Documents that every step kept, after repair."""
    dropped: dict[str, Amount] = field(default_factory=dict)
    """Documents dropped, by reason, with their size when they were dropped."""
    train: Amount = field(default_factory=Amount)
    """Written for training; a document cut by held-out pieces counts once per remaining part."""
    held_out: Amount = field(default_factory=Amount)
    """Kept from training; neighbouring held-out pieces count as one."""
    problem_count: int = 0
    """Files, lines and rows that could not be read."""
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""

    def add_problem(self, problem: Problem) -> None:
        """Counts the problem, and names it while there are few."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_NAMED:
            self.problems.append(problem)

    def add(self, other: "SourceReport") -> None:
        """Adds the counts of another source to this one."""
        self.files += other.files
        self.problem_count += other.problem_count
        for name in ("read", "kept", "train", "held_out"):
            getattr(self, name).add(getattr(other, name))
        for reason, amount in other.dropped.items():
            self.add_dropped(reason, amount)

    def add_dropped(self, reason: str, amount: Amount) -> None:
        """Counts documents dropped for this reason."""
        self.dropped.setdefault(reason, Amount()).add(amount)


@dataclass
class CorpusReport:
    """What became of the documents of all sources."""

    sources: list[SourceReport]

    @property
    def total(self) -> SourceReport:
        """All sources together, without the names of the problems."""
        total = SourceReport(name="total", uri="")
        for source in self.sources:
            total.add(source)
        return total

    def to_json(self) -> dict[str, Any]:
        """The report as plain lists and dicts, with its totals."""
        return {
            "sources": [_plain(s) for s in self.sources],
            "total": _plain(self.total),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The report that `to_json` gave."""
        return cls([_source_report(s) for s in data["sources"]])

    def lines(self) -> list[str]:
        """The report for people, one line each."""
        both = [*self.sources, *([self.total] if len(self.sources) > 1 else [])]
        return [line for source in both for line in _lines(source)]


def _plain(report: SourceReport) -> dict[str, Any]:
    return asdict(report) | {
        "dropped": {reason: asdict(report.dropped[reason]) for reason in sorted(report.dropped)}
    }


def _source_report(data: dict[str, Any]) -> SourceReport:
    return SourceReport(
        name=data["name"],
        uri=data["uri"],
        files=data["files"],
        read=Amount(**data["read"]),
        kept=Amount(**data["kept"]),
        dropped={reason: Amount(**amount) for reason, amount in data["dropped"].items()},
        train=Amount(**data["train"]),
        held_out=Amount(**data["held_out"]),
        problem_count=data["problem_count"],
        problems=[Problem(**problem) for problem in data["problems"]],
    )


def _lines(source: SourceReport) -> Iterable[str]:
    yield f"{source.name}: {count_of(source.files, 'file')}, {_amount(source.read)} read"
    for problem in source.problems[:5]:
        yield f"  could not read {problem.path}: {problem.problem}"
    if source.problem_count > 5:
        yield f"  could not read {source.problem_count:,} files, lines or rows in all"
    for reason, amount in sorted(source.dropped.items()):
        yield f"  dropped {_amount(amount)}: {reason}"
    yield f"  kept {_amount(source.kept)}; held out {_amount(source.held_out)}"


def _amount(amount: Amount) -> str:
    return f"{count_of(amount.documents, 'document')} ({amount.bytes:,} bytes)"
