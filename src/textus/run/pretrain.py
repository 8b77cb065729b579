"""The stage that trains: in `training/` while it goes on, in `model/` when it is done."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from textus.data.loader import Loader
from textus.data.shards import TokenSet, open_shards
from textus.errors import DamagedError, RecipeError
from textus.evaluate.held_out import held_out_evaluator
from textus.model.config import ModelConfig
from textus.model.files import load_weights, read_config, save_model
from textus.model.transformer import Transformer
from textus.parallel.collectives import barrier, rank, world_size
from textus.recipe import diff, to_tree
from textus.run.device import choose_device, machine, peak_memory
from textus.run.folder import find_weights
from textus.run.graph import Context, Identity, Stopped, stale
from textus.run.names import RECIPE, TRAINING
from textus.run.settings import Recipe
from textus.store import MANIFEST, remove_folder, write_json
from textus.tokenizer.formats.tokenizer_json import CONFIG_FILE, TOKENIZER_FILE
from textus.tokenizer.tokenizer import Tokenizer
from textus.train.loop import Listener, Trainer

_BEGUN = "begun.json"


def pretrain(context: Context, out: Path) -> dict[str, Any]:
    """Trains from the newest checkpoint on, or from the start; the finished model goes to `out`.

    Raises Stopped after a checkpoint if the person asked for it.
    """
    recipe, display = context.recipe, context.display
    device, why = choose_device(recipe.device)
    display.say(f"device: {why}")
    tokenizer = Tokenizer.load(context.run / "tokenizer")
    tokens = open_shards(context.run / "data", "train")
    model = _make_model(recipe, tokenizer, display.say).to(device)
    loader = make_loader(recipe, tokens)
    companions = [context.run / "tokenizer" / name for name in (TOKENIZER_FILE, CONFIG_FILE)]
    companions.append(context.run / RECIPE)
    folder = _claim_training_folder(context)
    trainer = Trainer(model, loader, recipe.train, folder, companions)
    held_out = open_shards(context.run / "data", "held_out")
    evaluate = held_out_evaluator(
        held_out,
        tokenizer.byte_lengths(),
        seq_len=recipe.data.seq_len,
        rows=recipe.train.micro_rows,
        max_rows=recipe.train.eval_rows,
    )
    finished = trainer.run(
        evaluate,
        Listener(
            record=lambda record: display.record(record, recipe.train.steps),
            say=display.say,
            stopping=display.stopping,
        ),
    )
    if not finished:
        raise Stopped(f"saved at step {trainer.state.step} of {recipe.train.steps}")
    if rank() == 0:
        save_model(trainer.model, out)
        for file in companions:
            shutil.copy(file, out)
    state = trainer.state
    return {
        "steps": state.step,
        "tokens": state.tokens,
        "skipped": state.skipped,
        "seconds": round(state.seconds, 3),
        "device": why,
        "machine": machine(),
        "peak_memory": peak_memory(),
        "processes": world_size(),
        "drawn": [asdict(source) for source in loader.drawn()],
    }


def _make_model(recipe: Recipe, tokenizer: Tokenizer, say: Callable[[str], None]) -> Transformer:
    torch.manual_seed(recipe.seed)
    config = _fit_vocabulary(recipe, tokenizer)
    model = Transformer(config)
    if recipe.train.start:
        weights = find_weights(Path(recipe.train.start), say)
        changes = diff(to_tree(read_config(weights)), to_tree(config))
        if changes:
            raise RecipeError(
                f"the weights in {weights} are of another model than the recipe's: "
                f"{'; '.join(changes)}. Leave these fields of [model] out."
            )
        if Tokenizer.load(weights).definition != tokenizer.definition:
            raise RecipeError(
                f"the weights in {weights} belong to another tokenizer than this run's; "
                "start a new run folder with --from, which takes their tokenizer over"
            )
        load_weights(model, weights)
        say(f"starting from the weights in {weights}")
    return model


def _fit_vocabulary(recipe: Recipe, tokenizer: Tokenizer) -> ModelConfig:
    """The model gets exactly the tokenizer's ids, fewer than asked for if the text did not give as
    many; a vocab_size of its own, set by hand, stays, with rows that no id uses."""
    config = recipe.model
    if (
        config.vocab_size != recipe.tokenizer.vocab_size
        and config.vocab_size >= tokenizer.vocab_size
    ):
        return config
    if tokenizer.vocab_size > config.vocab_size:
        raise RecipeError(
            f"model.vocab_size={config.vocab_size} is less than the tokenizer's "
            f"{tokenizer.vocab_size} tokens; "
            "leave it out, and it follows the tokenizer"
        )
    return dataclasses.replace(config, vocab_size=tokenizer.vocab_size)


def make_loader(recipe: Recipe, tokens: TokenSet) -> Loader:
    """The batches of this process, as the recipe orders them."""
    weights = {s.name: s.weight for s in recipe.corpus.source if s.weight is not None}
    return Loader(
        tokens,
        seq_len=recipe.data.seq_len,
        rows_per_step=recipe.train.rows_per_step,
        micro_rows=recipe.train.micro_rows,
        seed=recipe.data.seed,
        weights=weights or None,
        rank=rank(),
        world_size=world_size(),
    )


def read_begun(run: Path) -> Identity | None:
    """What the training in a run folder was begun with; None where none was."""
    record = _read_record(run)
    return Identity(settings=record["settings"], inputs=record["inputs"]) if record else None


def _claim_training_folder(context: Context) -> Path:
    """The folder that training goes on in. What was begun with other settings is removed first, and
    with --redo what was begun without; StaleError where that was not asked for."""
    folder, identity = context.run / TRAINING, context.identity
    assert identity is not None
    begun, record = read_begun(context.run), _read_record(context.run)
    agrees = begun is not None and begun.fingerprint == identity.fingerprint
    if begun and not agrees and not context.may_replace:
        raise stale(folder, "begun", begun, identity)
    replaces = _mark_of_model(context.run) if context.redo == "pretrain" else None
    barrier()  # nobody removes what another has yet to read
    if rank() == 0 and not (agrees and replaces in (None, record["replaces"])):
        remove_folder(folder)
        write_json(folder / _BEGUN, asdict(identity) | {"replaces": replaces})
    barrier()
    return folder


def _read_record(run: Path) -> dict[str, Any]:
    record = run / TRAINING / _BEGUN
    try:
        return json.loads(record.read_text("utf-8")) if record.is_file() else {}
    except ValueError as error:
        raise DamagedError(
            f"{record} cannot be read ({error}); remove {record.parent} to train from the start"
        ) from error


def _mark_of_model(run: Path) -> int:
    """Tells a finished model from a later one, so that an interrupted --redo goes on; 0 if none."""
    manifest = run / "model" / MANIFEST
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0
