"""Real text to measure tokenizers on: English, code and 25 languages, from Debian's packages.

    python bench/text.py build/text

writes english.txt, code.txt and multilingual.txt, a file for each language under languages/, and
text.json: the packages with their versions, sizes, checksums, and which bytes of multilingual.txt
are in which language. The packages (about 1 GB) are fetched by `apt-get download`, as any user, and
kept under packages/; with the same versions the texts are the same to the byte.

The texts are documentation, dictionaries, translated help and messages, and source code. Markup is
removed, a paragraph that has been seen is dropped, pieces of about 200 kB stand in random order.
Needs Debian or Ubuntu (in a container, say); the package names are those of Debian 12.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from _text_markup import READERS, archive_members, read_text
from _text_sources import (
    CODE,
    ENGLISH,
    LANGUAGES,
    MEGABYTE,
    MEGABYTES_PER_LANGUAGE,
    MULTILINGUAL,
    SCRIPTS,
    Source,
    language_of,
)

Wanted = Callable[[str], bool]

SEED = 1
PIECE_BYTES = 200_000
LONGEST_LINE = 2_000  # characters; a longer line of code was written by a program
SHORTEST_REPEAT = {"code": 200}  # characters: shorter paragraphs of code may well occur again


@dataclass
class Text:
    """One of the texts while it is made: its pieces and where they came from."""

    pieces: list[bytes] = field(default_factory=list)
    packages: dict[str, int] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    open_bytes: int = 0

    def add(self, paragraph: str, package: str) -> int:
        """Appends; returns the number of bytes."""
        size = len(paragraph.encode())
        self.open.append(paragraph)
        self.open_bytes += size
        self.packages[package] = self.packages.get(package, 0) + size
        if self.open_bytes >= PIECE_BYTES:
            self.close()
        return size

    def close(self) -> None:
        """Ends a piece."""
        if self.open:
            self.pieces.append("".join(self.open).encode())
        self.open, self.open_bytes = [], 0


class Seen:
    """The paragraphs that have been taken into any of the texts."""

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()

    def is_new(self, paragraph: str) -> bool:
        """Whether it was not asked for before."""
        key = hashlib.blake2b(paragraph.strip().encode(), digest_size=8).digest()
        new = key not in self._hashes
        self._hashes.add(key)
        return new


def main() -> None:
    """Makes the texts in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/text"))
    folder = parser.parse_args().folder
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if not shutil.which(tool)]:
        sys.exit(
            f"text.py: {' and '.join(missing)} not found; the texts come from Debian's packages. "
            "Run this on Debian 12, for example in a container: docker run -v .:/w -w /w "
            "python:3.11-bookworm sh -c 'apt-get update && python bench/text.py build/text'"
        )
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    download(sorted({source.package for source in ENGLISH + CODE + MULTILINGUAL}), packages)
    seen = Seen()  # English first: what is left untranslated elsewhere has then been seen
    report = {
        "english.txt": _write(folder / "english.txt", _gather(ENGLISH, packages, seen)),
        "code.txt": _write(folder / "code.txt", _gather(CODE, packages, seen)),
    }
    report |= _write_languages(folder, _gather_languages(packages, seen))
    report["packages"] = {deb.name.split("_")[0]: deb.name for deb in sorted(packages.iterdir())}
    (folder / "text.json").write_text(json.dumps(report, indent=1) + "\n")


