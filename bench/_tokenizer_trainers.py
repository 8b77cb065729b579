"""The trainers that bench/train_tokenizer.py measures: Textus's and those of other libraries.

Each takes a file of text and a number of threads, and returns how to write down what it learnt:
merges or tokens as a list in JSON, to compare, or a Unigram tokenizer in its own format. Libraries
are imported within, so that each process loads those that it measures.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

VOCAB_SIZE = 32_768
SPECIAL = "<|endoftext|>"
DOCUMENT = 8_000
"""Characters of a document, at least."""

COVERAGE = 0.9995
"""Share of the characters that become pieces, where pieces are made of characters."""

_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

Write = Callable[[Path], Any] | None
"""Writes what was learnt to a file; None where it is not compared."""

Trainer = Callable[[Path, int], Write]


def documents(path: Path) -> Iterator[str]:
    """The text in documents of DOCUMENT characters, and more up to the end of a paragraph."""
    with path.open(encoding="utf-8", newline="") as file:
        rest = ""
        while block := file.read(1 << 20):
            rest += block
            begin = 0
            while (end := rest.find("\n\n", begin + DOCUMENT)) >= 0:
                yield rest[begin : end + 2]
                begin = end + 2
            rest = rest[begin:]
        yield rest


def lines(path: Path) -> Iterator[str]:
    """The lines of the text without what ends them, none empty: SentencePiece's sentences."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            if text := line.rstrip("\n"):
                yield text


def textus_bpe(path: Path, threads: int) -> Write:
    from textus.tokenizer.config import BPEConfig
    from textus.tokenizer.formats.byte_level import to_characters
    from textus.tokenizer.train import train_tokenizer

    config = BPEConfig(vocab_size=VOCAB_SIZE, pattern="gpt2", training_bytes=None)
    merges = train_tokenizer(documents(path), config).merges
    return lambda file: _write(file, [[to_characters(a), to_characters(b)] for a, b in merges])


