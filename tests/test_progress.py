import pytest

from textus.progress import Speed


def test_speed_is_what_was_done_here_by_the_time_it_took(monkeypatch: pytest.MonkeyPatch):
    now = iter([10.0, 12.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    speed = Speed(5_000_000)
    assert speed.text(8_000_000) == "1.5 MB/s"
    assert speed.text(5_000_000_000) == "1,248.8 MB/s"
