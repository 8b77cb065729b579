import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.interpret.numbers import count, duration, exact, percent, rate, size


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (exact(1_234_567.4), "1,234,567"),
        (count(9_999), "9,999"),
        (count(12_345), "12.3 k"),
        (count(999_999), "1.00 M"),
        (count(5_049_600), "5.05 M"),
        (size(999), "999 B"),
        (size(5_318_858), "5.32 MB"),
        (rate(64), "64 "),
        (rate(4.03e11), "403 G"),
        (duration(0.424), "0.42 s"),
        (duration(12.34), "12.3 s"),
        (duration(59.97), "1 min 0 s"),
        (duration(312), "5 min 12 s"),
        (duration(3599.9), "1 h 0 min"),
        (duration(12_000), "3 h 20 min"),
        (duration(3600 * 52), "2 d 4 h"),
        (percent(0), "0%"),
        (percent(1), "100%"),
        (percent(0.99999), "99.99%"),
        (percent(0.1234), "12.3%"),
        (percent(0.00042), "0.042%"),
    ],
)
def test_numbers_are_short_and_have_their_unit(written: str, expected: str) -> None:
    assert written == expected


@given(st.floats(0, 1e15))
def test_short_numbers_are_within_half_a_percent(number: float) -> None:
    units = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    value, _, unit = count(number).partition(" ")
    assert abs(float(value.replace(",", "")) * units[unit] - number) <= max(0.5, 0.005 * number)
