"""AC power over phases as ISO 15118-20 expresses it: one element for L1 or the sum, and companions for L2 and L3.

The base element alone is the sum over the phases in use, split evenly; with its companions it is L1. A charger sends
companions only to a vehicle that has sent them and thus shown that it can be controlled per phase.
"""

from __future__ import annotations

from collections.abc import Sequence

from v2g.messages.iso20.types import RationalNumberType
from v2g.physical import number, rational

SUFFIXES = ("", "_L2", "_L3")
"""Name suffixes of the elements of one quantity."""


def given(block: object, name: str, count: int = 3) -> tuple[float, ...]:
    """The elements present of a quantity, in its unit: none, the sum, or one for each phase.

    Args:
        count: phases in use; some chargers also send companions for unused ones.
    """
    values = (getattr(block, f"{name}{suffix}", None) for suffix in SUFFIXES[:count])
    return tuple(number(value) for value in values if value is not None)


def total(block: object, name: str, count: int = 3) -> float:
    """A quantity summed over the phases in use; 0 if it is absent."""
    return sum(given(block, name, count))


def even(block: object, name: str, count: int = 3) -> float:
    """A quantity summed over the phases in use, for equal load on each: no phase exceeds its own value."""
    parts = given(block, name, count)
    if len(parts) < 2:
        return sum(parts)
    least, most = min(parts), max(parts)
    return len(parts) * (least if least > 0.0 else most if most < 0.0 else 0.0)


def per_phase(block: object, name: str) -> bool:
    """Whether a quantity is given for each phase."""
    return getattr(block, f"{name}_L2", None) is not None or getattr(block, f"{name}_L3", None) is not None


def inward(amount: float) -> RationalNumberType:
    """A number rounded towards zero, so that no limit is exceeded in either direction."""
    if amount >= 0.0:
        return rational(amount, down=True)
    made = rational(-amount, down=True)
    return RationalNumberType(Exponent=made.Exponent, Value=-made.Value)


def elements(name: str, amounts: Sequence[float], *, apart: bool) -> dict[str, RationalNumberType]:
    """A quantity as fields of a message, rounded towards zero.

    Args:
        name: name of the base element.
        amounts: amount for each phase in use.
        apart: True: one element per phase; False: their sum.
    """
    if not apart or len(amounts) < 2:
        return {name: inward(sum(amounts))}
    return {f"{name}{suffix}": inward(amount) for suffix, amount in zip(SUFFIXES, amounts, strict=False)}
