from textus.text import count_of, replace_surrogates


def test_lone_surrogates_become_replacement_characters():
    assert replace_surrogates("a\ud800b\udc00") == "a\ufffdb\ufffd"
    assert replace_surrogates("\ud83d\ude00") == "😀"
    assert replace_surrogates("naïve 😀") == "naïve 😀"


def test_a_noun_agrees_with_its_number():
    assert [count_of(n, "file") for n in (0, 1, 1000)] == ["0 files", "1 file", "1,000 files"]
