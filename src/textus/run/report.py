"""What report.html shows, gathered from a run folder at whatever stage it is."""

import json
import lzma
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from textus.corpus.documents import read_documents
from textus.corpus.report import CorpusReport
from textus.errors import TextusError
from textus.interpret.report import (
    Compressor,
    RunReport,
    Sample,
    Setting,
    Source,
    Speed,
    Split,
    StageTime,
    StoredFile,
    render_report,
)
from textus.interpret.tokens import TokenizerView, view_tokenizer
from textus.model.config import ModelConfig
from textus.model.files import WEIGHTS, read_config
from textus.model.size import count_parameters, flops_per_token
from textus.recipe import Tree, build
from textus.run.folder import check_run
from textus.run.freshness import outdated
from textus.run.names import RECIPE, REPORT, TRAINING
from textus.run.notes import read_notes
from textus.run.stages import STAGES
from textus.store import MANIFEST, Manifest, read_manifest, write_file
from textus.tokenizer.tokenizer import Tokenizer
from textus.train.metrics import Record, read_metrics

T = TypeVar("T")

COMPRESSED_CHARACTERS = 1_000_000  # of held-out text: compressing much more would take long

_UNREADABLE = (TextusError, OSError, ValueError, KeyError)


def write_run_report(run: Path) -> Path:
    """Writes the run folder's report.html and returns its path.

    Whatever is not there yet is left out, and what cannot be read is named at the top of the page.
    The same folder gives the same page. StoreError if `run` is no run folder.
    """
    check_run(run)
    path = run / REPORT
    write_file(path, render_report(gather_report(run)))
    return path


def gather_report(run: Path) -> RunReport:
    """Everything that the report of a run folder shows."""
    return _Gatherer(run).report()


