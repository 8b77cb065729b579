"""How large the source is: lines in each folder, of code alone, and the longest files.

    python tools/size.py

Lines of code are those with something on them that is neither a comment nor a docstring.
"""

import ast
import io
import tokenize
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "textus"
LONGEST = 5
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def lines_of_code(text: str) -> int:
    """Lines of a module that hold code."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):  # a string that stands alone documents what is around it
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            code.difference_update(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    return len(code)


def main() -> None:
    """Prints the report."""
    files = {file: file.read_text("utf-8") for file in sorted(SOURCE.rglob("*.py"))}
    folders: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        folders[file.parent.relative_to(SOURCE).as_posix()].append(file)
    print(f"{'folder':12} {'files':>6} {'lines':>7} {'of code':>8}")
    for folder, inside in [*folders.items(), ("all", list(files))]:
        lines = sum(len(files[file].splitlines()) for file in inside)
        code = sum(lines_of_code(files[file]) for file in inside)
        print(f"{folder:12} {len(inside):6,} {lines:7,} {code:8,}")
    lengths = sorted(((len(text.splitlines()), file) for file, text in files.items()), reverse=True)
    print("\nlongest files")
    for length, file in lengths[:LONGEST]:
        print(f"{length:6,}  {file.relative_to(SOURCE).as_posix()}")


main()
