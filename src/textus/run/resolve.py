"""A recipe with every value settled: what was written, then what follows from it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textus.errors import RecipeError
from textus.model.config import AttentionConfig, FeedForwardConfig
from textus.model.presets import PRESETS, complete, with_kinds
from textus.model.size import count_parameters
from textus.recipe import KIND, Text, Tree, build, flatten, merge, read_toml, to_tree
from textus.run.names import WRITTEN
from textus.run.paths import absolute
from textus.run.settings import Recipe

TOKENS_PER_PARAMETER = (
    20  # Hoffmann et al. 2022: about the best use of a given amount of arithmetic
)
TOKENS_PER_STEP = 8192
TOKENS_PER_PASS = 8192
RECIPE, COMMAND_LINE = "recipe", "command line"
ARCHITECTURE = "model.architecture"


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A recipe with every value settled, and where each came from."""

    recipe: Recipe
    written: Tree
    """What the file and the command line say, nothing derived: resolves to the same again."""
    origins: dict[str, str]
    """Dotted path -> RECIPE, COMMAND_LINE, or why it has its value; defaults are not listed."""

    @property
    def derived(self) -> dict[str, str]:
        """The derived values alone, with their reasons."""
        return {p: why for p, why in self.origins.items() if why not in (RECIPE, COMMAND_LINE)}

    def value(self, path: str) -> Any:
        """The value at a dotted path."""
        return _get(to_tree(self.recipe), path)


def resolve_recipe(source: Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> Resolved:
    """A recipe (a file, a tree, or that of a run folder) with overrides and derived values.

    Relative paths in a file are meant from its folder, all others from the current one. Raises
    RecipeError for whatever does not fit, before anything else is done.
    """
    base = Path.cwd()
    if isinstance(source, Path):
        file = _recipe_file(source)
        base, source = file.parent.absolute(), read_toml(file)
    source, overrides = absolute(source, base), absolute(overrides, Path.cwd())
    written = merge(source, overrides)
    _check_written(written)
    tree, reasons = _model_of_weights(written)
    for rule in SIZE_RULES:
        tree = rule.apply(tree, reasons)
    tree = _with_architecture(tree, reasons)
    for rule in TRAINING_RULES:
        tree = rule.apply(tree, reasons)
    recipe = build(Recipe, tree)
    settled = to_tree(recipe)
    origins = _origins(flatten(settled), source, overrides) | reasons
    return Resolved(recipe=recipe, written=_typed(written, settled), origins=origins)


def _read(tree: Mapping[str, Any]) -> Recipe:
    """The recipe so far, in which values may be missing and need not go together yet."""
    model = tree.get("model", {})
    known = {**tree, "model": with_kinds(model)} if isinstance(model, Mapping) else tree
    return build(Recipe, known, checked=False)


def _recipe_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / WRITTEN).is_file():
        raise RecipeError(f"{path} is neither a recipe nor a run folder: it holds no {WRITTEN}")
    return path / WRITTEN


def _model_of_weights(written: Tree) -> tuple[Tree, dict[str, str]]:
    """What is not written about the model is as in the weights that training starts from."""
    start = _read(written).train.start
    if start is None:
        return written, {}
    from textus.model.files import read_config  # loads torch, which other recipes need not wait for
    from textus.run.folder import find_weights

    weights = to_tree(read_config(find_weights(Path(start), lambda text: None)))
    model = merge(weights, written.get("model", {}))
    reason = "as in the weights that training starts from"
    reasons = dict.fromkeys(_not_in(written.get("model", {}), model), reason)
    return written | {"model": model}, {f"model.{path}": why for path, why in reasons.items()}


def _check_written(written: Tree) -> None:
    """Mistakes in what was written come before anything is derived from it."""
    recipe = _read(written)
    for path in ("depth", "data.seq_len", "model.model_dim", "model.attention.num_heads"):
        value = _attribute(recipe, path)
        if value < 1:
            raise RecipeError(f"{path}={value} must be at least 1")
    if recipe.train.rows_per_step < 1:
        raise RecipeError(f"train.rows_per_step={recipe.train.rows_per_step} must be at least 1")


def _origins(
    paths: Iterable[str], base: Mapping[str, Any], overrides: Mapping[str, Any]
) -> dict[str, str]:
    """Where the values at `paths` were written, for those that were."""
    origins = {}
    for layer, name in ((base, RECIPE), (overrides, COMMAND_LINE)):
        written = set(flatten(layer))
        origins |= {path: name for path in paths if _covers(written, path)}
    return origins


def _covers(written: Set[str], path: str) -> bool:
    """Whether the setting at a path is among those written, or one of its tables is, by a word."""
    plain = re.sub(r"\[\d+\]", "", path)
    whole = {plain.rsplit(".", n)[0] for n in range(plain.count(".") + 1)}
    return path in written or bool(whole & written)


