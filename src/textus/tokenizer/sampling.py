"""Random cuts of a text, for training: each time another one, the same for the same seed."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random

from textus.errors import DataError
from textus.tokenizer.bpe.dropout import cut_with_dropout
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Model
from textus.tokenizer.unigram.model import Arrivals, Unigram

_MAX_WORDS = 1 << 14
_MAX_CACHED_LENGTH = 32


class Sampler:
    """Cuts words at random by a model; what drawing needs of a frequent word is kept."""

    def __init__(self, model: Model):
        self._model = model
        self._arrivals: dict[tuple[bytes, float], list[Arrivals]] = {}

    def ids(
        self, words: Sequence[str | int], *, seed: int, dropout: float, alpha: float
    ) -> list[int]:
        """The ids of words, each cut at random; an int among them is an id and stays.

        `dropout` is for BPE, `alpha` for Unigram, as in `Tokenizer.encode_sampled`; the other one
        must be 0, else DataError.
        """
        random = Random(_seed_of(words, seed))
        model = self._model
        ids: list[int] = []
        for word in words:
            if isinstance(word, int):
                ids.append(word)
            elif isinstance(model, Merges) and not alpha:
                ids += cut_with_dropout(model, word.encode(), dropout=dropout, random=random)
            elif isinstance(model, Unigram) and not dropout:
                ids += self._draw(model, word.encode(), alpha, random)
            else:
                raise DataError(
                    f"encode_sampled with dropout={dropout} and alpha={alpha} is not for a model "
                    f"of the kind {type(model).__name__}; give dropout for BPE and alpha for "
                    "Unigram."
                )
        return ids

    def _draw(self, model: Unigram, word: bytes, alpha: float, random: Random) -> list[int]:
        if len(word) > _MAX_CACHED_LENGTH:
            return model.sample_word(word, alpha=alpha, random=random)
        arrivals = self._arrivals.get((word, alpha))
        if arrivals is None:
            if len(self._arrivals) >= _MAX_WORDS:
                self._arrivals.clear()
            arrivals = self._arrivals[word, alpha] = model.arrivals(word, alpha=alpha)
        return model.draw(word, arrivals, random)


def _seed_of(words: Sequence[str | int], seed: int) -> int:
    """Texts encoded with one seed are cut independently of one another, whatever their order."""
    digest = blake2b(str(seed).encode(), digest_size=16)
    for word in words:
        digest.update(b"\0" + str(word).encode())
    return int.from_bytes(digest.digest(), "big")
