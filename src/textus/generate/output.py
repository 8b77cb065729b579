"""Text as it comes, cut where a stop string is complete."""

from collections.abc import Sequence


class StopScanner:
    """Passes text on in pieces, but never a stop string, nor the beginning of what may become one.

    The text ends where, reading character by character, a stop string is first complete (of several
    that end there the longest counts), however the text is cut into pieces.
    """

    def __init__(self, stops: Sequence[str]):
        self.stops = stops
        self.held = ""
        self.stopped = False

    def push(self, piece: str) -> str:
        """What can be printed after `piece`; sets `stopped` where it completes a stop string."""
        text = self.held + piece
        found = [(text.find(stop) + len(stop), -len(stop)) for stop in self.stops if stop in text]
        if found:
            end, length = min(found)
            self.stopped, self.held = True, ""
            return text[: end + length]
        certain = len(text) - self._undecided(text)
        self.held = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        held, self.held = self.held, ""
        return held

    def _undecided(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        longest = max(map(len, self.stops), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self.stops):
                return length
        return 0
