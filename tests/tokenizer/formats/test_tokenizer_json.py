import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer
from transformers import AutoTokenizer

from textus.errors import DataError
from textus.tokenizer.tokenizer import Tokenizer


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
@pytest.mark.parametrize("damage", ["missing", "cut", "other", "binary"])
def test_damaged_file_is_named(tokenizer, tmp_path, name, damage):
    tokenizer.save(tmp_path)
    file = tmp_path / name
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        file.write_bytes(b"[1, 2]" if damage == "other" else b"\xff\xfe")
    with pytest.raises(DataError, match=f"{name}.*"):
        Tokenizer.load(tmp_path)


def change(content: dict, path: str, value: object) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        content = content[int(parent) if isinstance(content, list) else parent]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("normalizer", {"type": "NFC"}, "normalizer is of another kind"),
        ("post_processor", {"type": "ByteLevel"}, "post_processor is of another kind"),
        ("pre_tokenizer/pretokenizers/0/pattern", {"Regex": r"\w+"}, "pre_tokenizer is of another"),
        ("model/type", "WordPiece", "'WordPiece', not 'BPE'"),
        ("model/ignore_merges", True, "sets .*ignore_merges"),
        ("model/merges", ["a nothing"], "there is no 'nothing'"),
        ("model/merges", ["a b c"], "too many values"),
        ("model/merges", ["Q Z"], "no token for the merge of b'Q' and b'Z'"),
        ("model/vocab/Ġ", 99_999, "numbers from 0 on"),
        ("model/vocab", {}, "there is no 'Ġ'"),
        ("added_tokens/0/special", False, "'<.endoftext.>' is of another kind"),
        ("added_tokens", [], "there is no '<.endoftext.>'"),
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
