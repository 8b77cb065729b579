"""Settings of the layers that transform each token by itself."""

from dataclasses import dataclass
from typing import Literal

from textus.errors import RecipeError
from textus.model.config.checks import check_above_zero, check_at_least

Activation = Literal["gelu", "gelu_tanh", "relu", "relu2", "silu"]


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig:
    """Base of the kinds of feed-forward layer."""

    default_kind = "gated"

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"plain": PlainConfig, "gated": GatedConfig, "experts": ExpertsConfig}


@dataclass(frozen=True, kw_only=True)
class PlainConfig(FeedForwardConfig):
    """down(activation(up(x))) (Vaswani et al. 2017, section 3.3)."""

    hidden_dim: int = 1024
    """Width between the two layers."""
    activation: Activation = "gelu_tanh"
    """gelu exact or by its tanh approximation (Hendrycks and Gimpel 2016), relu, relu2: its square
    (So et al. 2021), silu."""
    bias: bool = False
    """Both layers have a bias."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "hidden_dim")


@dataclass(frozen=True, kw_only=True)
class GatedConfig(FeedForwardConfig):
    """down(activation(gate(x)) * up(x)): SwiGLU with silu, GeGLU with gelu (Shazeer 2020)."""

    hidden_dim: int = 704
    """Width between the layers."""
    activation: Activation = "silu"
    """Of the gate."""
    bias: bool = False
    """All three layers have a bias."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "hidden_dim")


@dataclass(frozen=True, kw_only=True)
class ExpertsConfig(FeedForwardConfig):
    """A router sends each token through a few of many gated layers (Shazeer et al. 2017; Jiang et
    al. 2024), none of which is ever too full to take it."""

    num_experts: int = 8
    """Gated layers that the router picks from."""
    experts_per_token: int = 2
    """How many of them a token goes through."""
    hidden_dim: int = 256
    """Width inside one expert."""
    shared_hidden_dim: int = 0
    """Width inside a gated layer that every token goes through beside (DeepSeek); 0: none."""
    activation: Activation = "silu"
    """Of the gates."""
    bias: bool = False
    """The experts and the router have biases (gpt-oss)."""
    clamp: float | None = None
    """Gates are kept at or below, and the values they meet within, this bound; the gate is x *
    sigmoid(1.702 x) and the value plus one is what it multiplies (gpt-oss)."""
    routing: Literal["softmax", "sigmoid"] = "softmax"
    """How the router's scores become weights."""
    normalize: bool = True
    """The weights of a token's experts are made to add up to 1."""
    route_scale: float = 1.0
    """What the weights are multiplied by."""
    num_groups: int = 1
    """Experts lie in groups; a token's come from the best groups only (DeepSeek-V3)."""
    groups_per_token: int = 1
    """How many groups that is."""
    balance: Literal["none", "loss", "bias"] = "loss"
    """What keeps experts equally busy: an auxiliary loss (Fedus et al. 2022), or a bias on the
    scores that picks but does not weigh (Wang et al. 2024)."""
    balance_weight: float = 0.01
    """Of the auxiliary loss; with `bias`, how far a step moves the biases."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "num_experts", "experts_per_token", "hidden_dim", "num_groups")
        check_at_least(1, self, "groups_per_token")
        check_at_least(0, self, "shared_hidden_dim", "balance_weight")
        check_above_zero(self, "clamp", "route_scale")
        if self.num_experts % self.num_groups:
            raise RecipeError(
                f"num_experts={self.num_experts} is not a multiple of num_groups={self.num_groups}"
            )
        if self.groups_per_token > self.num_groups:
            raise RecipeError(
                f"groups_per_token={self.groups_per_token} is above num_groups={self.num_groups}"
            )
        offered = self.num_experts // self.num_groups * self.groups_per_token
        if self.experts_per_token > offered:
            raise RecipeError(
                f"experts_per_token={self.experts_per_token} is above the {offered} experts that "
                "a token can be sent to; lower it, or raise num_experts or groups_per_token"
            )
