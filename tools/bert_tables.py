"""Writes src/textus/tokenizer/bert_tables.py from Unicode's character database.

    pip install unicodedata2==16.0.0 tokenizers
    python tools/bert_tables.py

Small letters are those of the library `tokenizers`, of which all are left out that Unicode 16.0
does not know: the small letter of a character is never changed once there is one.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Any

UNICODE_VERSION = "16.0.0"
TARGET = Path(__file__).parents[1] / "src/textus/tokenizer/bert_tables.py"
HEADER = f'''"""What BERT asks of characters, in Unicode {UNICODE_VERSION}.

Made by tools/bert_tables.py; all numbers are hexadecimal.

PUNCTUATION (General_Category P), CONTROLS (Cc, Cf, Co) and MARKS (Mn) are ranges of code points,
the last one included. CLASSES are ranges with a colon and the combining class, by which marks are
put in order. LOWER are ranges, where "/2" stands for every other code point, with a colon and the
small letter of the first; those of the others are as far from one another. APART holds what
characters are made of in Unicode's form D, Hangul aside: a code point, a colon and its parts,
joined by "+", then the parts of the code points that follow it.
"""
'''
EVERY = range(0x110000)
HANGUL = range(0xAC00, 0xD7A4)


@cache
def database() -> Any:
    """The package with the character database."""
    import unicodedata2  # pyrefly: ignore

    if unicodedata2.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"needs unicodedata2=={UNICODE_VERSION}")
    return unicodedata2


def ranges(code_points: list[int]) -> Iterator[str]:
    """The code points as ranges: "9", "b-d"."""
    for _, group in groupby(enumerate(code_points), lambda item: item[1] - item[0]):
        row = [code_point for _, code_point in group]
        yield f"{row[0]:x}-{row[-1]:x}" if row[1:] else f"{row[0]:x}"


def of_categories(*wanted: str) -> Iterator[str]:
    """Ranges of the characters whose General_Category begins with one of these."""
    return ranges([i for i in EVERY if database().category(chr(i)).startswith(wanted)])


def classes() -> Iterator[str]:
    """Ranges of one combining class each, with the class."""
    for class_, group in groupby(EVERY, lambda i: database().combining(chr(i))):
        if class_:
            row = list(group)
            yield f"{next(ranges(row))}:{class_:x}"


def small_letters() -> Iterator[str]:
    """Ranges of capital letters, one or two apart, with the small letter of the first."""
    from tokenizers.normalizers import Lowercase

    lower: Callable[[str], str] = Lowercase().normalize_str
    pairs = [(i, lower(chr(i))) for i in EVERY if database().category(chr(i)) not in ("Cn", "Cs")]
    # U+0130, whose small letter is two characters, is left to the code that reads the table.
    changed = [(i, ord(small)) for i, small in pairs if len(small) == 1 and ord(small) != i]
    found = [(i, small) for i, small in changed if database().category(chr(small)) != "Cn"]
    while found:
        step = 2 if len(found) > 1 and found[1][0] == found[0][0] + 2 else 1
        first, small = found[0]
        size = 1
        while found[size : size + 1] == [(first + size * step, small + size * step)]:
            size += 1
        last = f"-{first + (size - 1) * step:x}" if size > 1 else ""
        yield f"{first:x}{last}{'/2' if last and step == 2 else ''}:{small:x}"
        found = found[size:]


def decompositions() -> Iterator[str]:
    """What characters are made of, with the code point where it is not the next one."""
    before = -1
    for i in EVERY:
        parts = database().normalize("NFD", chr(i))
        if parts != chr(i) and i not in HANGUL:
            spelt = "+".join(f"{ord(part):x}" for part in parts)
            yield spelt if i == before + 1 else f"{i:x}:{spelt}"
            before = i


def module_text() -> str:
    """The text of the module with the tables."""
    tables = {
        "PUNCTUATION": of_categories("P"),
        "CONTROLS": of_categories("Cc", "Cf", "Co"),
        "MARKS": of_categories("Mn"),
        "CLASSES": classes(),
        "LOWER": small_letters(),
        "APART": decompositions(),
    }
    wrapped = {
        name: wrap(" ".join(items), width=100, break_on_hyphens=False)
        for name, items in tables.items()
    }
    parts = (f'\n{name} = """\n{chr(10).join(lines)}\n"""\n' for name, lines in wrapped.items())
    return HEADER + "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(module_text(), encoding="utf-8")
