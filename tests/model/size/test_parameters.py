import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from textus.model.config import ModelConfig
from textus.model.experts import Experts
from textus.model.size import ParameterCount, count_parameters
from textus.model.transformer import Transformer
from textus.train.config import MuonConfig
from textus.train.optimizer import Muon, make_optimizers


def _check(config: ModelConfig, count: ParameterCount) -> None:
    model = Transformer(config)
    named = dict(model.named_parameters())

    def of(*words: str, start: str = "") -> int:
        chosen = (n for n in named if n.startswith(start) and any(word in n for word in words))
        return sum(named[name].numel() for name in chosen)

    assert count.total == of("")
    assert count.embedding == of("", start="embedding.weight")
    assert count.tables == of("value_tables.", ".ngrams.")
    assert count.blends == of("skips.", ".smear.")
    assert count.position == of("", start="position.")
    assert count.attention.total == of(".attention.", start="blocks.")
    assert count.feed_forward.total == of(".feed_forward.", start="blocks.")
    assert count.norms == of("", start="blocks.") + of("", start="norm.") - (
        count.attention.total + count.feed_forward.total
    )
    assert count.ahead.total == of("", start="ahead.")
    assert count.head == of("", start="head.")
    assert count.trained == sum(p.numel() for p in named.values() if p.requires_grad)
    muon = next(o for o in make_optimizers(model, MuonConfig()) if isinstance(o, Muon))
    assert count.matrices == sum(p.numel() for g in muon.param_groups for p in g["params"])
    assert count.active == count.total - count.ahead.total - _resting(model)


def _resting(model: Transformer) -> int:
    """What the experts beyond those of one token hold."""
    resting = 0
    for layer in model.blocks.modules():
        if isinstance(layer, Experts):
            parts = [p for part in (layer.gate, layer.up, layer.down) for p in part.parameters()]
            resting += sum(p[layer.config.experts_per_token :].numel() for p in parts)
    return resting


def test_parameters_of_every_preset_are_those_of_the_built_model(config: ModelConfig):
    _check(config, count_parameters(config))


@given(st.data())
@settings(max_examples=80)
def test_parameters_are_those_of_the_built_model(configs, data: st.DataObject):
    config = data.draw(configs())
    _check(config, count_parameters(config))


def test_one_token_goes_through_a_part_of_the_experts(small_config):
    dense, mixed = (count_parameters(small_config(name)) for name in ("qwen3", "qwen3_moe"))
    assert dense.active == dense.total
    assert mixed.active < mixed.total


def test_sizes_are_computed_without_torch():
    code = "import sys; import textus.model.size; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
