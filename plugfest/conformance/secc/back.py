"""What the tester's vehicle can give back in a bidirectional service."""

from __future__ import annotations

from typing import NamedTuple


class Back(NamedTuple):
    """Its limits, W and A."""

    watts: float
    amps: float


LITTLE = Back(5_000.0, 12.0)
"""Unless a case needs more."""