def hf_bpe(path: Path, threads: int) -> Write:
    tokenizers = import_module("tokenizers")

    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(**_hf_settings(), min_frequency=2)
    tokenizer.train_from_iterator(documents(path), trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return lambda file: _write(file, [list(pair) for pair in merges])


def gigabpe(path: Path, threads: int) -> Write:
    """Cuts the file into lines, so its merges differ a little."""
    import_module("gigabpe").train_bpe(
        [str(path)],
        VOCAB_SIZE,
        special_tokens=[SPECIAL],
        min_frequency=2,
        threads=threads,
        pretokenizer="bytelevel",
    )
    return None


def gigatoken(path: Path, threads: int) -> Write:
    """Cuts as GPT-2 does; the documents are the same, joined by a separator."""
    data = "\0".join(documents(path)).encode()
    train_bpe = import_module("gigatoken").train_bpe
    _, merges = train_bpe(data, VOCAB_SIZE, [SPECIAL], separator=b"\0")

    def write(file: Path) -> None:
        from textus.tokenizer.formats.byte_level import to_characters

        _write(file, [[to_characters(a), to_characters(b)] for a, b in merges])

    return write


def rustbpe(path: Path, threads: int) -> Write:
    tokenizer = import_module("rustbpe").Tokenizer()
    tokenizer.train_from_iterator(documents(path), VOCAB_SIZE - 1, pattern=_GPT2)
    return None


def bpeasy(path: Path, threads: int) -> Write:
    import_module("bpeasy").train_bpe(documents(path), _GPT2, 128, VOCAB_SIZE - 1)
    return None


def textus_wordpiece_bert(path: Path, threads: int) -> Write:
    return _textus_wordpiece(path, form="bert")


def textus_wordpiece_bytes(path: Path, threads: int) -> Write:
    return _textus_wordpiece(path, form="bytes", pattern="gpt2")


def _textus_wordpiece(path: Path, **settings: Any) -> Write:
    from textus.tokenizer.config import WordPieceConfig
    from textus.tokenizer.formats.tokenizer_json import tokenizer_json
    from textus.tokenizer.train import train_tokenizer

    config = WordPieceConfig(vocab_size=VOCAB_SIZE, training_bytes=None, **settings)
    definition = train_tokenizer(documents(path), config).definition
    return lambda file: _write(file, list(tokenizer_json(definition)["model"]["vocab"]))


def hf_wordpiece_bert(path: Path, threads: int) -> Write:
    tokenizers = import_module("tokenizers")

    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return _hf_wordpiece(tokenizer, path, special_tokens=[SPECIAL, "[UNK]"], initial_alphabet=[])


def hf_wordpiece_bytes(path: Path, threads: int) -> Write:
    tokenizers = import_module("tokenizers")

    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _hf_wordpiece(tokenizer, path, continuing_subword_prefix="‿")


def _hf_wordpiece(tokenizer: Any, path: Path, **settings: Any) -> Write:
    trainers = import_module("tokenizers").trainers
    trainer = trainers.WordPieceTrainer(**_hf_settings() | settings, min_frequency=2)
    tokenizer.train_from_iterator(documents(path), trainer)
    return lambda file: _write(file, list(tokenizer.get_vocab()))


def textus_unigram_bytes(path: Path, threads: int) -> Write:
    return _textus_unigram(documents(path), alphabet="bytes", pattern="gpt2")


def textus_unigram_characters(path: Path, threads: int) -> Write:
    return _textus_unigram(lines(path), alphabet="characters", character_coverage=COVERAGE)


def _textus_unigram(texts: Iterator[str], **settings: Any) -> Write:
    from textus.tokenizer.config import UnigramConfig
    from textus.tokenizer.formats.tokenizer_json import tokenizer_json
    from textus.tokenizer.train import train_tokenizer

    config = UnigramConfig(vocab_size=VOCAB_SIZE, training_bytes=None, **settings)
    definition = train_tokenizer(texts, config).definition
    return lambda file: _write(file, tokenizer_json(definition))


def hf_unigram_bytes(path: Path, threads: int) -> Write:
    tokenizers = import_module("tokenizers")

    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.UnigramTrainer(**_hf_settings())
    tokenizer.train_from_iterator(documents(path), trainer)
    return lambda file: tokenizer.save(str(file))


def sentencepiece_unigram_characters(path: Path, threads: int) -> Write:
    model = io.BytesIO()
    import_module("sentencepiece").SentencePieceTrainer.train(
        sentence_iterator=lines(path),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCAB_SIZE,
        hard_vocab_limit=False,
        character_coverage=COVERAGE,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_by_unicode_script=False,
        split_by_number=False,
        max_sentence_length=1 << 30,
        num_threads=threads,
        minloglevel=2,
    )
    return lambda file: file.write_bytes(model.getvalue())


def _hf_settings() -> dict[str, Any]:
    return {
        "vocab_size": VOCAB_SIZE,
        "special_tokens": [SPECIAL],
        "initial_alphabet": import_module("tokenizers").pre_tokenizers.ByteLevel.alphabet(),
        "show_progress": False,
    }


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


TASKS: dict[str, dict[str, Trainer]] = {
    "bpe": {
        "textus": textus_bpe,
        "gigabpe": gigabpe,
        "gigatoken": gigatoken,
        "tokenizers": hf_bpe,
        "rustbpe": rustbpe,
        "bpeasy": bpeasy,
    },
    "wordpiece-bert": {"textus": textus_wordpiece_bert, "tokenizers": hf_wordpiece_bert},
    "wordpiece-bytes": {"textus": textus_wordpiece_bytes, "tokenizers": hf_wordpiece_bytes},
    "unigram-bytes": {"textus": textus_unigram_bytes, "tokenizers": hf_unigram_bytes},
    "unigram-characters": {
        "textus": textus_unigram_characters,
        "sentencepiece": sentencepiece_unigram_characters,
    },
}
"""The trainers by what is learnt and by library, Textus first."""


def log_likelihood(file: Path, text: Path, *, by_line: bool) -> dict[str, float]:
    """What the Unigram tokenizer in `file` makes of a text: the natural logarithm of the
    probability of the likeliest cut, for each byte, and the bytes for each token.

    Every system's pieces go through Textus's model, with their probabilities scaled so that they
    sum to 1. A character that is no piece counts as SentencePiece has it: the lowest score less 10.
    """
    import numpy as np

    from textus.tokenizer.ordinary import OrdinaryText

    definition = _read_unigram(file)
    model: Any = definition.model
    scores = np.array(model.scores)
    for byte, id_ in enumerate(model.byte_ids or ()):  # the first byte counts for the character
        scores[id_] = 0.0 if byte & 0xC0 == 0x80 else model.unknown_score
    texts = list(lines(text) if by_line else documents(text))
    normalize = definition.normalizer or str
    ids, _ = OrdinaryText(definition).encode_batch([normalize(t) for t in texts], threads=1)
    size = sum(len(text.encode()) for text in texts)
    return {
        "log_likelihood_per_byte": float(scores[ids].sum() / size),
        "bytes_per_token": size / len(ids),
    }


def _read_unigram(file: Path) -> Any:
    """The definition in `file`, its scores made logarithms of probabilities that sum to 1."""
    from dataclasses import replace
    from math import exp, fsum, log

    from textus.tokenizer.formats.sentencepiece import read_sentencepiece
    from textus.tokenizer.formats.tokenizer_json import read_tokenizer
    from textus.tokenizer.unigram.model import UNKNOWN_PENALTY

    spelt_in_json = file.read_bytes()[:1] == b"{"
    definition = (read_tokenizer if spelt_in_json else read_sentencepiece)(file)
    model: Any = definition.model
    ids = list(model.ids.values())
    total = log(fsum(exp(model.scores[id_]) for id_ in ids))
    lowest = min(model.scores[id_] for id_ in ids) - total
    scores = tuple(score - total for score in model.scores)
    unknown = lowest - UNKNOWN_PENALTY
    model = replace(model, scores=scores, unknown_score=unknown, single_precision=False)
    return replace(definition, model=model)


def pin_to_one_core() -> None:
    """Leaves this process one core, so that no library uses more."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
