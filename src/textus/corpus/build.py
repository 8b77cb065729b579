"""From raw documents to kept documents on disk: read, run the steps, hold out, write."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from textus.corpus.batches import Row, Verdict, pack, text_bytes, unpack
from textus.corpus.config import CorpusConfig
from textus.corpus.documents import Document, DocumentWriter
from textus.corpus.held_out import Cutting, Piece, choose_held_out, cut_rows
from textus.corpus.pipeline import choose_workers, run_steps
from textus.corpus.readers import Text, has_lines, read_texts
from textus.corpus.report import Amount, CorpusReport, Problem, SourceReport
from textus.corpus.sources import InputFile, find_files
from textus.corpus.spool import Spool
from textus.errors import DataError
from textus.progress import Progress, silent
from textus.text import count_of


def build_corpus(
    config: CorpusConfig,
    out: Path,
    *,
    progress: Progress = silent,
    workers: int | None = None,
) -> CorpusReport:
    """Reads all sources and writes what is kept, held out and rejected, with a report, into `out`.

    `out` is an existing, empty folder. The files depend on the input alone, not on `workers`, the
    number of processes (by default all cores for large input, else one). Memory holds some
    batches and a few bytes per document. Raises DataError when a source has nothing to read, or
    nothing of it is left after the steps.
    """
    files = [file for source in config.source for file in find_files(source)]
    report = CorpusReport([SourceReport(name=s.name, uri=s.uri) for s in config.source])
    building = _Build(config, out, report, progress)
    workers = choose_workers(sum(file.size or 0 for file in files), workers)
    with ExitStack() as stack:
        kept = stack.enter_context(Spool(out / ".kept.arrow"))
        rejected = [
            stack.enter_context(Spool(out / f".rejected-{i}.arrow"))
            for i in range(len(config.step))
        ]
        building.curate(files, kept, rejected, workers)
        building.check_not_empty()
        building.write_rejected(rejected)
        building.share(kept)
    text = json.dumps(report.to_json(), indent=2, ensure_ascii=False)
    (out / "report.json").write_text(text + "\n", encoding="utf-8")
    return report


class _Build:
    """One run of `build_corpus`: its settings, and the report that each stage adds to."""

    def __init__(self, config: CorpusConfig, out: Path, report: CorpusReport, progress: Progress):
        self.config = config
        self.out = out
        self.report = report
        self.progress = progress
        self.by_name = {source.name: source for source in report.sources}
        # Of the kept texts; a big file read in several texts is one document here.
        self.num_whole = {source.name: 0 for source in report.sources}

    def curate(
        self, files: list[InputFile], kept: Spool, rejected: list[Spool], workers: int
    ) -> None:
        """Reads the files and sorts their texts into kept and rejected (by step)."""

        def put_aside(index: int, batch: pa.RecordBatch) -> None:
            self._count_dropped(batch)
            rejected[index].write(batch)

        batches = self._counted(pack(self._rows(files)))
        last = None
        for batch in run_steps(self.config.step, batches, on_rejected=put_aside, workers=workers):
            last = self._count_kept(batch, last)
            kept.write(batch)

    def _rows(self, files: list[InputFile]) -> Iterator[Row]:
        total = sum(file.size or 0 for file in files)
        done = document = 0
        for file in files:
            self.by_name[file.source.name].files += 1
            begun = False
            for item, position in self._read(file):
                self.progress(done + position, total or None, f"reading {file.path}")
                document += not (begun and item.continues)
                begun = True
                yield Row(file.source.name, file.path, item.line, document, item.text)
            done += file.size or 0
        self.progress(done, total or None, f"read {count_of(len(files), 'file')}")

    def _read(self, file: InputFile) -> Iterator[tuple[Text, int]]:
        """The texts of a file, each with the position in the file, in bytes; counts its flaws."""
        source = self.by_name[file.source.name]
        try:
            with file.open() as stream:
                for item in read_texts(stream, file.path, file.source.text_field):
                    if isinstance(item, Text):
                        yield item, min(stream.tell(), file.size or 0)
                    else:
                        path = f"{file.path}:{item.line}" if item.line else file.path
                        source.add_problem(Problem(path, item.problem))
        except OSError as error:
            source.add_problem(Problem(file.path, f"cannot be opened: {file.flaw(error)}"))

    def _counted(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name, size in _names_and_sizes(batch):
                self.by_name[name].read.add(Amount(1, size))
            yield batch

    def _count_dropped(self, batch: pa.RecordBatch) -> None:
        reasons = batch.column("reason").to_pylist()
        for (name, size), reason in zip(_names_and_sizes(batch), reasons, strict=True):
            self.by_name[name].add_dropped(reason, Amount(1, size))

    def _count_kept(self, batch: pa.RecordBatch, last: int | None) -> int | None:
        documents = batch.column("document").to_pylist()
        for (name, size), document in zip(_names_and_sizes(batch), documents, strict=True):
            self.by_name[name].kept.add(Amount(1, size))
            self.num_whole[name] += document != last
            last = document
        return last

    def check_not_empty(self) -> None:
        """Raises DataError, with what became of everything, for a source with no text left."""
        for source in self.report.sources:
            if source.kept.bytes == 0:
                raise DataError(_nothing_left(source))

    def write_rejected(self, spools: list[Spool]) -> None:
        """Writes what was dropped, step by step."""
        with DocumentWriter(self.out, "rejected") as writer:
            for batch in (batch for spool in spools for batch in spool.read()):
                verdicts = [batch.column(name).to_pylist() for name in Verdict._fields]
                for row, *verdict in zip(unpack(batch), *verdicts, strict=True):
                    writer.write(Document(row.source, f"{row.file}:{row.line}", row.text), *verdict)

    def share(self, kept: Spool) -> None:
        """Writes what was kept: the held-out pieces apart, all between them for training."""
        cuttings = {
            s.name: Cutting.of(self.config, documents=self.num_whole[s.name], total=s.kept.bytes)
            for s in self.report.sources
        }
        held_out = choose_held_out(cut_rows(self._reread(kept, "choosing"), cuttings), cuttings)
        with (
            DocumentWriter(self.out, "train") as train,
            DocumentWriter(self.out, "held_out") as test,
        ):
            for row, pieces in cut_rows(self._reread(kept, "writing"), cuttings):
                for is_test, document in _parts(row, pieces, held_out):
                    (test if is_test else train).write(document)
                    source = self.by_name[row.source]
                    amount = Amount(1, len(document.text.encode()))
                    (source.held_out if is_test else source.train).add(amount)
        self._check_shared()

    def _reread(self, kept: Spool, text: str) -> Iterator[Row]:
        total = self.report.total.kept.documents
        done = 0
        for batch in kept.read():
            done += batch.num_rows
            self.progress(done, total, f"{text} documents")
            yield from unpack(batch)

    def _check_shared(self) -> None:
        for source in self.report.sources:
            for part, amount in (("training", source.train), ("measuring", source.held_out)):
                if amount.bytes == 0:
                    raise DataError(
                        f"source {source.name!r}: its {source.kept.bytes:,} bytes of text cannot "
                        f"be shared between training and measuring, none is left for {part}; "
                        "add text that is not the same as the rest"
                    )


def _names_and_sizes(batch: pa.RecordBatch) -> Iterable[tuple[str, int]]:
    return zip(batch.column("source").to_pylist(), text_bytes(batch), strict=True)


def _parts(row: Row, pieces: list[Piece], held_out: set[int]) -> Iterator[tuple[bool, Document]]:
    """The row's text as documents: neighbouring pieces on the same side are joined again."""
    line = row.line
    for is_test, group in groupby(pieces, lambda piece: piece.key in held_out):
        text = "".join(piece.text for piece in group)
        yield is_test, Document(row.source, f"{row.file}:{line}", text)
        if has_lines(row.file):
            line += text.count("\n")


def _nothing_left(source: SourceReport) -> str:
    lines = [
        f"source {source.name!r}: no text is left. "
        f"Read: {count_of(source.read.documents, 'document')} ({source.read.bytes:,} bytes) "
        f"in {count_of(source.files, 'file')} of {source.uri!r}."
    ]
    for reason, amount in sorted(source.dropped.items()):
        lines.append(f"  dropped {count_of(amount.documents, 'document')}: {reason}")
    lines += [f"  could not read {p.path}: {p.problem}" for p in source.problems[:5]]
    if source.problem_count > 5:
        lines.append(f"  and {source.problem_count - 5:,} more that could not be read")
    lines.append(
        "Repair the files, point the source's uri to others, or loosen the steps "
        "(for example min_chars of the step length)."
    )
    return "\n".join(lines)
