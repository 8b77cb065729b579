"""What the trainers make, saved and loaded by Textus and by Hugging Face's library."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from textus.tokenizer.config import BPEConfig, BytesConfig, UnigramConfig, WordPieceConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

# Known since Unicode 3.2, so that no party's tables are too old.
KNOWN = st.characters().filter(lambda c: unicodedata.ucd_3_2_0.category(c) not in ("Cs", "Cn"))

TRAINED = {
    "bpe": BPEConfig(vocab_size=700),
    "bpe nfc": BPEConfig(vocab_size=700, normalizer="nfc"),
    "superwords": BPEConfig(vocab_size=700, superwords=50),
    "wordpiece": WordPieceConfig(vocab_size=900),
    "wordpiece by likelihood": WordPieceConfig(vocab_size=900, criterion="likelihood"),
    "bert": WordPieceConfig(vocab_size=700, form="bert"),
    "bert by likelihood": WordPieceConfig(vocab_size=700, form="bert", criterion="likelihood"),
    "unigram": UnigramConfig(vocab_size=700),
    "unigram nfc": UnigramConfig(vocab_size=700, normalizer="nfc"),
    "characters": UnigramConfig(vocab_size=700, alphabet="characters"),
    "bytes": BytesConfig(),
}


@pytest.mark.parametrize("kind", TRAINED)
def test_every_trained_tokenizer_is_written_and_read(kind, corpus, scripts, tmp_path):
    ours = train_tokenizer([corpus[0], *scripts, *scripts], TRAINED[kind])
    ours.save(tmp_path)
    assert Tokenizer.load(tmp_path).definition == ours.definition
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs is not None
    lossy = "bert" in kind or "nfc" in kind

    @settings(max_examples=50)
    @given(st.text(st.sampled_from("the ing\n\té▁<0x41>unk日") | KNOWN))
    @example("x<unk><0x41>▁ <|endoftext|> ##a")
    def check(text):
        ids = ours.encode(text, allowed_special="all")
        assert theirs(text)["input_ids"] == ids
        assert lossy or ours.decode(ids) == text
        ids = ours.encode(text)  # Hugging Face's decoder for BERT sets special tokens off
        assert theirs.decode(ids) == ours.decode(ids)

    check()
    for text in scripts:
        assert theirs(text)["input_ids"] == ours.encode(text), text
