"""Text from token ids as they come, never half a character."""

import codecs
from typing import Protocol


class HasTokenBytes(Protocol):
    """What streaming needs of a tokenizer."""

    def token_bytes(self, id_: int, /) -> bytes: ...


class StreamDecoder:
    """Turns ids into text one by one; all that it gives out, joined, is `decode` of all ids.

    A character whose bytes are spread over several tokens appears with the last of them. Bytes
    that are no UTF-8 appear as U+FFFD as soon as that is certain.
    """

    def __init__(self, tokenizer: HasTokenBytes):
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id_: int) -> str:
        """The text that becomes certain with this id, often a whole token, sometimes nothing."""
        return self._utf8.decode(self._tokenizer.token_bytes(id_))

    def flush(self) -> str:
        """What remains at the end: U+FFFD for a character left unfinished, else nothing."""
        return self._utf8.decode(b"", final=True)
