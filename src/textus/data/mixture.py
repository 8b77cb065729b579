"""Which source the next row comes from."""

import math
from collections.abc import Mapping

from textus.data.shards import TokenSet
from textus.errors import RecipeError


def shares(tokens: TokenSet, weights: Mapping[str, float] | None) -> dict[str, float]:
    """Each source's share of the rows, in order of name, adding up to 1.

    `weights` need not add up to 1; a source of weight 0 is left out. None: by number of tokens.
    Raises RecipeError where the weights do not fit the sources.
    """
    sizes = {name: source.total for name, source in tokens.sources.items()}
    chosen = sizes if weights is None else dict(weights)
    for name, weight in chosen.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise RecipeError(f"weight={weight} of source {name!r} is not usable; use 0 or more.")
        if name not in sizes and weight:
            present = ", ".join(map(repr, sizes))
            raise RecipeError(
                f"Source {name!r} has weight {weight} but no documents (present: {present}); "
                "give it weight 0, or find out why its documents were dropped."
            )
    for name in sizes:
        if name not in chosen:
            raise RecipeError(f"Source {name!r} has no weight; give it one, 0 to leave it out.")
    total = sum(chosen[name] for name in sizes)
    if not total:
        raise RecipeError("Every source has weight 0; give at least one a weight above 0.")
    return {name: chosen[name] / total for name in sizes if chosen[name]}


class Mixture:
    """Deals out rows to sources: at any time each has its share of them, to within one row.

    This is the quota method (Balinski and Young 1975): among the sources that are still below their
    share of the rows up to and including this one, take the one whose next row is due first. Taking
    simply the source that is furthest behind does not keep within one row.
    """

    def __init__(self, shares: Mapping[str, float]):
        self.shares = dict(shares)
        self.drawn = dict.fromkeys(shares, 0)
        """Rows dealt to each source so far: all there is to save and restore."""

    @property
    def rows(self) -> int:
        return sum(self.drawn.values())

    def deal(self, count: int) -> list[tuple[str, int]]:
        """The next `count` rows, each as a source and the number of the row within that source."""
        dealt = []
        drawn, first = self.drawn, self.rows + 1
        for row in range(first, first + count):
            _, source = min(
                ((drawn[name] + 1) / share, name)
                for name, share in self.shares.items()
                if drawn[name] < share * row
            )
            dealt.append((source, drawn[source]))
            drawn[source] += 1
        return dealt
