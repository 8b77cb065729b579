"""Tokenizers of the kinds that are published, made small by Hugging Face's library."""

import json
from collections.abc import Callable

import pytest
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers.processors import TemplateProcessing

from textus.tokenizer.split.patterns import PATTERNS

BYTE_NAMES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()


def byte_level_bpe(
    texts: list[str], *, pattern: str | None = None, special: str = "<|endoftext|>"
) -> HuggingFaceTokenizer:
    """GPT-2's form; with a pattern that of its successors."""
    made = HuggingFaceTokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if pattern is not None:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, initial_alphabet=ALPHABET, special_tokens=[special], show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made


def gpt2(texts: list[str]) -> HuggingFaceTokenizer:
    made = byte_level_bpe(texts)
    made.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    return made


def roberta(texts: list[str]) -> HuggingFaceTokenizer:
    made = byte_level_bpe(texts, special="<s>")
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return made


def llama3(texts: list[str]) -> HuggingFaceTokenizer:
    made = byte_level_bpe(texts, pattern=PATTERNS["llama3"])
    vocab = made.get_vocab()
    merges = [(left, right) for left in "th" for right in "he" if left + right in vocab]
    unreachable = {"ĠreachableĠonlyĠasĠaĠword": len(vocab), "unreachable": len(vocab) + 1}
    made.model = models.BPE(vocab | unreachable, merges, ignore_merges=True)
    made.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>"])
    return made


def qwen2(texts: list[str]) -> HuggingFaceTokenizer:
    made = byte_level_bpe(texts, pattern=PATTERNS["qwen2"])
    made.normalizer = normalizers.NFC()
    made.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    made.add_tokens(
        [AddedToken("<tool>", normalized=False), AddedToken("<tool>x", normalized=False)]
    )
    return made


def character_bpe(texts: list[str], *, fallback: bool = True) -> models.BPE:
    """The model of Llama 2, whose words begin with "▁"."""
    made = HuggingFaceTokenizer(models.BPE())
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=700, limit_alphabet=60, show_progress=False)
    made.train_from_iterator(texts, trainer)
    learnt = made.model.__getstate__()
    vocab = {name: i for i, name in enumerate(["<unk>", "<s>", "</s>", *BYTE_NAMES])}
    model = json.loads(learnt)
    for piece in sorted(model["vocab"], key=model["vocab"].__getitem__):
        vocab.setdefault(piece, len(vocab))
    merges = [tuple(merge) for merge in model["merges"]]
    return models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=fallback)


def llama2(texts: list[str]) -> HuggingFaceTokenizer:
    made = HuggingFaceTokenizer(character_bpe(texts))
    prepend, replace = normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")
    made.normalizer = normalizers.Sequence([prepend, replace])
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return made


def mistral(texts: list[str]) -> HuggingFaceTokenizer:
    made = llama2(texts)
    made.normalizer = None
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return made


def gemma(texts: list[str]) -> HuggingFaceTokenizer:
    made = llama2(texts)
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return made


def unknown_bpe(texts: list[str]) -> HuggingFaceTokenizer:
    """Without bytes to fall back on."""
    made = llama2(texts)
    made.model = character_bpe(texts, fallback=False)
    return made


def unigram(texts: list[str]) -> models.Unigram:
    made = HuggingFaceTokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"
    )
    trainer.show_progress = False
    made.train_from_iterator(texts, trainer)
    return made.model


def t5(texts: list[str]) -> HuggingFaceTokenizer:
    made = HuggingFaceTokenizer(unigram(texts))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(["<pad>", "</s>", "<unk>"])
    made.add_special_tokens([AddedToken("<extra_id_0>", lstrip=True, rstrip=True)])
    return made


def albert(texts: list[str]) -> HuggingFaceTokenizer:
    made = t5(texts)
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    return made


def bert(texts: list[str]) -> HuggingFaceTokenizer:
    made = HuggingFaceTokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(cleanup=False)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, limit_alphabet=80, special_tokens=special, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


FAMILIES: list[Callable[[list[str]], HuggingFaceTokenizer]] = [
    gpt2,
    roberta,
    llama3,
    qwen2,
    llama2,
    mistral,
    gemma,
    unknown_bpe,
    t5,
    albert,
    bert,
]


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda family: family.__name__)
def published(request: pytest.FixtureRequest, corpus: list[str]) -> HuggingFaceTokenizer:
    """A tokenizer of each published family in turn."""
    return request.param([corpus[0], *corpus[-15:]])
