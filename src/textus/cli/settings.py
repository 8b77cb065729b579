"""The recipe's settings as options of a command, and their help."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textus.cli.parsers import allow_code_option
from textus.recipe import KIND, Tree, parse_overrides
from textus.recipe_help import Field, describe

if TYPE_CHECKING:
    from textus.run.resolve import Resolved

TOP_SETTINGS = ("seed", "depth", "device")
"""The settings that stand outside the parts: an option without a dot."""


def recipe_options(parser: Any) -> None:
    """Adds RECIPE, and what every command that takes a recipe understands."""
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="a recipe (.toml) or a run folder"
    )
    allow_code_option(parser)
    parser.add_argument(
        "--settings",
        action=_ListSettings,
        nargs=0,
        help="list every setting, --part.name, and exit",
    )
    parser.epilog = (
        "Any setting of the recipe can be given as --part.name value; --settings lists them."
    )
    parser.add_argument(
        "-h", "--help", action=_HelpWithSettings, help="show this message, and every setting"
    )


class _ListSettings(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> None:
        _print_settings()
        sys.exit(0)


class _HelpWithSettings(argparse.Action):
    """`--help` of a command that takes a recipe ends with every setting."""

    def __init__(self, **options: Any):
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        parser.epilog = None
        print(parser.format_help())
        print("settings of the recipe, in its file or on the command line:\n")
        _print_settings()
        sys.exit(0)


def _print_settings() -> None:
    from textus.run.resolve import derived_settings
    from textus.run.settings import Recipe

    derived, shown = derived_settings(), set()
    for field in describe(Recipe):
        outside = re.sub(r"\w+\[\]\.", "", field.path)  # a part of model.pattern is as model's
        if KIND in field.path and outside in shown:
            continue
        shown.add(field.path)
        print(_describe(field, derived.get(field.path.removesuffix("[]"))))


def _describe(field: Field, derived: str | None) -> str:
    """`corpus.step[](kind=length).min_chars` is a setting of a table in a list: only in a file."""
    condition = "".join(f", with {kind}" for kind in re.findall(r"\((\w+=\w+)\)", field.path))
    path = re.sub(r"\(\w+=\w+\)", "", field.path)
    table, listed, name = path.rpartition("[].")
    option = f"[[{table}]] {name}" if listed else f"--{path.removesuffix('[]')}"
    default = f"follows from {derived}" if derived else f"default: {field.default}"
    return f"  {option}  <{field.type}>  ({default}{condition})\n      {field.text}"


def resolve(args: argparse.Namespace, source: Path, extra: Tree | None = None) -> "Resolved":
    """The recipe in a file or run folder, with the command line's settings."""
    from textus.run.resolve import resolve_recipe

    overrides = parse_overrides(args.settings)
    for key, value in (extra or {}).items():
        overrides.setdefault("train", {})[key] = value
    return resolve_recipe(source, overrides)
