"""How a tokenizer.json cuts text into words: its pre_tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from textus.errors import DataError
from textus.tokenizer.bert import BertSplitter
from textus.tokenizer.definition import Normalizer, Splitter
from textus.tokenizer.formats.hugging_face.fields import flag, steps, text
from textus.tokenizer.formats.hugging_face.normalizers import UNDERLINES_ARE_SPACES
from textus.tokenizer.formats.hugging_face.spelling import UNDERLINE, Spelling
from textus.tokenizer.normalize import Prefixed, Replaced, SingleSpaces
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

AT_EACH_SPACE = PatternSplitter(pattern=r" [^ ]*|[^ ]+")
"""SentencePiece's words as Hugging Face cuts them: each space begins one."""

_WHOLE = PatternSplitter(pattern="none")
_NAMES = {pattern: name for name, pattern in PATTERNS.items() if name != "none"}
_WORDS: list[Normalizer] = [
    SingleSpaces(words=True),
    Replaced(old=" " + UNDERLINE, new=UNDERLINE),  # such a word has its space already
]
_SCHEMES: dict[str, tuple[Normalizer, ...]] = {
    "always": (Prefixed(scheme="missing"),),
    "first": (Prefixed(scheme="first"),),
    "never": (),
}
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How text is cut into words, what a file says about that beside the splitter itself."""

    splitter: Splitter = _WHOLE
    spelling: Spelling = "plain"
    normalizers: list[Normalizer] = field(default_factory=list)
    """What happens to the text just before it is cut."""


def read_splitting(content: Json | None, *, underlined: bool) -> Splitting:
    """What a pre_tokenizer does; DataError for one that is unknown.

    `underlined`: the normalizer has put "▁" in the place of spaces.
    """
    found = steps(content, "pretokenizers")
    kinds = [step["type"] for step in found]
    if kinds and kinds[-1] == "ByteLevel" and kinds[:-1] in ([], ["Split"]):
        return _read_byte_level(found[:-1], found[-1])
    if kinds in (["Metaspace"], ["WhitespaceSplit", "Metaspace"]):
        return _read_metaspace(found[-1], words=len(kinds) == 2)
    if kinds == ["BertPreTokenizer"]:
        return Splitting(splitter=BertSplitter())
    if underlined and (
        not found or (kinds == ["Split"] and found[0]["pattern"] == {"String": " "})
    ):
        return Splitting(spelling="underlined")  # there is no space left to cut at (Gemma)
    if kinds == ["Split"]:
        return Splitting(splitter=_read_split(found[0]))
    if not found:
        return Splitting()
    raise DataError(f"its pre_tokenizer is of another kind, {' and '.join(kinds)}")


def write_splitting(
    splitter: Splitter, spelling: Spelling, normalizers: list[Normalizer]
) -> tuple[dict[str, Any] | None, list[Normalizer]]:
    """The pre_tokenizer, and those of the normalizers that it does not stand for itself."""
    if isinstance(splitter, BertSplitter):
        return {"type": "BertPreTokenizer"}, normalizers
    if not isinstance(splitter, PatternSplitter):
        raise DataError(f"the splitter {splitter} has no place in a tokenizer.json")
    if spelling == "underlined":
        return _written_metaspace(splitter, normalizers)
    if spelling == "plain":
        return (None if splitter == _WHOLE else _written_split(splitter)), normalizers
    prefixed = normalizers[-1:] == [Prefixed(scheme="missing")]
    gpt2 = splitter.pattern == "gpt2"
    last = _byte_level(use_regex=gpt2, add_prefix_space=prefixed)
    written = [last] if gpt2 or splitter == _WHOLE else [_written_split(splitter), last]
    rest = normalizers[:-1] if prefixed else normalizers
    return (last if len(written) == 1 else {"type": "Sequence", "pretokenizers": written}), rest


def _read_byte_level(before: list[Json], step: Json) -> Splitting:
    splitter = _read_split(before[0]) if before else _WHOLE
    if flag(step, "use_regex", True):
        if before:
            raise DataError("its pre_tokenizer cuts words by two patterns")
        splitter = PatternSplitter(pattern="gpt2")
    prefixes: list[Normalizer] = (
        [Prefixed(scheme="missing")] if flag(step, "add_prefix_space") else []
    )
    if prefixes and before:
        raise DataError("its pre_tokenizer puts a space before every word")
    return Splitting(splitter=splitter, spelling="byte level", normalizers=prefixes)


def _read_split(step: Json) -> PatternSplitter:
    if "Regex" not in step["pattern"] or step["behavior"] != "Isolated" or flag(step, "invert"):
        raise DataError(
            f"its pre_tokenizer cuts at {step['pattern']} with behavior {step['behavior']!r} and "
            f"invert {step['invert']}, while only a Regex that isolates words is known"
        )
    pattern = text(step["pattern"], "Regex")
    if pattern in PATTERNS:
        raise DataError(f"its pre_tokenizer cuts at {pattern!r}, the name of a pattern here")
    return PatternSplitter(pattern=_NAMES.get(pattern, pattern))


def _read_metaspace(step: Json, *, words: bool) -> Splitting:
    if step["replacement"] != UNDERLINE:
        raise DataError(f"its pre_tokenizer writes spaces as {step['replacement']!r}")
    scheme = step.get("prepend_scheme") or ("always" if step.get("add_prefix_space") else "never")
    return Splitting(
        splitter=AT_EACH_SPACE if flag(step, "split", True) else _WHOLE,
        spelling="underlined",
        normalizers=[*(_WORDS if words else ()), UNDERLINES_ARE_SPACES, *_SCHEMES[scheme]],
    )


def _written_metaspace(
    splitter: PatternSplitter, normalizers: list[Normalizer]
) -> tuple[dict[str, Any] | None, list[Normalizer]]:
    if splitter not in (_WHOLE, AT_EACH_SPACE):
        raise DataError(f"the splitter {splitter} has no place beside tokens with ▁ for spaces")
    tails = {name: [UNDERLINES_ARE_SPACES, *prefixes] for name, prefixes in _SCHEMES.items()}
    schemes = [name for name, tail in tails.items() if normalizers[-len(tail) :] == tail]
    if not schemes:
        raise DataError(f"the normalizers {normalizers} do not end in one that writes spaces as ▁")
    scheme = schemes[0]
    rest = normalizers[: -len(tails[scheme])]
    step: dict[str, Any] = {
        "type": "Metaspace",
        "replacement": UNDERLINE,
        "prepend_scheme": scheme,
        "split": splitter == AT_EACH_SPACE,
    }
    if rest[-len(_WORDS) :] == _WORDS:
        written = [{"type": "WhitespaceSplit"}, step]
        return {"type": "Sequence", "pretokenizers": written}, rest[: -len(_WORDS)]
    return step, rest


def _written_split(splitter: PatternSplitter) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"Regex": PATTERNS.get(splitter.pattern, splitter.pattern)},
        "behavior": "Isolated",
        "invert": False,
    }


def _byte_level(*, use_regex: bool, add_prefix_space: bool) -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }
