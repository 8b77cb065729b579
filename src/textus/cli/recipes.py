"""The commands about recipes: what a recipe says, and what it would cost."""

import argparse
from pathlib import Path
from typing import Any

from textus.cli.parsers import add_command
from textus.cli.settings import recipe_options, resolve
from textus.recipe import diff, to_toml, to_tree


def add_recipe(commands: Any) -> None:
    """Adds recipe."""
    parser = add_command(
        commands, "recipe", "show a recipe with every value, or what differs between two"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = add_command(
        actions, "show", "every value of a recipe, and where it comes from", show_recipe
    )
    recipe_options(show)
    compare = add_command(
        actions, "diff", "what differs between two recipes or run folders", diff_recipes
    )
    recipe_options(compare)
    compare.add_argument(
        "other", type=Path, metavar="OTHER", help="the recipe or run to compare with"
    )


def add_plan(commands: Any) -> None:
    """Adds plan."""
    plan = add_command(
        commands, "plan", "parameters, memory and time, before anything is built", show_plan
    )
    recipe_options(plan)
    plan.add_argument(
        "--against",
        metavar="OTHER",
        help="a recipe, run folder or architecture: what to set for a model of equal size",
    )
    plan.add_argument(
        "--equal",
        choices=("parameters", "flops"),
        default="parameters",
        help="what of the two models is to be equal (default: parameters)",
    )


def show_recipe(args: argparse.Namespace) -> int:
    """`textus recipe show RECIPE`."""
    resolved = resolve(args, args.recipe)
    print(to_toml(to_tree(resolved.recipe), resolved.origins), end="")
    return 0


def diff_recipes(args: argparse.Namespace) -> int:
    """`textus recipe diff A B`: exit code 1 if they differ."""
    one, other = (resolve(args, path).recipe for path in (args.recipe, args.other))
    lines = diff(to_tree(one), to_tree(other))
    print("\n".join(lines) or "no difference")
    return int(bool(lines))


def show_plan(args: argparse.Namespace) -> int:
    """`textus plan RECIPE`: exit code 1 if it does not fit."""
    resolved = resolve(args, args.recipe)

    from textus.run.plan import describe_counterpart, describe_plan

    for line in describe_plan(resolved):
        print(line, flush=True)
    if args.against:
        print("\n".join(describe_counterpart(resolved, args.against, args.equal)))
    return 0
