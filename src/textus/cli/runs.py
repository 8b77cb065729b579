"""The commands that look at a run folder: data, status and report."""

import argparse
from typing import Any

from textus.cli.parsers import add_command, add_on_run, allow_code_option, count


def add_data(commands: Any) -> None:
    """Adds data."""
    parser = add_command(commands, "data", "look at what the model is trained on")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    show = add_on_run(
        actions, "show", "a batch, with its document boundaries and targets", show_data
    )
    allow_code_option(show)
    show.add_argument("--step", type=count, default=1, help="the batch of this step (1)")
    show.add_argument("--rows", type=count, default=2, help="rows to show (2)")


def add_status(commands: Any) -> None:
    """Adds status and report."""
    add_on_run(commands, "status", "show where each stage of a run folder stands", show_status)
    add_on_run(commands, "report", "write the run folder's report.html anew", write_report)


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
