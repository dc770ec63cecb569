"""AC power over phases, as ISO 15118-20 spells it: an element for L1 or for the sum, and companions for L2 and L3.

The base element alone is the sum over the phases in use, evenly split; with its companions it is L1. A charger sends
companions only to a vehicle that sent them, which thereby shows that it can be controlled per phase.
"""

from __future__ import annotations

from collections.abc import Sequence

from v2g.messages.iso20.types import RationalNumberType
from v2g.physical import number, rational

SUFFIXES = ("", "_L2", "_L3")
"""Of the elements of one quantity."""


def given(block: object, name: str, count: int = 3) -> tuple[float, ...]:
    """The elements of a quantity that are there, in its unit: none, the sum, or one of each phase.

    Args:
        count: phases in use; some chargers send companions for those that are not.
    """
    values = (getattr(block, f"{name}{suffix}", None) for suffix in SUFFIXES[:count])
    return tuple(number(value) for value in values if value is not None)


def total(block: object, name: str, count: int = 3) -> float:
    """A quantity over the phases in use; 0 where it is not there."""
    return sum(given(block, name, count))


def even(block: object, name: str, count: int = 3) -> float:
    """A quantity over the phases in use for who has the same on each: no phase has more than is said for it."""
    parts = given(block, name, count)
    if len(parts) < 2:
        return sum(parts)
    least, most = min(parts), max(parts)
    return len(parts) * (least if least > 0.0 else most if most < 0.0 else 0.0)


def per_phase(block: object, name: str) -> bool:
    """Whether a quantity is said for each phase."""
    return getattr(block, f"{name}_L2", None) is not None or getattr(block, f"{name}_L3", None) is not None


def inward(amount: float) -> RationalNumberType:
    """A number rounded towards zero, so that no limit is passed in either direction."""
    if amount >= 0.0:
        return rational(amount, down=True)
    made = rational(-amount, down=True)
    return RationalNumberType(Exponent=made.Exponent, Value=-made.Value)


def elements(name: str, amounts: Sequence[float], *, apart: bool) -> dict[str, RationalNumberType]:
    """A quantity as fields of a message, rounded towards zero.

    Args:
        name: of the base element.
        amounts: of each phase in use.
        apart: one element for each phase; else their sum.
    """
    if not apart or len(amounts) < 2:
        return {name: inward(sum(amounts))}
    return {f"{name}{suffix}": inward(amount) for suffix, amount in zip(SUFFIXES, amounts, strict=False)}
