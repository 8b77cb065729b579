"""The Recipe: every part's own settings in one tree, and the dial, `depth`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from textus.corpus.config import CorpusConfig
from textus.data.config import DataConfig
from textus.errors import RecipeError
from textus.generate.config import SampleConfig
from textus.model.config import ModelConfig
from textus.model.presets import PRESETS
from textus.model.size import count_parameters
from textus.plugins import lookup
from textus.recipe import Text, Tree, build, flatten, merge, read_toml, to_tree
from textus.tokenizer.config import TokenizerConfig
from textus.train.config import TrainConfig

TOKENS_PER_PARAMETER = (
    20  # Hoffmann et al. 2022: about the best use of a given amount of arithmetic
)
TOKENS_PER_STEP = 8192
TOKENS_PER_PASS = 8192


@dataclass(frozen=True, kw_only=True)
class SamplesConfig:
    """Texts that the finished model writes, for the report and for a person's eyes."""

    prompts: tuple[str, ...] = ("",)
    """Beginnings to go on from; an empty one lets the model begin a document."""
    settings: SampleConfig = field(default_factory=SampleConfig)
    """How the next token is picked."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a run."""

    seed: int = 1
    """Decides every random draw: initial weights, order of documents, samples."""
    depth: int = 4
    """The one dial: layers, width, batch and training length follow from it unless they are set."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """What to compute on; auto takes the first of cuda, mps, cpu that works."""
    corpus: CorpusConfig
    """Raw documents in, kept documents out."""
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    """Text to ids."""
    data: DataConfig = field(default_factory=DataConfig)
    """Ids to rows."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Rows to logits."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Logits to a trained model."""
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    """A trained model to text."""

    def __post_init__(self) -> None:
        if self.seed < 0 or self.depth < 1:
            raise RecipeError(f"seed={self.seed} must be 0 or more, depth={self.depth} 1 or more")
        if self.data.seq_len > self.model.max_seq_len:
            raise RecipeError(
                f"data.seq_len={self.data.seq_len} is above model.max_seq_len="
                f"{self.model.max_seq_len}; lower the one or raise the other"
            )


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A recipe with every value settled, and where each came from."""

    recipe: Recipe
    origins: dict[str, str]
    """Dotted path -> `recipe`, `command line`, or the reason of a derived value; defaults are not
    listed."""

    @property
    def derived(self) -> dict[str, str]:
        """The derived values alone, with their reasons."""
        return {
            path: origin
            for path, origin in self.origins.items()
            if origin not in ("recipe", "command line")
        }

    def value(self, path: str) -> Any:
        """The value at a dotted path."""
        return _get(to_tree(self.recipe), path)


def resolve_recipe(source: Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Resolved:
    """A recipe file (or tree) with overrides and derived values.

    Raises RecipeError for whatever does not fit, before anything else is done.
    """
    base = read_toml(source) if isinstance(source, Path) else dict(source)
    origins = dict.fromkeys(flatten(base), "recipe") | dict.fromkeys(
        flatten(overrides), "command line"
    )
    tree = merge(base, overrides)
    build(Recipe, tree, checked=False)  # mistakes in what was written, before anything is derived
    for path, value, reason in derive(tree):
        origins[path] = reason
        _set(tree, path, value)
    return Resolved(recipe=build(Recipe, tree), origins=origins)


def derive(tree: Tree) -> Iterator[tuple[str, Any, str]]:
    """Values for what the tree leaves open: dotted path, value, reason.

    The caller puts each into the tree before it asks for the next, so later rules see earlier
    results.
    """
    for path, rule in _RULES:
        if _get(tree, path) is None:
            value, reason = rule(build(Recipe, tree, checked=False))
            yield path, value, reason


def _preset(name: str) -> Any:
    def rule(recipe: Recipe) -> tuple[Any, str]:
        model = recipe.model
        preset = lookup(model.architecture, PRESETS, what="model.architecture")
        return preset(model.model_dim, model.num_heads)[name]

    return rule


def _steps(recipe: Recipe) -> tuple[int, str]:
    tokens = TOKENS_PER_PARAMETER * count_parameters(recipe.model).total
    steps = -(-tokens // (recipe.train.rows_per_step * recipe.data.seq_len))
    return steps, f"{TOKENS_PER_PARAMETER} tokens for each parameter"


_RULES: list[tuple[str, Any]] = [
    ("data.seed", lambda r: (r.seed, "seed")),
    ("model.vocab_size", lambda r: (r.tokenizer.vocab_size, "tokenizer.vocab_size")),
    ("model.max_seq_len", lambda r: (r.data.seq_len, "data.seq_len")),
    ("model.num_layers", lambda r: (r.depth, "depth")),
    ("model.model_dim", lambda r: (64 * r.depth, "64 x depth")),
    (
        "model.num_heads",
        lambda r: (max(1, r.model.model_dim // r.model.head_dim), "model_dim / head_dim"),
    ),
    *(
        (f"model.{name}", _preset(name))
        for name in (
            *("num_kv_heads", "hidden_dim", "position", "norm", "norm_eps", "feed_forward"),
            *("qk_norm", "bias", "tied_embeddings"),
        )
    ),
    (
        "train.rows_per_step",
        lambda r: (max(1, TOKENS_PER_STEP // r.data.seq_len), f"{TOKENS_PER_STEP} tokens a step"),
    ),
    (
        "train.micro_rows",
        lambda r: (
            min(r.train.rows_per_step, max(1, TOKENS_PER_PASS // r.data.seq_len)),
            f"at most {TOKENS_PER_PASS} tokens in a pass",
        ),
    ),
    ("train.steps", _steps),
    ("train.warmup_steps", lambda r: (min(100, r.train.steps // 50), "steps / 50, at most 100")),
    ("train.eval_every", lambda r: (max(1, r.train.steps // 10), "steps / 10")),
    ("train.save_every", lambda r: (max(1, r.train.steps // 10), "steps / 10")),
]


def _get(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _set(tree: Tree, path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for key in folders:
        tree[key] = dict(tree.get(key, {}))
        tree = tree[key]
    tree[last] = value


def overrides_from(values: Mapping[str, Any]) -> Tree:
    """`{"train.steps": 5}` as a tree; for those who call from Python."""
    tree: Tree = {}
    for path, value in values.items():
        _set(tree, path, Text(value) if isinstance(value, str) else to_tree(value))
    return tree
