"""Named tensors in safetensors files, read and written one by one.

A file is the length of its header (8 bytes, little-endian), the header (JSON: of each tensor its
type, shape and place) and the tensors' bytes, one behind the other.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from textus.errors import ConvertError, DamagedError
from textus.store import explain_full_disk

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class TensorFiles:
    """The tensors of some safetensors files, under their names; a context that closes the files."""

    def __init__(self, files: Sequence[Path]):
        self._open = ExitStack()
        self._homes: dict[str, Any] = {}
        for file in files:
            try:
                opened = self._open.enter_context(safe_open(file, framework="pt"))
            except (SafetensorError, OSError) as error:
                raise DamagedError(f"{file} cannot be read: {error}") from error
            self._homes |= dict.fromkeys(opened.keys(), opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def names(self) -> set[str]:
        """Of all tensors."""
        return set(self._homes)

    def outline(self, name: str) -> Tensor:
        """Type and shape of a tensor, as one without content; ConvertError for a type that is not
        that of plain weights."""
        described = self._homes[name].get_slice(name)
        if described.get_dtype() not in DTYPES:
            raise ConvertError(
                f"the tensor {name} is of type {described.get_dtype()}; known are "
                f"{', '.join(DTYPES)}: quantised weights have to be expanded first"
            )
        dtype = DTYPES[described.get_dtype()]
        return torch.empty(described.get_shape(), dtype=dtype, device="meta")

    def read(self, name: str) -> Tensor:
        """A tensor with its content."""
        return self._homes[name].get_tensor(name)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some tensors that are made together: what they will be, and how they are made."""

    outlines: dict[str, Tensor]
    """By name; without content."""
    make: Callable[[], list[Tensor]]
    """In the order of `outlines`."""

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(outline.nbytes for outline in self.outlines.values())

    @property
    def width(self) -> int:
        """Bytes of the smallest value in them."""
        return min(outline.itemsize for outline in self.outlines.values())


def write_tensors(batches: Iterable[Batch], file: Path) -> None:
    """Writes one file; never more than one batch is in memory.

    Batches of wider types come first, so that every tensor begins at a multiple of its type's width
    in the file.
    """
    ordered = sorted(batches, key=lambda batch: -batch.width)
    with explain_full_disk(file), file.open("wb") as out:
        out.write(_header(ordered))
        for batch in ordered:
            _write_batch(batch, out)


def _write_batch(batch: Batch, out: BinaryIO) -> None:
    for (name, outline), tensor in zip(batch.outlines.items(), batch.make(), strict=True):
        assert (tensor.shape, tensor.dtype) == (outline.shape, outline.dtype), name
        if tensor.numel():
            flat = tensor.contiguous().flatten()
            out.write(flat.view(torch.uint8).numpy().data)


def _header(batches: Sequence[Batch]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for batch in batches:
        for name, outline in batch.outlines.items():
            end = place + prod(outline.shape) * outline.itemsize
            entries[name] = {
                "dtype": _NAMES[outline.dtype],
                "shape": list(outline.shape),
                "data_offsets": [place, end],
            }
            place = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def split_by_size(batches: Iterable[Batch], most: int) -> list[list[Batch]]:
    """Batches in order, in groups of at most `most` bytes each, if no single one is larger."""
    groups: list[list[Batch]] = []
    room = 0
    for batch in batches:
        if not groups or batch.bytes > room:
            groups.append([])
            room = most
        groups[-1].append(batch)
        room -= batch.bytes
    return groups


def differing(left: TensorFiles, right: TensorFiles) -> Iterator[str]:
    """Names of tensors that are not in both, or not bit by bit the same."""
    yield from sorted(left.names ^ right.names)
    for name in sorted(left.names & right.names):
        a, b = left.read(name).contiguous(), right.read(name).contiguous()
        same = (a.dtype, a.shape) == (b.dtype, b.shape)
        if not same or not a.view(torch.uint8).equal(b.view(torch.uint8)):
            yield name
