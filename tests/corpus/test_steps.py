import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.corpus.batches import Row, Verdict, pack, reject, settle, texts
from textus.corpus.config import ExactDedup, FixText, Length
from textus.corpus.steps import fix_text, fix_text_slowly

MOJIBAKE = st.text(max_size=30).map(lambda t: t.encode("utf-8", "replace").decode("latin-1"))
PARTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=30),
    MOJIBAKE,
    st.sampled_from(["&amp;", "<", "&#x41;", "\r\n", "\n", "\r", "\x00", "\x1b[1m", "\ufeff"]),
    st.sampled_from(
        ["plain words, ", "東京、", "カ\u3099", "ｶﾞ", "２０％", "“so”", "e\u0301", "한글"]
    ),
)
CONFIGS = st.builds(FixText, html_entities=st.booleans(), straight_quotes=st.booleans())


def batch_of(*items):
    (batch,) = pack(Row("s", "f", n, n, text) for n, text in enumerate(items, 1))
    return batch


def reasons(batch):
    return dict(zip(texts(batch), batch.column("reason").to_pylist(), strict=True))


@given(st.lists(PARTS, max_size=12).map("".join), CONFIGS)
def test_the_quick_repair_equals_ftfy(text, config):
    assert fix_text(text, config) == fix_text_slowly(text, config)


def test_every_character_that_is_passed_through_is_one_that_ftfy_leaves_alone():
    for code in [
        *range(0x250),
        *range(0x1100, 0x1200),
        *range(0x2000, 0x3200),
        *range(0xA000, 0x10000),
    ]:
        if not 0xD800 <= code < 0xE000:
            assert fix_text(chr(code), FixText()) == fix_text_slowly(chr(code), FixText())


@given(st.text(st.sampled_from("a～」あがガ語日한가ー　、！"), max_size=30))
def test_text_without_suspect_characters_is_left_as_it_is(text):
    assert ftfy.fix_text(text, fix_character_width=False) == fix_text(text, FixText())


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("schÃ¶n", "schön"),
        ("fish &amp; chips", "fish & chips"),
        ("<b>fish</b>\nfish &amp; chips", "<b>fish</b>\nfish &amp; chips"),
        ("fish &amp; chips\n<b>fish</b>", "fish &amp; chips\n<b>fish</b>"),
        ("a\x00b\ufeffc", "abc"),
        ("cafe\u0301", "café"),
        ("“so”, ２０％, ﬁn", "“so”, ２０％, ﬁn"),
    ],
)
def test_damage_is_repaired_and_nothing_else(broken, whole):
    assert fix_text(broken, FixText()) == whole


def test_quotes_and_entities_follow_the_settings():
    assert fix_text("“so” &amp;", FixText(straight_quotes=True)) == '"so" &'
    assert fix_text("“so” &amp;", FixText(html_entities=False)) == "“so” &amp;"


def test_short_empty_and_long_documents_get_their_reason():
    batch = Length(min_chars=3, max_chars=5).apply(batch_of("", " \n ", " ab ", "abc", "abcdef"))
    assert reasons(batch) == {
        "": "empty",
        " \n ": "empty",
        " ab ": "too_short",
        "abc": None,
        "abcdef": "too_long",
    }
    assert "6 characters, more than 5" in batch.column("detail").to_pylist()


def test_of_equal_documents_the_first_stays_across_batches():
    batches = [batch_of("a", "b", "a"), batch_of("b", "c"), batch_of("c", "A")]
    kept = [texts(settle(b).kept) for b in ExactDedup().apply_all(iter(batches))]
    assert kept == [["a", "b"], ["c"], ["A"]]


def test_a_verdict_parts_rows_and_keeps_their_text():
    batch = batch_of("a", "b")
    kept, rejected = settle(reject(batch, [None, Verdict("dull", "says nothing")]))
    assert kept.schema == batch.schema
    assert texts(kept) == ["a"]
    assert rejected.select(["text", "reason", "detail"]).to_pylist() == [
        {"text": "b", "reason": "dull", "detail": "says nothing"}
    ]
