"""The ids of words in plain Python, each distinct word worked out once as far as memory allows."""

from textus.tokenizer.definition import Model

_MAX_WORDS = 1 << 17
_MAX_CACHED_LENGTH = 64


class WordIds(dict[str, list[int]]):
    """The ids of words, worked out when first asked for and kept.

    Memory is bounded: long words are not kept, and when too many are, all are forgotten.
    """

    def __init__(self, model: Model):
        super().__init__()
        self._model = model

    def __missing__(self, word: str) -> list[int]:
        ids = self._model.encode_word(word.encode())
        if len(word) <= _MAX_CACHED_LENGTH:
            if len(self) >= _MAX_WORDS:
                self.clear()
            self[word] = ids
        return ids

    def __reduce__(self) -> tuple[type["WordIds"], tuple[Model]]:
        return WordIds, (self._model,)  # the words kept so far need not travel to other processes