class _Gatherer:
    """Reads the parts of a run folder, each by itself, and remembers what could not be read."""

    def __init__(self, run: Path):
        self.run = run
        self.problems: list[str] = []
        self.text = self._try(RECIPE, lambda: (run / RECIPE).read_text("utf-8")) or ""
        self.recipe: Tree = self._try(RECIPE, lambda: tomllib.loads(self.text)) or {}
        self.manifests = dict(self._read_manifests())
        self.records: list[Record] = (
            self._try("the metrics", lambda: list(read_metrics(run / TRAINING))) or []
        )

    def report(self) -> RunReport:
        nothing: tuple[None, dict[str, float]] = (None, {})
        total, scores = self._of("evaluate", "the evaluation", self._read_evaluation) or nothing
        config = self._try("the model's settings", self._model_config)
        newest = max(self.manifests.values(), key=lambda m: m.created, default=None)
        trained = self.manifests.get("pretrain")
        report = RunReport(
            name=self.run.resolve().name,
            created=newest.created if newest else "",
            versions=newest.versions if newest else {},
            device=trained.counts.get("device", "") if trained else "",
            machine=trained.counts.get("machine", "") if trained else "",
            bits_per_byte=total,
            compressor=self._of("corpus", "the held-out text", self._compress),
            parameters=count_parameters(config).total if config else None,
            model=_describe_model(config) if config else "",
            samples=self._of("sample", "the samples", self._read_samples) or (),
            samples_settings=_describe_sampling(self.recipe.get("samples", {}).get("settings", {})),
            metrics=self.records,
            steps=self._planned_steps(),
            sources=self._of("corpus", "the corpus report", lambda: self._sources(scores)) or (),
            tokenizer=self._of("tokenizer", "the tokenizer", self._view_tokenizer),
            splits=self._of("tokenize", "the token shards", self._splits) or (),
            speed=self._try("the training times", lambda: self._speed(config)),
            stages=tuple(self._stage_times()),
            settings=self._try("the settings", self._settings) or (),
            files=tuple(self._files()),
        )
        return replace(report, problems=(*self._troubles(report), *self.problems))

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        """What `read` gives; None, and a problem noted, if it cannot be read."""
        try:
            return read()
        except _UNREADABLE as error:
            self.problems.append(f"{what} could not be read: {error or type(error).__name__}")
            return None

    def _of(self, stage: str, what: str, read: Callable[[], T]) -> T | None:
        """`_try` for what a stage has made; None if it has not been made."""
        return self._try(what, read) if stage in self.manifests else None

    def _read_manifests(self) -> Iterator[tuple[str, Manifest]]:
        for stage in STAGES:
            output = self.run / stage.output
            manifest = self._try(
                f"the stage {stage.name}", lambda output=output: read_manifest(output)
            )
            if manifest:
                yield stage.name, manifest

    def _json(self, name: str) -> Any:
        return json.loads((self.run / name).read_text("utf-8"))

    def _planned_steps(self) -> int | None:
        return self.recipe.get("train", {}).get("steps")

    def _read_evaluation(self) -> tuple[float, dict[str, float]]:
        """Bits per byte of all held-out text, and of each source's."""
        evaluation = self._json("evaluation/evaluation.json")
        sources = {name: score["bits_per_byte"] for name, score in evaluation["sources"].items()}
        return evaluation["total"]["bits_per_byte"], sources

    def _read_samples(self) -> tuple[Sample, ...]:
        return tuple(
            Sample(
                prompt=sample["prompt"],
                text=sample["text"],
                tokens=len(sample["ids"]),
                finish_reason=sample["finish_reason"],
                seconds=sample["seconds"],
            )
            for sample in self._json("samples/samples.json")
        )

    def _model_config(self) -> ModelConfig | None:
        """Of the finished model, or else of the one that the recipe describes."""
        if "pretrain" in self.manifests:
            return read_config(self.run / "model")
        if "num_layers" not in self.recipe.get("model", {}):
            return None
        config = build(ModelConfig, self.recipe["model"])
        made = self.manifests.get("tokenizer")
        return replace(config, vocab_size=made.counts["vocab_size"]) if made else config

    def _compress(self) -> Compressor | None:
        beginning, is_all = _beginning(self._held_out(), COMPRESSED_CHARACTERS)
        if not beginning:
            return None
        text = beginning.encode()
        return Compressor(
            name="xz",
            bits_per_byte=8 * len(lzma.compress(text, preset=9)) / len(text),
            characters=None if is_all else len(beginning),
        )

    def _held_out(self) -> Iterator[str]:
        return (document.text for document in read_documents(self.run / "corpus", "held_out"))

    def _view_tokenizer(self) -> TokenizerView:
        tokenizer = Tokenizer.load(self.run / "tokenizer")
        return view_tokenizer(tokenizer, next(self._held_out(), ""))

    def _sources(self, scores: dict[str, float]) -> tuple[Source, ...]:
        report = CorpusReport.from_json(self._json("corpus/report.json"))
        trained = self.manifests.get("pretrain")
        drawn = {d["source"]: d for d in trained.counts.get("drawn", ())} if trained else {}
        return tuple(
            Source(
                corpus=source,
                asked=drawn.get(source.name, {}).get("asked"),
                drawn=drawn.get(source.name, {}).get("share"),
                epochs=drawn.get(source.name, {}).get("epochs"),
                bits_per_byte=scores.get(source.name),
            )
            for source in report.sources
        )

    def _splits(self) -> tuple[Split, ...]:
        return tuple(
            _split(name, self._json(f"data/{folder}/index.json")["sources"].values())
            for name, folder in (("training", "train"), ("held-out", "held_out"))
        )

    def _speed(self, config: ModelConfig | None) -> Speed | None:
        last = self._last_step()
        if last is None:
            return None
        trained = self.manifests.get("pretrain")
        seq_len = self.recipe.get("data", {}).get("seq_len")
        counts, files = (trained.counts, trained.files) if trained else ({}, {})
        return Speed(
            steps=last["step"],
            tokens=last["tokens"],
            seconds=last["seconds"],
            flops_per_token=flops_per_token(config, seq_len, backward=True)
            if config and seq_len
            else None,
            peak_memory=counts.get("peak_memory"),
            model_bytes=files.get(WEIGHTS, {}).get("bytes"),
        )

    def _last_step(self) -> Record | None:
        return next((record for record in reversed(self.records) if "loss" in record), None)

    def _stage_times(self) -> Iterator[StageTime]:
        for stage in STAGES:
            manifest = self.manifests.get(stage.name)
            # a training that was interrupted and resumed took longer than its last process did
            seconds = max(manifest.seconds, manifest.counts.get("seconds", 0)) if manifest else None
            yield StageTime(name=stage.name, title=stage.title, seconds=seconds)

    def _settings(self) -> tuple[Setting, ...]:
        return tuple(
            Setting(
                path=path,
                value=json.dumps(value, ensure_ascii=False),
                origin=note or "default",
            )
            for path, (value, note) in read_notes(self.text).items()
        )

    def _files(self) -> Iterator[StoredFile]:
        for stage in STAGES:
            manifest = self.manifests.get(stage.name)
            for name, entry in (manifest.files if manifest else {}).items():
                path = f"{stage.output}/{name}"
                yield StoredFile(path=path, bytes=entry["bytes"], sha256=entry["sha256"])

    def _troubles(self, report: RunReport) -> Iterator[str]:
        """What a person should know before anything else."""
        yield from self._unfinished()
        yield from self._outdated()
        last = self._last_step()
        if last and last.get("skipped"):
            yield (
                f"{last['skipped']:,} of {last['step']:,} steps were skipped, as their loss or "
                "gradients were not finite; a lower train.optimizer.learning_rate or a longer "
                "warm-up usually helps."
            )
        if self.recipe.get("train", {}).get("overfit_batch"):
            yield "The model learned one batch by heart (train.overfit_batch): it is for testing."
        unread = sum(source.corpus.problem_count for source in report.sources)
        if unread:
            what = "file, line or row" if unread == 1 else "files, lines or rows"
            yield f"{unread:,} {what} could not be read; a list is below the sources."
        yield from self._few_tokens(report)

    def _unfinished(self) -> Iterator[str]:
        missing = [s.name for s in STAGES if not (self.run / s.output / MANIFEST).is_file()]
        last, steps = self._last_step(), self._planned_steps()
        if "pretrain" in missing and last:
            missing.remove("pretrain")
            of = f" of {steps:,}" if steps else ""
            yield (
                f"Training is not finished: it stands at step {last['step']:,}{of}. `textus run` "
                "goes on from the last checkpoint."
            )
        if missing:
            yield f"Not made yet: {', '.join(missing)}. `textus run` makes what is missing."

    def _outdated(self) -> Iterator[str]:
        """Stages that were made from something that has been made again since."""
        for stage, names in outdated(self.manifests).items():
            yield (
                f"{stage} was made from an earlier output of {' and '.join(names)}; "
                "`textus run --redo` makes it again."
            )

    def _few_tokens(self, report: RunReport) -> Iterator[str]:
        asked = self.recipe.get("tokenizer", {}).get("vocab_size")
        if report.tokenizer and asked and report.tokenizer.vocab_size < asked:
            yield (
                f"The text gave {report.tokenizer.vocab_size:,} tokens instead of the {asked:,} "
                "asked for: nothing more in it repeats often enough."
            )


def _beginning(texts: Iterable[str], characters: int) -> tuple[str, bool]:
    """The first so many characters of texts one below the other, and whether that is all."""
    parts, length = [], 0
    for text in texts:
        parts.append(text)
        length += len(text) + 1
        if length > characters + 1:
            break
    joined = "\n".join(parts)
    return joined[:characters], len(joined) <= characters


def _split(name: str, sources: Iterable[dict[str, Any]]) -> Split:
    """The sum over the sources, without the tokens that end documents: they stand for no bytes."""
    counts = list(sources)
    return Split(
        name=name,
        bytes=sum(count["bytes"] for count in counts),
        tokens=sum(count["tokens"] - count["documents"] for count in counts),
    )


def _describe_model(config: ModelConfig) -> str:
    return (
        f"{config.architecture}: {config.num_layers} layers, width {config.model_dim}, "
        f"{config.attention.num_heads} heads, context {config.max_seq_len:,}"
    )


def _describe_sampling(settings: Tree) -> str:
    names = ("temperature", "top_k", "top_p", "min_p", "seed")
    text = ", ".join(f"{n.replace('_', '-')} {settings[n]}" for n in names if n in settings)
    return text.capitalize()
