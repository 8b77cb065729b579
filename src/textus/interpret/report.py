"""Everything a run report shows, and the page it becomes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from textus.corpus.report import CorpusReport, SourceReport
from textus.interpret import numbers
from textus.interpret.tokens import TokenizerView
from textus.interpret.training import draw_training


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A text that the model wrote."""

    prompt: str
    text: str
    """Without the prompt."""
    tokens: int
    finish_reason: str
    seconds: float
    """Spent writing it."""


@dataclass(frozen=True, kw_only=True)
class Compressor:
    """What a general-purpose compressor makes of the held-out text."""

    name: str
    bits_per_byte: float
    characters: int | None = None
    """It was given the first so many only; None: the whole text."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What became of the documents of one source."""

    corpus: SourceReport
    asked: float | None = None
    """The share of training asked for it."""
    drawn: float | None = None
    """The share of training it really had."""
    epochs: float | None = None
    """How often training read it."""
    bits_per_byte: float | None = None
    """Of its held-out text."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The tokens of one split, without those that end documents."""

    name: str
    bytes: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """How long a stage took; None where it has not been made."""

    name: str
    title: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value of the recipe, and where it comes from."""

    path: str
    value: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file of a finished stage."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What training took from the machine."""

    steps: int
    tokens: int
    seconds: float
    """Spent in steps."""
    flops_per_token: int | None = None
    """Floating-point operations of the forward and the backward pass."""
    peak_memory: int | None = None
    """Bytes."""
    model_bytes: int | None = None
    """The weights on disk."""

    @property
    def tokens_per_second(self) -> float:
        """Tokens learned from in each second of training."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Everything the report of a run shows. What a run has not got yet stays empty."""

    name: str
    created: str = ""
    """When the newest stage was finished, ISO 8601."""
    versions: dict[str, str]
    device: str = ""
    machine: str = ""
    problems: tuple[str, ...] = ()
    """What a person should know before anything else."""
    bits_per_byte: float | None = None
    """Of all held-out text."""
    compressor: Compressor | None = None
    parameters: int | None = None
    model: str = ""
    """What the model is, in a few words."""
    samples: tuple[Sample, ...] = ()
    samples_settings: str = ""
    metrics: Sequence[dict[str, Any]] = ()
    """The records of training, oldest first."""
    steps: int | None = None
    """How many there are to be."""
    sources: tuple[Source, ...] = ()
    tokenizer: TokenizerView | None = None
    splits: tuple[Split, ...] = ()
    speed: Speed | None = None
    stages: tuple[StageTime, ...] = ()
    settings: tuple[Setting, ...] = ()
    files: tuple[StoredFile, ...] = ()

    @property
    def written_per_second(self) -> float | None:
        """Tokens, while samples were written."""
        seconds = sum(sample.seconds for sample in self.samples)
        return sum(sample.tokens for sample in self.samples) / seconds if seconds else None


SAMPLES, SAMPLE_CHARACTERS = 24, 6_000
SOURCES, PROBLEMS, FILES = 100, 50, 400
"""What a page shows at most of each; it says how much more there is."""

_CONTROLS = {code: "\ufffd" for code in [*range(0x20), 0x7F] if chr(code) not in "\n\t"}


def render_report(report: RunReport) -> str:
    """The report as one HTML page that refers to nothing outside itself.

    Every text in it is escaped. Much of the same (samples, sources, files, steps) is cut short, so
    that the page stays below some 500 kB.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = ("exact", "count", "size", "rate", "duration", "percent")
    environment.filters |= {name: getattr(numbers, name) for name in names}
    template = resources.files("textus.interpret").joinpath("report.html.jinja").read_text("utf-8")
    shown = replace(report, sources=report.sources[:SOURCES], files=report.files[:FILES])
    compressor = report.compressor
    total = CorpusReport([source.corpus for source in report.sources]).total
    return environment.from_string(template).render(
        report=shown,
        more_sources=len(report.sources) - len(shown.sources),
        more_files=len(report.files) - len(shown.files),
        charts=draw_training(
            report.metrics,
            report.steps,
            (compressor.name, compressor.bits_per_byte) if compressor else None,
        ),
        total=total,
        reasons=sorted(total.dropped.items(), key=lambda item: -item[1].documents),
        unread=[p for source in report.sources for p in source.corpus.problems][:PROBLEMS],
        samples=[_shortened(sample) for sample in report.samples[:SAMPLES]],
        groups=_grouped(report.settings),
        longest_stage=max((stage.seconds or 0 for stage in report.stages), default=0),
    )


def _shortened(sample: Sample) -> Sample:
    """The sample without what a page has no room for, or cannot show."""
    sample = replace(
        sample, prompt=sample.prompt.translate(_CONTROLS), text=sample.text.translate(_CONTROLS)
    )
    if len(sample.prompt) + len(sample.text) <= SAMPLE_CHARACTERS:
        return sample
    prompt = sample.prompt[: SAMPLE_CHARACTERS // 2]
    text = sample.text[: SAMPLE_CHARACTERS - len(prompt)] + " […]"
    return replace(sample, prompt=prompt, text=text)


def _grouped(settings: Sequence[Setting]) -> list[tuple[str, list[Setting]]]:
    """Settings by their part of the recipe: what stands before the first dot or bracket."""
    groups: dict[str, list[Setting]] = {}
    for setting in settings:
        part = re.split(r"[.\[]", setting.path)[0] if "." in setting.path else ""
        groups.setdefault(part, []).append(setting)
    return list(groups.items())
