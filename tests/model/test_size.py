import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from textus.model.attention import Documents
from textus.model.config import (
    Arrangement,
    GatedConfig,
    GroupedConfig,
    HeadConfig,
    LayerNormConfig,
    LearnedConfig,
    ModelConfig,
    PlainConfig,
    RMSNormConfig,
    RotaryConfig,
)
from textus.model.size import (
    activation_memory,
    cache_memory,
    count_parameters,
    flops_per_token,
    training_memory,
)
from textus.model.transformer import Transformer
from textus.train.config import AdamWConfig, MuonConfig, OptimizerConfig
from textus.train.loss import linear_cross_entropy
from textus.train.optimizer import make_optimizers


@pytest.fixture(params=["qwen3", "gpt", "gpt2"])
def config(request: pytest.FixtureRequest, small_config: Callable[..., ModelConfig]) -> ModelConfig:
    return small_config(request.param)


@st.composite
def configs(draw: st.DrawFn, *, arrangements: Sequence[Arrangement] = ("pre",)) -> ModelConfig:
    """Any combination of parts, at sizes that are built in no time."""
    kv_heads, group, size = (draw(st.integers(1, 3)) for _ in range(3))
    head_dim = 2 * size
    attention = st.builds(
        GroupedConfig,
        num_heads=st.just(kv_heads * group),
        num_kv_heads=st.just(kv_heads),
        head_dim=st.just(head_dim),
        qk_norm=st.sampled_from(["none", "head", "whole"]),
        bias=st.sampled_from(["none", "input", "output", "all"]),
    )
    layer = {"hidden_dim": st.integers(1, 40), "bias": st.booleans()}
    return ModelConfig(
        vocab_size=draw(st.integers(1, 40)),
        max_seq_len=draw(st.integers(1, 20)),
        num_layers=draw(st.integers(1, 3)),
        model_dim=draw(st.integers(1, 24)),
        attention=draw(attention),
        feed_forward=draw(st.builds(PlainConfig, **layer) | st.builds(GatedConfig, **layer)),
        position=draw(st.sampled_from([RotaryConfig(), LearnedConfig()])),
        norm=draw(st.sampled_from([RMSNormConfig(), LayerNormConfig()])),
        head=HeadConfig(tied=draw(st.booleans())),
        arrangement=draw(st.sampled_from(arrangements)),
    )


def _with_every_vector(config: ModelConfig, draw: st.DataObject) -> ModelConfig:
    """With the settings that only change how many vectors there are."""
    norms = [
        *(RMSNormConfig(learned=learned) for learned in (True, False)),
        *(LayerNormConfig(learned=learned, bias=bias) for learned, bias in product((True, False), repeat=2)),
    ]
    head = replace(config.head, bias=draw.draw(st.booleans()))
    attention = replace(config.attention, sinks=draw.draw(st.booleans()))
    norm = draw.draw(st.sampled_from(norms))
    return replace(config, head=head, attention=attention, norm=norm)


@given(configs(arrangements=get_args(Arrangement)), st.data())
@settings(max_examples=80, deadline=None)
def test_parameters_are_those_of_the_built_model(config: ModelConfig, draw: st.DataObject):
    config = _with_every_vector(config, draw)
    model, count = Transformer(config), count_parameters(config)
    named = dict(model.named_parameters())
    assert count.total == sum(p.numel() for p in named.values())
    assert count.embedding == named["embedding.weight"].numel()
    assert count.matrices == sum(
        p.numel() for name, p in named.items() if name.startswith("blocks.") and p.dim() == 2
    )
    assert count.vectors == sum(p.numel() for p in named.values() if p.dim() == 1)
    assert count.position == (named["position.weight"].numel() if "position.weight" in named else 0)
    assert count.active == count.total  # there are no experts of which some could sleep
    assert count.head == (named["head.weight"].numel() if "head.weight" in named else 0)


@given(configs(), st.integers(2, 20))
@settings(max_examples=6, deadline=None)
def test_flops_are_those_that_torch_counts(config: ModelConfig, seq: int):
    model, rows = Transformer(config), 2
    embeddings = torch.randn(rows, seq, config.model_dim, requires_grad=True)
    positions = torch.arange(seq) % config.max_seq_len
    for backward in (False, True):
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            logits = model(embeddings=embeddings, positions=positions)
            if backward:
                logits.sum().backward()
        # The plain attention computes whole squares, of which the causal half counts.
        heads = config.attention
        width = config.num_layers * heads.num_heads * heads.head_dim
        above_diagonal = 4 * width * (seq - (seq + 1) / 2) * (3 if backward else 1)
        counted = counter.get_total_flops() / (rows * seq) - above_diagonal
        assert flops_per_token(config, seq, backward=backward) == pytest.approx(counted)


