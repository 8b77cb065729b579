"""Numbers as people read them."""

from collections.abc import Sequence

_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def exact(number: float) -> str:
    """A whole number in full, its thousands apart: 1,234,567."""
    return f"{number:,.0f}"


def count(number: float) -> str:
    """A number in at most four digits, and its unit: 9,950; 12.3 k; 5.02 M."""
    if number < 10_000:
        return exact(number)
    return _scaled(number, _THOUSANDS)


def size(number: float) -> str:
    """Bytes: 512 B, 5.30 MB. Decimal units, as disks are sold in."""
    if number < 1000:
        return f"{number:.0f} B"
    return f"{_scaled(number, _THOUSANDS)}B"


def rate(number: float) -> str:
    """Something per second, without what it is: 3.21 G, 64."""
    return _scaled(number, _THOUSANDS) if number >= 1000 else f"{number:.3g} "


def _scaled(number: float, units: Sequence[tuple[float, str]]) -> str:
    # the second condition keeps 999,999 from becoming "1000 k"
    factor, unit = next((f, u) for f, u in units if number >= f * 0.9995)
    value = number / factor
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def duration(seconds: float) -> str:
    """0.42 s, 12.3 s, 5 min 12 s, 3 h 20 min, 2 d 4 h."""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    for unit, limit, names in ((1, 60, ("min", "s")), (60, 48, ("h", "min"))):
        high, low = divmod(round(seconds / unit), 60)
        if high < limit:
            return f"{high} {names[0]} {low} {names[1]}"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{exact(days)} d {hours} h"


def percent(share: float) -> str:
    """A share: 100%, 99.97%, 12.3%, 0.042%; what is less than all never reads as all."""
    value = 100 * share
    if value == 0 or value == 100:
        return f"{value:.0f}%"
    if value > 99.9:
        return f"{min(value, 99.99):.2f}%" if value < 100 else f"{value:.0f}%"
    return f"{value:.1f}%" if value >= 1 else f"{value:.2g}%"
