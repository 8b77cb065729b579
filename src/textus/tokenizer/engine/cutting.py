"""How the engine's kernels, which are common to all models, call the kernel of one: by its address.

Each model has a class of tables (a NamedTuple of arrays) and a kernel that cuts a word with them.
Called by address, that is compiled by itself, once, instead of with each kernel that calls it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import typeof, types

from textus.tokenizer.native import kernel_address

_KERNELS: dict[type, Any] = {}


def cuts(tables: type) -> Callable[[Any], Any]:
    """Decorates the compiled kernel that cuts a word with this class of tables.

    It is called with (data, start, end, tables, scratch, out, at), appends the ids of the word
    data[start:end] to `out` from `at` on, and returns the place behind the last. `data` is uint8
    and readable for 32 bytes behind `end`; `out` is uint32 with room for end - start ids; `scratch`
    is uint64 (4096,), free to use.
    """

    def register(kernel: Any) -> Any:
        _KERNELS[tables] = kernel
        return kernel

    return register


def cutting_kernel(tables: NamedTuple) -> int:
    """The address of the kernel for these tables, of use in this process alone."""
    data = types.Array(types.uint8, 1, "C", readonly=True)
    scratch, out = types.Array(types.uint64, 1, "C"), types.Array(types.uint32, 1, "C")
    place = types.intp
    arguments = (data, place, place, typeof(tables), scratch, out, place)
    return kernel_address(_KERNELS[type(tables)], *arguments)
