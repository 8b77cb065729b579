"""A tiny corpus, a recipe that takes a fraction of a second, and ways to run and compare."""

import copy
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import nn

from textus.data.loader import Loader
from textus.data.shards import SourceTokens, TokenSet
from textus.model.config import ModelConfig
from textus.model.presets import make_config
from textus.model.transformer import Transformer
from textus.plugins import allow_code
from textus.recipe import merge
from textus.run.api import run_recipe
from textus.run.graph import Display
from textus.run.resolve import overrides_from, resolve_recipe
from textus.store import file_sha256
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer
from textus.train.config import TrainConfig
from textus.train.loop import Trainer

settings.register_profile("untimed", deadline=None)  # kernels may have to be compiled first
settings.load_profile("untimed")
torch.set_num_threads(1)  # small tensors: handing work to a second thread costs more than it saves

Tree = dict[str, Any]
Content = dict[str, Any]

WORDS = ["the", "cat", "sat", "beside", "an", "elephant", "watching", "quiet", "river", "stones"]
_TIMES = {"created", "seconds", "first_token_seconds", "tokens_per_second"}
_VOLATILE = {*_TIMES, "mtime_ns", "metrics_bytes", "processes", "device", "machine", "peak_memory"}
_OWN_FILES = {".lock", ".lock-holder.json", "report.html", "begun.json"}


def write_texts(folder: Path, files: int = 6) -> Path:
    """Some 2 kB of made-up sentences in each of `files` text files."""
    folder.mkdir(exist_ok=True)
    draw = random.Random(1)
    for number in range(files):
        paragraphs = (" ".join(draw.choices(WORDS, k=40)) + "." for _ in range(12))
        (folder / f"{number}.txt").write_text("\n\n".join(paragraphs))
    return folder


@pytest.fixture(scope="session")
def shared_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text files that tests only read."""
    return write_texts(tmp_path_factory.mktemp("texts") / "words")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Text files of a test's own."""
    return write_texts(tmp_path / "words")


@pytest.fixture
def recipe(shared_texts: Path) -> Tree:
    """A recipe of six steps over `shared_texts`."""
    return make_recipe(shared_texts)


def make_recipe(texts: Path) -> Tree:
    return {
        "corpus": {"source": [{"name": "words", "uri": str(texts)}]},
        "tokenizer": {"vocab_size": 300},
        "data": {"seq_len": 32},
        "model": {"num_layers": 1, "model_dim": 32, "attention": {"head_dim": 16}},
        "train": {
            "steps": 6,
            "rows_per_step": 4,
            "save_every": 2,
            "eval_every": 3,
            "eval_rows": 4,
        },
        "samples": {"prompts": ["the"], "settings": {"max_new_tokens": 5, "seed": 1}},
    }


Go = Callable[..., list[str]]


@pytest.fixture
def go() -> Go:
    return _go


def _go(
    recipe: Mapping[str, Any] | Path,
    run: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    only: str | None = None,
    redo: str | None = None,
    **display: Any,
) -> list[str]:
    """Runs a recipe and returns what a person would have read, a line each."""
    lines: list[str] = []
    shown: Tree = {"say": lines.append}
    shown["stage"] = lambda name, text: lines.append(f"{name} {text}")
    resolved = resolve_recipe(
        recipe if isinstance(recipe, Path) else copy.deepcopy(dict(recipe)),
        overrides_from(settings or {}),
    )
    run_recipe(resolved, run, Display(**(shown | display)), only=only, redo=redo)
    return [line for line in lines if not line.startswith("report: ")]


@pytest.fixture(scope="session")
def shared_run(shared_texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `recipe` that tests only read."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    _go(make_recipe(shared_texts), run)
    return run


@pytest.fixture
def finished(shared_run: Path, tmp_path: Path) -> Path:
    """A finished run of a test's own."""
    return Path(shutil.copytree(shared_run, tmp_path / "finished"))


@pytest.fixture
def content() -> Callable[[Path], Content]:
    return content_of


def content_of(folder: Path) -> Content:
    """What a folder holds, but for times and what follows from them: path -> digest or JSON."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in _OWN_FILES)
    return {file.relative_to(folder).as_posix(): _content(file) for file in files}


def _content(file: Path) -> Any:
    if file.suffix == ".json":
        return _timeless(json.loads(file.read_text()), sealed=file.name == "manifest.json")
    if file.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in file.read_text().splitlines()]
    return file_sha256(file)


def _timeless(value: Any, *, sealed: bool = False) -> Any:
    """A JSON value without times; of a manifest's JSON files the names only."""
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _timeless(v) for k, v in value.items() if k not in _VOLATILE}
    if sealed:
        kept["files"] = {k: None if k.endswith(".json") else v for k, v in value["files"].items()}
    return kept


@pytest.fixture
def checksums() -> Callable[[Path], dict[str, str]]:
    """Every file of a folder, with its checksum."""
    return lambda folder: {
        p.relative_to(folder).as_posix(): file_sha256(p)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith(".lock")
    }


MakeConfig = Callable[..., ModelConfig]
MakeModel = Callable[..., Transformer]


@pytest.fixture(name="small_config", scope="session")
def small_config_fixture() -> MakeConfig:
    return small_config


