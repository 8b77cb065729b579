"""The commands that take models from others and give them to others: import and export."""

import argparse
from pathlib import Path
from typing import Any

from textus.cli.parsers import add_command, add_on_run


def add_convert(commands: Any) -> None:
    """Adds import and export."""
    parser = add_command(
        commands, "import", "make a model folder of a Hugging Face checkpoint", import_checkpoint
    )
    add = parser.add_argument
    add("source", metavar="DIR_OR_HUB_NAME", help="a folder, or a name on the Hugging Face Hub")
    add("--out", type=Path, required=True, metavar="FOLDER", help="the new folder")
    add("--revision", metavar="NAME", help="a branch, tag or commit on the hub (main)")
    parser = add_on_run(commands, "export", "write a model in the format of others", export_model)
    add = parser.add_argument
    add(
        "--format",
        default="hf",
        metavar="FORMAT",
        help="hf: for Hugging Face transformers; gguf: for llama.cpp (hf)",
    )
    add("--dtype", metavar="TYPE", help="of a gguf file's matrices: f32, f16 or q8_0 (f16)")
    add("--out", type=Path, required=True, metavar="FOLDER", help="the new folder")


def import_checkpoint(args: argparse.Namespace) -> int:
    """`textus import DIR_OR_HUB_NAME --out FOLDER`."""
    from textus.convert.importing import import_model
    from textus.terminal import Terminal

    terminal = Terminal()
    try:
        made = import_model(args.source, args.out, revision=args.revision, say=terminal.say)
    finally:
        terminal.close()
    print(f"{args.out}: {made.family}, {made.parameters:,} parameters")
    return 0


def export_model(args: argparse.Namespace) -> int:
    """`textus export RUN --format hf|gguf --out FOLDER`."""
    from textus.run.export import export_run
    from textus.terminal import Terminal

    terminal = Terminal()
    try:
        made = export_run(args.run, args.out, args.format, dtype=args.dtype, say=terminal.say)
    finally:
        terminal.close()
    print(f"{args.out}: {made.architecture}; {made.checked}")
    return 0
