"""How the engine's kernels, which are common to all models, call the kernel of one: by its address.

Each model has a class of tables (a NamedTuple of arrays) and a kernel that cuts a word with them.
Called by address, that is compiled by itself, once, instead of with each kernel that calls it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import typeof, types

from textus.tokenizer.native import kernel_address

_KERNELS: dict[type, Any] = {}
_KERNELS_OF_MANY: dict[type, Any] = {}


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


def cuts_many(tables: type) -> Callable[[Any], Any]:
    """Decorates the compiled kernel, if a model has one, that cuts many short words at once.

    It is called with (data, words, num, tables, scratch, out, counts), writes the ids of the word
    data[words[2 * w]:words[2 * w + 1]], which has at most 15 bytes, to `out` from 16 * w on and
    how many they are to counts[w], for w from 0 to num - 1, and returns `num`. `words` and `counts`
    are int64, `data`, `scratch` and `out` as above.
    """

    def register(kernel: Any) -> Any:
        _KERNELS_OF_MANY[tables] = kernel
        return kernel

    return register


_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_SCRATCH, _IDS = types.Array(types.uint64, 1, "C"), types.Array(types.uint32, 1, "C")
_INT, _INTS = types.intp, types.Array(types.int64, 1, "C")


def cutting_kernel(tables: NamedTuple) -> int:
    """The address of the kernel for these tables, of use in this process alone."""
    kernel = _KERNELS[type(tables)]
    return kernel_address(kernel, _BYTES, _INT, _INT, typeof(tables), _SCRATCH, _IDS, _INT)


def kernel_for_many(tables: NamedTuple) -> int:
    """The address of the kernel that cuts many words with these tables; 0 where there is none."""
    kernel = _KERNELS_OF_MANY.get(type(tables))
    if kernel is None:
        return 0
    return kernel_address(kernel, _BYTES, _INTS, _INT, typeof(tables), _SCRATCH, _IDS, _INTS)
