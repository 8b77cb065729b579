"""How large the source is: lines of each folder, and the files that ask for a reason.

python tools/size.py
"""

from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "textus"
LONG, TOO_LONG = 400, 600


def main() -> None:
    """Prints the report; exits with 1 if a file is too long."""
    lines = {
        path.relative_to(SOURCE): len(path.read_text("utf-8").splitlines())
        for path in sorted(SOURCE.rglob("*.py"))
    }
    folders: Counter[str] = Counter()
    for path, count in lines.items():
        folders[path.parts[0]] += count
    for name, count in folders.most_common():
        print(f"{count:7,}  {name}")
    print(f"{sum(lines.values()):7,}  in all, in {len(lines)} files")
    for path, count in lines.items():
        if count > LONG:
            print(f"{count:7,}  {path} is longer than {LONG} lines")
    if max(lines.values()) > TOO_LONG:
        raise SystemExit(f"no file should be longer than {TOO_LONG} lines")


if __name__ == "__main__":
    main()
