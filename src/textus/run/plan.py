"""Memory and time of a run, before anything is built."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch

from textus.data.batch import Batch
from textus.errors import RecipeError
from textus.interpret.numbers import duration
from textus.model.config import Layer, LayerConfig, ModelConfig
from textus.model.presets import PRESETS, make_config
from textus.model.size import (
    Equal,
    ParameterCount,
    cache_memory,
    count_parameters,
    counterpart,
    flops_per_token,
    training_memory,
)
from textus.model.size.counterpart import measure_of
from textus.model.transformer import Transformer
from textus.plugins import lookup
from textus.recipe import diff, kind_of, to_tree
from textus.run.device import choose_device
from textus.run.resolve import Resolved, resolve_recipe
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
    rows = min(recipe.train.micro_rows, recipe.train.rows_per_step)
    parts = training_memory(
        recipe.model,
        rows=rows,
        seq_len=recipe.data.seq_len,
        optimizer=kind_of(recipe.train.optimizer),  # pyrefly: ignore[bad-argument-type]
        loss_chunk=recipe.train.loss_chunk,
        passes=-(-recipe.train.rows_per_step // rows),
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
    count, seq_len = count_parameters(recipe.model), recipe.data.seq_len
    tokens = recipe.train.steps * recipe.train.rows_per_step * seq_len
    forward, both = (flops_per_token(recipe.model, seq_len, backward=b) for b in (False, True))
    parts = ", ".join(f"{size:,} in {name}" for name, size in _parts(count).items() if size)
    yield f"parameters   {count.total:,} ({parts})"
    if count.active != count.total:
        yield f"parameters   {count.active:,} active: what one token of a new text goes through"
    yield f"FLOPs        {forward:.3e} a token in writing, {both:.3e} in training"
    yield f"tokens       {tokens:,} in {recipe.train.steps:,} steps, {both * tokens:.2e} FLOPs"


def _parts(count: ParameterCount) -> dict[str, int]:
    return {
        "embedding and head": count.embedding + count.head,
        "tables of n-grams and values": count.tables,
        "blends": count.blends,
        "positions": count.position,
        "attention": count.attention.total,
        "feed-forward": count.feed_forward.total,
        "norms": count.norms,
        "predicting ahead": count.ahead.total,
    }


def describe_counterpart(resolved: Resolved, against: str, equal: Equal) -> Iterator[str]:
    """What to set in a recipe so that its model is as large as another one, line by line.

    `against` is a recipe, a run folder, or an architecture: the preset with the recipe's sizes.
    Raises RecipeError where there is no such thing, or no width makes the sizes equal.
    """
    recipe = resolved.recipe
    like, measure = _other(recipe.model, against), measure_of(equal, recipe.data.seq_len)
    name = {"parameters": "parameters", "flops": "FLOPs a token in training"}[equal]
    found = counterpart(recipe.model, like=like, equal=equal, seq_len=recipe.data.seq_len)
    yield f"counterpart  {found.wanted:,} {name} in {against}, {measure(recipe.model):,} here"
    for line in diff({"model": to_tree(recipe.model)}, {"model": to_tree(found.config)}):
        yield f"counterpart  {line}"
    yield f"counterpart  {found.size:,} then, {found.difference:+.2%}"


def _other(model: ModelConfig, against: str) -> ModelConfig:
    if Path(against).exists() or against.endswith(".toml"):
        return resolve_recipe(Path(against), {}).recipe.model
    lookup(against, PRESETS, what="--against (a recipe or an architecture)")
    return make_config(
        against,
        vocab_size=model.vocab_size,
        max_seq_len=model.max_seq_len,
        num_layers=model.num_layers,
        model_dim=model.model_dim,
        attention={"num_heads": model.attention.num_heads},
    )


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

    A step's time is the sum of its layers', so that the whole model need not be built to know it:
    each kind of layer that the model has is timed beside its last one.
    """
    rows = min(
        recipe.train.rows_per_step,
        recipe.train.micro_rows,
        max(1, PROBE_TOKENS // recipe.data.seq_len),
    )
    kinds, last = Counter(recipe.model.layers), recipe.model.layers[-1]
    seconds = one = _time_step(recipe, (last,), rows, device)
    for kind, count in kinds.items():
        more = max(0.0, _time_step(recipe, (kind, last), rows, device) - one)
        seconds += more * (count - 1 if kind == last else count)
    return seconds * recipe.train.rows_per_step / rows


def _time_step(recipe: Recipe, layers: Sequence[Layer], rows: int, device: torch.device) -> float:
    """Of the second step of a model of these layers: the first allocates."""
    pattern = tuple(LayerConfig(**vars(layer)) for layer in layers)
    config = replace(recipe.model, num_layers=len(layers), pattern=pattern)
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
