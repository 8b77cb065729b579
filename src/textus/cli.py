"""The command line: parses, calls, prints.

Nothing slow is imported before a command is known: `--help` answers without torch.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textus.errors import TextusError
from textus.plugins import allow_code, did_you_mean
from textus.recipe import Field, Tree, build, describe, diff, parse_overrides, to_toml, to_tree

if TYPE_CHECKING:
    from textus.run.resolve import Resolved

STAGES = {
    "corpus": "read, clean and split the documents",
    "tokenizer": "learn which pieces of text become tokens",
    "tokenize": "turn the documents into token shards",
    "pretrain": "train the model on the next token",
    "sample": "let the finished model write its samples",
}
TAKE_SETTINGS = ("run", *STAGES, "recipe", "plan")
TOP_SETTINGS = ("seed", "depth", "device")
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
    words, settings = _split_settings(words)
    known, unknown = make_parser().parse_known_args(words)
    if unknown:
        _refuse_argument(known.parser, unknown[0])
    known.settings = settings
    return known


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


class _Parser(argparse.ArgumentParser):
    """Names the nearest choice where it does not know one."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"{value!r} is unknown{near}")


def make_parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = _Parser(
        prog="textus", description="Builds a GPT from the ground up: from token to text."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _add(
        commands, "run", "bring a run folder up to date: from documents to a model", run_stages
    )
    run.set_defaults(stage=None)
    _run_options(run)
    for name, text in STAGES.items():
        stage = _add(commands, name, f"only this stage: {text}", run_stages)
        stage.set_defaults(stage=name)
        _run_options(stage)
    _add_evaluate(commands)
    _add_generate(commands)
    _add_recipe(commands)
    plan = _add(
        commands, "plan", "parameters, memory and time, before anything is built", show_plan
    )
    _recipe_options(plan)
    _add_data(commands)
    _add_on_run(commands, "status", "show where each stage of a run folder stands", show_status)
    _add_on_run(commands, "report", "write the run folder's report.html anew", write_report)
    return parser


def _add(commands: Any, name: str, text: str, command: Callable[..., Any] | None = None) -> Any:
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        allow_abbrev=False,
        conflict_handler="resolve",  # some commands have a longer --help
    )
    parser.set_defaults(command=command, parser=parser)
    return parser


def _add_on_run(commands: Any, name: str, text: str, command: Callable[..., Any]) -> Any:
    parser = _add(commands, name, text, command)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    return parser


def _recipe_options(parser: Any) -> None:
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="a recipe (.toml) or a run folder"
    )
    _allow_code(parser)
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


def _allow_code(parser: Any) -> None:
    parser.add_argument(
        "--allow-code", action="store_true", help="import code that the recipe names"
    )


def _run_options(parser: Any) -> None:
    _recipe_options(parser)
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


def _add_evaluate(commands: Any) -> None:
    parser = _add_on_run(
        commands, "evaluate", "bits per byte of held-out text, or of files of your own", evaluate
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="text, .jsonl or .parquet files")
    _allow_code(parser)


def _add_generate(commands: Any) -> None:
    parser = _add_on_run(commands, "generate", "continue a prompt", write_text)
    add = parser.add_argument
    add(
        "--prompt",
        action="append",
        metavar="TEXT",
        help="give several for several texts; - reads stdin",
    )
    add("--max-new-tokens", type=int, metavar="N", help="longest text, in tokens (256)")
    add("--temperature", type=float, metavar="T", help="0 is greedy, 1 as the model has it (0.8)")
    add("--top-k", type=int, metavar="K", help="only the K likeliest tokens")
    add("--top-p", type=float, metavar="P", help="only the likeliest tokens that make up P")
    add(
        "--min-p",
        type=float,
        metavar="P",
        help="only tokens at least P times as likely as the likeliest",
    )
    add("--seed", type=int, metavar="N", help="the same seed writes the same text")
    add(
        "--stop",
        action="append",
        metavar="TEXT",
        help="end before this text; may be given several times",
    )
    add("--truncate-prompt", action="store_true", help="keep the end of a prompt that is too long")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))


def _add_recipe(commands: Any) -> None:
    parser = _add(commands, "recipe", "show a recipe with every value, or what differs between two")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = _add(actions, "show", "every value of a recipe, and where it comes from", show_recipe)
    _recipe_options(show)
    compare = _add(actions, "diff", "what differs between two recipes or run folders", diff_recipes)
    _recipe_options(compare)
    compare.add_argument(
        "other", type=Path, metavar="OTHER", help="the recipe or run to compare with"
    )


