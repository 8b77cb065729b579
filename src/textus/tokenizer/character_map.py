"""The table with which SentencePiece replaces characters before anything else.

A file holds it as one block: the size of a trie in bytes (uint32), the trie, and the replacements,
each ended by a zero byte. The trie is a double array as Darts-clone lays it out, one uint32 for
each unit, and maps the UTF-8 of a character or sequence to the place of its replacement.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from textus.errors import DataError

_SIZE_BYTES = 4
_LABEL = 0x800000FF  # the highest bit marks a unit that holds a value, which no byte leads to
_HAS_VALUE = 1 << 8
_VALUE = 0x7FFFFFFF
_IS_VALUE = 0x80000000


@dataclass(frozen=True, kw_only=True)
class CharacterMap:
    """Replaces, from left to right, always the longest sequence that the table has."""

    block: bytes
    """The table as SentencePiece's files hold it, `precompiled_charsmap`."""

    def __post_init__(self) -> None:
        end = _SIZE_BYTES + int.from_bytes(self.block[:_SIZE_BYTES], "little")
        if end % 4 or not _SIZE_BYTES < end < len(self.block):
            raise DataError(
                f"the table of characters has {len(self.block)} bytes, but its trie should end at "
                f"{end}"
            )
        self._check_places()
        self._check_replacements(self.block[end:])

    def _check_places(self) -> None:
        """DataError where a unit of the trie leads to a value that is none."""
        units = self._unit_array
        places = np.flatnonzero((units & _HAS_VALUE != 0) & (units < _IS_VALUE))
        reached = units[places]
        values = places ^ ((reached >> 10) << ((reached & 1 << 9) >> 6))
        lost = values >= len(units)
        lost[~lost] = units[values[~lost]] < _IS_VALUE
        if lost.any():
            raise DataError(
                f"the table of characters is damaged: the unit {places[lost][0]} of its trie leads "
                f"to no value at {values[lost][0]}"
            )

    def _check_replacements(self, texts: bytes) -> None:
        """DataError where a value is not the place of a text in UTF-8 that ends."""
        units = self._unit_array
        places = units[units >= _IS_VALUE] & _VALUE
        beyond = places[places >= len(texts)]
        if len(beyond) or not texts.endswith(b"\0"):
            raise DataError(
                f"the table of characters is damaged: of its {len(texts)} bytes of replacements "
                f"the one at {max(beyond, default=len(texts))} does not end"
            )
        try:
            texts.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"the replacements in the table of characters are not UTF-8 at byte {error.start}"
            ) from error
        within = places[np.frombuffer(texts, dtype=np.uint8)[places] & 0xC0 == 0x80]
        if len(within):
            raise DataError(
                f"the table of characters is damaged: a replacement begins at {within[0]}, within "
                "a character"
            )

    def __call__(self, text: str, /) -> str:
        return "".join(replacement for _, replacement in self.replacements(text))

    def replacements(self, text: str, /) -> Iterator[tuple[int, str]]:
        """Cuts `text` into sequences: for each its length and what takes its place."""
        start = 0
        while start < len(text):
            step = self.longest(text, start)
            yield step
            start += step[0]

    def longest(self, text: str, start: int, /) -> tuple[int, str]:
        """The length of the longest sequence at `start` that the table has, and its replacement;
        (1, the character itself) where it has none."""
        character = text[start]
        node = self._nodes.get(character)
        if node is None:
            node = self._nodes[character] = self._step(0, character)
        length, best = 1, node[1]
        end = start + 1
        while node[0] and end < len(text):
            node = self._step(node[0], text[end])
            end += 1
            if node[1] is not None:
                length, best = end - start, node[1]
        return length, character if best is None else best

    @cached_property
    def _nodes(self) -> dict[str, tuple[int, str | None]]:
        """For characters that were met at the beginning of a sequence: what `_step` said."""
        return {}

    @cached_property
    def _units(self) -> list[int]:
        return self._unit_array.tolist()

    @property
    def _unit_array(self) -> np.ndarray:
        """The trie, int64."""
        size = int.from_bytes(self.block[:_SIZE_BYTES], "little")
        units = np.frombuffer(self.block, dtype="<u4", count=size // 4, offset=_SIZE_BYTES)
        return units.astype(np.int64)

    def _step(self, node: int, character: str) -> tuple[int, str | None]:
        """Goes from a node (0: the root) along a character: the node reached, 0 for none, and the
        replacement that ends there."""
        units = self._units
        node = node or _offset(units[0])
        unit = 0
        for byte in character.encode():
            node ^= byte
            if node >= len(units) or units[node] & _LABEL != byte:
                return 0, None
            unit = units[node]
            node ^= _offset(unit)
        return node, self._replacement(units[node] & _VALUE) if unit & _HAS_VALUE else None

    def _replacement(self, place: int) -> str:
        start = _SIZE_BYTES + 4 * len(self._units) + place
        return self.block[start : self.block.index(0, start)].decode()


def _offset(unit: int) -> int:
    """How far a unit's children are away, as a number to be combined by exclusive or."""
    return (unit >> 10) << ((unit & 1 << 9) >> 6)
