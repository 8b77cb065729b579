"""Settings of training and of each optimizer."""

from dataclasses import dataclass, field

from textus.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Base of the optimizers that a recipe can name."""

    default_kind = "muon"

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"muon": MuonConfig, "adamw": AdamWConfig}


@dataclass(frozen=True, kw_only=True)
class AdamWConfig(OptimizerConfig):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019) for every parameter."""

    learning_rate: float = 1e-3
    """Peak learning rate."""
    beta1: float = 0.9
    """Decay of the running mean of gradients."""
    beta2: float = 0.95
    """Decay of the running mean of their squares."""
    eps: float = 1e-8
    """Added to the root of the mean square."""
    weight_decay: float = 0.1
    """Share of a matrix taken away at each step, times the learning rate; vectors are left alone.
    """

    def __post_init__(self) -> None:
        check_rates(self.learning_rate, self.weight_decay)
        check_decay("beta1", self.beta1)
        check_decay("beta2", self.beta2)
        check_eps(self.eps)


@dataclass(frozen=True, kw_only=True)
class MuonConfig(OptimizerConfig):
    """Muon (Jordan et al. 2024) for the blocks' matrices, AdamW for everything else."""

    learning_rate: float = 0.02
    """Peak learning rate of the blocks' matrices, in units of their spectral norm."""
    embedding_learning_rate: float = 0.2
    """Peak learning rate of an embedding that is not tied to the head."""
    adam_learning_rate: float = 0.02
    """Peak learning rate of everything else."""
    momentum: float = 0.95
    """Decay of Muon's running mean of gradients."""
    newton_schulz_steps: int = 5
    """Iterations that make the update orthogonal, at most 5."""
    beta1: float = 0.8
    """AdamW's decay of the running mean of gradients."""
    beta2: float = 0.95
    """AdamW's decay of the running mean of their squares."""
    eps: float = 1e-10
    """Added to the root of the mean square in AdamW."""
    weight_decay: float = 0.0
    """Share of a block's matrix taken away at each step, times the learning rate."""

    def __post_init__(self) -> None:
        check_rates(self.learning_rate, self.weight_decay)
        check_rates(self.adam_learning_rate, 0.0)
        check_rates(self.embedding_learning_rate, 0.0)
        for name in ("momentum", "beta1", "beta2"):
            check_decay(name, getattr(self, name))
        check_eps(self.eps)
        if not 1 <= self.newton_schulz_steps <= 5:
            raise RecipeError(f"newton_schulz_steps={self.newton_schulz_steps} must be 1 to 5")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained."""

    steps: int = 1000
    """Optimizer steps."""
    rows_per_step: int = 16
    """Sequences that one optimizer step learns from, all processes together."""
    micro_rows: int = 16
    """Sequences in one forward pass of one process; fewer take less memory and give the same
    result."""
    optimizer: OptimizerConfig = field(default_factory=MuonConfig)
    """What turns gradients into steps: muon or adamw."""
    warmup_steps: int = 10
    """Steps over which the learning rate rises from 0."""
    decay_share: float = 0.6
    """Share of the steps, at the end, over which the learning rate falls to 0."""
    clip: float = 1.0
    """Largest norm of all gradients together; larger ones are scaled down to it."""
    ahead_weight: float = 0.3
    """Weight in the loss of the tokens beyond the next one, where model.predict_ahead is above 0;
    it is shared among them."""
    loss_chunk: int = 256
    """Tokens whose logits exist at a time in the loss."""
    eval_every: int = 100
    """Steps between evaluations on held-out text."""
    eval_rows: int = 64
    """Held-out sequences of each evaluation during training."""
    save_every: int = 100
    """Steps between checkpoints: the most work that a crash can cost."""
    keep: int = 2
    """Checkpoints kept, the newest ones."""
    start: str | None = None
    """Weights to start from in place of fresh ones: a run folder, a checkpoint or a model folder.
    """
    max_skipped: int = 5
    """Steps in a row with a loss or gradient that is not finite, before training stops."""
    overfit_batch: bool = False
    """Learn the first batch by heart: a model that cannot has a fault."""
    tensorboard: bool = False
    """Write the metrics as TensorBoard events too."""

    def __post_init__(self) -> None:
        for name in (
            *("steps", "rows_per_step", "micro_rows", "loss_chunk", "eval_every", "eval_rows"),
            *("save_every", "keep", "max_skipped"),
        ):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 <= self.warmup_steps <= self.steps:
            raise RecipeError(
                f"warmup_steps={self.warmup_steps} must be between 0 and steps={self.steps}"
            )
        if type(self.optimizer) not in OptimizerConfig.variants().values():
            raise RecipeError(f"optimizer={self.optimizer} is none of muon, adamw")
        if not 0 <= self.decay_share <= 1:
            raise RecipeError(f"decay_share={self.decay_share} must be between 0 and 1")
        if self.clip <= 0:
            raise RecipeError(f"clip={self.clip} must be above 0")
        if self.ahead_weight < 0:
            raise RecipeError(f"ahead_weight={self.ahead_weight} must not be negative")


def check_rates(learning_rate: float, weight_decay: float) -> None:
    """RecipeError unless both are usable."""
    if learning_rate <= 0:
        raise RecipeError(f"learning_rate={learning_rate} must be above 0")
    if weight_decay < 0:
        raise RecipeError(f"weight_decay={weight_decay} must not be negative")


def check_decay(name: str, value: float) -> None:
    """RecipeError unless the value is a decay factor."""
    if not 0 <= value < 1:
        raise RecipeError(f"{name}={value} must be from 0 to below 1")


def check_eps(value: float) -> None:
    """RecipeError unless the value is above 0."""
    if value <= 0:
        raise RecipeError(f"eps={value} must be above 0")
