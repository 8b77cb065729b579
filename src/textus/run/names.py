"""Names inside a run folder; imports nothing slow."""

from pathlib import Path

RECIPE = "recipe.toml"
TRAINING = "training"
CHECKPOINTS = f"{TRAINING}/checkpoints"
REPORT = "report.html"


def default_run(recipe: Path) -> Path:
    """Where a recipe runs unless told otherwise: `recipes/quickstart.toml` in `runs/quickstart`."""
    return Path("runs") / recipe.stem
