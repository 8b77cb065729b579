"""Every error that Textus raises on purpose.

    TextusError
    ├── RecipeError        a setting is misspelt, of the wrong type, or out of range
    ├── DataError          documents or token shards are missing, empty or unreadable
    ├── StoreError         something could not be written to or read from a run folder
    │   ├── DamagedError   a file differs from the checksum in its manifest
    │   ├── LockedError    another process is at work in the same run folder
    │   └── StaleError     a finished stage was made with other settings or inputs
    ├── ConvertError       a model has no counterpart here, or in the format asked for
    ├── TrainingError      the numbers went wrong and training stopped
    └── MissingExtraError  an optional dependency is not installed

Each message says what was wrong, with the values, and what to do about it. The command line prints
it without a traceback.
"""


class TextusError(Exception):
    """Base of all errors below; catching it catches everything that Textus raises on purpose."""


class RecipeError(TextusError):
    """A setting is misspelt, of the wrong type, or out of range."""


class DataError(TextusError):
    """Documents or token shards are missing, empty or unreadable."""


class StoreError(TextusError):
    """Something could not be written to or read from a run folder."""


class DamagedError(StoreError):
    """A file differs from the checksum in its manifest."""


class LockedError(StoreError):
    """Another process is at work in the same run folder."""


class StaleError(StoreError):
    """A finished stage was made with other settings or inputs than the ones at hand."""


class ConvertError(TextusError):
    """A model has no counterpart here, or in the format asked for."""


class TrainingError(TextusError):
    """The numbers went wrong and training stopped."""


class MissingExtraError(TextusError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"run: pip install 'textus[{extra}]'"
        )
