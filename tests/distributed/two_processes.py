"""Trains under torchrun and writes into a folder what came out of it."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import torch

from textus.parallel.collectives import processes, rank, world_size
from textus.train.loop import Listener

shared = runpy.run_path(str(Path(__file__).parents[1] / "conftest.py"))
new_trainer = shared["new_trainer"]


def train(folder: Path, rows: int, steps: int, stop: int | None, **settings: Any) -> None:
    how = {"steps": steps, "rows_per_step": rows, "micro_rows": 2} | settings
    trainer = new_trainer(folder, rank=rank(), world_size=world_size(), **how)
    calls = iter(range(1, 1000))
    # Only the second process hears of the wish to stop; both must heed it.
    listener = Listener(stopping=lambda: next(calls) == stop and rank() == 1)
    finished = trainer.run(lambda model: {"held_out_bits_per_byte": 0.0}, listener)
    assert finished == (stop is None)
    result = {"step": trainer.state.step, "tokens": trainer.state.tokens}
    result |= {"weights": [p.detach().flatten().tolist() for p in trainer.model.parameters()]}
    (folder / f"rank-{rank()}.json").write_text(json.dumps(result))


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    with processes(torch.device("cpu")):
        assert world_size() == 2
        for rows in (1, 4, 5):
            train(folder / f"rows-{rows}", rows, 20, None)
        train(folder / "stopped", 5, 20, 7)
        train(folder / "stopped", 5, 20, None)
        train(folder / "resumed", 5, 20, None)
        train(folder / "mixed", 5, 20, None, model=shared["MIXED"])


main()
