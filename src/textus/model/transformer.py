"""The model: embedding, blocks, final norm, head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textus.model.ahead import Ahead
from textus.model.attention import Context, LayerCache, Mask, attention_scale, make_attention
from textus.model.config import (
    AlibiConfig,
    Layer,
    LearnedConfig,
    ModelConfig,
    RotaryConfig,
    SinusoidalConfig,
)
from textus.model.embedding import check_embeddings, make_enriching, make_value_tables
from textus.model.feed_forward import make_feed_forward
from textus.model.norm import make_norm
from textus.model.position import Alibi, Rotary, Sinusoidal, query_width


class Block(nn.Module):
    """One layer: attention mixes over positions, the feed-forward transforms each; both add to the
    stream. Here each reads the stream through a norm; siblings place the norms elsewhere."""

    norms: tuple[str, ...] = ("attention_norm", "feed_forward_norm")
    """Which of these a block has."""
    attention_norm: nn.Module
    attention_output_norm: nn.Module
    feed_forward_norm: nn.Module
    feed_forward_output_norm: nn.Module

    def __init__(self, config: ModelConfig, layer: Layer):
        super().__init__()
        self.attention = make_attention(layer, config.norm, config.model_dim)
        self.feed_forward = make_feed_forward(layer.feed_forward, config.model_dim)
        for name in self.norms:
            self.add_module(name, make_norm(config.norm, config.model_dim))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        x = x + self.attention(self.attention_norm(x), context)
        return x + self.feed_forward(self.feed_forward_norm(x))


class PostNormBlock(Block):
    """Norms behind the sums, in the stream itself (Vaswani et al. 2017; GPT)."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        x = self.attention_norm(x + self.attention(x, context))
        return self.feed_forward_norm(x + self.feed_forward(x))


class SandwichBlock(Block):
    """Norms before and behind each part (Ding et al. 2021; Gemma 2)."""

    norms = (*Block.norms, "attention_output_norm", "feed_forward_output_norm")

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        mixed = self.attention(self.attention_norm(x), context)
        x = x + self.attention_output_norm(mixed)
        return x + self.feed_forward_output_norm(self.feed_forward(self.feed_forward_norm(x)))


class OutputNormBlock(Block):
    """Norms behind each part, before the sums (Liu et al. 2021; OLMo 2)."""

    norms = ("attention_output_norm", "feed_forward_output_norm")

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        x = x + self.attention_output_norm(self.attention(x, context))
        return x + self.feed_forward_output_norm(self.feed_forward(x))


class ParallelBlock(Block):
    """Both parts read the same stream (GPT-NeoX; Black et al. 2022)."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        mixed = self.attention(self.attention_norm(x), context)
        return x + mixed + self.feed_forward(self.feed_forward_norm(x))


class SharedNormBlock(Block):
    """Both parts read the same stream through one norm (GPT-J; Wang and Komatsuzaki 2021)."""

    norms = ("attention_norm",)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        normed = self.attention_norm(x)
        return x + self.attention(normed, context) + self.feed_forward(normed)


BLOCKS: dict[str, type[Block]] = {
    "pre": Block,
    "post": PostNormBlock,
    "sandwich": SandwichBlock,
    "output": OutputNormBlock,
    "parallel": ParallelBlock,
    "shared": SharedNormBlock,
}


LAST_OF_PARTS = (
    "attention.output.weight",
    "feed_forward.down.weight",
    "feed_forward.shared.down.weight",
)
"""What a block's parts add to the stream comes out of these."""

ABSENT = ("enriching.ngrams.", "enriching.smear.strength", "value_tables.")
"""What begins as if it were not there, as skips do."""


