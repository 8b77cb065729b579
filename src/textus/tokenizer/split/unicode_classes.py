"""Which characters are letters, marks, numbers and white space, pinned to Unicode 16.0.

Words are cut by these classes, so they are part of a tokenizer: were they taken from the installed
Python or `regex` release, a character younger than the release would be cut differently on another
machine. White space is what regular expressions call so, the property White_Space: not the same as
`str.isspace`, which adds U+001C to U+001F.
"""

from bisect import bisect_right
from functools import cache
from itertools import accumulate

from textus.tokenizer.split.unicode_tables import RUNS


def class_runs() -> tuple[str, list[int]]:
    """The classes of all code points from U+0000 to U+10FFFF as runs: the letter of each run's
    class (see `unicode_tables`), and how many code points it has."""
    runs = RUNS.split()
    return "".join(run[0] for run in runs), [int(run[1:], 16) for run in runs]


@cache
def _edges() -> tuple[str, list[int]]:
    classes, lengths = class_runs()
    return classes, list(accumulate(lengths))


def class_of(code_point: int) -> str:
    """The letter of the class: "u", "l" or "o" for upper-case (and title-case), lower-case and
    other letters, "m" for marks, "n" for numbers, "w" for white space, "x" for the rest."""
    classes, ends = _edges()
    return classes[bisect_right(ends, code_point)]
