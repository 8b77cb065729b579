"""Learns the pieces of the unigram language model (Kudo 2018) from documents."""

from collections.abc import Iterable, Sequence

import numpy as np

from textus.errors import DataError
from textus.progress import Progress, silent
from textus.tokenizer.config import NUM_BYTES, UnigramConfig
from textus.tokenizer.counting.count import count_words
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.byte_level import BYTES_IN_ID_ORDER
from textus.tokenizer.formats.hugging_face.models import NEVER
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.unigram.coverage import covered_segments
from textus.tokenizer.unigram.estimate import learn_pieces
from textus.tokenizer.unigram.model import UNKNOWN_PENALTY, Unigram

UNKNOWN_TOKEN = "<unk>"

Scored = list[tuple[bytes, float]]


def train_unigram(
    texts: Iterable[str], config: UnigramConfig, *, progress: Progress = silent
) -> Definition:
    """Learns pieces from documents, which are gone through once.

    Where `texts` hold too few repeated substrings, there are fewer tokens than
    `config.vocab_size`. Raises DataError when there is no text at all.
    """
    characters = config.alphabet == "characters"
    splitter = PatternSplitter(pattern="spaces" if characters else config.pattern)
    normalizer = Composed() if config.normalizer == "nfc" else None
    words = count_words(
        texts,
        splitter,
        training_bytes=config.training_bytes,
        memory=config.training_memory,
        normalizer=normalizer,
        progress=progress,
    )
    if not len(words):
        raise DataError("There is no text to train the tokenizer on; give at least one document.")
    special = list(config.special_tokens)
    if characters and UNKNOWN_TOKEN not in special:
        special.append(UNKNOWN_TOKEN)
    learn = _learn_characters if characters else _learn_bytes
    tokens, model = learn(words, config, special, progress)
    return Definition(
        tokens=tuple(tokens),
        model=model,
        splitter=splitter,
        normalizer=normalizer,
        special_tokens={name: id_ for id_, name in enumerate(special)},
        end_of_text=special[0],
    )


def _learn_bytes(
    words: WordCounts, config: UnigramConfig, special: Sequence[str], progress: Progress
) -> tuple[list[bytes], Unigram]:
    """Special tokens, the 256 bytes, and longer pieces, the likeliest first."""
    room = config.vocab_size - len(special) - NUM_BYTES
    num_bytes_seen = np.count_nonzero(np.bincount(words.data, minlength=NUM_BYTES))
    pieces = dict(_pieces(words, room + int(num_bytes_seen), config, progress))
    lowest = min(pieces.values())
    single = [bytes([byte]) for byte in BYTES_IN_ID_ORDER]
    scores = [pieces.pop(byte, lowest) for byte in single]
    tokens = [name.encode() for name in special] + single + list(pieces)
    scores = [0.0] * len(special) + scores + list(pieces.values())
    ids = {tokens[id_]: id_ for id_ in range(len(special), len(tokens))}
    return tokens, Unigram(ids=ids, scores=tuple(scores))


def _learn_characters(
    words: WordCounts, config: UnigramConfig, special: Sequence[str], progress: Progress
) -> tuple[list[bytes], Unigram]:
    """Special tokens, the 256 bytes for what is not covered, and pieces, the likeliest first."""
    first_byte = len(special)
    first_piece = first_byte + NUM_BYTES
    room = config.vocab_size - first_piece
    segments = covered_segments(words, coverage=config.character_coverage, max_characters=room)
    pieces = _pieces(segments, room, config, progress) if len(segments) else []
    names = {name.encode() for name in special} | {b"<0x%02X>" % byte for byte in range(NUM_BYTES)}
    pieces = [item for item in pieces if item[0] not in names]  # files tell tokens by their names
    tokens = [name.encode() for name in special] + [bytes([byte]) for byte in range(NUM_BYTES)]
    tokens += [piece for piece, _ in pieces]
    scores = [score for _, score in pieces]
    return tokens, Unigram(
        ids={piece: id_ for id_, (piece, _) in enumerate(pieces, first_piece)},
        scores=(*[0.0] * first_piece, *scores),
        characters=True,
        byte_ids=tuple(range(first_byte, first_piece)),
        unknown=special.index(UNKNOWN_TOKEN),
        unknown_score=NEVER - UNKNOWN_PENALTY,  # as Hugging Face's library reckons
    )


def _pieces(
    words: WordCounts, num_pieces: int, config: UnigramConfig, progress: Progress
) -> Scored:
    """Pieces and their scores, the highest first, of equals by their bytes."""
    pieces = learn_pieces(words, num_pieces=num_pieces, config=config, progress=progress)
    data = words.data.tobytes()
    spelt = [
        data[place : place + length]
        for place, length in zip(pieces.places.tolist(), pieces.lengths.tolist(), strict=True)
    ]
    # float32, so that every file format holds the scores exactly
    scores = pieces.scores.astype(np.float32).astype(np.float64).tolist()
    return sorted(zip(spelt, scores, strict=True), key=lambda item: (-item[1], item[0]))