class Transformer(nn.Module):
    """A decoder-only transformer: ids -> logits."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.model_dim)
        self.enriching = make_enriching(config)
        self.value_tables = make_value_tables(config)
        layers = config.num_layers if config.embedding.skip else 0
        self.skips = nn.ParameterList(nn.Parameter(torch.empty(2)) for _ in range(layers))
        if isinstance(config.position, LearnedConfig):
            self.position = nn.Embedding(config.max_seq_len, config.model_dim)
        elif isinstance(config.position, SinusoidalConfig):
            self.position = Sinusoidal(config.model_dim)
        else:
            self.position = None
        block = BLOCKS[config.arrangement]
        self.blocks = nn.ModuleList(block(config, layer) for layer in config.layers)
        self._make_placings(config.layers)
        normed = config.arrangement == "post"  # the last block's own norm is the final one
        self.norm = nn.Identity() if normed else make_norm(config.norm, config.model_dim)
        self.head = nn.Linear(config.model_dim, config.vocab_size, bias=config.head.bias)
        if config.head.tied:
            self.head.weight = self.embedding.weight
        self.ahead = nn.ModuleList(
            Ahead(config, block(config, config.layers[-1])) for _ in range(config.predict_ahead)
        )
        self.initialise()

    def _make_placings(self, layers: Sequence[Layer]) -> None:
        """One module for all layers whose positions work alike, and which layer has which."""
        made: dict[object, nn.Module] = {}
        keys: list[object] = []
        for layer in layers:
            attention, position = layer.attention, layer.position
            if isinstance(position, RotaryConfig):
                keys.append((position, width := query_width(attention, position)))
                made.setdefault(keys[-1], Rotary(position, width))
            elif isinstance(position, AlibiConfig):
                keys.append((position, attention.num_heads, scale := attention_scale(attention)))
                made.setdefault(keys[-1], Alibi(attention.num_heads, scale))
            else:
                keys.append(None)
        self.placings = nn.ModuleList(made.values())
        order = list(made)
        self.placing_of = [None if key is None else order.index(key) for key in keys]

    def forward(
        self,
        tokens: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
        positions: Tensor | None = None,
        mask: Mask = None,
        cache: Sequence[LayerCache] | None = None,
        preceding: Tensor | None = None,
    ) -> Tensor:
        """Logits (batch, seq, vocab_size) of the token that follows each position.

        tokens is (batch, seq); or give embeddings (batch, seq, model_dim) in their place. positions
        is (seq,) or (batch, seq), 0, 1, 2, ... if not given. cache has one entry a layer. preceding
        is (batch, at least config.embedding.lookback): with a cache, the ids right before the
        tokens, and NOTHING (-1) before a text's first. Raises RecipeError for embeddings where the
        model needs ids.
        """
        hidden = self.hidden_states(tokens, embeddings, positions, mask, cache, preceding)
        return self.logits(hidden)

    def hidden_states(
        self,
        tokens: Tensor | None = None,
        embeddings: Tensor | None = None,
        positions: Tensor | None = None,
        mask: Mask = None,
        cache: Sequence[LayerCache] | None = None,
        preceding: Tensor | None = None,
    ) -> Tensor:
        """What the head reads, (batch, seq, model_dim): `forward` without its last step."""
        x = self.embedding(tokens) if embeddings is None else embeddings
        if self.config.embedding.scale != 1:
            x = x * self.config.embedding.scale
        if embeddings is not None:
            check_embeddings(self.config.embedding)
        if self.enriching is not None:
            x = self._enrich(x, tokens, mask, preceding)
        if positions is None:
            positions = torch.arange(x.size(1), device=x.device)
        if self.position is not None:
            x = x + self.position(positions).to(x.dtype)
        placings = [placing(positions) for placing in self.placings]
        embedded = x
        for i, block in enumerate(self.blocks):
            at = self.placing_of[i]
            placing = None if at is None else placings[at]
            values = self.value_tables[i](tokens) if self.value_tables else None
            if self.skips:
                x = self.skips[i][0] * x + self.skips[i][1] * embedded
            x = block(x, Context(placing, mask, cache[i] if cache else None, values))
        return self.norm(x)

    def _enrich(
        self, x: Tensor, tokens: Tensor | None, mask: Mask, preceding: Tensor | None
    ) -> Tensor:
        """Embeddings x of the tokens, with what they take from those before them."""
        assert self.enriching is not None
        if tokens is None or preceding is None:
            return self.enriching(x, tokens, mask)
        earlier = self.embedding(preceding.clamp(min=0)) * self.config.embedding.scale
        ids = torch.cat((preceding, tokens), dim=1)
        return self.enriching(torch.cat((earlier, x), dim=1), ids, mask)[:, preceding.size(1) :]

    def ahead_states(self, tokens: Tensor, hidden: Tensor, mask: Mask = None) -> list[Tensor]:
        """What the head reads to predict the tokens beyond the next one, for training.

        tokens is (batch, seq) and hidden their `hidden_states`. Returns predict_ahead tensors
        (batch, seq, model_dim); number d, from 1, is of the token d further than hidden's. Its last
        d positions in each row, or document, have read a token of the next one: they count nowhere.
        """
        at = self.placing_of[-1]
        positions = torch.arange(tokens.size(1), device=tokens.device)
        context = Context(None if at is None else self.placings[at](positions), mask)
        states = [hidden]
        for step, predict in enumerate(self.ahead, start=1):
            embedded = self.embedding(tokens.roll(-step, dims=1)) * self.config.embedding.scale
            states.append(predict(states[-1], embedded, context))
        return states[1:]

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: (..., model_dim) to (..., vocab_size)."""
        logits, cap = self.head(hidden), self.config.head.softcap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    @torch.no_grad()
    def initialise(self) -> None:
        """Draws fresh weights from torch's default generator.

        Modern: unit embeddings; each layer's output and the head start at zero, so that the model
        begins with a uniform guess and every layer as the identity. Normal: GPT-2's normal
        of 0.02, its residual outputs scaled by depth; so where the embedding must serve as a head,
        too.
        """
        config = self.config
        small = config.initialisation == "normal" or config.head.tied
        for name, parameter in self.named_parameters():
            if name.endswith(("bias", "sinks", "correction")) or name.startswith(ABSENT):
                parameter.zero_()
            elif name.startswith("skips."):
                parameter.copy_(torch.tensor([1.0, 0.0]))
            elif "norm" in name:
                around_one = getattr(config.norm, "around_one", False)
                parameter.fill_(0.0 if around_one else 1.0)
            elif (parameter.dim() == 2 and "embedding" in name) or "position" in name:
                parameter.normal_(std=0.02 if small else 1.0)
            elif name.endswith(LAST_OF_PARTS):
                parameter.normal_(std=0.02 * (2 * config.num_layers) ** -0.5 if small else 0.0)
            elif name == "head.weight":
                parameter.zero_()
            else:
                parameter.normal_(std=0.02 if small else config.model_dim**-0.5)
