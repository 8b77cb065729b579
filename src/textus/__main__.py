"""`python -m textus` is `textus`."""

from textus.cli import main

main()
