"""Learns the pieces of WordPiece: pairs of symbols are merged, as in byte-pair encoding.

What pairs are merged is a matter of the criterion; the merges themselves are forgotten, as words
are cut by the longest match. `reference.py` has both criteria in a few lines.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from textus.errors import DataError
from textus.progress import Progress, silent
from textus.tokenizer.bert import BertNormalizer, BertSplitter, load_kernels
from textus.tokenizer.bpe.rows import rows_of_symbols
from textus.tokenizer.compiling import compiling
from textus.tokenizer.config import WordPieceConfig
from textus.tokenizer.counting.count import count_words
from textus.tokenizer.definition import Definition, Normalizer, Splitter
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.wordpiece.model import LongestMatch
from textus.tokenizer.wordpiece.spelling import Spelling, spell_bytes, spell_characters

UNKNOWN = "[UNK]"
MAX_WORD_CHARS = 100
"""Words of more characters are unknown to BERT."""

_SMALL = 1_000_000  # characters that plain Python has soon normalized
_SPACE = ord(" ")
_MERGES_A_SLICE = 1000  # after which progress is told, and Ctrl-C gets its turn


def train_wordpiece(
    texts: Iterable[str], config: WordPieceConfig, *, progress: Progress = silent
) -> Definition:
    """Learns pieces from documents, which are gone through once.

    By frequency, they are those of Hugging Face's WordPieceTrainer on the same words, given the
    same order of the symbols (there it is random for those that go on with a word, and so are
    ties). In BERT's form at most half of the vocabulary is single characters. Where `texts` hold
    too few pairs that occur `config.min_frequency` times, there are fewer tokens than
    `config.vocab_size`. Raises DataError when there is no text at all.
    """
    bert = config.form == "bert"
    words = count_words(
        announced(texts, progress=progress) if bert else texts,
        _splitter(config),
        training_bytes=config.training_bytes,
        memory=config.training_memory,
        normalizer=_normalizer(config),
        progress=progress,
    )
    if (words.data == _SPACE).all() if bert else len(words) == 0:
        raise DataError("There is no text to train the tokenizer on; give at least one document.")
    room = config.vocab_size - len(config.special_tokens)
    if bert:
        room -= UNKNOWN not in config.special_tokens
        spelling = spell_characters(words, limit=room // 4)
    else:
        spelling = spell_bytes(words)
    return _definition(learn_pieces(spelling, config, room=room, progress=progress), config)


def announced(texts: Iterable[str], *, progress: Progress) -> Iterator[str]:
    """The texts; once they are many, what normalizes those that follow is compiled."""
    size = 0
    for text in texts:
        size += len(text)
        if size - len(text) < _SMALL <= size:
            with compiling("BERT's normalizer", progress):
                load_kernels()
        yield text


def _normalizer(config: WordPieceConfig) -> Normalizer | None:
    if config.form == "bert":
        return BertNormalizer()
    return Composed() if config.normalizer == "nfc" else None


def _splitter(config: WordPieceConfig) -> Splitter:
    return BertSplitter() if config.form == "bert" else PatternSplitter(pattern=config.pattern)


def learn_pieces(
    spelling: Spelling, config: WordPieceConfig, *, room: int, progress: Progress = silent
) -> list[tuple[bytes, bool]]:
    """Up to `room` pieces, symbols first, and of each whether it begins a word."""
    pieces = [(symbol, True) for symbol in spelling.initial]
    pieces += [(symbol, False) for symbol in spelling.continuation]
    if len(pieces) >= room:
        return pieces
    learn = merges_by_frequency if config.criterion == "frequency" else merges_by_likelihood
    for merges in learn(spelling, vocab_size=room, min_frequency=config.min_frequency):
        for left, right in merges:
            pieces.append((pieces[left][0] + pieces[right][0], pieces[left][1]))
        progress(config.vocab_size - room + len(pieces), config.vocab_size, "merging pairs")
    return pieces


def merges_by_frequency(
    spelling: Spelling, *, vocab_size: int, min_frequency: int
) -> Iterator[list[list[int]]]:
    """The pairs of ids that are merged, the most frequent next, a slice at a time; the first
    becomes the id after the last symbol's."""
    from textus.tokenizer.bpe.compiled import CompiledLearner

    first_id = len(spelling.initial) + len(spelling.continuation)
    learner = CompiledLearner(
        rows_of_symbols(spelling.symbols, spelling.offsets, spelling.counts),
        first_id=first_id,
        max_merges=vocab_size - first_id,
        min_frequency=min_frequency,
    )
    done = 0
    for num_merges in learner.learn():
        yield learner.merges()[done:num_merges].tolist()
        done = num_merges


def merges_by_likelihood(
    spelling: Spelling, *, vocab_size: int, min_frequency: int
) -> Iterator[list[list[int]]]:
    """The same where the pair is merged next that raises the likelihood of the text most."""
    from textus.tokenizer.wordpiece import merging, ranking

    first_id = len(spelling.initial) + len(spelling.continuation)
    state = merging.new_state(
        spelling.symbols,
        spelling.offsets,
        spelling.counts,
        num_symbols=first_id,
        vocab_size=vocab_size,
    )
    table = np.full(1 << 10, merging.NONE, dtype=np.int32)
    place = 0
    while (place := merging.find_pairs(state, table, place, min_frequency)) < len(state.symbol):
        table = merging.grown(table, state)
    size, ended = first_id, False
    while size < vocab_size and not ended:
        until = min(size + _MERGES_A_SLICE, vocab_size)
        ended = ranking.merge_likeliest(state, table, until, min_frequency)
        new = state.piece[size : state.sizes[merging.PIECES]]
        yield np.stack([new["left"], new["right"]], axis=1).tolist()
        size += len(new)
        if size < until and not ended:
            table = merging.grown(table, state)


def _definition(pieces: list[tuple[bytes, bool]], config: WordPieceConfig) -> Definition:
    special = {name: id_ for id_, name in enumerate(config.special_tokens)}
    bert = config.form == "bert"
    if bert and UNKNOWN not in special:
        pieces = [(UNKNOWN.encode(), True), *pieces]
    joint = b" " if bert else b""
    tokens = [name.encode() for name in special]
    ids: dict[bool, dict[bytes, int]] = {True: {}, False: {}}
    for piece, begins in pieces:
        ids[begins][piece] = len(tokens)
        tokens.append(joint + piece if begins else piece)
    return Definition(
        tokens=tuple(tokens),
        model=LongestMatch(
            initial=ids[True],
            continuation=ids[False],
            unknown=special.get(UNKNOWN, len(special)) if bert else None,
            max_word_chars=MAX_WORD_CHARS if bert else None,
        ),
        splitter=_splitter(config),
        normalizer=_normalizer(config),
        special_tokens=special,
        end_of_text=config.special_tokens[0],
        drops_first_space=bert,
    )
