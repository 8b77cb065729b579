"""Texts and a trained tokenizer that the tests of this folder share."""

import argparse
import doctest
import inspect
import tarfile

import pytest

from textus.tokenizer.config import BPEConfig
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

SCRIPTS = [
    "A grey heron doesn't hurry; it'll've been WE'RE I'M she'd 'twas 'Tis.",
    "Ἡ θάλασσα ἥσυχος ἦν, ὁ δὲ ἄνεμος ἔπνει ἠρέμα.",
    "Вчера шёл дождь, а сегодня светит солнце. Ёлка — №5!",
    "הַיֶּלֶד קָרָא סֵפֶר׃ שלום 12345",
    "كتب الطالبُ الدرسَ في ٣٤٥ صفحةً؟ نعم،",
    "हिन्दी में लिखा हुआ वाक्य १२३४ क्षेत्र।",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ ๑๒๓",
    "日本語の文章です。漢字とカナ「テスト」一二三、①②③",
    "中文没有空格。第一千二百三十四页!",
    "한국어 문장입니다. 조합형 자모",
    "Việt Nam: cà phê sữa đá, Ǆ ǅ ǆ ĳ ﬃ",
    "👩‍👩‍👧‍👦 👍🏽 🇪🇺 ❤️ e\u0301 n\u0303 Z\u0351\u036f",
    "def f(x):\n\treturn x ** 2  # ünïcode\r\n\r\n    if a != b:\n        pass\n",
    "tabs\t\tand  spaces   \n\n\n  \n x\x0b\x0c\x85\u2028\u2029y\xa0\u3000z\u1680",
    "'ſ it'ſ IT'S 'LL 'Ve 'rE 'd'm ½ Ⅷ x² 10⁹ ٣ \x1c\x1d\u180e\u200b\ufeff",
]


@pytest.fixture(scope="session")
def scripts() -> list[str]:
    """Short texts in many scripts, with everything that makes cutting words hard."""
    return SCRIPTS


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    """Documents with enough repeated words for some three thousand merges."""
    sources = [inspect.getsource(module) for module in (argparse, doctest, inspect, tarfile)]
    return sources + SCRIPTS


@pytest.fixture(scope="session")
def tokenizer(corpus: list[str]) -> Tokenizer:
    config = BPEConfig(vocab_size=3000, special_tokens=("<|endoftext|>", "<|user|>"))
    return train_tokenizer(corpus, config)
