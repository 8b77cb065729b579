"""Writes src/textus/tokenizer/bert_tables.py from Unicode's character database.

pip install unicodedata2==16.0.0
python tools/bert_tables.py
"""

from itertools import groupby
from pathlib import Path
from textwrap import wrap

UNICODE_VERSION = "16.0.0"
TARGET = Path(__file__).parents[1] / "src/textus/tokenizer/bert_tables.py"
HEADER = f'''"""What BERT asks of characters, in Unicode {UNICODE_VERSION}.

Made by tools/bert_tables.py. Each table lists the code points of one kind as ranges in
hexadecimal, the last one included: punctuation (General_Category P), control characters (Cc, Cf,
Co), marks without width (Mn).
"""
'''


def ranges(code_points: list[int]) -> str:
    """The code points as ranges: "9 b-d"."""
    groups = groupby(enumerate(code_points), lambda item: item[1] - item[0])
    rows = [[code_point for _, code_point in group] for _, group in groups]
    return " ".join(f"{r[0]:x}-{r[-1]:x}" if r[1:] else f"{r[0]:x}" for r in rows)


def module_text() -> str:
    """The text of the module with the tables."""
    import unicodedata2  # pyrefly: ignore

    if unicodedata2.unidata_version != UNICODE_VERSION:
        raise SystemExit(f"needs unicodedata2=={UNICODE_VERSION}")
    categories = [unicodedata2.category(chr(i)) for i in range(0x110000)]
    parts = [HEADER]
    for name, kinds in (
        ("PUNCTUATION", {"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"}),
        ("CONTROLS", {"Cc", "Cf", "Co"}),
        ("MARKS", {"Mn"}),
    ):
        found = [i for i, category in enumerate(categories) if category in kinds]
        lines = "\n".join(wrap(ranges(found), width=100))
        parts.append(f'\n{name} = """\n{lines}\n"""\n')
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(module_text(), encoding="utf-8")
