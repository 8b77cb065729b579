"""What files from outside hold, as bytes, text or JSON."""

import json
from pathlib import Path
from typing import Any

from textus.errors import DataError


def read_bytes(file: Path) -> bytes:
    """The bytes of a file; DataError where it cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{file} does not exist; give the folder of a trained tokenizer, or copy the file "
            "from where it is."
        ) from None
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror}); give a file that this user may read."
        ) from error


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, its lines ended by "\\n"; DataError where there is none."""
    data = read_bytes(file)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 (at byte {error.start:,}); copy it from where it is whole, or "
            "convert it, for example with iconv."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a file; DataError where there is none."""
    data = read_bytes(file)
    try:
        content = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{file} is not JSON ({error}); copy it from where it is whole, or train the tokenizer "
            "anew."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{file} does not hold a JSON object; train the tokenizer anew.")
    return content
