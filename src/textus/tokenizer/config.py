"""Settings of the tokenizer stage."""

from dataclasses import dataclass

from textus.errors import RecipeError
from textus.tokenizer.pretokenize import split_words

NUM_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """How the byte-level BPE vocabulary is learnt."""

    vocab_size: int = 8192
    """Tokens in all: the special ones, the 256 bytes and the learnt merges. A text too small to
    yield as many merges gives a smaller vocabulary."""

    special_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """Control tokens, never produced from ordinary text. The first one ends every document."""

    min_frequency: int = 2
    """A pair of tokens must occur this often to be merged."""

    training_bytes: int | None = 200_000_000
    """Merges are learnt from a sample of whole documents of about this many bytes, drawn by the
    hash of their text, so independent of their order; none: from everything."""

    def __post_init__(self) -> None:
        self._check_special_tokens()
        smallest = NUM_BYTES + len(self.special_tokens)
        if self.vocab_size < smallest:
            raise RecipeError(
                f"vocab_size={self.vocab_size} has no room for {NUM_BYTES} bytes and "
                f"{len(self.special_tokens)} special tokens; use at least {smallest}."
            )
        if self.min_frequency < 1:
            raise RecipeError(f"min_frequency={self.min_frequency} is below 1; use 1 or more.")
        if self.training_bytes is not None and self.training_bytes < 1:
            raise RecipeError(
                f"training_bytes={self.training_bytes} is below 1; use 1 or more, or none."
            )

    def _check_special_tokens(self) -> None:
        given = self.special_tokens
        if not given:
            raise RecipeError(
                "special_tokens=() is empty; the first special token ends every document: "
                'use for example ("<|endoftext|>",).'
            )
        if "" in given or len(set(given)) < len(given):
            raise RecipeError(
                f"special_tokens={given} has an empty or a repeated name; give each once."
            )
        for token in given:
            # a word by itself could also be learnt as an ordinary token
            if len(split_words(token)) < 2:
                raise RecipeError(
                    f"special_tokens holds {token!r}, which is a single word of ordinary text; use "
                    f"something no text contains, such as '<|{token.strip('<|>') or 'name'}|>'."
                )
