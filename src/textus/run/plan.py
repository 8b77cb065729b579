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
from textus.errors import RecipeError
from textus.interpret.numbers import duration
from textus.model.config import ModelConfig
from textus.model.size import cache_memory, count_parameters, flops_per_token, training_memory
from textus.model.transformer import Transformer
from textus.recipe import kind_of
from textus.run.device import choose_device
from textus.run.resolve import Resolved
from textus.run.settings import Recipe
from textus.train.loop import Trainer

PROBE_TOKENS = 4096
PROCESS_BYTES = 400_000_000  # Python with torch and its libraries, before the first tensor


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that training takes, and those there are."""

    parts: dict[str, int]
    available: int

    @property
    def peak(self) -> int:
        """Of everything together, the process included."""
        return sum(self.parts.values()) + PROCESS_BYTES

    @property
    def fits(self) -> bool:
        """Whether there is enough."""
        return self.peak <= self.available


def plan_memory(recipe: Recipe, device: torch.device) -> Memory:
    """What training holds, from the settings alone."""
    parts = training_memory(
        recipe.model,
        rows=min(recipe.train.micro_rows, recipe.train.rows_per_step),
        seq_len=recipe.data.seq_len,
        optimizer=kind_of(recipe.train.optimizer),  # pyrefly: ignore[bad-argument-type]
        loss_chunk=recipe.train.loss_chunk,
    )
    return Memory(parts=parts, available=_memory_of(device))


def describe_plan(resolved: Resolved) -> Iterator[str]:
    """The plan of a recipe, line by line; RecipeError, with what to change, behind the memory that
    it takes where there is less."""
    recipe = resolved.recipe
    device, why = choose_device(recipe.device)
    for path, reason in resolved.derived.items():
        yield f"{path} = {resolved.value(path)}  ({reason})"
    yield ""
    yield f"device       {why}"
    yield from _sizes(recipe)
    memory = plan_memory(recipe, device)
    for name, size in memory.parts.items():
        yield f"memory       {size / 1e6:10,.0f} MB  {name}"
    yield f"memory       {memory.peak / 1e6:10,.0f} MB  in all, with the process itself"
    yield f"memory       {memory.available / 1e6:10,.0f} MB  available"
    cache = cache_memory(recipe.model, 1, recipe.model.max_seq_len)
    yield f"memory       {cache / 1e6:10,.1f} MB  cache of one text while generating"
    if not memory.fits:
        raise RecipeError(
            f"training does not fit into memory: it takes {memory.peak / 1e6:,.0f} MB, and "
            f"{memory.available / 1e6:,.0f} MB are available; {_advice(recipe, memory)}"
        )
    yield "fits         yes"
    seconds = seconds_per_step(recipe, device)
    total = duration(seconds * recipe.train.steps)
    yield f"time         {seconds:.2f} s a step, {total} for training, by a probe on this machine"


def _sizes(recipe: Recipe) -> Iterator[str]:
    count = count_parameters(recipe.model)
    tokens = recipe.train.steps * recipe.train.rows_per_step * recipe.data.seq_len
    flops = flops_per_token(recipe.model, recipe.data.seq_len, backward=True)
    yield (
        f"parameters   {count.total:,} ({count.matrices:,} in the blocks' matrices, "
        f"{count.embedding + count.head:,} in embedding and head)"
    )
    yield f"tokens       {tokens:,} in {recipe.train.steps:,} steps, {flops * tokens:.2e} FLOPs"


def _advice(recipe: Recipe, memory: Memory) -> str:
    fixed = memory.peak - memory.parts["activations"]
    rows = min(recipe.train.micro_rows, recipe.train.rows_per_step)
    fitting = int((memory.available - fixed) * rows / memory.parts["activations"])
    if fitting >= 1:
        return f"with train.micro_rows={fitting} it does, and the result is the same"
    return "not even train.micro_rows=1 would do; lower depth, data.seq_len or tokenizer.vocab_size"


def _memory_of(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def seconds_per_step(recipe: Recipe, device: torch.device) -> float:
    """Of one optimizer step, from a few steps of models of one and two layers at full width.

    A step's time is linear in the layers, so the whole model need not be built to know it.
    """
    rows = min(
        recipe.train.rows_per_step,
        recipe.train.micro_rows,
        max(1, PROBE_TOKENS // recipe.data.seq_len),
    )
    one, two = (_time_step(recipe, layers, rows, device) for layers in (1, 2))
    layer = max(two - one, 0.0)
    passes = recipe.train.rows_per_step / rows
    return passes * (one + layer * (recipe.model.num_layers - 1))


def _time_step(recipe: Recipe, layers: int, rows: int, device: torch.device) -> float:
    """Of the second step: the first allocates."""
    config = replace(recipe.model, num_layers=layers)
    train = replace(recipe.train, rows_per_step=rows, micro_rows=rows)
    with TemporaryDirectory() as folder:
        batches = _RandomBatches(config, rows, recipe.data.seq_len)
        trainer = Trainer(Transformer(config).to(device), batches, train, Path(folder))
        trainer.step()
        started = time.perf_counter()
        trainer.step()
    return time.perf_counter() - started


class _RandomBatches:
    def __init__(self, config: ModelConfig, rows: int, seq_len: int):
        self.tokens = torch.randint(config.vocab_size, (rows, seq_len))

    def __next__(self) -> list[Batch]:
        return [Batch(tokens=self.tokens, targets=self.tokens)]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        assert not state