def small_config(architecture: str = "qwen3", **settings: Any) -> ModelConfig:
    """A preset, with settings of a test's own, where no two widths are equal by chance."""
    sizes: Tree = {"vocab_size": 97, "max_seq_len": 32, "num_layers": 2, "model_dim": 40}
    sizes |= {"attention": {"num_heads": 4, "head_dim": 12}}
    return make_config(architecture, **merge(sizes, settings))


@pytest.fixture(name="randomise", scope="session")
def randomise_fixture() -> Callable[..., None]:
    return randomise


def randomise(model: nn.Module, *, std: float = 0.2, seed: int = 1) -> None:
    """Gives every parameter a random value: a 0 or 1 could be left out and nobody would see."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            middle = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(middle + std * torch.randn(parameter.shape, generator=generator))


@pytest.fixture(scope="session")
def random_model() -> MakeModel:
    """A model of a configuration whose every parameter is random."""
    return _random_model


def _random_model(config: ModelConfig, *, std: float = 0.3) -> Transformer:
    model = Transformer(config)
    randomise(model, std=std)
    return model


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """A tiny model for `tokenizer`, of any architecture, that is sure of what it says."""
    return _make_model


def _make_model(architecture: str = "qwen3", **settings: Any) -> Transformer:
    sizes: Tree = {"vocab_size": 340, "max_seq_len": 64, "model_dim": 16}
    sizes |= {"attention": {"num_heads": 2, "head_dim": 8}, "feed_forward": {"hidden_dim": 24}}
    return _random_model(small_config(architecture, **merge(sizes, settings)), std=0.6).eval()


@pytest.fixture(params=["qwen3", "gpt2"])
def model(request: pytest.FixtureRequest) -> Transformer:
    """A tiny model for `tokenizer`, with relative and with absolute positions."""
    return _make_model(request.param)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """All bytes, the pairs of eight letters, and one special token in the middle of the ids."""
    pairs = [(a, b) for a in b"abcdefgh" for b in b"abcdefgh"]  # of ids
    tokens = [bytes([i]) for i in range(256)] + [b"<end>"] + [bytes(pair) for pair in pairs]
    return Tokenizer(
        Definition(
            tokens=tuple(tokens),
            model=Merges(
                ids={token: id_ for id_, token in enumerate(tokens) if id_ != 256},
                merges=tuple(pairs),
            ),
            splitter=PatternSplitter(),
            special_tokens={"<end>": 256},
            end_of_text="<end>",
        )
    )


MakeTrainer = Callable[..., Trainer]


@pytest.fixture(scope="session")
def make_trainer() -> MakeTrainer:
    return new_trainer


def new_trainer(
    folder: Path,
    *,
    rank: int = 0,
    world_size: int = 1,
    model: ModelConfig | None = None,
    **settings: Any,
) -> Trainer:
    """A fresh trainer of a tiny model over a few documents; the same each time."""
    defaults: Tree = {"steps": 10, "rows_per_step": 4, "micro_rows": 4, "warmup_steps": 2}
    config = TrainConfig(**(defaults | {"save_every": 4, "eval_every": 3} | settings))
    loader = Loader(
        tiny_tokens(),
        seq_len=16,
        rows_per_step=config.rows_per_step,
        micro_rows=config.micro_rows,
        seed=1,
        rank=rank,
        world_size=world_size,
    )
    torch.manual_seed(1)
    return Trainer(Transformer(model or TINY), loader, config, folder)


TINY = make_config(
    vocab_size=24,
    max_seq_len=16,
    num_layers=2,
    model_dim=16,
    attention={"num_heads": 2, "num_kv_heads": 1, "head_dim": 8},
    feed_forward={"hidden_dim": 24},
)

MIXED = make_config(
    "deepseek_v3",
    vocab_size=24,
    max_seq_len=16,
    num_layers=2,
    model_dim=16,
    attention={"num_heads": 2, "head_dim": 6, "rope_dim": 4, "value_dim": 5},
    feed_forward={
        "num_experts": 6,
        "experts_per_token": 2,
        "num_groups": 3,
        "hidden_dim": 12,
        "shared_hidden_dim": 8,
        "balance_weight": 0.02,
    },
)
"""Experts balanced by biases, and a token ahead."""


@pytest.fixture(scope="session")
def mixed() -> ModelConfig:
    return MIXED


def tiny_tokens() -> TokenSet:
    """Forty documents that count upwards, each in steps of its own; id 0 ends them."""
    documents = [
        [0, *(1 + (number + place * (1 + number % 5)) % 23 for place in range(20 + number))]
        for number in range(40)
    ]
    ids = np.array([i for document in documents for i in document], dtype="<u2")
    starts = np.cumsum([0, *map(len, documents[:-1])])
    source = SourceTokens("counts", [ids], [starts], bytes=len(ids), digest="counts")
    return TokenSet(sources={"counts": source}, end_of_text=0, vocab_size=24)


Process = subprocess.CompletedProcess[str]
Textus = Callable[..., Process]


@pytest.fixture(scope="session")
def textus() -> Textus:
    return run_textus


def run_textus(*arguments: object, **options: Any) -> Process:
    """`textus` in a process of its own."""
    command = [sys.executable, "-m", "textus", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, **options
    )


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """Each test begins with the same random numbers, whichever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _process_left_as_found() -> Iterator[None]:
    """The command line takes over signals and may allow code; tests do not hand that on."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    allow_code(False)
    for number, handler in handlers.items():
        signal.signal(number, handler)
