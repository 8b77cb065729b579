"""Stages and their fingerprints: what is up to date, what is stale, what is to be made.

A stage's fingerprint is a digest of its settings, of the content of what it reads, and of a version
number that its author raises by hand when the same settings and inputs give another output.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from textus.errors import DamagedError, RecipeError, StaleError
from textus.parallel.collectives import any_process, barrier, rank
from textus.plugins import did_you_mean
from textus.progress import Progress, silent
from textus.recipe import Tree, diff
from textus.run.settings import Recipe
from textus.store import (
    Manifest,
    digest,
    drop_unfinished,
    new_folder,
    read_manifest,
    unfinished,
    verify,
)

STALE = "stale"


@dataclass(frozen=True, kw_only=True)
class Display:
    """Where a run tells what it does. The default tells nobody; the command line shows it in the
    terminal."""

    say: Callable[[str], None] = lambda text: None
    """A line about what happens."""
    stage: Callable[[str, str], None] = lambda name, text: None
    """A stage begins or is skipped: its name, and why."""
    progress: Progress = silent
    """How far the stage is."""
    record: Callable[[dict[str, Any], int], None] = lambda record, steps: None
    """A record of the training metrics, and how many steps there will be."""
    text: Callable[[str], None] = lambda text: None
    """A piece of text that the model wrote."""
    stopping: Callable[[], bool] = lambda: False
    """Whether the person asked to stop."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything that decides a stage's output."""

    settings: Tree
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The digest of it all."""
        return digest({"settings": self.settings, "inputs": self.inputs})


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a stage's work gets."""

    recipe: Recipe
    run: Path
    display: Display
    redo: str | None = None
    """The stage to make again, with what depends on it, or STALE for all that are stale; None
    leaves finished work alone."""
    identity: Identity | None = None
    """Of the stage that is at work."""
    may_replace: bool = False
    """Whether that stage may remove what was made, or begun, with other settings."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the way from documents to a model: a folder that is made from other folders."""

    name: str
    """What it is called on the command line."""
    output: str
    """The folder it makes, inside the run folder."""
    version: int
    """Raised by hand when the same settings and inputs give another output."""
    inputs: tuple[str, ...]
    """Names of the stages that it reads."""
    settings: Callable[[Recipe], Tree]
    """The part of the recipe that decides its output."""
    work: Callable[[Context, Path], dict[str, Any]]
    """Fills a folder, empty unless it is resumed; returns counts for the manifest."""
    title: str
    """What it does, for a person."""
    outside: Callable[[Context], dict[str, str]] = lambda context: {}
    """Digests of what it reads from outside the run folder."""
    begun: Callable[[Path], Identity | None] = lambda run: None
    """What unfinished work in a run folder, to be resumed, was begun with."""
    resumable: bool = False
    """Its work goes on with what an interrupted one left in the folder that it fills."""
    collective: bool = False
    """All processes work on it together; otherwise the first does, and the others wait."""


class Stopped(Exception):
    """The person asked to stop; what was done so far is saved."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where one stage of a run stands."""

    stage: Stage
    state: Literal["finished", "damaged", "unfinished", "missing"]
    manifest: Manifest | None


def run_stages(
    stages: Sequence[Stage],
    context: Context,
    *,
    only: str | None = None,
    before_work: Callable[[], None] = lambda: None,
) -> None:
    """Makes what is missing, in order, and skips what is up to date.

    `only` limits the work to one stage; what it reads must be there. `before_work` is called once
    it is clear that the run folder is of this recipe. Without `context.redo` a finished stage is
    never overwritten: StaleError says how it differs.
    """
    by_name = {stage.name: stage for stage in stages}
    for name in (only, context.redo):
        if name not in (None, STALE, *by_name):
            raise RecipeError(f"unknown stage {name!r}{did_you_mean(str(name), by_name)}")
    if only and context.redo not in (None, STALE, only):
        raise RecipeError(f"textus {only} makes {only} alone: --redo {context.redo} is not its own")
    replaceable = _replaceable(stages, context.redo)
    for stage in stages:
        if stage.name not in replaceable:
            _refuse_other_settings(stage, context)
    before_work()
    for stage in stages if only is None else [by_name[only]]:
        if any_process(context.display.stopping()):
            raise Stopped(f"stopped before {stage.name}")
        _bring_up_to_date(
            stage, by_name, dataclasses.replace(context, may_replace=stage.name in replaceable)
        )


