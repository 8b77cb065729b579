"""A recurrent language model, for comparison: what `Trainer` and `evaluate_documents` ask of a
model, and no more.
"""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from textus.model.config import HeadConfig


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:
    """What there is to choose, and what others read of a model's configuration."""

    vocab_size: int
    max_seq_len: int
    num_layers: int = 2
    model_dim: int
    """Width of the embedding, of each layer's state and of its memory."""
    head: HeadConfig = field(default_factory=HeadConfig)
    predict_ahead: int = 0

    @property
    def parameters(self) -> int:
        """Embedding and head, and in each layer four gates with two matrices and two biases."""
        dim = self.model_dim
        return 2 * self.vocab_size * dim + self.num_layers * (8 * dim * dim + 8 * dim)


def lstm_of_size(parameters: int, *, vocab_size: int, max_seq_len: int) -> LSTMConfig:
    """The widest that has no more than so many parameters."""
    config = LSTMConfig(vocab_size=vocab_size, max_seq_len=max_seq_len, model_dim=1)
    dim = 1
    while True:
        wider = LSTMConfig(vocab_size=vocab_size, max_seq_len=max_seq_len, model_dim=dim + 1)
        if wider.parameters > parameters:
            return config
        config, dim = wider, dim + 1


class LSTM(nn.Module):
    """Layers of long short-term memory (Hochreiter and Schmidhuber 1997) between an embedding and
    a head. The state begins afresh with each row; documents are not told apart within it, but for
    the end-of-text id between them."""

    def __init__(self, config: LSTMConfig):
        super().__init__()
        self.config = config
        dim = config.model_dim
        self.embedding = nn.Embedding(config.vocab_size, dim)  # of deviation 1, as the others' is
        self.blocks = nn.ModuleList(
            nn.LSTM(dim, dim, batch_first=True) for _ in range(config.num_layers)
        )
        self.head = nn.Linear(dim, config.vocab_size, bias=False)
        nn.init.zeros_(self.head.weight)
        for name, parameter in self.blocks.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            if "bias_ih" in name:  # it remembers at first (Gers et al. 2000)
                nn.init.ones_(parameter[dim : 2 * dim])

    def hidden_states(self, tokens: Tensor, **ignored: Any) -> Tensor:
        """What the head reads, (batch, seq, model_dim)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x, _ = block(x)
        return x

    def ahead_states(self, *ignored: Any) -> list[Tensor]:
        """None: it predicts the next token alone."""
        return []

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: (..., model_dim) to (..., vocab_size)."""
        return self.head(hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch, seq, vocab_size) of the token that follows each position."""
        return self.logits(self.hidden_states(tokens))
