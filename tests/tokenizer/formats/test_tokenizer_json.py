import dataclasses
import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer
from transformers import AutoTokenizer

from textus.errors import DataError
from textus.tokenizer.bert import BertNormalizer, BertSplitter
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.normalize import Composed
from textus.tokenizer.special import NameRule
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.wordpiece.model import LongestMatch


def is_known(character: str) -> bool:
    """Whether it is known since Unicode 3.2, so that no party's tables are too old for it."""
    return unicodedata.ucd_3_2_0.category(character) not in ("Cs", "Cn")


EVERY_CHARACTER = [chr(point) for point in range(0x110000) if is_known(chr(point))]
LETTERS = ["a", "B", "s", "ll", "th", "the", "self", "return", "ſ", "é", "日本"]
NUMBERS = ["1", "23", "456", "½", "٣"]
SIGNS = ["'", "'re", "'S", "'ſ", ".", "(", "!!", "_", "👍", "\u0301", "\u200d", "\ufeff"]
SPACES = ["  ", "\n\n", "\r\n", *filter(str.isspace, EVERY_CHARACTER)]
SPECIAL = ["<|endoftext|>", "<|user|>", "<|", "endoftext", "|>"]
FRAGMENTS = LETTERS + NUMBERS + SIGNS + SPACES + SPECIAL


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    return folder


@pytest.fixture(scope="module")
def hugging_face(folder):
    return HuggingFaceTokenizer.from_file(str(folder / "tokenizer.json"))


def test_hugging_face_agrees_on_every_id(tokenizer, hugging_face, scripts):
    @given(
        st.text(st.characters().filter(is_known))
        | st.lists(st.sampled_from(FRAGMENTS)).map("".join)
    )
    def check(text):
        assert hugging_face.encode(text).ids == tokenizer.encode(text, allowed_special="all")

    check()
    for text in scripts:
        assert hugging_face.encode(text).ids == tokenizer.encode(text)
        assert hugging_face.decode(hugging_face.encode(text).ids) == text


def test_hugging_face_agrees_on_characters_of_every_script(tokenizer, hugging_face):
    text = "".join(f"{character} '{character}1{character}\n" for character in EVERY_CHARACTER[::41])
    assert hugging_face.encode(text).ids == tokenizer.encode(text)


def test_hugging_face_agrees_on_long_random_texts(tokenizer, hugging_face):
    draw = random.Random(5)
    texts = ["".join(draw.choices(FRAGMENTS, k=200)) for _ in range(300)]
    expected = [encoding.ids for encoding in hugging_face.encode_batch(texts)]
    assert [tokenizer.encode(text, allowed_special="all") for text in texts] == expected


def test_auto_tokenizer_loads_the_folder(tokenizer, folder, scripts):
    auto = AutoTokenizer.from_pretrained(folder)
    assert auto is not None
    assert len(auto) == tokenizer.vocab_size
    assert auto.eos_token_id == auto.bos_token_id == tokenizer.end_of_text
    for text in scripts:
        ids = tokenizer.encode(text + "<|user|>", allowed_special="all")
        assert auto(text + "<|user|>")["input_ids"] == ids
        assert auto.decode(ids) == text + "<|user|>"


def test_loaded_tokenizer_is_the_saved_one(tokenizer, folder):
    loaded = Tokenizer.load(folder)
    assert loaded.definition == tokenizer.definition
    assert loaded.end_of_text == tokenizer.end_of_text


def test_file_rewritten_by_hugging_face_still_loads(tokenizer, folder, hugging_face, tmp_path):
    hugging_face.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_bytes(
        (folder / "tokenizer_config.json").read_bytes()
    )
    assert Tokenizer.load(tmp_path).definition == tokenizer.definition


