"""Classes of 64 bytes at a time as bit masks, bit k for byte k, by LLVM's vectors."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from textus.tokenizer.native import intrinsic

_BITS = ir.IntType(64)
_BYTES = ir.VectorType(ir.IntType(8), 64)


class _Vector:
    """64 bytes; comparisons with constants give 64 truth values."""

    def __init__(self, builder: Any, pointer: Any, index: Any):
        address = builder.bitcast(builder.gep(pointer, [index]), ir.PointerType(_BYTES))
        self.builder = builder
        self.value = builder.load(address)
        self.value.align = 1

    def between(self, first: int, last: int) -> Any:
        """Whether bytes are from `first` to `last`."""
        shifted = self.builder.sub(self.value, _splat(first))
        return self.builder.icmp_unsigned("<=", shifted, _splat(last - first))

    def equal(self, byte: int) -> Any:
        """Whether bytes are equal to `byte`."""
        return self.builder.icmp_unsigned("==", self.value, _splat(byte))


def _splat(byte: int) -> ir.Constant:
    return ir.Constant(_BYTES, [byte] * 64)


@intrinsic
def ascii_masks(typing: Any, data: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Masks of the 64 bytes behind a pointer from `index` on: upper-case and lower-case letters,
    digits, white space, newlines (CR and LF), spaces, apostrophes, slashes, bytes of characters
    that are not ASCII, and of these the ones behind the first of their character."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _Vector(builder, arguments[0], arguments[1])
        space = vector.equal(ord(" "))
        masks = [
            vector.between(ord("A"), ord("Z")),
            vector.between(ord("a"), ord("z")),
            vector.between(ord("0"), ord("9")),
            builder.or_(space, vector.between(0x09, 0x0D)),
            builder.or_(vector.equal(0x0A), vector.equal(0x0D)),
            space,
            vector.equal(ord("'")),
            vector.equal(ord("/")),
            vector.between(0x80, 0xFF),
            vector.between(0x80, 0xBF),
        ]
        masks = [builder.bitcast(truths, _BITS) for truths in masks]
        return context.make_tuple(builder, signature.return_type, masks)

    return types.UniTuple(types.uint64, 10)(data, types.intp), generate


@intrinsic
def letter_masks(typing: Any, data: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Masks of the first bytes of letters beyond ASCII, of those scripts where two bytes tell:
    upper case, lower case, without case, and of a case that two bytes do not tell.

    The 64 bytes are those behind a pointer from `index` on. Other letters are in none of them.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = _Vector(builder, arguments[0], arguments[1])
        second = _Vector(builder, arguments[0], builder.add(arguments[1], _BITS(1)))

        def pair(byte: int, low: int, high: int, *but: int) -> Any:
            """Whether there is `byte` and behind it one from `low` to `high` except `but`."""
            truths = builder.and_(first.equal(byte), second.between(low, high))
            for exception in but:
                truths = builder.and_(truths, builder.not_(second.equal(exception)))
            return truths

        def either(group: list[Any]) -> Any:
            total = group[0]
            for truths in group[1:]:
                total = builder.or_(total, truths)
            return total

        upper = [pair(0xC3, 0x80, 0x9E, 0x97), pair(0xCE, 0x91, 0xAB, 0xA2)]
        upper += [pair(0xD0, 0x80, 0xAF)]
        lower = [pair(0xC3, 0x9F, 0xBF, 0xB7), pair(0xCE, 0xAC, 0xBF), pair(0xCF, 0x80, 0x8E)]
        lower += [pair(0xD0, 0xB0, 0xBF), pair(0xD1, 0x80, 0x9F)]
        neither = [pair(0xD7, 0x90, 0xAA), pair(0xD8, 0xA0, 0xBF), pair(0xD9, 0x80, 0x8A)]
        neither += [pair(0xE4, 0x80, 0xBF, 0xB7), first.between(0xE5, 0xE9)]
        neither += [pair(0xEA, 0xB0, 0xBF), first.between(0xEB, 0xEC), pair(0xED, 0x80, 0x9D)]
        unclear = [first.between(0xC4, 0xC9), pair(0xD1, 0xA0, 0xBF)]
        groups = (upper, lower, neither, unclear)
        masks = [builder.bitcast(either(group), _BITS) for group in groups]
        return context.make_tuple(builder, signature.return_type, masks)

    return types.UniTuple(types.uint64, 4)(data, types.intp), generate
