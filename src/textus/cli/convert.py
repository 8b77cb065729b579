"""The command that writes a tokenizer in another form: tokenizer convert."""

import argparse
from pathlib import Path
from typing import Any

from textus.cli.parsers import add_command


def add_convert(commands: Any, *, which: str) -> None:
    """Adds tokenizer convert; `which` says what may be given as a tokenizer."""
    convert = add_command(
        commands, "tokenizer convert", "write a tokenizer in another form", convert_tokenizer
    )
    convert.add_argument("tokenizer", metavar="IN", help=which)
    convert.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="a folder (for tokenizer.json), or a file: x.model, x.tiktoken, vocab.txt, or "
        "vocab.json (with merges.txt beside it)",
    )


def convert_tokenizer(args: argparse.Namespace) -> int:
    """`textus tokenizer convert IN OUT`."""
    from textus.interpret.tokenizers import open_tokenizer
    from textus.tokenizer.formats.conversion import convert
    from textus.tokenizer.formats.files import RANKS
    from textus.tokenizer.split.patterns import PATTERNS

    tokenizer = open_tokenizer(args.tokenizer)
    compared = convert(tokenizer, args.out)
    print(f"{args.out}: {tokenizer.vocab_size:,} tokens; {compared:,} texts get the same ids")
    if args.out.suffix == RANKS:
        definition = tokenizer.definition
        pattern = getattr(definition.splitter, "pattern", "")
        print(f"tell tiktoken: pat_str={PATTERNS.get(pattern, pattern)!r}")
        names = {**definition.special_tokens, **definition.added_tokens}
        print(f"tell tiktoken: special_tokens={names!r}")
    return 0
