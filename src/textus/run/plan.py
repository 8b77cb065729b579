"""Memory and time of a run, before anything is built."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch

from textus.data.batch import Batch
from textus.model.config import ModelConfig
from textus.model.size import cache_memory, count_parameters, flops_per_token, training_memory
from textus.model.transformer import Transformer
from textus.recipe import kind_of
from textus.run.device import choose_device
from textus.run.resolve import Resolved
from textus.run.settings import Recipe
from textus.train.loop import Trainer

PROCESS_BYTES = 400_000_000  # Python with torch and its libraries, before the first tensor


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will take."""

    parameters: int
    memory: dict[str, int]
    memory_available: int
    seconds_per_step: float
    steps: int

    @property
    def peak_memory(self) -> int:
        """Bytes of everything together, the process included."""
        return sum(self.memory.values()) + PROCESS_BYTES


def make_plan(recipe: Recipe) -> Plan:
    """Counts parameters and memory, and times a few small steps on this machine."""
    memory = training_memory(
        recipe.model,
        rows=min(recipe.train.micro_rows, recipe.train.rows_per_step),
        seq_len=recipe.data.seq_len,
        optimizer=kind_of(recipe.train.optimizer),  # pyrefly: ignore[bad-argument-type]
        loss_chunk=recipe.train.loss_chunk,
    )
    device, _ = choose_device(recipe.device)
    return Plan(
        parameters=count_parameters(recipe.model).total,
        memory=memory,
        memory_available=_memory_of(device),
        seconds_per_step=_probe(recipe, device),
        steps=recipe.train.steps,
    )


def describe_plan(resolved: Resolved) -> Iterator[str]:
    """The plan of a recipe, line by line, with what to change where it does not fit."""
    recipe = resolved.recipe
    plan = make_plan(recipe)
    for path, reason in resolved.derived.items():
        yield f"{path} = {resolved.value(path)}  ({reason})"
    count = count_parameters(recipe.model)
    tokens = recipe.train.steps * recipe.train.rows_per_step * recipe.data.seq_len
    flops = flops_per_token(recipe.model, recipe.data.seq_len, backward=True)
    yield ""
    yield (
        f"parameters   {count.total:,} ({count.matrices:,} in the blocks' matrices, "
        f"{count.embedding + count.head:,} in embedding and head)"
    )
    yield f"tokens       {tokens:,} in {recipe.train.steps:,} steps, {flops * tokens:.2e} FLOPs"
    for name, size in plan.memory.items():
        yield f"memory       {size / 1e6:10,.0f} MB  {name}"
    yield f"memory       {plan.peak_memory / 1e6:10,.0f} MB  in all, with the process itself"
    yield f"memory       {plan.memory_available / 1e6:10,.0f} MB  available"
    cache = cache_memory(recipe.model, 1, recipe.model.max_seq_len)
    yield f"memory       {cache / 1e6:10,.1f} MB  cache of one text while generating"
    yield (
        f"time         {plan.seconds_per_step:.2f} s a step, "
        f"{_duration(plan.seconds_per_step * plan.steps)} for training, by a probe on this machine"
    )
    yield from _advice(recipe, plan)


def _advice(recipe: Recipe, plan: Plan) -> Iterator[str]:
    if plan.peak_memory <= plan.memory_available:
        yield "fits         yes"
        return
    fixed = plan.peak_memory - plan.memory["activations"]
    per_row = plan.memory["activations"] / min(recipe.train.micro_rows, recipe.train.rows_per_step)
    rows = int((plan.memory_available - fixed) / per_row)
    if rows >= 1:
        yield f"fits         no; with train.micro_rows = {rows} it does, and the result is the same"
    else:
        yield "fits         no, not even one row at a time: lower depth, data.seq_len or vocab_size"


def _memory_of(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _probe(recipe: Recipe, device: torch.device) -> float:
    """Seconds of one optimizer step, from models of one and two layers at the recipe's width.

    A step's time is linear in the layers, so the whole model need not be built to know it.
    """
    rows = min(
        recipe.train.rows_per_step, recipe.train.micro_rows, max(1, 4096 // recipe.data.seq_len)
    )
    one, two = (_time_step(recipe, layers, rows, device) for layers in (1, 2))
    layer = max(two - one, 0.0)
    passes = recipe.train.rows_per_step / rows
    return passes * (one + layer * (recipe.model.num_layers - 1))


def _time_step(recipe: Recipe, layers: int, rows: int, device: torch.device) -> float:
    """The quicker of two steps after a first one."""
    config = replace(recipe.model, num_layers=layers)
    train = replace(recipe.train, rows_per_step=rows, micro_rows=rows)
    with TemporaryDirectory() as folder:
        batches = _RandomBatches(config, rows, recipe.data.seq_len)
        trainer = Trainer(Transformer(config).to(device), batches, train, Path(folder))
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            trainer.step()
            seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


class _RandomBatches:
    def __init__(self, config: ModelConfig, rows: int, seq_len: int):
        self.tokens = torch.randint(config.vocab_size, (rows, seq_len))

    def __next__(self) -> list[Batch]:
        return [Batch(tokens=self.tokens, targets=self.tokens)]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        assert not state
