"""The command line: parses, calls, prints.

entry.py       where `textus` begins: the command is found, called, and its errors become exit codes
parsers.py     the pieces that every command's parser is made of
settings.py    the recipe's settings as options, and their help
stages.py      run, and a command for each stage
models.py      evaluate and generate
converting.py  import and export
recipes.py     recipe and plan
runs.py        data, status and report
tokenizers.py  tokenizer compare and tokenizer show

Nothing slow is imported before a command is known: `--help` answers without torch.
"""

from textus.cli.entry import main

__all__ = ["main"]