def _replaceable(stages: Sequence[Stage], redo: str | None) -> set[str]:
    """The stages whose finished output may be made anew: the one asked for and what follows."""
    found = {stage.name for stage in stages if redo in (STALE, stage.name)}
    for stage in stages:  # in order, so that what a stage reads has been seen before it
        if found.intersection(stage.inputs):
            found.add(stage.name)
    return found


def identify(stage: Stage, by_name: Mapping[str, Stage], context: Context) -> Identity:
    """What decides the stage's output now. StaleError if what it reads is missing."""
    inputs = dict(stage.outside(context))
    for name in stage.inputs:
        manifest = read_manifest(context.run / by_name[name].output)
        if manifest is None:
            raise StaleError(
                f"{stage.name} reads the output of {name}, which is not there yet; "
                f"run `textus run` for the whole recipe, or `textus {name}` first"
            )
        inputs[name] = manifest.digest
    settings = stage.settings(context.recipe) | {"version": stage.version}
    return Identity(settings=settings, inputs=inputs)


def status(stages: Sequence[Stage], run: Path) -> Iterator[Status]:
    """Where each stage of a run folder stands, without reading the data."""
    for stage in stages:
        try:
            manifest = read_manifest(run / stage.output)
        except DamagedError:
            yield Status(stage=stage, state="damaged", manifest=None)
        else:
            begun = stage.begun(run) or unfinished(run / stage.output)
            state = "finished" if manifest else "unfinished" if begun else "missing"
            yield Status(stage=stage, state=state, manifest=manifest)


def _bring_up_to_date(stage: Stage, by_name: Mapping[str, Stage], context: Context) -> None:
    output = context.run / stage.output
    identity = identify(stage, by_name, context)
    manifest = _finished(output, context)
    forced = context.redo == stage.name
    if manifest and manifest.fingerprint == identity.fingerprint and not forced:
        context.display.stage(stage.name, "is up to date: nothing that it depends on has changed")
        return
    if manifest and not context.may_replace:
        raise stale(output, "finished", manifest, identity)
    context.display.stage(stage.name, stage.title + (", again as asked" if manifest else ""))
    context = dataclasses.replace(context, identity=identity)
    barrier()  # nobody begins before all have seen what there is
    if rank() == 0:
        for name in stage.inputs:
            verify(context.run / by_name[name].output)
        _make(stage, context, identity, output)
    elif stage.collective:
        stage.work(context, output)
    barrier()


def _finished(output: Path, context: Context) -> Manifest | None:
    """The manifest of a finished stage. With --redo what is damaged counts as not there."""
    try:
        manifest = read_manifest(output)
        if manifest and context.redo is not None:
            verify(output)
    except DamagedError as error:
        if not context.may_replace:
            raise
        context.display.say(str(error))
        return None
    return manifest


def _make(stage: Stage, context: Context, identity: Identity, output: Path) -> None:
    manifest = Manifest(
        kind=stage.name,
        fingerprint=identity.fingerprint,
        settings=identity.settings,
        inputs=identity.inputs,
    )
    if drop_unfinished(output, keep=identity.fingerprint):
        context.display.say("what was begun with other settings or inputs is made anew")
    with new_folder(output, manifest, replace=output.exists(), resumable=stage.resumable) as work:
        manifest.counts.update(stage.work(context, work))


def _refuse_other_settings(stage: Stage, context: Context) -> None:
    """StaleError before any work if a stage was finished, or begun, with settings other than the
    recipe's."""
    settings = stage.settings(context.recipe) | {"version": stage.version}
    output = context.run / stage.output
    manifest = read_manifest(output)
    if manifest and manifest.settings != settings:
        raise stale(output, "finished", manifest, Identity(settings=settings))
    begun = stage.begun(context.run)
    if begun and manifest is None and begun.settings != settings:
        raise stale(output, "begun", begun, Identity(settings=settings))


def stale(path: Path, how: str, then: Manifest | Identity, now: Identity) -> StaleError:
    """The error that says what differs between what a folder was made from and what it would be
    made from now."""
    changes = diff(then.settings, now.settings)
    changed = [name for name, value in now.inputs.items() if then.inputs.get(name) != value]
    changes += [f"the content of {name} is another" for name in changed]
    listing = "".join(f"\n  {change}" for change in changes)
    return StaleError(
        f"{path} was {how} with other settings or inputs than this recipe's:{listing}\n"
        "It was not touched. Give --redo to make such stages again, or another folder with --run."
    )
