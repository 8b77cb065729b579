"""The added tokens of a tokenizer.json: special ones, and others that are looked for by name."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from textus.errors import DataError
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.hugging_face.fields import flag, text
from textus.tokenizer.special import NameRule

_FLAGS = ("single_word", "lstrip", "rstrip")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Tokens that are known by name, as in a `Definition`."""

    special: Mapping[str, int] = field(default_factory=dict)
    added: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, NameRule] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, int]:
        """The ids of all of them."""
        return {**self.special, **self.added}


def read_names(entries: Sequence[Mapping[str, Any]], *, normalized: bool) -> Names:
    """The tokens that are known by name.

    Names are always looked for in the text as it was given. DataError for an ordinary one that a
    tokenizer with a normalizer (`normalized`) would look for in the normalized text.
    """
    special: dict[str, int] = {}
    added: dict[str, int] = {}
    rules: dict[str, NameRule] = {}
    for entry in entries:
        name, id_ = text(entry, "content"), entry["id"]
        if name in special or name in added:
            raise DataError(f"its added token {name!r} is given twice")
        is_special = flag(entry, "special")
        if normalized and flag(entry, "normalized") and not is_special:
            raise DataError(
                f"its added token {name!r} is looked for in normalized text (normalized: true)"
            )
        (special if is_special else added)[name] = id_
        rule = NameRule(**{name: flag(entry, name) for name in _FLAGS})
        if rule != NameRule():
            rules[name] = rule
    return Names(special=special, added=added, rules=rules)


def write_names(definition: Definition) -> list[dict[str, Any]]:
    """The inverse of `read_names`, in the order of the ids."""
    entries = [
        {
            "id": id_,
            "content": name,
            **asdict(definition.name_rules.get(name, NameRule())),
            "normalized": False,
            "special": special,
        }
        for names, special in ((definition.special_tokens, True), (definition.added_tokens, False))
        for name, id_ in names.items()
    ]
    return sorted(entries, key=lambda entry: entry["id"])
