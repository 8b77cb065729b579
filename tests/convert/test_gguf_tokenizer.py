from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from textus.convert.gguf_check import TEXTS
from textus.convert.gguf_file import Content, write
from textus.convert.gguf_llama_cpp import LlamaCpp, is_installed
from textus.convert.gguf_match import match
from textus.convert.gguf_tokenizer import PRETOKENIZERS, Keys, Type, tokenizer_keys
from textus.convert.gguf_weights import settled_weights, to_theirs
from textus.errors import ConvertError
from textus.model.transformer import Transformer
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.sentencepiece import read_sentencepiece
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

needs_llama_cpp = pytest.mark.skipif(not is_installed(), reason="xllamacpp is not installed")
Loaded = Callable[..., LlamaCpp]

PARTS = [
    *("'s", "'S", "'t", "'LL", "'ve", "’s", "a", "Ab", "HTTP", "Case", "é", "e\u0301", "ß", "ǅ"),
    *(
        "日本",
        "カ",
        "한국",
        "हिन्दी",
        "ไทย",
        "עברית",
        "1",
        "12",
        "123",
        "1234567",
        "½",
        "٣٤",
        "１２",
        "Ⅷ",
    ),
    *(" ", "  ", "\t", "\n", "\n\n", "\r\n", " \n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x0b"),
    *(
        ".",
        "!!",
        "...",
        "/",
        "_",
        "--",
        "(",
        '"',
        "#",
        "🙂",
        "👩‍👧",
        "🇩🇪",
        "€",
        "+",
        "<s>",
        "▁",
        "\x7f",
    ),
]


def _texts(count: int) -> list[str]:
    draw = Random(1)
    return [
        *TEXTS[:-1],
        *("".join(draw.choices(PARTS, k=draw.randint(1, 12))) for _ in range(count)),
    ]


@pytest.fixture
def loaded(tmp_path: Path, make_model) -> Loaded:
    """llama.cpp with a tokenizer of `vocab_size` ids."""
    pytest.importorskip("gguf")

    def load(keys: Keys, vocab_size: int = 340) -> LlamaCpp:
        model: Transformer = make_model("gpt2", vocab_size=vocab_size)
        found = match(model.config)
        tensors = to_theirs(settled_weights(model, found.config), found.config, found.form)
        content = Content(architecture="gpt2", keys=found.keys, tokenizer=keys, tensors=tensors)
        write(tmp_path / "file", content, "f32")
        return LlamaCpp(tmp_path / "file", seq_len=64)

    return load


@needs_llama_cpp
@pytest.mark.parametrize("pattern", PRETOKENIZERS)
def test_llama_cpp_cuts_texts_into_the_same_ids(pattern: str, loaded: Loaded):
    texts = _texts(150)
    trained = train_tokenizer(texts * 4, BPEConfig(vocab_size=340, pattern=pattern))
    with loaded(tokenizer_keys(trained.definition, 340)) as llama:
        assert [llama.encode(text) for text in texts] == [trained.encode(text) for text in texts]


@needs_llama_cpp
def test_words_that_are_tokens_are_taken_whole(tokenizer: Tokenizer, loaded: Loaded):
    """The merges alone would never make the word "xyz"."""
    definition = tokenizer.definition
    model = definition.model
    assert isinstance(model, Merges)
    whole = replace(
        definition,
        tokens=(*definition.tokens, b"xyz"),
        model=replace(model, ids={**model.ids, b"xyz": 321}, whole_words=True),
    )
    with loaded(tokenizer_keys(whole, 340)) as llama:
        assert llama.encode("xyz") == Tokenizer(whole).encode("xyz") == [321]


@needs_llama_cpp
def test_documents_begin_with_the_end_of_text(tokenizer: Tokenizer, loaded: Loaded):
    with loaded(tokenizer_keys(tokenizer.definition, 340)) as llama:
        assert llama.encode_document("abc") == [256, *tokenizer.encode("abc")]
        assert llama.encode("<end>") == tokenizer.encode("<end>")


def test_special_added_and_missing_tokens_have_their_types(tokenizer: Tokenizer):
    definition = replace(
        tokenizer.definition,
        tokens=(*tokenizer.definition.tokens, b"<tag>"),
        added_tokens={"<tag>": 321},
    )
    keys = tokenizer_keys(definition, 323)
    kinds, names = keys["ggml.token_type"], keys["ggml.tokens"]
    assert (names[256], kinds[256]) == ("<end>", Type.CONTROL)
    assert (names[321], kinds[321]) == ("<tag>", Type.USER_DEFINED)
    assert (names[322], kinds[322]) == ("[unused 322]", Type.UNUSED)
    assert (names[32], kinds[32]) == ("Ġ", Type.NORMAL)
    assert keys["ggml.merges"][0] == "a a"


