import json
import math
from pathlib import Path

import pytest

from textus.train.metrics import MetricsLog, read_metrics


def _write(folder: Path, *steps: int, keep_bytes: int = 0) -> int:
    log = MetricsLog(folder, keep_bytes=keep_bytes)
    for step in steps:
        log.write({"step": step, "loss": step / 3})
    size = log.sync()
    log.close()
    return size


def _steps(folder: Path) -> list[int]:
    return [record["step"] for record in read_metrics(folder)]


def test_records_come_back_as_they_were(tmp_path: Path):
    size = _write(tmp_path, 1, 2)
    assert list(read_metrics(tmp_path)) == [{"step": 1, "loss": 1 / 3}, {"step": 2, "loss": 2 / 3}]
    assert (tmp_path / "metrics.jsonl").stat().st_size == size


def test_a_record_can_be_read_while_the_log_is_open(tmp_path: Path):
    log = MetricsLog(tmp_path)
    log.write({"step": 1})
    assert _steps(tmp_path) == [1]
    log.close()


def test_what_came_after_the_checkpoint_is_cut_off(tmp_path: Path):
    size = _write(tmp_path, 1, 2)
    _write(tmp_path, 3, 4, keep_bytes=size)
    assert _steps(tmp_path) == [1, 2, 3, 4]
    _write(tmp_path, 5, keep_bytes=size)
    assert _steps(tmp_path) == [1, 2, 5]
    _write(tmp_path, 1)
    assert _steps(tmp_path) == [1]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path):
    _write(tmp_path, 1, 2)
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 3, "lo')
    assert _steps(tmp_path) == [1, 2]


def test_a_log_that_got_lost_is_begun_anew(tmp_path: Path):
    size = _write(tmp_path, 1, 2)
    (tmp_path / "metrics.jsonl").unlink()
    _write(tmp_path, 3, keep_bytes=size)
    assert _steps(tmp_path) == [3]


def test_no_log_holds_no_records(tmp_path: Path):
    assert list(read_metrics(tmp_path)) == []


def test_a_loss_that_is_no_number_is_read_back(tmp_path: Path):
    log = MetricsLog(tmp_path)
    log.write({"step": 1, "loss": math.nan})
    log.close()
    (record,) = read_metrics(tmp_path)
    assert math.isnan(record["loss"])


def test_tensorboard_gets_the_same_numbers(tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(tmp_path, tensorboard=True)
    for step in (1, 2):
        log.write({"step": step, "loss": step / 4})
    log.sync()
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 0.25), (2, 0.5)]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [0.25, 0.5]
