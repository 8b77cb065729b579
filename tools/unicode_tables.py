"""Writes src/textus/tokenizer/split/unicode_tables.py from Unicode's character database.

    pip install unicodedata2==16.0.0
    python tools/unicode_tables.py

The package `unicodedata2` carries the database of the Unicode version that it is named after;
Python's own `unicodedata` is that of the Python release.
"""

from itertools import groupby
from pathlib import Path
from textwrap import wrap

UNICODE_VERSION = "16.0.0"
TARGET = Path(__file__).parents[1] / "src/textus/tokenizer/split/unicode_tables.py"
CLASSES = {"Lu": "u", "Lt": "u", "Ll": "l", "Lm": "o", "Lo": "o"}
CLASSES |= {"Mn": "m", "Mc": "m", "Me": "m", "Nd": "n", "Nl": "n", "No": "n"}
# The property White_Space (PropList.txt), which the packages do not carry: the space separators
# and these control characters.
WHITE_CONTROLS = {*range(0x09, 0x0E), 0x85}
HEADER = f'''"""The classes of all characters in Unicode {UNICODE_VERSION}.

Made by tools/unicode_tables.py.

Runs of code points from U+0000 on, each the letter of its class and its length in hexadecimal:
u upper-case and title-case letters (Lu, Lt), l lower-case letters (Ll), o other letters (Lm, Lo),
m marks (M), n numbers (N), w white space (the property White_Space), x everything else.
"""
'''


def class_of(code_point: int, category: str) -> str:
    """The letter of a character's class, given its General_Category."""
    if category in ("Zs", "Zl", "Zp") or code_point in WHITE_CONTROLS:
        return "w"
    return CLASSES.get(category, "x")


def module_text() -> str:
    """The text of the module with the tables."""
    import unicodedata2  # pyrefly: ignore[missing-import]

    if unicodedata2.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"needs unicodedata2=={UNICODE_VERSION}")
    classes = (class_of(i, unicodedata2.category(chr(i))) for i in range(0x110000))
    runs = [f"{class_}{len(list(run)):x}" for class_, run in groupby(classes)]
    lines = "\n".join(wrap(" ".join(runs), width=100))
    return f'{HEADER}\nRUNS = """\n{lines}\n"""\n'


if __name__ == "__main__":
    TARGET.write_text(module_text(), encoding="utf-8")
