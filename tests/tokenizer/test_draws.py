import pytest

from textus.tokenizer.draws import Draws, key_of, threshold_of


def test_numbers_are_those_of_splitmix64():
    """The first outputs for the seed 1234567, as published with the algorithm."""
    draws = Draws(1234567)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [draws.next() for _ in published] == [number >> 11 for number in published]


def test_keys_depend_on_text_and_seed():
    keys = {key_of(text, seed=seed) for text in ("", "a", "1a") for seed in (-1, 0, 1, 1 << 80)}
    assert len(keys) == 12
    assert key_of("é", seed=3) == key_of("é", seed=3)


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_draws_are_below_a_threshold_as_often_as_is_likely(probability):
    draws, threshold = Draws(7), threshold_of(probability)
    share = sum(draws.next() < threshold for _ in range(4000)) / 4000
    assert abs(share - probability) < 0.03
