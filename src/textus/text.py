"""Small things about text that several folders need; imports nothing."""


def replace_surrogates(text: str) -> str:
    """`text` as valid Unicode: lone surrogates, which UTF-8 cannot express, become U+FFFD.

    A high and a low surrogate side by side become the character they stand for, as in tiktoken.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def count_of(number: int, noun: str) -> str:
    """The number with its noun: 1 file, 2 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
