"""What may be given as a text, and as several."""

from textus.errors import DataError

_REMEDIES = {
    "bytes": "decode it, as by data.decode()",
    "list": "use encode_batch for several texts",
    "tuple": "use encode_batch for several texts",
}


def check_text(text: object) -> None:
    """DataError for what is no text."""
    if not isinstance(text, str):
        name = type(text).__name__
        remedy = _REMEDIES.get(name, "give a str")
        raise DataError(f"A text of the type {name} cannot be encoded; {remedy}.")


def check_texts(texts: object) -> None:
    """DataError for a single text, which Python takes for a row of characters."""
    if isinstance(texts, str | bytes):
        raise DataError(
            f"A single {type(texts).__name__} is given where several texts belong; give a list of "
            "texts."
        )
