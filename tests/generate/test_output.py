from hypothesis import given
from hypothesis import strategies as st

from textus.generate.output import StopScanner

texts = st.text("abc", max_size=20)
stops = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


def cut_plainly(text: str, stops: list[str]) -> tuple[str, bool]:
    """The slow, obvious twin: character by character."""
    for end in range(1, len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            return text[: end - max(map(len, ending))], True
    return text, False


@given(texts, stops, st.randoms(use_true_random=False))
def test_any_pieces_give_the_text_before_the_first_complete_stop(text, stops, random):
    scanner, printed, rest = StopScanner(stops), "", text
    while rest and not scanner.stopped:
        size = random.randint(1, 5)
        printed += scanner.push(rest[:size])
        rest = rest[size:]
    printed += scanner.flush()
    assert (printed, scanner.stopped) == cut_plainly(text, stops)


@given(texts, stops)
def test_only_the_possible_beginning_of_a_stop_is_held_back(text, stops):
    scanner = StopScanner(stops)
    printed = "".join(scanner.push(character) for character in text if not scanner.stopped)
    if not scanner.stopped:
        held = text[len(printed) :]
        assert text == printed + held
        assert not held or any(stop.startswith(held) for stop in stops)


def test_without_stop_strings_everything_passes_at_once():
    scanner = StopScanner(())
    assert scanner.push("text") == "text"
    assert scanner.flush() == ""
