"""The model: embedding, blocks, final norm, head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textus.model.attention import Attention, LayerCache, Mask
from textus.model.config import ModelConfig
from textus.model.feed_forward import FEED_FORWARDS
from textus.model.norm import make_norm
from textus.model.rotary import Rope, Rotary


class Block(nn.Module):
    """One layer: attention mixes over positions, the feed-forward transforms each; both add to the
    stream."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.attention_norm = make_norm(config, config.model_dim)
        self.attention = Attention(config)
        self.feed_forward_norm = make_norm(config, config.model_dim)
        self.feed_forward = FEED_FORWARDS[config.feed_forward](config)

    def forward(
        self, x: Tensor, rope: Rope | None, mask: Mask = None, cache: LayerCache | None = None
    ) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        x = x + self.attention(self.attention_norm(x), rope, mask, cache)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """A decoder-only transformer: ids -> logits."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.model_dim)
        if config.position == "learned":
            self.position = nn.Embedding(config.max_seq_len, config.model_dim)
        else:
            self.rotary = Rotary(config.head_dim, config.rope_theta)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = make_norm(config, config.model_dim)
        self.head = nn.Linear(config.model_dim, config.vocab_size, bias=False)
        if config.tied_embeddings:
            self.head.weight = self.embedding.weight
        self.initialise()

    def forward(
        self,
        tokens: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
        positions: Tensor | None = None,
        mask: Mask = None,
        cache: Sequence[LayerCache] | None = None,
    ) -> Tensor:
        """Logits (batch, seq, vocab_size) of the token that follows each position.

        tokens is (batch, seq); or give embeddings (batch, seq, model_dim) in their place. positions
        is (seq,) or (batch, seq), 0, 1, 2, ... if not given. cache has one entry a layer.
        """
        return self.head(self.hidden_states(tokens, embeddings, positions, mask, cache))

    def hidden_states(
        self,
        tokens: Tensor | None = None,
        embeddings: Tensor | None = None,
        positions: Tensor | None = None,
        mask: Mask = None,
        cache: Sequence[LayerCache] | None = None,
    ) -> Tensor:
        """What the head reads, (batch, seq, model_dim): `forward` without its last step."""
        x = self.embedding(tokens) if embeddings is None else embeddings
        if positions is None:
            positions = torch.arange(x.size(1), device=x.device)
        rope = None
        if self.config.position == "learned":
            x = x + self.position(positions)
        else:
            rope = self.rotary(positions)
        for i, block in enumerate(self.blocks):
            x = block(x, rope, mask, cache[i] if cache else None)
        return self.norm(x)

    @torch.no_grad()
    def initialise(self) -> None:
        """Draws fresh weights from torch's default generator.

        Modern: unit embeddings; each layer's output and the head start at zero, so that the model
        begins with a uniform guess and every layer as the identity. Tied embeddings
        must serve as a head, and GPT-2 has no norm behind its embedding: both take GPT-2's normal
        of 0.02, its residual outputs scaled by depth.
        """
        small = self.config.tied_embeddings
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif "norm" in name:
                parameter.fill_(1.0)
            elif (parameter.dim() == 2 and "embedding" in name) or "position" in name:
                parameter.normal_(std=0.02 if small else 1.0)
            elif name.endswith(("attention.output.weight", "feed_forward.down.weight")):
                parameter.normal_(std=0.02 * (2 * self.config.num_layers) ** -0.5 if small else 0.0)
            elif name == "head.weight":
                parameter.zero_()
            else:
                parameter.normal_(std=0.02 if small else self.config.model_dim**-0.5)