def test_a_chat_template_and_the_ids_it_needs_come_along(tokenizer: Tokenizer):
    definition = replace(
        tokenizer.definition,
        tokens=(*tokenizer.definition.tokens, b"<turn>"),
        special_tokens={"<end>": 256, "<turn>": 321},
        token_roles={"eos_token": "<turn>", "pad_token": "<end>"},
        chat_template="{{ messages }}",
    )
    keys = tokenizer_keys(definition, 340)
    assert keys["chat_template"] == "{{ messages }}"
    assert keys["ggml.eos_token_id"] == 256
    assert keys["ggml.eot_token_id"] == 321
    assert keys["ggml.padding_token_id"] == 256


@pytest.mark.parametrize("pattern", ["cl100k", "digits", "spaces", "none", r"\w+|\W"])
def test_a_pattern_without_counterpart_is_refused(pattern: str, tokenizer: Tokenizer):
    definition = replace(tokenizer.definition, splitter=PatternSplitter(pattern=pattern))
    with pytest.raises(ConvertError, match="gpt2, llama3, qwen2, o200k, superbpe"):
        tokenizer_keys(definition, 340)


def test_a_normalizer_is_refused(tokenizer: Tokenizer):
    with pytest.raises(ConvertError, match=r"tokenizer\.normalizer = none"):
        tokenizer_keys(replace(tokenizer.definition, normalizer=Composed()), 340)


def test_a_tokenizer_without_end_is_refused(tokenizer: Tokenizer):
    with pytest.raises(ConvertError, match="end_of_text"):
        tokenizer_keys(replace(tokenizer.definition, end_of_text=None), 340)


def test_two_tokens_of_one_spelling_are_refused(tokenizer: Tokenizer):
    definition = replace(
        tokenizer.definition,
        tokens=(*tokenizer.definition.tokens, b"aa"),
        special_tokens={"<end>": 256, "aa": 321},
    )
    with pytest.raises(ConvertError, match=r"'aa', which llama\.cpp cannot tell apart"):
        tokenizer_keys(definition, 340)


def test_more_tokens_than_rows_are_refused(tokenizer: Tokenizer):
    with pytest.raises(ConvertError, match="321 tokens and the model rows for 300"):
        tokenizer_keys(tokenizer.definition, 300)


def test_other_kinds_of_tokenizer_are_refused():
    from textus.tokenizer.unigram.model import Unigram

    ids = {bytes([byte]): byte for byte in range(256)}
    definition = Definition(
        tokens=(*ids, b"<end>"),
        model=Unigram(ids=ids, scores=(-1.0,) * 257),
        splitter=PatternSplitter(),
        special_tokens={"<end>": 256},
        end_of_text="<end>",
    )
    with pytest.raises(ConvertError, match=r"Unigram.*tokenizer\.kind = bpe"):
        tokenizer_keys(definition, 300)


def _sentencepiece(folder: Path, **settings: Any) -> Definition:
    """A model of type BPE that is trained on the texts of this file."""
    sentencepiece = pytest.importorskip("sentencepiece")
    (folder / "texts").write_text("\n".join(text for text in _texts(300) if "\n" not in text))
    usual = {"vocab_size": 420, "model_type": "bpe", "byte_fallback": True, "minloglevel": 2}
    rule = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
    names = {"input": str(folder / "texts"), "model_prefix": str(folder / "pieces")}
    sentencepiece.SentencePieceTrainer.train(**names | usual | rule | settings)
    return read_sentencepiece(folder / "pieces.model")


@needs_llama_cpp
@pytest.mark.parametrize("prefix", [True, False])
def test_llama_cpp_cuts_like_sentencepieces_bpe(prefix: bool, tmp_path: Path, loaded: Loaded):
    symbols = [] if prefix else ["<tag>"]
    definition = _sentencepiece(tmp_path, add_dummy_prefix=prefix, user_defined_symbols=symbols)
    ours = Tokenizer(definition)
    texts = [*_texts(150), "a<tag>b"]
    with loaded(tokenizer_keys(definition, 420), 420) as llama:
        assert [llama.encode(text) for text in texts] == [ours.encode(text) for text in texts]
        assert llama.encode_document("a b") == [ours.end_of_text, *ours.encode("a b")]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model_type": "unigram"}, "only for type BPE"),
        ({"byte_fallback": False}, "with tokens for single bytes"),
        ({"normalization_rule_name": "nmt_nfkc"}, "normalization_rule_name = identity"),
        ({"remove_extra_whitespaces": True}, "remove_extra_whitespaces = false"),
        ({"user_defined_symbols": ["<tag>"]}, "add_dummy_prefix = false"),
    ],
)
def test_other_models_of_sentencepiece_are_refused(settings, said: str, tmp_path: Path):
    with pytest.raises(ConvertError, match=said):
        tokenizer_keys(_sentencepiece(tmp_path, **settings), 420)
