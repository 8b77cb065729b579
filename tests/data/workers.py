"""Writes the same documents with several numbers of threads and processes.

python workers.py FOLDER          prints a digest of all files for each
python workers.py FOLDER die      a process ends in the middle of its work
python workers.py FOLDER orphans  so does this one, while its processes, which print their
                                  number, are at work
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textus.data.shard_writer import write_shards
from textus.store import digest, file_sha256
from textus.text_array import TextArray

WAYS = ((1, False), (3, False), (1, True), (2, True))


@dataclass(frozen=True)
class Numbers:
    """Twenty documents, each with as many letters as its number."""

    first: int
    size: int = 1 << 22

    def sources(self) -> list[str]:
        return [f"source {(self.first + number) // 70}" for number in range(20)]

    def read(self) -> tuple[list[str], TextArray]:
        lengths = range(self.first, self.first + 20)
        return self.sources(), TextArray.of("a" * length for length in lengths)


def encode(texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(texts.offsets[-1], dtype=np.uint32) % 1000, texts.offsets


def die(texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
    if texts.sizes[0] == 100:
        os._exit(1)
    return encode(texts)


def kill_parent(texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
    print(os.getpid(), flush=True)
    if texts.sizes[0] == 100:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    return encode(texts)


def main() -> None:
    folder = Path(sys.argv[1])
    mode = sys.argv[2] if len(sys.argv) > 2 else ""
    chosen = {"": encode, "die": die, "orphans": kill_parent}[mode]
    for workers, processes in ((2, True),) if mode else WAYS:
        out = folder / f"{workers}-{processes}"
        write_shards(
            [Numbers(first) for first in range(0, 300, 20)],
            out,
            encode=chosen,
            end_of_text=1000,
            vocab_size=1001,
            shard_tokens=2000,
            split="train",
            workers=workers,
            processes=processes,
        )
        print(digest({p.name: file_sha256(p) for p in (out / "train").iterdir()}))


if __name__ == "__main__":
    main()
