"""Learns the merges of byte-pair encoding, and those that go beyond words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from textus.errors import DataError
from textus.progress import Progress, silent
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.bpe.rows import Rows, rows_of_ids, rows_of_words
from textus.tokenizer.bpe.spans import UNLIMITED, spans
from textus.tokenizer.compiling import compiling
from textus.tokenizer.config import BPEConfig, BytesConfig, TokenizerConfig
from textus.tokenizer.counting.count import count_documents, count_words
from textus.tokenizer.counting.sample import Sample, draw_sample
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.definition import Definition, Normalizer
from textus.tokenizer.formats.byte_level import BYTES_IN_ID_ORDER
from textus.tokenizer.normalize import Composed
from textus.tokenizer.ordinary import OrdinaryText
from textus.tokenizer.split.patterns import PatternSplitter

_SMALL = 100_000  # symbols up to which plain Python is soon done
_MEMORY_OF_A_BYTE = 16  # of text from which superwords are learnt: ids, places of pairs, counts

WORDS_OF_A_SUPERWORD = 4
"""The most words, parted by white space, that a token may span."""

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What was learnt so far, in the order of the ids; and the training text as it is now."""

    tokens: list[bytes]
    merges: list[Pair]
    symbols: np.ndarray
    """int32: the rows of ids that the last merges came from, a SEPARATOR around each."""


def train_bpe(
    texts: Iterable[str], config: BPEConfig, *, progress: Progress = silent
) -> Definition:
    """Learns merges from documents, which are gone through once.

    The merges are those of Hugging Face's BpeTrainer on the same documents. Where `texts` hold too
    few pairs that occur `config.min_frequency` times, there are fewer tokens than
    `config.vocab_size`. Raises DataError when there is no text at all.

    With superwords (SuperBPE, Liu et al. 2025), the last `config.superwords` merges are learnt from
    text that is cut by the pattern "superbpe" alone, after all earlier merges were applied to it:
    from the text that words were counted in, or a sample of it, drawn by hash, of which 16 bytes a
    byte fit into `config.training_memory`. A merge that would span more than four words, as white
    space parts them, is not learnt; encoding stays plain merging by rank.
    """
    if config.superwords:
        learnt = _learn_superwords(texts, config, progress)
        return _definition(learnt.tokens, learnt.merges, config, pattern="superbpe")
    learnt = learn_from_words(
        count_words(
            texts,
            PatternSplitter(pattern=config.pattern),
            training_bytes=config.training_bytes,
            memory=config.training_memory,
            normalizer=_normalizer(config),
            progress=progress,
        ),
        config,
        config.vocab_size,
        progress=progress,
    )
    return _definition(learnt.tokens, learnt.merges, config, pattern=config.pattern)


def make_bytes(
    texts: Iterable[str], config: BytesConfig, *, progress: Progress = silent
) -> Definition:
    """One token for each byte; nothing is read."""
    return _definition(first_tokens(config), [], config, pattern=config.pattern)


def first_tokens(config: TokenizerConfig) -> list[bytes]:
    """The tokens there are before the first merge: special ones, then the bytes."""
    special = [token.encode() for token in config.special_tokens]
    return special + [bytes([byte]) for byte in BYTES_IN_ID_ORDER]


def learn_from_words(
    words: WordCounts,
    config: BPEConfig,
    vocab_size: int,
    *,
    plain: bool | None = None,
    progress: Progress = silent,
) -> Learnt:
    """Learns merges within words until there are `vocab_size` tokens.

    plain: without compiled code; None: where there are few words.
    """
    if len(words) == 0:
        raise DataError("There is no text to train the tokenizer on; give at least one document.")
    id_of_byte = np.empty(256, np.int32)
    id_of_byte[list(BYTES_IN_ID_ORDER)] = len(config.special_tokens) + np.arange(256)
    start = Learnt(tokens=first_tokens(config), merges=[], symbols=np.empty(0, np.int32))
    rows = rows_of_words(words, id_of_byte)
    del words  # a caller that has not kept them either gets their memory back
    return learn_more(start, rows, config, vocab_size, plain=plain, progress=progress)


