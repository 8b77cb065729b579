"""Text from token ids as they come, never half a character."""

import codecs
from typing import Protocol


class HasTokenBytes(Protocol):
    """What streaming needs of a tokenizer."""

    def token_bytes(self, id_: int, /) -> bytes: ...


class StreamDecoder:
    """Turns ids into text one by one; all that it gives out, joined, is `decode` of all ids.

    A character whose bytes are spread over several tokens appears with the last of them. Bytes
    that are no UTF-8 appear as U+FFFD as soon as that is certain. With `drops_first_space` a space
    at the very beginning is left out.
    """

    def __init__(self, tokenizer: HasTokenBytes, *, drops_first_space: bool = False):
        self._tokenizer = tokenizer
        self._drops_space = drops_first_space
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id_: int) -> str:
        """The text that becomes certain with this id, often a whole token, sometimes nothing."""
        data = self._tokenizer.token_bytes(id_)
        if data and self._drops_space:
            data, self._drops_space = data.removeprefix(b" "), False
        return self._utf8.decode(data)

    def flush(self) -> str:
        """What remains at the end: U+FFFD for a character left unfinished, else nothing."""
        return self._utf8.decode(b"", final=True)
