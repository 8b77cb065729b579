"""The commands that look into tokenizers, compare and show; convert is in a file of its own."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textus.cli.convert import add_convert
from textus.cli.parsers import add_command
from textus.errors import DataError

if TYPE_CHECKING:
    from textus.interpret.text_file import TextFile

ACTIONS = ("compare", "convert", "show")
_WHICH = "a run folder, a tokenizer's folder or file, or gpt2, cl100k, o200k"


def add_tokenizer(commands: Any) -> None:
    """Adds tokenizer compare, tokenizer convert and tokenizer show."""
    add_convert(commands, which=_WHICH)
    compare = add_command(
        commands, "tokenizer compare", "how well tokenizers fit some texts", compare_tokenizers
    )
    compare.add_argument("tokenizers", nargs="+", metavar="TOKENIZER", help=_WHICH)
    compare.add_argument(
        "--text",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="texts in UTF-8, of a kind or language each",
    )
    compare.add_argument(
        "--models",
        action="store_true",
        help="also bits per byte, with the models of the run folders (slow for long texts)",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to this file")
    show = add_command(commands, "tokenizer show", "how a tokenizer cuts a text", show_tokens)
    show.add_argument("text", metavar="TEXT", help="the text; - reads stdin")
    show.add_argument("--tokenizer", required=True, metavar="TOKENIZER", help=_WHICH)
    show.add_argument(
        "--steps", action="store_true", help="how each word is cut, one step after the other"
    )


def compare_tokenizers(args: argparse.Namespace) -> int:
    """`textus tokenizer compare A B ... --text FILE...`."""
    from textus.interpret.text_file import TextFile
    from textus.interpret.tokenizer_table import comparison_json, comparison_table
    from textus.interpret.tokenizers import compare, open_tokenizer

    texts = [TextFile(name=str(path), path=path) for path in args.text]
    if args.json and (args.json.is_dir() or not args.json.parent.is_dir()):
        raise DataError(f"--json {args.json} is no file in a folder that exists; give another name")
    opened = {name: open_tokenizer(name) for name in args.tokenizers}
    comparison = compare(opened, texts)
    if args.models:
        for name in args.tokenizers:
            comparison = comparison.with_bits(name, _bits_per_byte(name, texts))
    print("\n".join(comparison_table(comparison)))
    if args.json:
        args.json.write_text(json.dumps(comparison_json(comparison), indent=1) + "\n", "utf-8")
    return 0


def _bits_per_byte(name: str, texts: "list[TextFile]") -> "dict[str, float]":
    """Bits for each byte of each text, with the model of a run folder; none where it has none."""
    from textus.evaluate.bits_per_byte import evaluate_texts
    from textus.interpret.tokenizers import bits_per_byte
    from textus.model.files import CONFIG
    from textus.run.device import choose_device
    from textus.run.folder import load_run
    from textus.run.names import RECIPE

    if not any((Path(name) / file).is_file() for file in (RECIPE, CONFIG)):
        return {}
    loaded = load_run(Path(name), device=choose_device("auto")[0])
    evaluation = evaluate_texts(
        loaded.model, loaded.tokenizer, ((text.name, "".join(text.read())) for text in texts)
    )
    return bits_per_byte(evaluation, texts)


def show_tokens(args: argparse.Namespace) -> int:
    """`textus tokenizer show TEXT --tokenizer X`."""
    from rich.console import Console

    from textus.interpret.cut_view import step_lines, token_rows
    from textus.interpret.tokenizers import open_tokenizer

    text = sys.stdin.read() if args.text == "-" else args.text
    tokenizer = open_tokenizer(args.tokenizer)
    console = Console(highlight=False, soft_wrap=True)
    plain = not console.is_terminal
    lines = token_rows(tokenizer, text, width=console.width, plain=plain)
    if args.steps:
        lines += step_lines(tokenizer, text, plain=plain)
    for line in lines:
        console.print(line)
    return 0
