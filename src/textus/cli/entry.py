"""Where `textus` begins: the command is found and called, and its errors become exit codes."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from textus.cli.converting import add_convert
from textus.cli.models import add_evaluate, add_generate
from textus.cli.parsers import Parser
from textus.cli.recipes import add_plan, add_recipe
from textus.cli.runs import add_data, add_status
from textus.cli.settings import TOP_SETTINGS
from textus.cli.stages import STAGES, add_stages
from textus.cli.tokenizers import ACTIONS, add_tokenizer
from textus.errors import RecipeError, TextusError
from textus.plugins import allow_code, did_you_mean

TAKE_SETTINGS = ("run", *STAGES, "recipe", "plan")
EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits: 0 when it worked, 1 after an error, 2 for a wrong call, 130 after
    Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):  # a model's words may not exist in the terminal's code
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        known = _parse(list(sys.argv[1:] if arguments is None else arguments))
        allow_code(getattr(known, "allow_code", False))
        code = known.command(known)
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except (TextusError, OSError) as error:
        print(f"textus: {error}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        print("\ntextus: interrupted; what was finished and saved is kept", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _parse(words: list[str]) -> argparse.Namespace:
    """The command with its options, and the recipe's settings among them as `settings`."""
    words, settings = _split_settings(_join_actions(words))
    known, unknown = make_parser().parse_known_args(words)
    if unknown:
        _refuse_argument(known.parser, unknown[0])
    known.settings = settings
    return known


def _join_actions(words: list[str]) -> list[str]:
    """`tokenizer` is a stage, whose first argument is a recipe; with the name of an action after it
    the two are one command."""
    if words[:1] != ["tokenizer"] or len(words) == 1:
        return words
    if words[1] in ACTIONS:
        return [" ".join(words[:2]), *words[2:]]
    path = Path(words[1])
    if not words[1].startswith("-") and not path.suffix and not path.exists():
        raise RecipeError(
            f"there is no recipe, run folder or action {words[1]}; the actions of textus tokenizer "
            f"are {', '.join(ACTIONS)}"
        )
    return words


def _split_settings(words: list[str]) -> tuple[list[str], list[str]]:
    """Ordinary arguments, and settings of the recipe: `--part.name value`, `--depth 6`."""
    if not words or words[0] not in TAKE_SETTINGS:
        return words, []
    ordinary, settings = [], []
    while words:
        word = words.pop(0)
        name, equals, _ = word.removeprefix("--").partition("=")
        if not word.startswith("--") or ("." not in name and name not in TOP_SETTINGS):
            ordinary.append(word)
            continue
        settings.append(word)
        if not equals and words:
            settings.append(words.pop(0))
    return ordinary, settings


def _refuse_argument(parser: argparse.ArgumentParser, argument: str) -> None:
    """Exits with the nearest option of the command; a setting is found among its settings."""
    if not argument.startswith("--"):
        parser.error(
            f"unknown argument {argument!r}; put quotes around a pattern such as 'docs/*.md'"
        )
    options = re.findall(r"--[a-z-]+", parser.format_usage())
    options += [f"--{name}" for name in TOP_SETTINGS]
    parser.error(f"unknown argument {argument}{did_you_mean(argument.partition('=')[0], options)}")


def make_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = Parser(
        prog="textus", description="Builds a GPT from the ground up: from token to text."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_stages(commands)
    add_tokenizer(commands)
    add_evaluate(commands)
    add_generate(commands)
    add_convert(commands)
    add_recipe(commands)
    add_plan(commands)
    add_data(commands)
    add_status(commands)
    return parser