def learn_more(
    learnt: Learnt,
    rows: Rows,
    config: BPEConfig,
    vocab_size: int,
    *,
    max_words: int = UNLIMITED,
    plain: bool | None = None,
    progress: Progress = silent,
) -> Learnt:
    """Goes on with merges from rows of ids, which are worked on in place.

    No token is made of more than `max_words` words, as white space parts them. Nor are two tokens
    ever spelt alike: as merges are made everywhere, what becomes of some bytes depends on these
    bytes alone while no token reaches beyond them, so that equal bytes become a token by the same
    merges. (So Hugging Face's rule for a token that exists already finds nothing to do.)
    """
    first_id, total = len(learnt.tokens), config.vocab_size
    learner_class = _learner(plain if plain is not None else rows.symbols.size < _SMALL, progress)
    learner = learner_class(
        rows,
        first_id=first_id,
        max_merges=vocab_size - first_id,
        min_frequency=config.min_frequency,
        spans=spans(learnt.tokens, vocab_size) if max_words < UNLIMITED else None,
        max_words=max_words,
    )
    for done in learner.learn():
        progress(first_id + done, total, "merging pairs")
    tokens, merges = (
        list(learnt.tokens),
        [(left, right) for left, right in learner.merges().tolist()],
    )
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    if len(tokens) < vocab_size:
        progress(len(tokens), total, "no pair is frequent enough to go on")
    return Learnt(tokens=tokens, merges=learnt.merges + merges, symbols=learner.symbols())


def _learner(plain: bool, progress: Progress) -> type:
    if plain:
        from textus.tokenizer.bpe.plain import PlainLearner

        return PlainLearner
    with compiling("learning merges", progress):
        from textus.tokenizer.bpe.compiled import CompiledLearner

        letters = np.zeros(4, np.int32)  # 0 0 0 0, of which something can be learnt
        rows = rows_of_ids(letters, np.array([0, 4]))
        list(CompiledLearner(rows, first_id=1, max_merges=1, min_frequency=1).learn())
    return CompiledLearner


def _learn_superwords(texts: Iterable[str], config: BPEConfig, progress: Progress) -> Learnt:
    with Sample(config.training_bytes) as sample:
        draw_sample(sample, texts, normalizer=_normalizer(config), progress=progress)
        learnt = learn_from_words(
            count_documents(
                sample.documents(),
                PatternSplitter(pattern=config.pattern),
                memory=config.training_memory,
                progress=progress,
            ),
            config,
            config.vocab_size - config.superwords,
            progress=progress,
        )
        sample.shrink(config.training_memory // _MEMORY_OF_A_BYTE)
        rows = _rows_of_stretches(sample.documents(), learnt, config)
    return learn_more(
        learnt,
        rows,
        config,
        config.vocab_size,
        max_words=WORDS_OF_A_SUPERWORD,
        progress=progress,
    )


def _rows_of_stretches(documents: Iterable[bytes], learnt: Learnt, config: BPEConfig) -> Rows:
    """The documents cut at numbers only, each stretch encoded by the merges so far.

    As it will be encoded: by all merges in their order, wherever words begin and end in it.
    """
    ordinary = OrdinaryText(_definition(learnt.tokens, learnt.merges, config, pattern="superbpe"))
    ids, lengths = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for stretches in _groups_of_stretches(documents):
        some_ids, offsets = ordinary.encode_batch(stretches, threads=None)
        ids.append(some_ids.astype(np.int32))
        lengths.append(np.diff(offsets))
    return rows_of_ids(
        np.concatenate(ids), np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64)
    )


def _groups_of_stretches(documents: Iterable[bytes]) -> Iterator[Sequence[str]]:
    """The stretches of all documents, those of some megabytes of text together."""
    splitter = PatternSplitter(pattern="superbpe")
    group: list[str] = []
    size = 0
    for document in documents:
        group += splitter.split(document.decode())
        size += len(document)
        if size > 4_000_000:
            yield group
            group, size = [], 0
    yield group


def _normalizer(config: TokenizerConfig) -> Normalizer | None:
    return Composed() if config.normalizer == "nfc" else None


def _definition(
    tokens: list[bytes], merges: list[Pair], config: TokenizerConfig, *, pattern: str
) -> Definition:
    special = {token: id_ for id_, token in enumerate(config.special_tokens)}
    ids = {tokens[id_]: id_ for id_ in range(len(special), len(tokens))}
    return Definition(
        tokens=tuple(tokens),
        model=Merges(ids=ids, merges=tuple(merges)),
        splitter=PatternSplitter(pattern=pattern),
        normalizer=_normalizer(config),
        special_tokens=special,
        end_of_text=config.special_tokens[0],
    )
