"""Atomic files and folders, manifests, checksums and locks: what every stage writes with.

A finished artifact is a folder with a `manifest.json` that lists every other file with its size and
SHA-256. It is written under a temporary name, synced to disk and renamed, so a killed process never
leaves something that looks whole and is not. The names `.tmp-*`, `.old-*` and `.part-*` belong to
this module; `recover` tidies the first two away, and a part waits for its maker to go on.
"""

import contextlib
import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from textus.errors import DamagedError, LockedError, StoreError

MANIFEST = "manifest.json"
_LOCK = ".lock"
_HOLDER = ".lock-holder.json"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a finished folder says of itself."""

    kind: str
    """What made it: a stage's name, or `checkpoint`."""
    fingerprint: str = ""
    """Digest of everything that decides the content; equal fingerprints mean equal content."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The settings it was made with."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Name and digest of each artifact it was made from."""
    counts: dict[str, Any] = field(default_factory=dict)
    """What the maker wants remembered: documents, tokens, steps."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of Python and of the libraries that decide the content."""
    created: str = ""
    """Local time of writing, ISO 8601."""
    seconds: float = 0.0
    """How long the making took."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path inside the folder -> bytes and sha256."""

    @property
    def digest(self) -> str:
        """One digest of all content: what a later stage records as its input."""
        return digest({name: entry["sha256"] for name, entry in self.files.items()})


def digest(value: object) -> str:
    """SHA-256 of a JSON-ready value, the same whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that decide results."""
    found = {"python": platform.python_version()}
    for name in ("textus", "torch", "numpy", "pyarrow", "ftfy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turns "no space left" and "file too large" into a StoreError that names place and remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StoreError(
            f"no room to write {path} ({error.strerror}); what was finished before is intact. "
            "Free some space, or name a folder on another disk with --run, and start again."
        ) from error


def write_file(path: Path, content: bytes | str) -> None:
    """Replaces a file as a whole: readers see the old content or the new, never a part."""
    data = content.encode() if isinstance(content, str) else content
    work = _temporary(path)
    with explain_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with work.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(work, path)
        except BaseException:
            work.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def _temporary(path: Path) -> Path:
    """A free name beside `path`; the module tempfile would make it unreadable for others."""
    return path.with_name(f".tmp-{path.name}-{secrets.token_hex(4)}")


def write_json(path: Path, value: object) -> None:
    """`write_file` for a JSON-ready value."""
    write_file(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def new_folder(
    path: Path, manifest: Manifest, *, replace: bool = False, resumable: bool = False
) -> Iterator[Path]:
    """Gives a temporary folder to write into; on a clean exit it becomes `path`, with its manifest.

    The caller may fill `manifest.counts` while it works. An existing `path` is an error unless
    `replace`. If `resumable`, the folder stays whatever ends the work, and is given out again, with
    what is in it, for the same fingerprint.
    """
    if path.exists() and not replace:
        raise StoreError(f"{path} exists already; it is never overwritten without being asked to")
    work = _part(path, manifest.fingerprint) if resumable else _temporary(path)
    started = time.perf_counter()
    with explain_full_disk(path):
        work.mkdir(parents=True, exist_ok=resumable)
        recover(work)  # what a process left there that was killed while it sealed the folder
        (work / MANIFEST).unlink(missing_ok=True)
        try:
            yield work
            _seal(work, manifest, seconds=time.perf_counter() - started)
            _swap(work, path)
        except BaseException:
            if not resumable:
                shutil.rmtree(work, ignore_errors=True)
            raise


def _part(path: Path, fingerprint: str) -> Path:
    """Where the resumable work on `path` goes on: a name that says what it was begun with."""
    return path.with_name(f".part-{path.name}-{fingerprint[:16]}")


def unfinished(path: Path) -> list[Path]:
    """The folders in which resumable work on `path` was begun, one for each fingerprint."""
    return sorted(path.parent.glob(f".part-{path.name}-*"))


def drop_unfinished(path: Path, *, keep: str) -> bool:
    """Removes the resumable work on `path` that was begun with a fingerprint other than `keep`;
    whether there was any."""
    others = [work for work in unfinished(path) if work != _part(path, keep)]
    for work in others:
        remove_folder(work)
    return bool(others)


def _seal(folder: Path, manifest: Manifest, *, seconds: float) -> None:
    """Lists and syncs every file of a folder and writes its manifest last."""
    files = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        _sync_file(file)
        name = file.relative_to(folder).as_posix()
        files[name] = {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
    record = asdict(manifest) | {
        "files": files,
        "versions": versions(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(seconds, 3),
    }
    write_json(folder / MANIFEST, record)
    for inner in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        _sync_folder(inner)


def _swap(work: Path, path: Path) -> None:
    """Puts `work` in the place of `path`; `recover` finishes what a dying process began."""
    old = path.with_name(f".old-{path.name}")
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.rename(path, old)
    os.rename(work, path)
    _sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Removes a folder, if there is one, so that it never looks whole with a part of it gone."""
    if path.is_dir():
        work = _temporary(path)
        os.rename(path, work)
        shutil.rmtree(work)


def recover(parent: Path) -> None:
    """Removes what killed processes left in `parent`, and puts back what they had moved aside.

    Only the holder of the run's lock may call it: another process's unfinished work looks the same.
    """
    for old in parent.glob(".old-*"):
        path = old.with_name(old.name.removeprefix(".old-"))
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, path)
    for work in parent.glob(".tmp-*"):
        if work.is_dir():
            shutil.rmtree(work, ignore_errors=True)
        else:
            work.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a finished folder; None where there is no finished folder."""
    file = path / MANIFEST
    if not file.is_file():
        return None
    try:
        manifest = Manifest(**json.loads(file.read_text("utf-8")))
        if any(set(entry) != {"bytes", "sha256"} for entry in manifest.files.values()):
            raise ValueError("what it says of its files is incomplete")
        return manifest
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedError(f"{file} cannot be read ({error}); {_REMAKE}") from error


_REMAKE = "remove the folder (or give --redo) to have it made again"


def verify(path: Path) -> Manifest:
    """Reads every file of a finished folder and compares it with the manifest.

    Raises DamagedError that names the first file which is missing or differs.
    """
    manifest = read_manifest(path)
    if manifest is None:
        raise DamagedError(f"{path} has no {MANIFEST}: it was never finished; {_REMAKE}")
    for name, entry in manifest.files.items():
        file = path / name
        if not file.is_file():
            raise DamagedError(f"{file} is missing; {_REMAKE}")
        size = file.stat().st_size
        if size != entry["bytes"]:
            raise DamagedError(f"{file} has {size} bytes instead of {entry['bytes']}; {_REMAKE}")
        if file_sha256(file) != entry["sha256"]:
            raise DamagedError(f"{file} differs from its checksum; {_REMAKE}")
    return manifest


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the system lets go of it when the process ends, however it
    ends."""
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise LockedError(
            f"another process{_holder(folder)} is at work in {folder}; "
            "wait for it to end, or give another folder with --run"
        ) from error
    try:
        write_json(folder / _HOLDER, {"process": os.getpid(), "host": platform.node()})
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        holder: Mapping[str, Any] = json.loads((folder / _HOLDER).read_text())
    except (OSError, ValueError):
        return ""
    return f" (number {holder.get('process')} on {holder.get('host')})"


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders, and its renames are journalled
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
