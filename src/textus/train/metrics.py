"""The record of a run: one line of JSON for each step and each evaluation; TensorBoard events on
request."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textus.errors import MissingExtraError

Record = dict[str, Any]


class MetricsLog:
    """Appends records to `metrics.jsonl`, and to TensorBoard if asked."""

    def __init__(
        self, folder: Path, *, keep_bytes: int = 0, keep_steps: int = 0, tensorboard: bool = False
    ):
        """Cuts an earlier log back to `keep_bytes`, and events to `keep_steps`: what follows, a
        killed process wrote after its last checkpoint."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "metrics.jsonl").open("ab")
        self._file.truncate(min(keep_bytes, self._file.tell()))  # it would fill up with zeros
        self._events = _event_writer(folder / "tensorboard", keep_steps) if tensorboard else None

    def write(self, record: Record) -> None:
        """Adds a record of numbers; it reaches the file at once.

        What is not finite becomes null, since JSON knows neither NaN nor infinity.
        """
        strict = {k: None if v != v or abs(v) == math.inf else v for k, v in record.items()}
        self._file.write(json.dumps(strict).encode() + b"\n")
        self._file.flush()
        if self._events is not None:
            for name, value in record.items():
                if name != "step":
                    self._events.add_scalar(name, value, record["step"])

    def sync(self) -> int:
        """Makes sure that all records are on the disk; returns the bytes they take."""
        os.fsync(self._file.fileno())
        if self._events is not None:
            self._events.flush()
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Lets go of the files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def read_metrics(folder: Path) -> Iterator[Record]:
    """The records in a folder, oldest first; a last line that was cut off is left out.

    A number that was not finite is NaN.
    """
    file = folder / "metrics.jsonl"
    if not file.exists():
        return
    for line in file.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield {k: math.nan if v is None else v for k, v in json.loads(line).items()}


def _event_writer(folder: Path, keep_steps: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard", "train.tensorboard") from error
    return SummaryWriter(str(folder), purge_step=keep_steps + 1 if keep_steps else None)
