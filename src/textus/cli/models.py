"""The commands that use a trained model: evaluate and generate."""

import argparse
import sys
from typing import Any

from textus.cli.parsers import add_on_run, allow_code_option
from textus.recipe import build


def add_evaluate(commands: Any) -> None:
    """Adds evaluate."""
    parser = add_on_run(
        commands, "evaluate", "bits per byte of held-out text, or of files of your own", evaluate
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="text, .jsonl or .parquet files")
    allow_code_option(parser)


def add_generate(commands: Any) -> None:
    """Adds generate."""
    parser = add_on_run(commands, "generate", "continue a prompt", write_text)
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
