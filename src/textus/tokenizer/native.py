"""The machine's own operations that numba does not offer, for the kernels of this folder.

Each is a few lines of LLVM's intermediate language, which LLVM turns into whatever the processor
at hand has (AVX-512, AVX2, SSE, NEON). None checks bounds.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic  # annotated as if callers passed the typing context too

COUNTED: Any = {"nogil": True, "_nrt": True}
UNCOUNTED: Any = {"nogil": True, "_nrt": False}
"""Options of kernels that make arrays, and of those that only read and write what they are given:
these need not count references, which costs as much as the work itself where tuples of many arrays
are handed from one kernel to the next. A kernel without either takes after its caller."""

INNER: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of kernels that only kernels call, directly or by address: what Python would call takes
as long to compile as the kernel itself. Python must not call these: the process would crash."""

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Address of element arguments[1] of arguments[0], an array or a pointer."""
    first = arguments[0]
    if isinstance(signature.args[0], types.Array):
        first = context.make_array(signature.args[0])(context, builder, first).data
    return builder.gep(first, [arguments[1]])


@intrinsic
def pointer_to(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Pointer to an element of an array, or behind another pointer."""
    return types.CPointer(array.dtype)(array, types.intp), _address


@intrinsic
def load64(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """The eight bytes of a uint8 array (or behind a pointer) from `index` on as one little-endian
    uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        loaded = builder.load(builder.bitcast(address, ir.PointerType(_I64)))
        loaded.align = 1
        return loaded

    return types.uint64(array, types.intp), generate


@intrinsic
def store64(typing: Any, out: Any, at: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Writes a uint64, little-endian, to the eight bytes of a uint8 array from `at` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        stored = builder.store(arguments[2], builder.bitcast(address, ir.PointerType(_I64)))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(out, types.intp, types.uint64), generate


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


@intrinsic
def leading_zeros(typing: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """How many of the highest bits of a uint64 are 0; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.FunctionType(_I64, [_I64, ir.IntType(1)])
        function = builder.module.declare_intrinsic("llvm.ctlz", [_I64], type_)
        return builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 0)])

    return types.uint64(types.uint64), generate


@intrinsic
def copy16(typing: Any, out: Any, at: Any, source: Any, index: Any) -> tuple[Any, Any]:
    """Copies 16 bytes to element `at` of the array `out` from element `index` of `source`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.PointerType(ir.VectorType(_I64, 2))
        to, from_ = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data
            for i in (0, 2)
        )
        loaded = builder.load(builder.bitcast(builder.gep(from_, [arguments[3]]), vector))
        loaded.align = 1
        stored = builder.store(loaded, builder.bitcast(builder.gep(to, [arguments[1]]), vector))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp), generate


@intrinsic
def least16(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """The smallest of the sixteen elements of a uint32 array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        type_ = ir.VectorType(_I32, 16)
        address = _address(context, builder, signature, arguments)
        loaded = builder.load(builder.bitcast(address, ir.PointerType(type_)))
        loaded.align = 4
        name = "llvm.vector.reduce.umin.v16i32"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(_I32, [type_]), name
        )
        return builder.call(function, [loaded])

    return types.uint32(array, types.intp), generate


@intrinsic
def call_address(typing: Any, address: Any, arguments: Any) -> tuple[Any, Callable[..., Any]]:
    """Calls the compiled function (`numba.cfunc`) at an address: of `arguments`, a tuple, arrays
    are given as pointers to their first element, int64 as they are; an int64 comes back.

    A caller that is given its callee in this way is compiled and cached without it.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, packed = arguments
        values = []
        for i, type_ in enumerate(signature.args[1].types):
            value = builder.extract_value(packed, i)
            if isinstance(type_, types.Array):
                value = context.make_array(type_)(context, builder, value).data
            values.append(value)
        type_ = ir.FunctionType(_I64, [value.type for value in values])
        return builder.call(builder.inttoptr(address, ir.PointerType(type_)), values)

    return types.int64(types.int64, arguments), generate


@intrinsic
def call_kernel(typing: Any, address: Any, arguments: Any) -> tuple[Any, Callable[..., Any]]:
    """Calls the compiled kernel (`njit`) at an address with a tuple of arguments, whose types are
    those that it was compiled for; an int64 comes back. See `kernel_address`.

    As with `call_address`, the caller is compiled without it. Raises MemoryError, the one error
    that kernels have.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, packed = arguments
        expected = signature.args[1].types
        type_ = context.call_conv.get_function_type(types.int64, expected)
        kernel = builder.inttoptr(address, ir.PointerType(type_))
        result, error = (cgutils.alloca_once(builder, slot.pointee) for slot in type_.args[:2])
        values = cgutils.unpack_tuple(builder, packed, len(expected))
        flat = context.get_arg_packer(expected).as_arguments(builder, values)
        status = builder.call(kernel, [result, error, *flat])
        with cgutils.if_unlikely(builder, cgutils.is_not_null(builder, status)):
            context.call_conv.return_user_exc(builder, MemoryError, ())
        return builder.load(result)

    return types.int64(types.int64, arguments), generate


def kernel_address(kernel: Any, *arguments: Any) -> int:
    """Where a kernel (`njit`) lies, compiled for arguments of these numba types."""
    signature = types.int64(*arguments)
    kernel.compile(signature)
    compiled = kernel.overloads[signature.args]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
