"""A comparison of tokenizers as lines for a person and as JSON for a file."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from textus.interpret.numbers import percent
from textus.interpret.tokenizers import Comparison, Fit, Loss, Portrait
from textus.interpret.tokens import show_shortened

_HEAD = (
    f"{'vocabulary':>10}  {'tokens':>11}  {'bytes/token':>11}  {'tokens/word':>11}"
    f"  {'used':>6}  {'Rényi':>6}"
)
_BITS = f"  {'bits/byte':>9}"


def comparison_table(comparison: Comparison) -> list[str]:
    """A table for each text, and then what the tokens look like."""
    portraits = comparison.portraits
    width = max(map(len, portraits))
    fits = [fit for portrait in portraits.values() for fit in portrait.fits.values()]
    bits = any(fit.bits_per_byte is not None for fit in fits)
    lines: list[str] = []
    for text, fit in next(iter(portraits.values())).fits.items():
        lines.append(f"{text}: {fit.bytes:,} bytes, {fit.words:,} words")
        lines.append(f"  {'':{width}}  {_HEAD}{_BITS if bits else ''}")
        for name, portrait in portraits.items():
            lines.append(f"  {name:{width}}  {_row(portrait, portrait.fits[text])}")
        losses = ((name, portrait.fits[text].loss) for name, portrait in portraits.items())
        lines += [f"  {_loss_line(name, loss)}" for name, loss in losses if loss]
        lines.append("")
    for name, portrait in portraits.items():
        lines += _examples(name, portrait)
    return lines


def _row(portrait: Portrait, fit: Fit) -> str:
    bits = "" if fit.bits_per_byte is None else f"  {fit.bits_per_byte:9.4f}"
    return (
        f"{portrait.vocab_size:10,}  {fit.tokens:11,}  {fit.bytes_per_token:11.3f}"
        f"  {fit.tokens_per_word:11.3f}  {percent(fit.used / portrait.vocab_size):>6}"
        f"  {fit.renyi_efficiency:6.3f}{bits}"
    )


def _loss_line(name: str, loss: Loss) -> str:
    lines = "1 line does" if loss.lines == 1 else f"{loss.lines:,} lines do"
    return f"{name}: {lines} not come back; first {loss.example!r} as {loss.returned!r}"


def _examples(name: str, portrait: Portrait) -> Iterator[str]:
    used = percent(portrait.used / portrait.vocab_size)
    yield f"{name}: {portrait.used:,} of {portrait.vocab_size:,} tokens occur ({used})"
    yield "  longest: " + "  ".join(map(_shown, portrait.longest))
    yield "  rarest:  " + "  ".join(f"{_shown(t)} ({n:,})" for t, n in portrait.rarest)


def _shown(token: bytes) -> str:
    return "".join(part.text for part in show_shortened(token))


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison, ready for JSON; tokens are shown as in the table."""
    return {name: _portrait_json(p) for name, p in comparison.portraits.items()}


def _portrait_json(portrait: Portrait) -> dict[str, Any]:
    return {
        "vocab_size": portrait.vocab_size,
        "used": portrait.used,
        "longest": [_shown(token) for token in portrait.longest],
        "rarest": [{"token": _shown(token), "count": n} for token, n in portrait.rarest],
        "texts": {name: _fit_json(fit) for name, fit in portrait.fits.items()},
    }


def _fit_json(fit: Fit) -> dict[str, Any]:
    return asdict(fit) | {
        "bytes_per_token": fit.bytes_per_token,
        "tokens_per_word": fit.tokens_per_word,
    }