def _not_in(written: Mapping[str, Any], tree: Mapping[str, Any]) -> list[str]:
    """The paths in `tree` that `written` does not settle."""
    paths = set(flatten(written))
    return [path for path in flatten(tree) if not _covers(paths, path)]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a setting that is left open follows from others."""

    path: str
    reason: str
    value: Callable[[Recipe], Any]

    def apply(self, tree: Tree, reasons: dict[str, str]) -> Tree:
        """The tree with the value, where it has none; the reason is noted."""
        if _get(tree, self.path) is not None:
            return tree
        reasons[self.path] = self.reason
        return _with(tree, self.path, self.value(_read(tree)))


def _with_architecture(tree: Tree, reasons: dict[str, str]) -> Tree:
    """The tree with what the model's architecture says of its parts."""
    model = complete(tree["model"])
    reasons |= {f"model.{path}": ARCHITECTURE for path in _not_in(tree["model"], model)}
    return tree | {"model": model}


def _steps(recipe: Recipe) -> int:
    tokens = TOKENS_PER_PARAMETER * count_parameters(recipe.model).total
    return -(-tokens // (recipe.train.rows_per_step * recipe.data.seq_len))


def _size_rules() -> Iterator[Rule]:
    """In order: a rule sees what those before it have found."""
    yield Rule(path="data.seed", reason="seed", value=lambda r: r.seed)
    yield Rule(path="samples.settings.seed", reason="seed", value=lambda r: r.seed)
    yield Rule(
        path="model.vocab_size",
        reason="tokenizer.vocab_size",
        value=lambda r: r.tokenizer.vocab_size,
    )
    yield Rule(path="model.max_seq_len", reason="data.seq_len", value=lambda r: r.data.seq_len)
    yield Rule(path="model.num_layers", reason="depth", value=lambda r: r.depth)
    yield Rule(path="model.model_dim", reason="64 x depth", value=lambda r: 64 * r.depth)


def _training_rules() -> Iterator[Rule]:
    """As above; they see the whole model."""
    yield Rule(
        path="train.rows_per_step",
        reason=f"{TOKENS_PER_STEP} tokens a step",
        value=lambda r: max(1, TOKENS_PER_STEP // r.data.seq_len),
    )
    yield Rule(
        path="train.micro_rows",
        reason=f"rows_per_step, and at most {TOKENS_PER_PASS} tokens in a pass",
        value=lambda r: min(r.train.rows_per_step, max(1, TOKENS_PER_PASS // r.data.seq_len)),
    )
    reason = f"{TOKENS_PER_PARAMETER} tokens for each parameter"
    yield Rule(path="train.steps", reason=reason, value=_steps)
    yield Rule(
        path="train.warmup_steps",
        reason="steps / 50, at most 100",
        value=lambda r: min(100, r.train.steps // 50),
    )
    for name in ("eval_every", "save_every"):
        yield Rule(
            path=f"train.{name}", reason="steps / 10", value=lambda r: max(1, r.train.steps // 10)
        )


SIZE_RULES, TRAINING_RULES = tuple(_size_rules()), tuple(_training_rules())


def derived_settings() -> dict[str, str]:
    """What settings follow from where they are left open, by their paths in `describe`."""
    reasons = dict.fromkeys(_settled_by_architectures(), ARCHITECTURE)
    return reasons | {rule.path: rule.reason for rule in (*SIZE_RULES, *TRAINING_RULES)}


def _settled_by_architectures() -> Iterator[str]:
    """Paths of all that some preset says, or that follows from sizes for some kind of a part."""
    for architecture in PRESETS:
        yield from _described(complete({"architecture": architecture}), "model")
    for part, kinds in (("attention", AttentionConfig), ("feed_forward", FeedForwardConfig)):
        for kind in kinds.variants():
            yield from _described(complete({part: {KIND: kind}}), "model")


def _described(tree: Mapping[str, Any], path: str) -> Iterator[str]:
    """The paths that `describe` gives to the settings in a tree."""
    if KIND in tree:
        yield path
        path = f"{path}({KIND}={tree[KIND]})"
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _described(value, f"{path}.{key}")
        elif key not in (KIND, "architecture"):
            yield f"{path}.{key}"


def _attribute(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _get(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _with(tree: Mapping[str, Any], path: str, value: Any) -> Tree:
    """A copy of the tree with a value in it."""
    first, _, rest = path.partition(".")
    return {**tree, first: _with(tree.get(first, {}), rest, value) if rest else value}


def _typed(written: Mapping[str, Any], tree: Mapping[str, Any]) -> Tree:
    """The keys of `written` with the values that they have in `tree`, where types are settled."""
    return {
        key: _typed(value, tree[key])
        if isinstance(value, Mapping) and isinstance(tree[key], Mapping)
        else tree[key]
        for key, value in written.items()
        if key in tree
    }


def overrides_from(values: Mapping[str, Any]) -> Tree:
    """`{"train.steps": 5}` as a tree; for those who call from Python."""
    tree: Tree = {}
    for path, value in values.items():
        tree = _with(tree, path, Text(value) if isinstance(value, str) else to_tree(value))
    return tree
