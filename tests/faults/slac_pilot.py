"""Faults of our charger in what its pilot shows: a card shown at the charger, the nominal duty, a lost link."""

from __future__ import annotations

import asyncio
from typing import Any

import secc.arrivals
import secc.authorizer
import secc.nominal
from faults.fault import charger, nothing
from faults.slac import matching
from secc.nominal import Entry

_AC, _DC = "TC_SECC_AC_VTB_", "TC_SECC_DC_VTB_"
_Arrivals = secc.arrivals.Arrivals
_enter = secc.nominal.Nominal._enter


def _entering(*entries: Entry, instead: Entry) -> Any:
    async def enter(self: Any, entry: Entry, step_ef: float, step_x1: float) -> None:
        await _enter(self, instead if entry in entries else entry, step_ef, step_x1)

    return enter


async def _beside(self: Any, matching: Any) -> None:
    if matching is not None:
        matching.cancel()
    await self._charging


async def _only_leaves(self: Any) -> None:
    await self.side.leave()


async def _stays(self: Any) -> None:
    """The old network is kept until the next vehicle comes."""
    await self.stop()
    self.pilot.offer(100.0)
    await asyncio.sleep(3.0)
    self.side.duty = self.start
    await self.side.step_ef()


async def _oscillator_on(self: Any) -> None:
    await self.side.leave()
    self.side.duty = self.start
    await self.side.step_ef()


async def _steps_always(self: Any) -> None:
    self.loss = "A"
    await _lost(self)


_lost = _Arrivals.lost

charger(
    "card-unread", "a card shown at the charger changes nothing at the pilot", f"{_AC}CmSlacParm_001",
    f"{_AC}CmSlacParm_003", f"{_AC}CmSlacParm_004", f"{_AC}PLCLinkStatus_001", f"{_AC}PLCLinkStatus_009",
    patches=[(secc.authorizer.CardReader, "accept", nothing)],
)  # fmt: skip
charger(
    "card-before-forgotten", "a card shown before plugging in is forgotten", f"{_AC}CmSlacParm_004",
    patches=[(secc.arrivals.Arrivals, "_moved", lambda self, reading: self._reader and self._reader.left())],
)  # fmt: skip
charger(
    "nominal-at-once", "from 5 % to the nominal duty without F", f"{_AC}CmSlacParm_001", f"{_AC}CmSlacParm_003",
    patches=[(secc.nominal.Nominal, "_enter", _entering(Entry.THROUGH_F, instead=Entry.AT_ONCE))],
)  # fmt: skip
charger(
    "nominal-disturbs", "the pilot goes through F to the nominal duty while SLAC is under way",
    f"{_AC}PLCLinkStatus_001", f"{_AC}PLCLinkStatus_009",
    patches=[(secc.nominal.Nominal, "_enter",
              _entering(Entry.THROUGH_X1, Entry.AT_ONCE, instead=Entry.THROUGH_F))],
)  # fmt: skip
charger(
    "nominal-late", "the nominal duty comes 6 s after the card", f"{_AC}PLCLinkStatus_001",
    adjust=matching(timing={"T_step_X1": 6.0}),
)  # fmt: skip
charger(
    "nominal-mute", "at a nominal duty SLAC is not answered", f"{_AC}CmSlacParm_001", f"{_AC}CmSlacParm_003",
    f"{_AC}CmSlacParm_004", patches=[(_Arrivals, "_beside", _beside)],
)  # fmt: skip
charger(
    "loss-unseen", "after the loss of a link the pilot stays as it is", f"{_AC}PLCLinkStatus_005",
    f"{_AC}PLCLinkStatus_006", f"{_AC}PLCLinkStatus_011", f"{_DC}PLCLinkStatus_004",
    patches=[(_Arrivals, "lost", _only_leaves)],
)  # fmt: skip
charger(
    "loss-stays", "after the loss of a link the old network is kept", f"{_AC}PLCLinkStatus_005",
    f"{_DC}PLCLinkStatus_004", f"{_AC}PLCLinkStatus_011",
    patches=[(_Arrivals, "lost", _stays)],
)  # fmt: skip
charger(
    "loss-oscillator", "5 % stays on until E or F after the loss of a link", f"{_AC}PLCLinkStatus_005",
    f"{_DC}PLCLinkStatus_004", patches=[(_Arrivals, "lost", _oscillator_on)],
)  # fmt: skip
charger(
    "loss-short", "F for one second", f"{_AC}PLCLinkStatus_005", f"{_AC}PLCLinkStatus_006", f"{_AC}PLCLinkStatus_011",
    f"{_DC}PLCLinkStatus_004", f"{_AC}CmSlacParm_001", f"{_AC}CmSlacParm_003",
    adjust=matching(timing={"T_step_EF": 1.0}),
)  # fmt: skip
charger(
    "loss-steps-always", "a step to F after the loss of a link, although it was declared that the pilot stays",
    f"{_AC}PLCLinkStatus_007", patches=[(_Arrivals, "lost", _steps_always)],
)  # fmt: skip