def test_end_of_text_may_be_any_special_token(folder, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<|user|>"}')
    assert Tokenizer.load(tmp_path).end_of_text == 1


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("damage", ["cut", "other", "binary"])
def test_damaged_file_is_named(tokenizer, tmp_path, name, damage):
    tokenizer.save(tmp_path)
    file = tmp_path / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        file.write_bytes(b"[1, 2]" if damage == "other" else b"\xff\xfe")
    with pytest.raises(DataError, match=f"{name}.*"):
        Tokenizer.load(tmp_path)


def test_without_its_config_a_tokenizer_has_no_end_of_text(tokenizer, folder, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    loaded = Tokenizer.load(tmp_path)
    assert loaded.definition == dataclasses.replace(tokenizer.definition, end_of_text=None)


def change(content: dict, path: str, value: object) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        content = content[int(parent) if isinstance(content, list) else parent]
    content[int(last) if isinstance(content, list) else last] = value


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("normalizer", {"type": "Unheard"}, "normalizer 'Unheard' is unknown"),
        ("normalizer", {"type": "Prepend", "prepend": "x"}, "puts 'x' before the text"),
        ("post_processor", {"type": "Unheard"}, "post_processor 'Unheard' is unknown"),
        ("pre_tokenizer/pretokenizers/0/pattern", {"String": " "}, "cuts at .*'String'"),
        ("pre_tokenizer/pretokenizers/0/behavior", "Removed", "behavior 'Removed'"),
        ("pre_tokenizer", {"type": "Digits"}, "pre_tokenizer is of another kind, Digits"),
        ("decoder", {"type": "BPEDecoder"}, "decoder is of another kind, BPEDecoder"),
        ("decoder", None, "decoder is of another kind, none"),
        ("model/type", "WordLevel", "'WordLevel', which is none of"),
        ("model/end_of_word_suffix", "</w>", "sets .*end_of_word_suffix"),
        ("model/dropout", 0.1, "sets .*dropout"),
        ("model/merges", ["a nothing"], "there is no 'nothing'"),
        ("model/merges", ["a b c"], "merge .a b c. is no pair"),
        ("model/merges", ["Q Z"], "no token for the merge of b'Q' and b'Z'"),
        ("model/merges", ["<|endoftext| >"], "also made by a merge"),
        ("model/vocab/Ġ", 99_999, "its ids are 3000 and go up to 99999"),
        ("model/vocab/Ġ", 4, "not each given once"),
        ("model/vocab/Ġ", "4", "'4', which is no whole number"),
        ("model/vocab/Ġ", True, "True, which is no whole number"),
        ("model/vocab/Ġ", 300.0, "300.0, which is no whole number"),
        ("model/vocab/Ġ", -1, "include -1; they are numbers from 0 on"),
        ("model/vocab/Ġ", 10**15, "go up to 1000000000000000"),
        ("model/ignore_merges", "false", "ignore_merges is 'false', neither true nor false"),
        ("added_tokens/0/lstrip", 1, "lstrip is 1, neither true nor false"),
        ("added_tokens/0/content", 5, "content is 5, no text"),
        ("model/vocab/Ġ\ud800", 3000, "no '.ud800'"),
        ("normalizer", {"type": "Strip", "strip_left": 0, "strip_right": True}, "strip_left is 0"),
        ("normalizer", {"type": "Replace", "pattern": {"String": 5}, "content": ""}, "String is 5"),
        ("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": ""}, "nothing"),
        ("normalizer", {"type": "BertNormalizer", "lowercase": "yes"}, "lowercase is 'yes'"),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "é"}, "ASCII"),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AA=\nA"}, "base64"),
        ("pre_tokenizer/pretokenizers/0/pattern/Regex", "(", "pattern"),
        ("pre_tokenizer/pretokenizers/0/pattern/Regex", 5, "Regex is 5, no text"),
        ("model/vocab", {}, "there is no 'Ġ'"),
        ("added_tokens/0/id", 7, "another id in the vocabulary"),
        ("added_tokens/0/special", False, "'<.endoftext.>' is no special token"),
        ("added_tokens", [], "'<.endoftext.>' is no special token"),
    ],
)
def test_tokenizer_of_another_kind_is_refused_with_the_reason(
    tokenizer, tmp_path, path, value, reason
):
    tokenizer.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content, path, value)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"tokenizer\.json.*{reason}.*train the tokenizer anew"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("part", "field", "step"),
    [
        ("normalizer", "normalizers", {"type": "NFC"}),
        ("pre_tokenizer", "pretokenizers", {"type": "ByteLevel", "add_prefix_space": False}),
        ("decoder", "decoders", {"type": "ByteLevel"}),
        ("post_processor", "processors", {"type": "ByteLevel"}),
    ],
)
def test_sequences_may_lie_within_one_another(tokenizer, tmp_path, part, field, step):
    tokenizer.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content[part] = step
    file.write_text(json.dumps(content))
    plain = Tokenizer.load(tmp_path).definition
    text = json.dumps(content | {part: "HERE"})
    opening = json.dumps({"type": "Sequence", field: []}).removesuffix("]}")
    for depth in (1, 300):
        nested = opening * depth + json.dumps(step) + "]}" * depth
        file.write_text(text.replace('"HERE"', nested))
        assert Tokenizer.load(tmp_path).definition == plain
    file.write_text(text.replace('"HERE"', opening * 100_000 + json.dumps(step) + "]}" * 100_000))
    with pytest.raises(DataError, match=r"tokenizer\.json is not JSON \(maximum recursion"):
        Tokenizer.load(tmp_path)