def _add_data(commands: Any) -> None:
    parser = _add(commands, "data", "look at what the model is trained on")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = _add_on_run(
        actions, "show", "a batch, with its document boundaries and targets", show_data
    )
    _allow_code(show)
    show.add_argument("--step", type=_count, default=1, help="the batch of this step (1)")
    show.add_argument("--rows", type=_count, default=2, help="rows to show (2)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number of 1 or more")
    return int(text)


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
    from textus.run.resolve import RULES
    from textus.run.settings import Recipe

    derived = {rule.path: f"follows from {rule.reason}" for rule in RULES}
    for field in describe(Recipe):
        print(_describe(field, derived.get(field.path)))


def _describe(field: Field, derived: str | None) -> str:
    """`corpus.step[](kind=length).min_chars` is a setting of a table in a list: only in a file."""
    condition = "".join(f", with {kind}" for kind in re.findall(r"\((\w+=\w+)\)", field.path))
    path = re.sub(r"\(\w+=\w+\)", "", field.path)
    table, listed, name = path.rpartition("[].")
    option = f"[[{table}]] {name}" if listed else f"--{path.removesuffix('[]')}"
    default = derived or f"default: {field.default}"
    return f"  {option}  <{field.type}>  ({default}{condition})\n      {field.text}"


def _resolve(args: argparse.Namespace, source: Path, extra: Tree | None = None) -> "Resolved":
    """The recipe in a file or run folder, with the command line's settings."""
    from textus.run.resolve import resolve_recipe

    overrides = parse_overrides(args.settings)
    for key, value in (extra or {}).items():
        overrides.setdefault("train", {})[key] = value
    return resolve_recipe(source, overrides)


def run_stages(args: argparse.Namespace) -> int:
    """`textus run` and the commands of single stages."""
    from textus.run.names import default_run

    extra: Tree = {"overfit_batch": True} if args.overfit_batch else {}
    if args.start:
        extra["start"] = args.start
    resolved = _resolve(args, args.recipe, extra)
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


def evaluate(args: argparse.Namespace) -> int:
    """`textus evaluate RUN [FILE...]`."""
    from textus.evaluate.table import score_table
    from textus.run.api import evaluate_stage
    from textus.run.measure import evaluate_files
    from textus.terminal import Terminal

    terminal = Terminal()
    try:
        if args.files:
            result = evaluate_files(args.run, args.files, terminal.say, terminal.progress)
        else:
            result = evaluate_stage(args.run, terminal.display())
    finally:
        terminal.close()
    print("\n".join(score_table(result)))
    return 0


def write_text(args: argparse.Namespace) -> int:
    """`textus generate RUN --prompt TEXT`: the texts on stdout, everything else on stderr."""
    from textus.generate.config import SampleConfig

    names = ("max_new_tokens", "temperature", "top_k", "top_p", "min_p", "seed", "stop")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    config = build(SampleConfig, given | {"truncate_prompt": args.truncate_prompt})

    from textus.run.write import write_continuations

    prompts = [sys.stdin.read() if p == "-" else p for p in args.prompt or [""]]
    write_continuations(args.run, prompts, config, device=args.device)
    return 0


def show_recipe(args: argparse.Namespace) -> int:
    """`textus recipe show RECIPE`."""
    resolved = _resolve(args, args.recipe)
    print(to_toml(to_tree(resolved.recipe), resolved.origins), end="")
    return 0


def diff_recipes(args: argparse.Namespace) -> int:
    """`textus recipe diff A B`: exit code 1 if they differ."""
    one, other = (_resolve(args, path).recipe for path in (args.recipe, args.other))
    lines = diff(to_tree(one), to_tree(other))
    print("\n".join(lines) or "no difference")
    return int(bool(lines))


def show_plan(args: argparse.Namespace) -> int:
    """`textus plan RECIPE`."""
    resolved = _resolve(args, args.recipe)

    from textus.run.plan import describe_plan

    print("\n".join(describe_plan(resolved)))
    return 0


def show_data(args: argparse.Namespace) -> int:
    """`textus data show RUN`."""
    from textus.run.show import describe_batch

    print(describe_batch(args.run, step=args.step, rows=args.rows))
    return 0


def show_status(args: argparse.Namespace) -> int:
    """`textus status RUN`."""
    from textus.run.show import describe_status

    print("\n".join(describe_status(args.run)))
    return 0


def write_report(args: argparse.Namespace) -> int:
    """`textus report RUN`."""
    from textus.run.report import write_run_report

    print(write_run_report(args.run))
    return 0
