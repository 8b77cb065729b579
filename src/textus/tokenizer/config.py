"""Settings of the tokenizer stage, one class for each algorithm."""

from dataclasses import dataclass
from typing import Literal

from textus.errors import RecipeError
from textus.tokenizer.split.patterns import check_pattern, splits_into_several
from textus.tokenizer.value_types import check_types

NUM_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Base of the tokenizers that a recipe can name: what all of them share."""

    default_kind = "bpe"

    vocab_size: int = 8192
    """Tokens in all: the special ones, the bytes and the learnt pieces. A text too small to yield
    as many gives a smaller vocabulary."""

    special_tokens: tuple[str, ...] = ("<|endoftext|>",)
    """Control tokens, never produced from ordinary text. The first one ends every document."""

    pattern: str = "llama3"
    """How text is cut into words, which tokens never cross: gpt2, cl100k, o200k, llama3, qwen2,
    digits (numbers in threes from the right), spaces (SentencePiece's), none, or a regular
    expression of your own."""

    normalizer: Literal["none", "nfc"] = "none"
    """nfc: composes characters before anything else (Unicode's form C), so that what comes back
    from the ids is the composed text; none: every text comes back as it was."""

    training_bytes: int | None = 200_000_000
    """Pieces are learnt from a sample of whole documents of about this many bytes, drawn by the
    hash of their text, so independent of their order; none: from everything."""

    training_memory: int = 2_000_000_000
    """Bytes that the counted words may take while they are counted and while pieces are learnt from
    them: 16 for each byte of a different word and 16 more. What takes more while it is counted
    waits on disk; where the words do, the rarest are left out, all of one count together. Beyond
    it come the documents at hand, some megabytes for each thread, and what grows with vocab_size
    alone, about a kilobyte for each token."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {
            "bpe": BPEConfig,
            "wordpiece": WordPieceConfig,
            "unigram": UnigramConfig,
            "bytes": BytesConfig,
        }

    def __post_init__(self) -> None:
        check_types(self)
        self._check_special_tokens()
        check_pattern(self.pattern)
        smallest = self.smallest_vocabulary()
        if self.vocab_size < smallest:
            raise RecipeError(
                f"vocab_size={self.vocab_size} has no room for the "
                f"{smallest - len(self.special_tokens)} tokens that spell any text and "
                f"{len(self.special_tokens)} special tokens; use at least {smallest}."
            )
        if self.training_bytes is not None and self.training_bytes < 1:
            raise RecipeError(
                f"training_bytes={self.training_bytes} is below 1; use 1 or more, or none."
            )
        if self.training_memory < 1_000_000:
            raise RecipeError(
                f"training_memory={self.training_memory} is below a megabyte; use 1000000 or more."
            )

    def smallest_vocabulary(self) -> int:
        """How many tokens there are before the first one is learnt."""
        return NUM_BYTES + len(self.special_tokens)

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
            if not splits_into_several(token):
                raise RecipeError(
                    f"special_tokens holds {token!r}, which is a single word of ordinary text; use "
                    f"something no text contains, such as '<|{token.strip('<|>') or 'name'}|>'."
                )


@dataclass(frozen=True, kw_only=True)
class BPEConfig(TokenizerConfig):
    """Byte-level byte-pair encoding (Sennrich et al. 2016, Radford et al. 2019)."""

    min_frequency: int = 2
    """A pair of tokens must occur this often to be merged."""

    superwords: int = 0
    """So many of the last tokens may span up to four words (SuperBPE, Liu et al. 2025): 0 is plain
    BPE. They are the most frequent pairs of text that is no longer cut into words, only at numbers,
    in training as in encoding; so some of them still lie within a word. Words are here what white
    space parts."""

    dropout: float = 0.0
    """Each merge is left out with this probability when training documents are encoded
    (BPE-dropout, Provilkov et al. 2020); held-out text is always encoded in full."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_frequency < 1:
            raise RecipeError(f"min_frequency={self.min_frequency} is below 1; use 1 or more.")
        room = self.vocab_size - self.smallest_vocabulary()
        if not 0 <= self.superwords <= room:
            raise RecipeError(
                f"superwords={self.superwords} must be from 0 to {room}, the tokens there are to "
                "learn."
            )
        if not 0 <= self.dropout < 1:
            raise RecipeError(f"dropout={self.dropout} must be from 0 to below 1.")


@dataclass(frozen=True, kw_only=True)
class WordPieceConfig(TokenizerConfig):
    """WordPiece (Schuster and Nakajima 2012, Devlin et al. 2019): longest match first."""

    criterion: Literal["frequency", "likelihood"] = "frequency"
    """Which pair is merged next: the most frequent, as Hugging Face's trainer does; or the one
    with the highest count(ab) / (count(a) count(b)), which raises the likelihood of the text most
    for each place it takes, as the original did. The latter takes to rare pairs: give it a
    min_frequency of some 20 for each megabyte of text."""

    min_frequency: int = 2
    """A pair of pieces must occur this often to be merged."""

    form: Literal["bytes", "bert"] = "bytes"
    """bytes: over bytes, so that every text comes back. bert: BERT's own, which lower-cases, drops
    white space and accents, and writes [UNK] for what it does not know; its text does not come
    back, so no GPT should be trained on it."""

    def smallest_vocabulary(self) -> int:
        """Each byte begins a word in one token and goes on with it in another; or BERT's [UNK]."""
        return len(self.special_tokens) + (2 * NUM_BYTES if self.form == "bytes" else 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_frequency < 1:
            raise RecipeError(f"min_frequency={self.min_frequency} is below 1; use 1 or more.")


@dataclass(frozen=True, kw_only=True)
class UnigramConfig(TokenizerConfig):
    """The unigram language model (Kudo 2018): pieces with probabilities, the likeliest cut."""

    alphabet: Literal["bytes", "characters"] = "bytes"
    """bytes: pieces of bytes within the words of `pattern`. characters: SentencePiece's form, whose
    pieces are whole characters within words that begin with a space; what it does not know is
    spelt in bytes."""

    character_coverage: float = 0.9995
    """With alphabet characters: the share of the text's characters that become pieces."""

    max_piece_length: int = 16
    """Longest piece, in characters (or bytes)."""

    shrinking_factor: float = 0.75
    """Share of the pieces that each round of pruning keeps."""

    em_iterations: int = 2
    """Rounds of expectation and maximisation between two prunings."""

    sampling: float = 0.0
    """Training documents are encoded by a random cut, drawn with this exponent of its probability
    (subword regularisation), above 0 to 1; 0: by the likeliest cut. Held-out text always is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, low, high in (
            ("character_coverage", self.character_coverage, 0.5, 1.0),
            ("max_piece_length", self.max_piece_length, 1, 256),
            ("shrinking_factor", self.shrinking_factor, 0.1, 0.95),
            ("em_iterations", self.em_iterations, 1, 100),
            ("sampling", self.sampling, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise RecipeError(f"{name}={value} must be from {low} to {high}.")


@dataclass(frozen=True, kw_only=True)
class BytesConfig(TokenizerConfig):
    """One token for each byte: nothing is learnt, nothing can be unknown."""

    vocab_size: int = NUM_BYTES + 1
    """Tokens in all: exactly the special ones and the 256 bytes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vocab_size != self.smallest_vocabulary():
            raise RecipeError(
                f"vocab_size={self.vocab_size}: a tokenizer of bytes has exactly "
                f"{self.smallest_vocabulary()} tokens."
            )