def test_without_use_regex_words_are_gpt2s(tokenizer, tmp_path, scripts):
    """Hugging Face's library takes it for true where the file does not say."""
    tokenizer.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    content["pre_tokenizer"] = level
    file.write_text(json.dumps(content))
    loaded, theirs = Tokenizer.load(tmp_path), HuggingFaceTokenizer.from_file(str(file))
    assert loaded.definition.splitter == PatternSplitter(pattern="gpt2")
    for text in [*scripts, "it's 12345 don't"]:
        assert loaded.encode(text) == theirs.encode(text).ids
    content["pre_tokenizer"] = level | {"use_regex": None}
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="use_regex is None, neither true nor false"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"{{ bos_token }}\xe9", None])
def test_a_template_file_that_cannot_be_read_is_named(tokenizer, tmp_path, content):
    tokenizer.save(tmp_path)
    file = tmp_path / "chat_template.jinja"
    file.mkdir() if content is None else file.write_bytes(content)
    reason = "cannot be read" if content is None else "is not UTF-8 \\(at byte 15\\)"
    with pytest.raises(DataError, match=f"chat_template.jinja {reason}"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("vocab", "reason"),
    [
        ({"[UNK]": 0, "a": 5_000_000_000}, "its ids are 3 and go up to 5000000000"),
        ({"[UNK]": 0, "a": -1}, "include -1"),
        ({"[UNK]": 0, "a": 0}, "not each given once"),
        ({"[UNK]": 0, "a": 1.0}, r"1\.0, which is no whole number"),
    ],
)
def test_ids_of_wordpiece_are_checked(tmp_path, vocab, reason):
    Tokenizer(own_forms()["bert"]).save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["model"]["vocab"] = {"<|endoftext|>": 7} | vocab
    content["added_tokens"][0]["id"] = 7
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=reason):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("model/unk_id", True, "unk_id include True, which is no whole number"),
        ("model/unk_id", -1, "unk_id include -1"),
        ("model/unk_id", 10**9, "unk_id include 1000000000, outside"),
        ("model/vocab/260/1", float("nan"), "score nan is no number"),
        ("model/vocab/260/1", "-1", "not supported between"),
        ("model/byte_fallback", 1, "byte_fallback is 1, neither true nor false"),
    ],
)
def test_numbers_of_unigram_are_checked(tmp_path, path, value, reason):
    Tokenizer(own_forms()["characters"]).save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["added_tokens"] = content["added_tokens"][1:]
    change(content, path, value)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=reason):
        Tokenizer.load(tmp_path)


