"""A set of digests in little memory: some 20 bytes for each, where Python's takes a hundred."""

import numpy as np

_RECENT = 1 << 14
_SHARE = 16


class DigestSet:
    """Digests of 16 bytes: most in a sorted array, the latest, at most a sixteenth, in a set."""

    def __init__(self) -> None:
        self._firsts, self._seconds = np.empty((2, 0), dtype=np.uint64)  # sorted by the first
        self._recent: set[bytes] = set()

    def add(self, digests: np.ndarray) -> np.ndarray:
        """Adds digests, uint64 (n, 2); tells for each, (n,) bool, whether it was not there yet. Of
        equal ones among them that goes for the first."""
        is_new = ~self._are_sorted_in(digests)
        for row in np.flatnonzero(is_new).tolist():
            digest = digests[row].tobytes()
            is_new[row] = digest not in self._recent
            self._recent.add(digest)
        if len(self._recent) > max(_RECENT, len(self._firsts) // _SHARE):
            self._merge()
        return is_new

    def _are_sorted_in(self, digests: np.ndarray) -> np.ndarray:
        found = np.zeros(len(digests), dtype=bool)
        firsts, seconds = digests.T
        places = np.searchsorted(self._firsts, firsts)
        rows = np.arange(len(digests))
        while len(rows):  # once, but for digests that begin alike
            rows = rows[places[rows] < len(self._firsts)]
            rows = rows[self._firsts[places[rows]] == firsts[rows]]
            found[rows] |= self._seconds[places[rows]] == seconds[rows]
            places[rows] += 1
        return found

    def _merge(self) -> None:
        recent = np.frombuffer(b"".join(self._recent), dtype=np.uint64).reshape(-1, 2)
        self._recent.clear()
        recent = recent[np.argsort(recent[:, 0])]
        places = np.searchsorted(self._firsts, recent[:, 0])
        self._firsts = np.insert(self._firsts, places, recent[:, 0])
        self._seconds = np.insert(self._seconds, places, recent[:, 1])