def _documents(rows: int, seq: int) -> Documents:
    return Documents((5, seq - 5, *[seq] * (rows - 2), seq - 3, 3))


def _kept(model: Transformer, tokens: Tensor, mask: Documents | None) -> int:
    """Bytes of all storages that autograd saved, weights apart."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        hidden = model.hidden_states(tokens, mask=mask)
    assert hidden.requires_grad
    return sum(size for pointer, size in kept.items() if pointer not in weights)


@given(configs(), st.integers(2, 4), st.integers(6, 20))
@settings(max_examples=20, deadline=None)
def test_activations_are_what_autograd_keeps(config: ModelConfig, rows: int, seq: int):
    seq = min(seq, config.max_seq_len) if isinstance(config.position, LearnedConfig) else seq
    if seq < 6:
        return
    tokens = torch.randint(config.vocab_size, (rows, seq))
    kept = _kept(Transformer(config), tokens, _documents(rows, seq))
    assert kept == pytest.approx(activation_memory(config, rows=rows, seq_len=seq), rel=0.02)


def test_activations_of_whole_rows_are_a_little_less(config: ModelConfig):
    tokens = torch.randint(config.vocab_size, (3, 32))
    kept, computed = (
        _kept(Transformer(config), tokens, None),
        activation_memory(config, rows=3, seq_len=32),
    )
    assert 0.9 * computed < kept < computed


class _Live(TorchDispatchMode):
    """Follows the bytes of all storages that exist, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen = weakref.WeakSet()

    def add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self.seen:
            self.seen.add(storage)
            self._count(storage.nbytes())
            weakref.finalize(storage, self._count, -storage.nbytes())

    def _count(self, size: int) -> None:
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return result


@pytest.mark.parametrize(("name", "optimizer"), [("muon", MuonConfig()), ("adamw", AdamWConfig())])
def test_memory_of_a_step_is_within_a_tenth_of_its_peak(
    small_config, name: Literal["muon", "adamw"], optimizer: OptimizerConfig
):
    for architecture in ("qwen3", "gpt2"):
        config = small_config(architecture, vocab_size=700, num_layers=3)
        peak = _peak_of_a_step(config, optimizer, rows=8, chunk=64)
        parts = training_memory(config, rows=8, seq_len=32, optimizer=name, loss_chunk=64)
        assert peak <= sum(parts.values()) <= 1.1 * peak


def _peak_of_a_step(config: ModelConfig, optimizer: OptimizerConfig, rows: int, chunk: int) -> int:
    model = Transformer(config)
    optimizers = make_optimizers(model, optimizer)
    tokens = torch.randint(config.vocab_size, (rows, config.max_seq_len))
    mask = _documents(rows, config.max_seq_len)
    with _Live() as live:
        for parameter in model.parameters():
            live.add(parameter)
        for _ in range(2):  # the second has optimizer states from its beginning
            hidden = model.hidden_states(tokens, mask=mask)
            linear_cross_entropy(hidden, model.head.weight, tokens, chunk=chunk).backward()
            del hidden
            for each in optimizers:
                each.step()
                each.zero_grad()
    return live.peak


def test_optimizer_states_are_as_large_as_computed(config: ModelConfig):
    named: list[tuple[Literal["muon", "adamw"], OptimizerConfig]]
    named = [("muon", MuonConfig()), ("adamw", AdamWConfig())]
    for name, optimizer in named:
        model = Transformer(config)
        optimizers = make_optimizers(model, optimizer)
        model(torch.zeros(1, 3, dtype=torch.long)).sum().backward()
        for each in optimizers:
            each.step()
        states = [v for each in optimizers for s in each.state.values() for v in s.values()]
        held = sum(v.nbytes for v in states if v.dim() > 0)  # step counters are scalars
        memory = training_memory(config, rows=1, seq_len=3, optimizer=name, loss_chunk=8)
        assert held == memory["optimizer"]


def test_cache_holds_keys_and_values_of_every_layer(config: ModelConfig):
    key = torch.zeros(3, 10, config.attention.num_kv_heads, config.attention.head_dim)
    assert cache_memory(config, 3, 10) == config.num_layers * 2 * key.nbytes


def test_sizes_are_computed_without_torch():
    code = "import sys; import textus.model.size; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
