"""Sessions that a vehicle has paused and may resume, limited in number and age.

A dropped session is unknown: a vehicle that asks for it gets a new session [V2G2-754, 756]. No standard gives figures;
a pause lasts a night or a weekend, and a charger has one vehicle plugged in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

from secc.contracts import Contract
from secc.meter import NO_REACTIVE, Reactive
from v2g.energy import Control

LONGEST = 72 * 3600.0
"""Time after which a paused session is dropped, s."""
MOST = 16
"""Maximum number of paused sessions kept; the oldest is dropped first."""


@dataclass(frozen=True)
class Paused:
    """State kept for a paused session [V2G2-740, 741].

    Attributes:
        planned: loop time at which its schedule began, s.
        control: service and parameter set (ISO 15118-20).
        binding: identifies the vehicle when it returns (ISO 15118-20).
        added: value added services selected (ISO 15118-20).
        charged_wh, discharged_wh, reactive: meter readings, Wh and VARh, from which counting continues (ISO 15118-20).
        contract: the contract that pays (ISO 15118-20).
    """

    protocol: str
    mode: str
    tuple_id: int
    authorized: bool
    payment: str = "ExternalPayment"
    planned: float | None = None
    control: Control | None = None
    binding: bytes = b""
    added: tuple[tuple[int, int], ...] = ()
    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    reactive: Reactive = NO_REACTIVE
    contract: Contract | None = None


class Pauses(MutableMapping[bytes, Paused]):
    """Paused sessions by id; needs a running event loop, whose clock it uses."""

    def __init__(self, *, longest: float = LONGEST, most: int = MOST) -> None:
        self._longest, self._most = longest, most
        self._kept: dict[bytes, tuple[float, Paused]] = {}

    def _valid(self) -> dict[bytes, tuple[float, Paused]]:
        if self._kept:
            now = asyncio.get_running_loop().time()
            self._kept = {name: held for name, held in self._kept.items() if now - held[0] < self._longest}
        return self._kept

    def __getitem__(self, name: bytes) -> Paused:
        return self._valid()[name][1]

    def __setitem__(self, name: bytes, paused: Paused) -> None:
        self._kept.pop(name, None)
        self._valid()[name] = asyncio.get_running_loop().time(), paused
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    def __delitem__(self, name: bytes) -> None:
        del self._valid()[name]

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._valid()))

    def __len__(self) -> int:
        return len(self._valid())
