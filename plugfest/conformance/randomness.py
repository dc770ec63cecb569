"""Octets that a device has to draw at random, and octets that it must not take for the right ones. Pure."""

from __future__ import annotations

import random
from typing import Literal

COMMON = 6
"""Octets that two random values of 16 share at the same places: six or more do so once in 3e10 comparisons."""


def other_octets(rng: random.Random, right: bytes) -> bytes:
    """The same octets but for a single one, which is another: a device that compares only part of an id misses it."""
    place = rng.randrange(len(right))
    return right[:place] + bytes([right[place] ^ rng.randrange(1, 256)]) + right[place + 1 :]


def hardly_random(one: bytes, other: bytes) -> bool:
    """Whether two values of 16 octets share too many, at the same places, for either to be random."""
    return sum(left == right for left, right in zip(one, other, strict=False)) >= COMMON


UNSHARED, LEAST_SHARED = 3, 3
"""Octets in which two ids differ at most that do not come from a random source, and octets that they share at least."""
STEP_BITS, STEP, HOUR = 24, 256, 4096
"""Two ids are close that differ by less than 1 in 2 ** STEP_BITS of all ids of that length, or by less than STEP.

From four octets on they are if they differ by less than HOUR, which is a clock in s.
"""

WORD = 4
"""Octets of a clock in s."""


def follows(one: bytes, other: bytes) -> bool:
    """Whether two session ids are so close that they come from a counter or a clock, not from a random source.

    Some devices draw 4 octets and fill up with zeros: octets that are zero in both ids do not count. Two random ids of
    4 octets or more are that close once in 250 000 comparisons at most.
    """
    if len(one) != len(other):
        return False
    pairs = [(left, right) for left, right in zip(one, other, strict=True) if left or right]
    if sum(left == right for left, right in pairs) >= max(LEAST_SHARED, len(pairs) - UNSHARED):
        return True
    near = max(HOUR if len(pairs) >= WORD else STEP, 1 << max(8 * len(pairs) - STEP_BITS, 0))
    first, second = (bytes(octets) for octets in zip(*pairs, strict=True)) if pairs else (b"", b"")
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    return any(abs(int.from_bytes(first, order) - int.from_bytes(second, order)) < near for order in orders)


FEW = 7
"""Different octets that 16 random ones have at least: fewer come once in 1e14 values."""
PART = 6
"""Octets in a row that a random value has in common with a known one by chance once in 1e13 values."""


def predictable(value: bytes, *known: bytes) -> str:
    """Why a value of 16 octets cannot be random, as a clause; "" if it may be."""
    if len(set(value)) < FEW:
        return f"which has only {len(set(value))} different octets"
    half = len(value) // 2
    if value[:half] == value[half : 2 * half]:
        return "whose halves are equal"
    for one in known:
        if any(one[place : place + PART] in value for place in range(len(one) - PART + 1)):
            return f"which contains a part of {one.hex()}"
    return ""
