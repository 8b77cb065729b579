"""Names inside a run folder; imports nothing slow."""

from pathlib import Path

from textus.corpus.config import RUN_MARK

RECIPE = "recipe.toml"  # every value, with its origin
WRITTEN = RUN_MARK  # what the recipe file and the command line said
TRAINING = "training"
CHECKPOINTS = f"{TRAINING}/checkpoints"
REPORT = "report.html"


def default_run(recipe: Path) -> Path:
    """Where a recipe runs unless told otherwise: `recipes/quickstart.toml` in `runs/quickstart`."""
    return Path("runs") / recipe.stem
