"""Octets that a device has to draw at random, and octets that it must not take for the right ones. Pure."""

from __future__ import annotations

import random

COMMON = 6
"""Octets that two random values of 16 share at the same places: six or more do so once in 3e10 comparisons."""


def other_octets(rng: random.Random, right: bytes) -> bytes:
    """The same octets but for a single one, which is another: a device that compares only part of an id misses it."""
    place = rng.randrange(len(right))
    return right[:place] + bytes([right[place] ^ rng.randrange(1, 256)]) + right[place + 1 :]


def hardly_random(one: bytes, other: bytes) -> bool:
    """Whether two values of 16 octets share too many, at the same places, for either to be random."""
    return sum(left == right for left, right in zip(one, other, strict=False)) >= COMMON
