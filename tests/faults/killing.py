"""Runs `textus run` again and again in processes of its own that are killed; prints what happened.

    python killing.py calls RECIPE FOLDER FIRST LAST   at each of the file system calls in training
    python killing.py shards RECIPE FOLDER FIRST LAST  the same, of the stage tokenize on its own
    python killing.py moments RECIPE FOLDER COUNT SEED at random moments

Each run is a fork of a process that has run the recipe once, so that nothing is imported again. A
killed run is begun anew and must end; the last line printed is a JSON list with each one's run
folder, whether it was killed, what lay about then, the exit code of the run that followed, and how
many token shards were finished before and are the same files after.
"""

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from textus.run.api import run_recipe
from textus.run.graph import Display
from textus.run.resolve import resolve_recipe

CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir")


def run(
    recipe: Path, folder: Path, display: Display | None = None, only: str | None = None
) -> None:
    torch.set_num_threads(1)
    run_recipe(resolve_recipe(recipe, {}), folder, display or Display(), only=only)


def forked(act: Callable[[], None]) -> int:
    """The exit status of a process that acts: 0, or the number of the signal that ended it."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_call(number: int, recipe: Path, folder: Path, only: str | None = None) -> None:
    """Dies at call `number` of those that follow the first record of training, or the beginning of
    the stage `only`."""
    count = -1

    def count_from_here(*_: Any) -> None:
        nonlocal count
        count = max(count, 0)

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def dying_call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += count >= 0
            if count == number:
                kill_self()
            return call(*arguments, **options)

        return dying_call

    for name in CALLS:
        setattr(os, name, dying(getattr(os, name)))
    display = Display(stage=count_from_here) if only else Display(record=count_from_here)
    run(recipe, folder, display, only)


def killed_after(seconds: float, recipe: Path, folder: Path) -> None:
    threading.Timer(seconds, kill_self).start()
    run(recipe, folder)


def finished_shards(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of the shards that some index in the folder lists: inode and time of writing."""
    found = {}
    for index in folder.rglob("index.json"):
        sources = json.loads(index.read_text())["sources"].values()
        for file in (shard["file"] for source in sources for shard in source["shards"]):
            state = (index.parent / file).stat()
            found[f"{index.parent.name}/{file}"] = (state.st_ino, state.st_mtime_ns)
    return found


def trial(
    folder: Path, recipe: Path, dying: Callable[[], None], only: str | None = None
) -> dict[str, Any]:
    unmade = ["training", "model", "evaluation", "samples", "report.html"]
    if only == "tokenize":
        unmade.append("data")
    if folder.name.startswith("call"):  # what comes before need not be made each time
        shutil.copytree(folder.with_name("warm"), folder, ignore=shutil.ignore_patterns(*unmade))
    status = forked(dying)
    leftovers = sum(1 for _ in folder.rglob(".tmp-*")) + sum(1 for _ in folder.rglob(".old-*"))
    before = finished_shards(folder)
    end = forked(lambda: run(recipe, folder, only=only))
    after = finished_shards(folder)
    return {
        "folder": str(folder),
        "killed": status == -9,
        "leftovers": leftovers,
        "end": end,
        "shards": len(before),
        "kept": sum(after.get(name) == state for name, state in before.items()),
    }


def main() -> None:
    what, recipe, parent, *numbers = sys.argv[1:]
    first, second = map(int, numbers)
    run(Path(recipe), Path(parent) / "warm")
    only = "tokenize" if what == "shards" else None
    if what in ("calls", "shards"):
        deaths = [
            (f"call-{n}", lambda folder, n=n: killed_at_call(n, Path(recipe), folder, only))
            for n in range(first, second + 1)
        ]
    else:
        started = time.perf_counter()
        forked(lambda: run(Path(recipe), Path(parent) / "timed"))
        duration = time.perf_counter() - started
        draw = random.Random(second)
        moments = [duration * (n + draw.random()) / first for n in range(first)]
        deaths = [
            (f"moment-{n}", lambda folder, s=s: killed_after(s, Path(recipe), folder))
            for n, s in enumerate(moments)
        ]
    results = []
    for name, die in deaths:
        folder = Path(parent) / name
        results.append(trial(folder, Path(recipe), lambda d=die, f=folder: d(f), only))
    print(json.dumps(results))


main()
