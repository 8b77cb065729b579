"""JSON objects in files."""

import json
from pathlib import Path
from typing import Any

from textus.errors import DataError


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Writes an object, indented, in UTF-8."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    file.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a file; DataError where there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{file} does not exist; give the folder of a trained tokenizer, or copy the file "
            "from where it is."
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{file} is not JSON ({error}); copy it from where it is whole, or train the tokenizer "
            "anew."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{file} does not hold a JSON object; train the tokenizer anew.")
    return content
