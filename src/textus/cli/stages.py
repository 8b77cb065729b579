"""The commands that bring a run folder up to date: run, and one for each stage."""

import argparse
from pathlib import Path
from typing import Any

from textus.cli.parsers import add_command
from textus.cli.settings import recipe_options, resolve
from textus.recipe import Tree

STAGES = {
    "corpus": "read, clean and split the documents",
    "tokenizer": "learn which pieces of text become tokens",
    "tokenize": "turn the documents into token shards",
    "pretrain": "train the model on the next token",
    "sample": "let the finished model write its samples",
}


def add_stages(commands: Any) -> None:
    """Adds run, and a command for each stage."""
    run = add_command(
        commands, "run", "bring a run folder up to date: from documents to a model", run_stages
    )
    run.set_defaults(stage=None)
    _run_options(run)
    for name, text in STAGES.items():
        stage = add_command(commands, name, f"only this stage: {text}", run_stages)
        stage.set_defaults(stage=name)
        _run_options(stage)


def _run_options(parser: Any) -> None:
    recipe_options(parser)
    parser.add_argument(
        "--run", type=Path, help="the run folder (default: runs/ and the recipe's name)"
    )
    parser.add_argument(
        "--redo",
        nargs="?",
        const="stale",
        metavar="STAGE",
        help="make a stage again, or (without a name) all that the recipe no longer agrees with",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="WEIGHTS",
        help="weights to start from: a run, checkpoint or model",
    )
    parser.add_argument(
        "--overfit-batch",
        action="store_true",
        help="learn one batch by heart, to see that a model can",
    )


def run_stages(args: argparse.Namespace) -> int:
    """`textus run` and the commands of single stages."""
    from textus.run.names import default_run

    extra: Tree = {"overfit_batch": True} if args.overfit_batch else {}
    if args.start:
        extra["start"] = args.start
    resolved = resolve(args, args.recipe, extra)
    run = args.run or (args.recipe if args.recipe.is_dir() else default_run(args.recipe))

    from textus.run.api import run_recipe
    from textus.run.graph import Stopped
    from textus.terminal import Terminal

    terminal = Terminal()
    terminal.watch_signals()
    try:
        for path, reason in resolved.derived.items():
            terminal.derived(path, resolved.value(path), reason)
        run_recipe(resolved, run, terminal.display(), only=args.stage, redo=args.redo)
    except Stopped as stopped:
        terminal.say(f"{stopped}; the same command goes on from there")
        return terminal.exit_code()
    finally:
        terminal.close()
    return 0
