"""Files behind any address that fsspec can open (https://, s3://, hf://, memory:// ...)."""

import io
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Self, cast

from textus.errors import DataError, MissingExtraError, StoreError

# What textus[remote] installs, by the protocol that needs it.
_PACKAGES = {"http": "aiohttp", "https": "aiohttp", "s3": "s3fs", "hf": "huggingface_hub"}

# What file systems call a value that changes with a file's content, the most telling first.
_CONTENT_KEYS = ("sha256", "md5", "checksum", "md5Hash", "content_md5", "ETag", "etag", "blob_id")
_TIME_KEYS = ("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "created")


@dataclass(frozen=True)
class RemoteFolder:
    """A remote address, resolved: its file system and the files that it stands for."""

    fs: Any
    """An fsspec file system."""
    files: list[tuple[str, str, int | None]]
    """Of each file: path below the folder, address, and size in bytes where it is known."""
    is_folder: bool
    """Whether the address was a folder rather than a file or a glob."""
    has_ranges: bool
    """Whether the server gives any part of a file, so that one can seek in it."""

    @classmethod
    def at(cls, uri: str, who: str) -> Self:
        """Lists what is at the address. `who` opens the messages of errors."""
        fs, path = _connect(uri, who)
        try:
            infos, is_folder, root = _list(fs, path)
        except Exception as error:  # each file system raises its own kinds
            raise DataError(
                f"{who}: cannot list {uri!r}: {type(error).__name__}: {error}; "
                "check the address, the network and the credentials"
            ) from error
        if not infos:
            raise DataError(f"{who}: there is nothing at {uri!r}; check the address")
        files = [(_below(root, i["name"]), i["name"], i.get("size")) for i in infos]
        is_http = "http" in fs.protocol
        return cls(fs, files, is_folder, not is_http or all(i.get("partial") for i in infos))

    def open(self, address: str) -> BinaryIO:
        """The bytes of a file; a failing connection raises DataError, a full disk StoreError."""
        options = {} if self.has_ranges else {"block_size": 0}
        try:
            fetched = _Fetched(self.fs.open(address, "rb", **options), address)
        except Exception as error:  # each file system raises its own kinds
            raise _lost(address, error) from error
        if self.has_ranges:
            return cast(BinaryIO, io.BufferedReader(fetched))
        with fetched:
            return _downloaded(fetched, address)

    def content_token(self, address: str) -> str:
        """A text that changes when the file's content does, as far as the server tells."""
        try:
            info = self.fs.info(address)
        except Exception as error:  # each file system raises its own kinds
            raise _lost(address, error) from error
        for key in (*_CONTENT_KEYS, *_TIME_KEYS):
            if info.get(key):
                return f"size {info.get('size')}, {key} {info[key]}"
        return f"size {info.get('size')}"


class _Fetched(io.RawIOBase):
    """A remote file whose failures are told from damaged content: they end the run."""

    def __init__(self, file: Any, address: str):
        self.file = file
        self.address = address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.file.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.file.read(len(buffer))
        except Exception as error:  # each file system raises its own kinds
            raise _lost(self.address, error) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()


def _downloaded(fetched: _Fetched, address: str) -> BinaryIO:
    """A copy on disk, deleted when it is closed."""
    try:
        with ExitStack() as unfinished:
            copy = unfinished.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(fetched, copy, 1 << 20)
            copy.seek(0)
            unfinished.pop_all()
            return cast(BinaryIO, copy)
    except OSError as error:  # of the disk: what goes wrong with the network is a DataError
        raise StoreError(
            f"cannot keep a copy of {address!r} among the temporary files: {error}; "
            "free some space there, or name another folder by the environment variable TMPDIR"
        ) from error


def _lost(address: str, error: Exception) -> DataError:
    return DataError(
        f"cannot fetch {address!r}: {type(error).__name__}: {error}; "
        "check the network and try again"
    )


def _connect(uri: str, who: str) -> tuple[Any, str]:
    import fsspec

    protocol = uri.partition("://")[0]
    try:
        return fsspec.core.url_to_fs(uri)
    except ImportError as error:
        if protocol in _PACKAGES:
            raise MissingExtraError(_PACKAGES[protocol], "remote", f"Reading {uri}") from error
        raise DataError(f"{who}: {error}") from error
    except ValueError as error:
        raise DataError(
            f"{who}: {uri!r} has a protocol that fsspec does not know; "
            "use https://, s3://, hf://, a folder, a file or a glob"
        ) from error


def _list(fs: Any, path: str) -> tuple[list[dict[str, Any]], bool, str]:
    """The files' information, whether the path is a folder, and the folder that they lie in."""
    if "*" in path:
        root = path[: path.index("*")].rpartition("/")[0]
        found = fs.glob(path, detail=True)
        return [i for i in found.values() if i["type"] == "file"], False, root
    if fs.isfile(path):
        return [fs.info(path)], False, path.rpartition("/")[0]
    found = fs.find(path, detail=True)
    return [i for i in found.values() if _is_visible(_below(path, i["name"]))], True, path


def _below(root: str, name: str) -> str:
    return name.removeprefix(root).lstrip("/").split("?")[0]


def _is_visible(path: str) -> bool:
    return not any(part.startswith(".") for part in PurePosixPath(path).parts)
