"""The tokenizer: text to ids and ids to text."""

import re
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from textus.errors import DataError
from textus.text import replace_surrogates
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.tokenizer_json import read_tokenizer, write_tokenizer
from textus.tokenizer.stream import StreamDecoder
from textus.tokenizer.word_ids import WordIds


class Tokenizer:
    """Text to ids and back, as a definition says.

    Every text comes back from its ids, `decode(encode(text)) == text`, unless a normalizer changes
    it first. Lone surrogates, which are no Unicode text, are encoded as U+FFFD. Special tokens come
    from `encode` only where they are asked for: text that looks like one is text.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.special_tokens = dict(definition.special_tokens)
        self._word_ids = WordIds(definition.model)

    @property
    def vocab_size(self) -> int:
        """Number of ids, special ones included."""
        return len(self.definition.tokens)

    @property
    def end_of_text(self) -> int:
        """The id that ends every document; raises DataError where the tokenizer has none."""
        name = self.definition.end_of_text
        if name is None:
            raise DataError(
                "This tokenizer has no token that ends a document; name one of its special tokens "
                f"{list(self.special_tokens)} as end_of_text in its definition."
            )
        return self.special_tokens[name]

    def encode(
        self, text: str, *, allowed_special: Literal["all"] | Collection[str] = ()
    ) -> list[int]:
        """The ids of `text`.

        The names in `allowed_special` ("all": every one) become special tokens where they stand in
        the text, the longest first; other names stay ordinary text. Raises DataError for a name
        that is no special token.
        """
        text = replace_surrogates(text)
        if not allowed_special:
            return self._encode_ordinary(text)
        names = list(self.special_tokens) if allowed_special == "all" else list(allowed_special)
        self._check_names(names)
        names.sort(key=len, reverse=True)
        parts = re.split("(" + "|".join(map(re.escape, names)) + ")", text)
        ids = self._encode_ordinary(parts[0])
        for name, part in zip(parts[1::2], parts[2::2], strict=True):
            ids.append(self.special_tokens[name])
            ids += self._encode_ordinary(part)
        return ids

    def encode_batch(self, texts: Iterable[str]) -> list[np.ndarray]:
        """The ids of each text as an array of uint32; special tokens are not looked for."""
        return [np.array(self.encode(text), dtype=np.uint32) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, special tokens by name; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of `ids`, exactly; raises DataError for an id outside the vocabulary."""
        return b"".join(map(self.token_bytes, ids))

    def token_bytes(self, id_: int, /) -> bytes:
        """The bytes of one token; raises DataError for an id outside the vocabulary."""
        if not 0 <= id_ < self.vocab_size:
            raise DataError(
                f"Token id {id_} is not in the vocabulary; ids go from 0 to {self.vocab_size - 1}."
            )
        return self.definition.tokens[id_]

    def byte_lengths(self) -> np.ndarray:
        """How many bytes of text each id stands for, int32 (vocab_size,); 0 for special tokens."""
        lengths = np.array([len(token) for token in self.definition.tokens], dtype=np.int32)
        lengths[list(self.special_tokens.values())] = 0
        return lengths

    def pieces(self, text: str) -> list[bytes]:
        """The tokens of `text` as bytes, for showing how it is cut."""
        return [self.token_bytes(id_) for id_ in self.encode(text)]

    @property
    def merges(self) -> list[tuple[bytes, bytes]]:
        """The bytes of the pairs that are joined, in the order in which they were learnt; none
        where the algorithm is not BPE."""
        tokens, model = self.definition.tokens, self.definition.model
        pairs = model.merges if isinstance(model, Merges) else ()
        return [(tokens[left], tokens[right]) for left, right in pairs]

    def stream(self) -> StreamDecoder:
        """A decoder for ids that come one by one."""
        return StreamDecoder(self)

    def save(self, folder: Path) -> None:
        """Writes tokenizer.json and tokenizer_config.json; Hugging Face's libraries load them."""
        write_tokenizer(self.definition, folder)

    @classmethod
    def load(cls, folder: Path) -> "Tokenizer":
        """Reads what `save` wrote; raises DataError naming the file that is missing or broken."""
        return cls(read_tokenizer(folder))

    def _encode_ordinary(self, text: str) -> list[int]:
        return list(
            chain.from_iterable(
                map(self._word_ids.__getitem__, self.definition.splitter.split(text))
            )
        )

    def _check_names(self, names: list[str]) -> None:
        unknown = [name for name in names if name not in self.special_tokens]
        if unknown:
            raise DataError(
                f"allowed_special names {unknown[:8]}, no special tokens of this tokenizer; "
                f'use "all" or a collection of {list(self.special_tokens)}.'
            )
