"""The pieces that every command's parser is made of."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textus.plugins import did_you_mean


class Parser(argparse.ArgumentParser):
    """Names the nearest choice where it does not know one."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"{value!r} is unknown{near}")


def add_command(
    commands: Any, name: str, text: str, command: Callable[..., Any] | None = None
) -> Any:
    """Adds a command that `command` carries out; returns its parser."""
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        allow_abbrev=False,
        conflict_handler="resolve",  # some commands have a longer --help
    )
    parser.set_defaults(command=command, parser=parser)
    return parser


def add_on_run(commands: Any, name: str, text: str, command: Callable[..., Any]) -> Any:
    """Adds a command on a run folder; returns its parser."""
    parser = add_command(commands, name, text, command)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    return parser


def allow_code_option(parser: Any) -> None:
    """Adds --allow-code."""
    parser.add_argument(
        "--allow-code", action="store_true", help="import code that the recipe names"
    )


def count(text: str) -> int:
    """The type of an option that counts something: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number of 1 or more")
    return int(text)