def own_forms() -> dict[str, Definition]:
    """One small tokenizer of each form that is trained here."""
    special = {"<|endoftext|>": 0, "<unk>": 1}
    every_byte = [bytes([byte]) for byte in range(256)]
    pieces = [b" t", b" th", b"he", "é".encode(), "日".encode()[:2], b" the", b"ing"]
    plain = [b"<|endoftext|>", b"<unk>", *every_byte, *pieces]
    ids = {token: id_ for id_, token in enumerate(plain) if id_ > 1}
    scores = tuple(-1.0 - 7 / (1 + len(token)) for token in plain)
    shared = {"special_tokens": special, "end_of_text": "<|endoftext|>"}
    merges = tuple((ids[a], ids[b]) for a, b in [(b" ", b"t"), (b"h", b"e"), (b" t", b"he")])
    twice = [*plain, *every_byte, *pieces[2:5]]
    kept = [*"ab \n<0x41>é日"]
    texts = [b"<|endoftext|>", b"<unk>", *every_byte, *map(str.encode, [*kept, " a", "日é"])]
    shape = {"splitter": PatternSplitter(), **shared}
    bytes_ = dict(list(ids.items())[:256])
    return {
        "bpe": Definition(tokens=tuple(plain), model=Merges(ids=ids, merges=merges), **shape),
        "nfc": Definition(
            tokens=tuple(plain),
            model=Merges(
                ids={token: id_ for token, id_ in ids.items() if token != b"ing"},
                merges=merges,
                whole_words=True,
            ),
            normalizer=Composed(),
            added_tokens={"ing": 264},
            name_rules={"ing": NameRule(single_word=True)},
            **shape,
        ),
        "superbpe": Definition(
            tokens=tuple(plain),
            model=Merges(ids=ids, merges=merges),
            splitter=PatternSplitter(pattern="superbpe"),
            **shared,
        ),
        "bytes": Definition(
            tokens=tuple(plain[:258]),
            model=Merges(ids=bytes_, merges=()),
            splitter=PatternSplitter(pattern="none"),
            **shared,
        ),
        "wordpiece": Definition(
            tokens=tuple(twice),
            model=LongestMatch(
                initial=ids, continuation={t: i for i, t in enumerate(twice) if i >= len(plain)}
            ),
            **shape,
        ),
        "bert": Definition(
            tokens=(b"<|endoftext|>", b" [UNK]", b" the", b" a", b"b", b"a", b" b", b" !"),
            model=LongestMatch(
                initial={b"[UNK]": 1, b"the": 2, b"a": 3, b"b": 6, b"!": 7},
                continuation={b"b": 4, b"a": 5},
                unknown=1,
                max_word_chars=100,
            ),
            splitter=BertSplitter(),
            normalizer=BertNormalizer(),
            special_tokens={"<|endoftext|>": 0},
            end_of_text="<|endoftext|>",
            drops_first_space=True,
        ),
        "unigram": Definition(
            tokens=tuple(plain),
            model=Unigram(ids=ids, scores=(0.0, 0.0, *scores[2:])),
            **shape,
        ),
        "characters": Definition(
            tokens=tuple(texts),
            model=Unigram(
                ids={token: id_ for id_, token in enumerate(texts) if id_ >= 258},
                scores=(*[0.0] * 258, *[-2.5 - 1 / 3 * k for k in range(14)]),
                characters=True,
                byte_ids=tuple(range(2, 258)),
                unknown=1,
                unknown_score=-1010.0,
            ),
            splitter=PatternSplitter(pattern=r" *[^ \n]+| +|\n+|x"),
            **shared,
        ),
    }


@pytest.mark.parametrize("form", own_forms())
def test_every_own_form_is_written_and_read(form, scripts, tmp_path):
    ours = Tokenizer(own_forms()[form])
    ours.save(tmp_path)
    assert Tokenizer.load(tmp_path).definition == ours.definition
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs is not None
    for text in [*scripts, "the thé theing ab ba 日é <0x41> ing xing", "", " ", "a<unk>!"]:
        ids = ours.encode(text, allowed_special="all")
        assert theirs(text)["input_ids"] == ids, text
        assert theirs.decode(ids) == ours.decode(ids), text
        if form not in ("bert", "nfc"):
            assert ours.decode(ids) == text
