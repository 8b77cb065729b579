"""What a person sees while Textus works: notes on stderr, the model's words on stdout.

On a terminal progress is one live line; in a file or pipe it is a plain line now and then.
"""

import signal
import sys
import time
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from textus.parallel.collectives import is_first
from textus.run.graph import Display

TRAINING = "pretrain"
SECONDS_BETWEEN_PLAIN_LINES = 10.0
SECONDS_OF_ONE_REQUEST = 1.0  # torchrun hands on a Ctrl-C that the terminal sends as well
EXIT_INTERRUPTED = 130


class Terminal:
    """Shows the work of one command."""

    def __init__(self) -> None:
        # Of the processes of a group only the first speaks.
        quiet = not is_first()
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)
        self.stopped_by: int | None = None
        self._stopped_at = 0.0
        self._stage = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = 0.0

    def display(self) -> Display:
        """This terminal, as a run's display."""
        return Display(
            say=self.say,
            stage=self.stage,
            progress=self.progress,
            record=self.record,
            text=self.text,
            stopping=self.stopping,
        )

    def derived(self, path: str, value: object, reason: str) -> None:
        """A value that the recipe left open."""
        self.console.print(f"  {path} = {value}  ({reason})", markup=False, style="dim")

    def say(self, text: str) -> None:
        """A note, on a line of its own."""
        self.console.print(f"  {text}", markup=False)

    def stage(self, name: str, text: str) -> None:
        """A stage begins, or is passed over."""
        self._end_bar()
        self._stage = name
        self.console.print(f"[bold]{name}[/bold] {text}")

    def progress(self, done: int, total: int | None, text: str) -> None:
        """How far the stage is."""
        self._show(done, total, text)

    def record(self, record: dict[str, Any], steps: int) -> None:
        """A record of the training metrics."""
        if "loss" not in record:
            figures = ", ".join(
                f"{k.replace('_', ' ')} {v:.4f}" for k, v in record.items() if k != "step"
            )
            self.say(f"step {record['step']}: {figures}")
            return
        speed = record["tokens_per_second"]
        text = f"step {record['step']}/{steps}  loss {record['loss']:.3f}  {speed:,.0f} tokens/s"
        self._show(record["step"], steps, text)
        if record["step"] == steps:
            self._end_bar()

    def text(self, text: str) -> None:
        """Words of the model, at once, on stdout."""
        self._end_bar()
        sys.stdout.write(text)
        sys.stdout.flush()

    def stopping(self) -> bool:
        """Whether Ctrl-C or a signal asked to stop."""
        return self.stopped_by is not None

    def watch_signals(self) -> None:
        """Ctrl-C or SIGTERM while training: stop after the step, with a checkpoint. A second one:
        at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def exit_code(self) -> int:
        """Of a run that was stopped and saved: 130 after Ctrl-C, 0 after SIGTERM."""
        return EXIT_INTERRUPTED if self.stopped_by == signal.SIGINT else 0

    def close(self) -> None:
        """Ends the live line."""
        self._end_bar()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._stage != TRAINING:
            raise KeyboardInterrupt
        if self.stopped_by is not None:
            if now - self._stopped_at > SECONDS_OF_ONE_REQUEST:
                raise KeyboardInterrupt
            return
        self.stopped_by, self._stopped_at = number, now
        self.say("stopping after this step, with a checkpoint; once more to stop at once")

    def _show(self, done: int, total: int | None, text: str) -> None:
        if not self.console.is_terminal:
            self._show_plainly(done, total, text)
            return
        if self._bar is None:
            self._bar = _live_line(self.console)
            self._bar.start()
            self._task = self._bar.add_task(text, total=total)
        assert self._task is not None
        self._bar.update(self._task, completed=done, total=total, description=text)

    def _show_plainly(self, done: int, total: int | None, text: str) -> None:
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line = now
            share = f"{100 * done / total:3.0f}%  " if total else ""
            self.say(f"{share}{text}")

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _live_line(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
