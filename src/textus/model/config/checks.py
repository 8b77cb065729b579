"""Checks that the settings of several parts share."""

from typing import Any

from textus.errors import RecipeError


def check_at_least(least: float, settings: Any, *names: str) -> None:
    """Raises RecipeError for the first of the named settings that is below `least`."""
    for name in names:
        value = getattr(settings, name)
        if value < least:
            raise RecipeError(f"{name}={value} must be at least {least}")


def check_above_zero(settings: Any, *names: str) -> None:
    """Raises RecipeError for the first of the named settings that is not above 0; None is fine."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise RecipeError(f"{name}={value} must be above 0")
