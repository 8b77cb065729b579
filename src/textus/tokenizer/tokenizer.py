"""The tokenizer: text to ids and ids to text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from textus.errors import DataError
from textus.text import replace_surrogates
from textus.text_array import TextArray
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition, Normalizer
from textus.tokenizer.formats.files import (
    holds_any_tokenizer,
    read_definition,
    write_definition,
)
from textus.tokenizer.kinds import kind_of
from textus.tokenizer.normalize import after_token
from textus.tokenizer.offsets import offsets_of
from textus.tokenizer.ordinary import OrdinaryText
from textus.tokenizer.sampling import Sampler, Sampling
from textus.tokenizer.special import Allowed, NameFinder, Stretch, allowed_names, refuse_names
from textus.tokenizer.stream import StreamDecoder
from textus.tokenizer.texts import check_text, check_texts
from textus.tokenizer.threads import check_threads
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.unigram.nbest import best_cuts

EncodeBatch = Callable[[list[str]], tuple[np.ndarray, np.ndarray]]
"""Ordinary texts to all their ids, and the offsets between which each text's lie."""

_BATCH_CHARACTERS = 1 << 25  # what encode_batch hands to the engine at once


class Tokenizer:
    """Text to ids and back, as a definition says.

    Every text comes back from its ids, `decode(encode(text)) == text`, unless a normalizer changes
    it first. Lone surrogates, which are no Unicode text, are encoded as U+FFFD. Special tokens come
    from `encode` only where they are asked for: text that looks like one is text. What a
    tokenizer's files would add around a text ([CLS] ... [SEP], <s>) is not added.
    """

    def __init__(self, definition: Definition):
        self.definition = definition
        self.special_tokens = dict(definition.special_tokens)
        self._ordinary = OrdinaryText(definition)
        self._sampler = Sampler(definition)
        self._finders: dict[frozenset[str], NameFinder] = {}
        self._after_token = after_token(definition.normalizer)

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
                f"{list(self.special_tokens)[:32]} as end_of_text in its definition."
            )
        return self.special_tokens[name]

    def encode(
        self, text: str, *, allowed_special: Allowed = (), disallowed_special: Allowed = ()
    ) -> list[int]:
        """The ids of `text`.

        The names in `allowed_special` ("all": every one) become special tokens where they stand in
        the text, the longest first. A name in `disallowed_special` ("all": every one that is not
        allowed) raises DataError where it stands in the text. All other names stay ordinary text;
        that is the default for all, while tiktoken's default is `disallowed_special="all"`. Raises
        DataError for an allowed name that is no special token.
        """
        check_text(text)
        ids: list[int] = []
        self._ordinary.prepare(len(text))
        for part in self._parts(text, allowed_special, disallowed_special):
            ids += [part] if isinstance(part, int) else self._ordinary.encode(part)
        return ids

    def encode_batch(self, texts: Iterable[str], *, threads: int | None = None) -> list[np.ndarray]:
        """The ids of each text as an array of uint32; special tokens are not looked for.

        Large batches are encoded by `threads` threads (None: one for each core); the ids are the
        same for any number. Raises DataError for fewer than one thread.
        """
        ids, offsets = self.encode_joined(texts, threads=threads)
        return [ids[a:b] for a, b in pairwise(offsets.tolist())]

    def encode_joined(
        self, texts: Iterable[str], *, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `encode_batch`, in two arrays: all ids, uint32, and int64 offsets, one more than there
        are texts, between which each text's ids lie."""
        check_threads(threads)
        return self._encode_joined(texts, partial(self._ordinary.encode_batch, threads=threads))

    def encode_array(self, texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
        """As `encode_joined`, by the thread that calls; the texts become strings only where a
        normalizer or added tokens ask for that."""
        if self.definition.normalizer is not None or self.definition.added_tokens:
            return self.encode_joined(texts, threads=1)
        return self._ordinary.encode_array(texts)

    def encode_with_offsets(
        self,
        text: str,
        *,
        allowed_special: Allowed = (),
        disallowed_special: Allowed = (),
        barriers: Sequence[int] = (),
    ) -> tuple[list[int], np.ndarray]:
        """The ids of `text`, and from which characters each comes: int64 (number of ids, 2).

        Token i comes from text[offsets[i, 0]:offsets[i, 1]]. A token that holds some of the bytes
        of a character counts all of that character, so that neighbours may overlap. Where a
        normalizer changed the text, a character that it made counts the characters that it was
        made from, and one that it put in counts none. A pair of surrogates counts as the one
        character that it stands for. `barriers`, in ascending order, are places between characters
        that no name of a token may span.
        """
        check_text(text)
        text = replace_surrogates(text)
        ids: list[int] = []
        offsets = [np.empty((0, 2), dtype=np.int64)]
        for stretch in self._stretches(text, allowed_special, disallowed_special, barriers):
            if stretch.id is not None:
                ids.append(stretch.id)
                offsets.append(np.array([[stretch.start, stretch.end]]))
                continue
            part = text[stretch.start : stretch.end]
            normalizer = self._normalizer(stretch)
            found = offsets_of(part, normalizer, self.definition, self._ordinary.encode)
            ids += found.ids
            offsets.append(found.offsets + stretch.start)
        return ids, np.concatenate(offsets)

    def encode_sampled(
        self, text: str, *, seed: int, dropout: float = 0.0, alpha: float = 0.0
    ) -> list[int]:
        """The ids of a random cut of `text`, the same whenever text and seed are the same.

        `dropout` is for BPE: each merge is skipped with this probability (Provilkov et al. 2020).
        `alpha` is for Unigram: a cut is drawn with this power of its probability (Kudo 2018).
        Raises DataError where the tokenizer is of another kind, or a setting is out of its range.
        """
        check_text(text)
        how = Sampling(seed=seed, dropout=dropout, alpha=alpha)
        ids: list[int] = []
        for part in self._parts(text):
            ids += [part] if isinstance(part, int) else self._sampler.encode(part, how)
        return ids

    def encode_sampled_joined(
        self,
        texts: Iterable[str],
        *,
        seed: int,
        dropout: float = 0.0,
        alpha: float = 0.0,
        threads: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of `encode_sampled` for each text, in two arrays as those of `encode_joined`; the
        same for any number of `threads` (None: one for each core)."""
        check_threads(threads)
        how = Sampling(seed=seed, dropout=dropout, alpha=alpha)
        encode = partial(self._sampler.encode_batch, how=how, threads=threads)
        return self._encode_joined(texts, encode)

    def encode_nbest(self, text: str, n: int) -> list[list[int]]:
        """The ids of the `n` likeliest cuts of `text`, or of all if there are fewer, the likeliest,
        which is that of `encode`, first; in plain Python. Raises DataError where the tokenizer is
        not of the kind Unigram, or `n` is below 1."""
        check_text(text)
        model = self.definition.model
        if not isinstance(model, Unigram):
            raise DataError(
                f"encode_nbest is not for a tokenizer of the kind {kind_of(model)}, whose cuts "
                "have no probabilities; use one of the kind unigram."
            )
        if n < 1:
            raise DataError(f"n={n} is below 1; ask for one cut or more.")
        words: list[bytes | int] = []
        for part in self._parts(text):
            if isinstance(part, int):
                words.append(part)
            else:
                words += [word.encode() for word in self.definition.splitter.split(part)]
        return [list(cut.ids) for cut in best_cuts(model, words, n=n)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, special tokens by name; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of `ids`, exactly; raises DataError for an id outside the vocabulary."""
        data = b"".join(map(self.token_bytes, ids))
        return data.removeprefix(b" ") if self.definition.drops_first_space else data

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
        return StreamDecoder(self, drops_first_space=self.definition.drops_first_space)

    def save(self, path: str | Path) -> None:
        """Writes tokenizer.json and tokenizer_config.json, which Hugging Face's libraries load,
        into the folder `path`; or a file of another form, if its name is that of one.

        The names are those of formats/files.py: `x.model`, `x.tiktoken`, `vocab.txt`, `vocab.json`
        (with merges.txt). Such a form is read again before anything appears at `path`; raises
        DataError where it would be another tokenizer, as `textus tokenizer convert` does.
        """
        if holds_any_tokenizer(Path(path)):
            write_definition(self.definition, Path(path))
        else:
            from textus.tokenizer.formats.conversion import convert  # which needs this class

            convert(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Reads what `save` wrote, or a folder or file of another tool; see formats/files.py.

        Raises DataError naming the file that is missing, broken or of an unknown kind.
        """
        return cls(read_definition(Path(path)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.definition == other.definition

    def __hash__(self) -> int:
        return hash(self.definition.tokens)

    def __repr__(self) -> str:
        pattern = getattr(self.definition.splitter, "pattern", None)
        kind = kind_of(self.definition.model)
        return f"Tokenizer(kind={kind!r}, vocab_size={self.vocab_size}, pattern={pattern!r})"

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[Definition]]:
        return type(self), (self.definition,)  # caches need not travel to other processes

    def _parts(
        self, text: str, allowed_special: Allowed = (), disallowed_special: Allowed = ()
    ) -> Iterator[str | int]:
        """A text in order: stretches of ordinary text, normalized, and ids of named tokens."""
        text = replace_surrogates(text)
        for stretch in self._stretches(text, allowed_special, disallowed_special):
            if stretch.id is not None:
                yield stretch.id
            elif (normalizer := self._normalizer(stretch)) is None:
                yield text[stretch.start : stretch.end]
            else:
                yield normalizer(text[stretch.start : stretch.end])

    def _stretches(
        self,
        text: str,
        allowed_special: Allowed,
        disallowed_special: Allowed,
        barriers: Sequence[int] = (),
    ) -> Iterator[Stretch]:
        allowed = allowed_names(self.special_tokens, allowed_special)
        if disallowed_special:
            refuse_names(text, self.special_tokens, disallowed_special, allowed)
        return self._finder(allowed).cut(text, barriers)

    def _normalizer(self, stretch: Stretch) -> Normalizer | None:
        return self.definition.normalizer if stretch.start == 0 else self._after_token

    def _finder(self, allowed: frozenset[str]) -> NameFinder:
        if allowed not in self._finders:
            ids = dict(self.definition.added_tokens)
            ids |= {name: self.special_tokens[name] for name in allowed}
            self._finders[allowed] = NameFinder(ids, self.definition.name_rules)
        return self._finders[allowed]

    def _encode_joined(
        self, texts: Iterable[str], encode: EncodeBatch
    ) -> tuple[np.ndarray, np.ndarray]:
        blocks = [self._encode_block(block, encode) for block in _blocks(texts)]
        ids = [np.empty(0, dtype=np.uint32), *(ids for ids, _ in blocks)]
        counts = [np.zeros(1, dtype=np.int64), *(np.diff(offsets) for _, offsets in blocks)]
        return np.concatenate(ids), np.cumsum(np.concatenate(counts))

    def _encode_block(self, texts: list[str], encode: EncodeBatch) -> tuple[np.ndarray, np.ndarray]:
        """As `encode_joined`; the ordinary stretches of all texts are encoded together."""
        self._ordinary.prepare(sum(map(len, texts)))
        parts = [list(self._parts(text)) for text in texts]
        ordinary = [part for row in parts for part in row if isinstance(part, str)]
        ids, offsets = encode(ordinary)
        if len(ordinary) == len(texts) and all(len(row) == 1 for row in parts):
            return ids, offsets
        encoded = iter([ids[a:b] for a, b in pairwise(offsets.tolist())])
        rows = [
            [next(encoded) if isinstance(part, str) else np.array([part]) for part in row]
            for row in parts
        ]
        counts = [0, *(sum(map(len, row)) for row in rows)]
        joined = np.concatenate([ids[:0], *(part for row in rows for part in row)])
        return joined.astype(np.uint32), np.cumsum(counts)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    check_texts(texts)
    block: list[str] = []
    size = 0
    for text in texts:
        check_text(text)
        block.append(text)
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block
