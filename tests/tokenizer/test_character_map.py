"""The table of SentencePiece's rule nmt_nfkc, whole and damaged."""

import io
import random
import struct

import pytest
import sentencepiece

from textus.errors import DataError
from textus.tokenizer.character_map import CharacterMap
from textus.tokenizer.formats.sentencepiece import parse_sentencepiece
from textus.tokenizer.sentencepiece import SentencePieceNormalizer

TEXT = "ﬁne Å e\u0301 ①Ａ ㌀ 日本 \u3000 \x01 ガ"


@pytest.fixture(scope="module")
def block() -> bytes:
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["hello world"] * 20),
        model_writer=buffer,
        vocab_size=20,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    normalizer = parse_sentencepiece(buffer.getvalue()).normalizer
    assert isinstance(normalizer, SentencePieceNormalizer)
    assert normalizer.character_map is not None
    return normalizer.character_map.block


def trie_size(block: bytes) -> int:
    return struct.unpack("<I", block[:4])[0]


def with_value_at(block: bytes, text: bytes, step: int) -> bytes:
    """The table with a value that leads `step` bytes behind the beginning of a replacement."""
    texts = block[4 + trie_size(block) :]
    value = struct.pack("<I", 1 << 31 | texts.index(text) + step)
    return block.replace(struct.pack("<I", 1 << 31), value, 1)


def test_the_whole_table_replaces_characters(block):
    assert CharacterMap(block=block)("ﬁÅ①Ａ\u3000ガ") == "fiÅ1A ガ"


def test_a_damaged_table_is_refused_or_can_be_used(block):
    """No damage to the trie or to the replacements shows only when a text is encoded."""
    draw = random.Random(7)
    edges = [4, 4 + trie_size(block), len(block)]
    refused = 0
    for trial in range(300):
        damaged = bytearray(block)
        for _ in range(draw.choice([1, 5, 200])):
            place = draw.randrange(edges[trial % 2], edges[trial % 2 + 1])
            damaged[place] = draw.randrange(256)
        try:
            table = CharacterMap(block=bytes(damaged))
        except DataError:
            refused += 1
        else:
            table(TEXT + "".join(map(chr, draw.choices(range(0xD800), k=300))))
    assert 50 < refused < 300


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda block: b"", "has 0 bytes"),
        (lambda block: block[:3], "should end at"),
        (lambda block: block[:1000], "should end at"),
        (lambda block: block[: 4 + trie_size(block)], "should end at"),
        (lambda block: block[:-1], "does not end"),
        (lambda block: block[:-1000] + b"\0", "does not end"),
        (lambda block: block[:-9] + b"\xff" * 8 + b"\0", "not UTF-8"),
        (lambda block: block[:4] + struct.pack("<I", 0x7FFFFF00) + block[8:], "no value at"),
        (lambda block: with_value_at(block, "ガ".encode(), 1), "within a char"),
    ],
)
def test_what_is_damaged_is_named(block, change, reason):
    with pytest.raises(DataError, match=f"table of characters.*{reason}"):
        CharacterMap(block=change(block))