def download(names: Iterable[str], folder: Path) -> None:
    """Fetches the packages that are not in the folder yet, with the versions that apt knows."""
    have = {deb.name.split("_")[0] for deb in folder.glob("*.deb")}
    for name in names:
        if name in have:
            continue
        done = subprocess.run(
            ["apt-get", "download", name], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(
                f"text.py: apt-get download {name} failed; `apt-get update` may be needed:\n"
                f"{done.stderr}"
            )
        print(f"fetched {name}", flush=True)


def _gather(sources: Iterable[Source], packages: Path, seen: Seen) -> Text:
    text = Text()
    for source in sources:
        for paragraph in _paragraphs(source, packages, seen):
            text.add(paragraph, source.package)
            if text.packages[source.package] >= source.megabytes * MEGABYTE:
                break
        text.close()
        print(
            f"{source.package}: {text.packages.get(source.package, 0) / MEGABYTE:.1f} MB",
            flush=True,
        )
    return text


def _gather_languages(packages: Path, seen: Seen) -> dict[str, Text]:
    texts = {code: Text() for code in LANGUAGES}
    limit = MEGABYTES_PER_LANGUAGE * MEGABYTE
    for source in MULTILINGUAL:
        for path, data in _files(source, packages, lambda path: language_of(path) is not None):
            code = language_of(path)
            if code is None or sum(texts[code].packages.values()) >= limit:
                continue
            for paragraph in _new_paragraphs(source.kind, path, data, seen):
                if _is_written_in(code, paragraph):
                    texts[code].add(paragraph, source.package)
    for code, text in texts.items():
        text.close()
        print(f"{code}: {sum(map(len, text.pieces)) / MEGABYTE:.1f} MB", flush=True)
    return texts


def _is_written_in(code: str, paragraph: str) -> bool:
    """Whether at least half of the letters are of the language's script."""
    if code not in SCRIPTS:
        return True
    letters = len(re.findall(rf"[{SCRIPTS[code]}]", paragraph))
    return letters > len(re.findall(r"[A-Za-z]", paragraph))


def _paragraphs(source: Source, packages: Path, seen: Seen) -> Iterator[str]:
    for path, data in _files(source, packages):
        yield from _new_paragraphs(source.kind, path, data, seen)


def _new_paragraphs(kind: str, path: str, data: bytes, seen: Seen) -> Iterator[str]:
    """The paragraphs of a file that are not repeated, each with what ends it; joined they are the
    file."""
    text = read_text(kind, path, data)
    if text is None or (kind == "code" and max(map(len, text.split("\n"))) > LONGEST_LINE):
        return
    _, between = READERS[kind]
    for paragraph in text.split(between):
        shortest = SHORTEST_REPEAT.get(kind, 1)
        repeats = len(paragraph) >= shortest and not seen.is_new(paragraph)
        if paragraph.strip() and not repeats:
            yield paragraph + between


def _files(
    source: Source, packages: Path, also: Wanted = lambda path: True
) -> list[tuple[str, bytes]]:
    """(path, contents) of a package's files that are wanted, in an order that is random but the
    same each time, so that a part of them stands for all."""
    (deb,) = packages.glob(f"{source.package}_*.deb")
    files = list(_members(deb, source, lambda path: _is_wanted(source, path) and also(path)))
    files.sort(key=lambda file: (zlib.crc32(file[0].encode()), file[0]))
    return files


def _is_wanted(source: Source, path: str) -> bool:
    chosen = zlib.crc32(path.encode()) % source.one_in == 0
    return chosen and re.search(source.paths, path) is not None


def _members(deb: Path, source: Source, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", os.fspath(deb)], stdout=subprocess.PIPE
    ) as unpacking:
        assert unpacking.stdout
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as package:
            for member in package:
                if not member.isfile():
                    continue
                archive = source.archive and re.search(source.archive, member.name)
                if not archive and (source.archive or not wanted(member.name)):
                    continue
                data = package.extractfile(member).read()  # type: ignore[union-attr]
                if archive:
                    yield from archive_members(member.name, data, wanted)
                else:
                    yield member.name, data


def _write(path: Path, text: Text) -> dict[str, object]:
    """Writes the pieces in random order; returns what text.json says of the file."""
    pieces = random.Random(SEED).sample(text.pieces, len(text.pieces))
    data = b"".join(pieces)
    _replace(path, data)
    return {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "packages": text.packages,
    }


def _replace(path: Path, data: bytes) -> None:
    """Writes a file so that a reader finds the old or the new one, never a part."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def _write_languages(folder: Path, texts: dict[str, Text]) -> dict[str, object]:
    (folder / "languages").mkdir(exist_ok=True)
    report: dict[str, object] = {}
    for code, text in texts.items():
        name = f"languages/{code}.txt"
        report[name] = _write(folder / name, text)
    pieces = [(code, piece) for code, text in texts.items() for piece in text.pieces]
    random.Random(SEED).shuffle(pieces)
    data = b"".join(piece for _, piece in pieces)
    _replace(folder / "multilingual.txt", data)
    ranges, start = [], 0
    for code, piece in pieces:
        ranges.append([start, start + len(piece), code])
        start += len(piece)
    report["multilingual.txt"] = {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "languages": ranges,
    }
    return report


if __name__ == "__main__":
    main()
