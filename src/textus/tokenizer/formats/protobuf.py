"""Reads and writes the wire format of Protocol Buffers: fields by number, without their names.

A field is a key, number * 8 + type, and a value. Three types occur here: 0, an integer of seven
bits a byte, the lowest first; 2, a number of bytes and the bytes; 5, four bytes.
"""

import struct
from collections.abc import Iterator

from textus.errors import DataError

Value = int | bytes
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in order: number and value, an integer or bytes.

    Raises DataError where the message is cut off or no message.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        type_ = key & 7
        if type_ == VARINT:
            value, at = _read_varint(message, at)
            yield key >> 3, value
            continue
        if type_ == BYTES:
            size, at = _read_varint(message, at)
        elif type_ in (FIXED32, FIXED64):
            size = 4 if type_ == FIXED32 else 8
        else:
            raise DataError(f"byte {at} begins a field of the unknown type {type_}")
        if at + size > len(message):
            raise DataError(
                f"the field at byte {at} has {size} bytes, {len(message) - at} are left"
            )
        yield key >> 3, message[at : at + size]
        at += size


def write_varint(number: int, value: int) -> bytes:
    """A field that is an integer of at least 0."""
    return _varint(number << 3 | VARINT) + _varint(value)


def write_bytes(number: int, value: bytes) -> bytes:
    """A field that is bytes, a text in UTF-8, or another message."""
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def write_float(number: int, value: float) -> bytes:
    """A field that is a number in single precision."""
    return _varint(number << 3 | FIXED32) + struct.pack("<f", value)


def to_float(value: bytes) -> float:
    """The number in single precision that a field of four bytes holds."""
    return struct.unpack("<f", value)[0]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if shift > 70:
            raise DataError(f"the number that ends before byte {at} has more than ten bytes")
        if byte < 0x80:
            return value, at
    raise DataError("the message ends within a number")
