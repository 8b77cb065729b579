"""What decides every id: the tokens, and how text becomes a row of them.

Text goes through the same four steps in every tokenizer, each a part that can be named and saved:

    normalizer    text to text: nothing, Unicode's form C, BERT's lower-casing, SentencePiece's
    splitter      text to words, which no token crosses
    model         a word to ids: merges (BPE), longest match (WordPiece), likeliest cut (Unigram)
    tokens        ids to bytes, the way back
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from textus.errors import DataError
from textus.tokenizer.ids import check_ids
from textus.tokenizer.special import NameRule


class Normalizer(Protocol):
    """Changes a text before it is cut into words; a frozen dataclass."""

    def __call__(self, text: str, /) -> str: ...


class Splitter(Protocol):
    """Cuts a text into words; joined they are the text again. A frozen dataclass."""

    def split(self, text: str, /) -> list[str]: ...


class Model(Protocol):
    """Cuts a word, given in UTF-8, into the ids of tokens. A frozen dataclass.

    `encode_word` is the slow, obvious way, in plain Python; the kernels that do the same are in the
    file `kernels.py` beside each model.
    """

    @property
    def unknown(self) -> int | None:
        """The id that stands for what cannot be spelt; None where everything can be."""
        ...

    def encode_word(self, word: bytes, /) -> list[int]: ...

    def spelling_ids(self) -> Collection[int]:
        """Every id that words are spelt with, that is all but `unknown`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Definition:
    """All that a tokenizer's files hold; DataError where its parts contradict one another."""

    tokens: tuple[bytes, ...]
    """The bytes of text that each id stands for; for a special or added token its name in UTF-8,
    and nothing for an id that no token has."""

    model: Model
    """How a word is cut."""

    splitter: Splitter
    """How a text is cut into words."""

    normalizer: Normalizer | None = None
    """What happens to a text first; None: nothing."""

    special_tokens: Mapping[str, int] = field(default_factory=dict)
    """Ids of the control tokens by name: never produced from text unless asked for by name."""

    added_tokens: Mapping[str, int] = field(default_factory=dict)
    """Ids of ordinary tokens by name that are looked for in the text before anything else."""

    name_rules: Mapping[str, NameRule] = field(default_factory=dict)
    """What may stand around the names of special and added tokens; by default, anything."""

    token_roles: Mapping[str, str] = field(default_factory=dict)
    """Names of special tokens by what chat templates call them: bos_token, pad_token, ..."""

    end_of_text: str | None = None
    """Name of the special token that ends every document; None where the tokenizer has none."""

    drops_first_space: bool = False
    """Whether a space at the very beginning of decoded text belongs to the spelling, not the text
    (BERT's words, SentencePiece's dummy prefix)."""

    chat_template: str | None = None
    """A Jinja template that turns a conversation into text."""

    def __post_init__(self) -> None:
        if both := self.special_tokens.keys() & self.added_tokens.keys():
            raise DataError(f"the tokens {sorted(both)[:8]} are both special and added ones")
        named = {**self.special_tokens, **self.added_tokens}
        if "" in named:
            raise DataError(f"the special or added token with the id {named['']} has an empty name")
        size = len(self.tokens)
        check_ids(named.values(), what="the ids of special and added tokens", size=size)
        self._check_model()
        if self.end_of_text is not None and self.end_of_text not in self.special_tokens:
            raise DataError(f"the end of text {self.end_of_text!r} is no special token")
        if not isinstance(self.chat_template, str | None):
            raise DataError(f"the chat template {self.chat_template!r} is no text")

    def _check_model(self) -> None:
        """Special tokens must not come from text, but for an unknown one."""
        size, spelling = len(self.tokens), self.model.spelling_ids()
        for id_ in (max(spelling, default=-1), self.model.unknown):
            if id_ is not None and id_ >= size:
                raise DataError(
                    f"the model has the id {id_}, outside the vocabulary of {size} tokens"
                )
        if both := self.special_ids().intersection(spelling):
            names = [name for name, id_ in self.special_tokens.items() if id_ in both]
            raise DataError(f"the special tokens {names[:8]} are also pieces of words")

    def special_ids(self) -> frozenset[int]:
        """The ids of the special tokens."""
        return frozenset(self.special_tokens.values())
