"""One sentence about a name that is not known: what it is close to, or what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Set

LONGEST = 40
"""Names that a sentence lists in full."""

SHOWN = 5
"""Names that it begins with if there are more."""

_CLOSE = 0.6
_AS_CLOSE = 0.02


def unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """``unknown protocol 'iso3'; did you mean iso2?`` or ``unknown role 'x'; choose from secc, contract``.

    Args:
        kind: what it is the name of.
        known: the valid names, in the order to list them in; those of a set are sorted.
    """
    return f"unknown {kind} {str(name)!r}{meant(name, known)}"


def meant(name: object, known: Iterable[object]) -> str:
    """What follows a name that is not known: ``; did you mean iso2?`` or ``; choose from a, b``; "" for no names."""
    names = [str(one) for one in known]
    if isinstance(known, Set):
        names.sort()
    if close := near(name, names):
        return close
    if len(names) > LONGEST:
        return f"; choose from {', '.join(names[:SHOWN])}, ... ({len(names)} in all)"
    return f"; choose from {', '.join(names)}" if names else ""


def near(name: object, known: Iterable[object]) -> str:
    """``; did you mean iso2?``, "" if no name is close: after a text that lists the names itself."""
    close = _nearest(str(name), [str(one) for one in known])
    return f"; did you mean {either(close)}?" if close else ""


def either(words: Iterable[object]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}" if others else last


def _nearest(name: str, names: list[str]) -> list[str]:
    """The names that are spelled most like this one, case, underscores and leading dashes aside."""
    from difflib import SequenceMatcher  # only an error pays for it

    ratios = {one: SequenceMatcher(None, _plain(one), _plain(name)).ratio() for one in names}
    best = max(ratios.values(), default=0.0)
    return [one for one, ratio in ratios.items() if ratio >= max(_CLOSE, best - _AS_CLOSE)][:3]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").lstrip("-")
