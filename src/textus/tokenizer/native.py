"""The machine's own operations that numba does not offer, for the kernels of this folder.

Each is a few lines of LLVM's intermediate language, which LLVM turns into whatever the processor
at hand has (AVX-512, AVX2, SSE, NEON). None checks bounds.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Address of element arguments[1] of the array arguments[0]."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


@intrinsic
def load64(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """The eight bytes of a uint8 array from `index` on as one little-endian uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        loaded = builder.load(builder.bitcast(address, ir.PointerType(_I64)))
        loaded.align = 1
        return loaded

    return types.uint64(array, types.intp), generate


@intrinsic
def trailing_zeros(typing: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """How many of the lowest bits of a uint64 are 0; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(_I64, [_I64, ir.IntType(1)])
        function = builder.module.declare_intrinsic("llvm.cttz", [_I64], type_)
        return builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 0)])

    return types.uint64(types.uint64), generate


@intrinsic
def count_ones(typing: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """How many bits of a uint64 are 1."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.ctpop", [_I64])
        return builder.call(function, [arguments[0]])

    return types.uint64(types.uint64), generate


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Asks for the cache line of an element, which will be read soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        type_ = ir.FunctionType(ir.VoidType(), [ir.PointerType(_I8), _I32, _I32, _I32])
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(builder.module, type_, name)
        read, keep, data = (ir.Constant(_I32, value) for value in (0, 3, 1))
        builder.call(function, [builder.bitcast(address, ir.PointerType(_I8)), read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
