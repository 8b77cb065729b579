"""What training and generation hold in memory, in float32 on a CPU."""

from typing import Literal

from textus.model.config import AlibiConfig, GroupedConfig, LatentConfig, Layer, ModelConfig
from textus.model.size.activations import BYTES, activation_memory
from textus.model.size.parameters import count_parameters


def training_memory(
    config: ModelConfig,
    *,
    rows: int,
    seq_len: int,
    optimizer: Literal["muon", "adamw"],
    loss_chunk: int,
    passes: int = 1,
) -> dict[str, int]:
    """Bytes that training holds, by purpose, for `rows` sequences in each pass of a step.

    They do not all exist at one time (gradients come as activations go, and then the optimizer's
    work begins), so their sum is a little above the real peak: by 3 to 14 % in the tests, the more
    of the model are experts.
    """
    count = count_parameters(config)
    momenta = 2 * count.trained - (count.matrices if optimizer == "muon" else 0)
    return {
        "weights": BYTES * count.total,
        "gradients": BYTES * count.trained,
        "optimizer": BYTES * momenta,
        "activations": activation_memory(config, rows=rows, seq_len=seq_len),
        "loss": _loss_memory(config, rows * seq_len, loss_chunk, passes),
    }


def _loss_memory(config: ModelConfig, tokens: int, chunk: int, passes: int) -> int:
    """Bytes of a chunk's logits and a copy while they are summed (with a softcap, also of its
    slopes, while they are made), of hidden states and their gradient; and of the head's gradient,
    which for each further loss, and in each pass but the first, stands beside one that is there."""
    logits = (4 if config.head.softcap else 2) * min(chunk, tokens) * config.vocab_size
    hidden = (2 + config.predict_ahead) * tokens * config.model_dim
    heads = config.predict_ahead + (1 if passes > 1 else 0)
    return BYTES * (logits + hidden + heads * config.vocab_size * config.model_dim)


def cache_memory(config: ModelConfig, rows: int, seq_len: int) -> int:
    """Bytes that generation keeps of `rows` texts of up to `seq_len` tokens: in each layer keys and
    values, or latents, of as many tokens as later ones can see."""
    values = sum(layer.reach.kept(seq_len) * _remembered(layer) for layer in config.layers)
    return BYTES * rows * values


def _remembered(layer: Layer) -> int:
    """Values of one token in a layer."""
    attention = layer.attention
    if isinstance(attention, LatentConfig):
        return attention.rope_dim + attention.kv_rank
    assert isinstance(attention, GroupedConfig)
    extra = isinstance(layer.position, AlibiConfig)  # it takes a value more in each key
    return attention.num_kv_heads * (2 * attention.head_dim + extra)
