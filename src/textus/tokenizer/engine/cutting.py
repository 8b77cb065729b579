"""How the engine's kernel, which is common to all models, calls the kernel of one.

Each model has a class of tables (a NamedTuple of arrays); the type of the tables says which kernel
cuts words. numba settles that when it compiles, so that the call costs nothing and everything can
be kept on disk.
"""

from collections.abc import Callable
from typing import Any

from numba.extending import overload

from textus.tokenizer.native import COUNTED

_KERNELS: dict[type, Any] = {}


def cuts(tables: type) -> Callable[[Any], Any]:
    """Decorates the compiled kernel that cuts a word with this class of tables."""

    def register(kernel: Any) -> Any:
        _KERNELS[tables] = kernel
        return kernel

    return register


def cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    """Appends the ids of the word data[start:end] to `out` from `at` on, in kernels only.

    `data` is uint8 and readable for 32 bytes behind `end`; `out` is uint32 with room for end -
    start ids; `scratch` is uint64 (4096,), free to use. Returns the place behind the last id.
    """
    raise NotImplementedError


# The engine's kernels count no references (UNCOUNTED), which costs as much as the work itself
# where tables of many arrays are handed on; a model's kernel may, so that it can make arrays.
@overload(cut_word, jit_options=COUNTED)
def _cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    kernel = _KERNELS[tables.instance_class]

    def call(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
        return kernel(data, start, end, tables, scratch, out, at)

    return call
