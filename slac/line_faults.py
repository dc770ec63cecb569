"""Faults of a simulated power line, by name: offered by `plugfest slac line --fault` and covered by tests.

    FAULTS["charger-refuses-key"].make(line, car, post)

A fault affects one pair: a vehicle's and a charger's station, with their modems, on a `slac.powerline.Powerline`. It
is set up before hosts attach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from slac.frames import CM_SLAC_MATCH_CNF, Frame
from slac.messages.matching import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
)
from slac.mme import Message
from slac.powerline import Drop, Powerline, Station

POWER_LOSS_DELAY = 0.05
"""Time from CM_SLAC_MATCH.CNF on the line until a modem that then loses its power is off, s."""

_KINDS: tuple[type[Message], ...] = (
    CM_SLAC_PARM_REQ, CM_SLAC_PARM_CNF, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ, CM_VALIDATE_CNF, CM_SLAC_MATCH_REQ, CM_SLAC_MATCH_CNF,
)  # fmt: skip


def _name(kind: type[Message]) -> str:
    stem, _, direction = kind.__name__.rpartition("_")
    return f"{stem}.{direction}"


LOSABLE = {_name(kind): kind for kind in _KINDS}
"""Messages that the line can lose, by name."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        what: its description.
        make: causes it, given the line, the vehicle's station and the charger's station.
    """

    what: str
    make: Callable[[Powerline, Station, Station], None]


def lose(line: Powerline, kind: type[Message], first: int | None = None, *, source: Station | None = None) -> None:
    """Loses frames of a kind on the line: the ``first`` ones that any station would hear, or all.

    Args:
        first: number of frames to lose; None: all.
        source: only frames of this station.
    """
    left = float("inf") if first is None else first

    def drop(sender: Station, target: Station, frame: Frame) -> bool:
        nonlocal left
        if not isinstance(frame.message, kind) or (source is not None and sender is not source) or left <= 0:
            return False
        left -= 1
        return True

    also(line, drop)


def also(line: Powerline, drop: Drop) -> None:
    """Also loses the frames that ``drop`` selects."""
    before = line.drop
    line.drop = drop if before is None else lambda s, t, f: drop(s, t, f) or before(s, t, f)


def _behaviour(end: str, what: str, **changed: object) -> Fault:
    def make(line: Powerline, car: Station, post: Station) -> None:
        modem = (car if end == "vehicle" else post).modem
        modem.behaviour = replace(modem.behaviour, **changed)  # type: ignore[arg-type]  # the names are its own

    return Fault(f"the {end}'s modem {what}", make)


def _role(end: str) -> Fault:
    def make(line: Powerline, car: Station, post: Station) -> None:
        modem = (car if end == "vehicle" else post).modem
        modem.charger = not modem.charger

    other = "charger" if end == "vehicle" else "vehicle"
    return Fault(f"the {end}'s modem is configured as a {other}'s", make)


def _no_power(end: str) -> Fault:
    def make(line: Powerline, car: Station, post: Station) -> None:
        (car if end == "vehicle" else post).powered = False

    return Fault(f"the {end}'s modem has no power", make)


def _loses_power(end: str) -> Fault:
    def make(line: Powerline, car: Station, post: Station) -> None:
        station = car if end == "vehicle" else post

        def watch(sender: Station, target: Station, frame: Frame) -> bool:
            if isinstance(frame.message, CM_SLAC_MATCH_CNF):
                asyncio.get_running_loop().call_later(POWER_LOSS_DELAY, off, station)
            return False

        also(line, watch)

    return Fault(f"the {end}'s modem loses its power right after the match", make)


def off(station: Station) -> None:
    """Cuts the power of a station's modem."""
    station.powered = False


def _unheard(end: str) -> Fault:
    def make(line: Powerline, car: Station, post: Station) -> None:
        station = car if end == "vehicle" else post
        also(line, lambda sender, _target, _frame: sender is station)
        station.unheard = True

    return Fault(f"nothing from the {end} crosses the line: one direction only", make)


def _same_mac(line: Powerline, car: Station, post: Station) -> None:
    post.mac = car.mac
    post.alias_of = car


FAULTS: dict[str, Fault] = {
    "no-profiles": _behaviour("charger", "reports no sounds", profiles=False),
    "no-groups": _behaviour("charger", "reports sounds without attenuation groups", groups=0),
    "vendor-profiles": _behaviour(
        "charger", "reports sounds only in its vendor's format (A14E)", profiles=False, double=True
    ),
    "no-key-answer": _behaviour("vehicle", "does not answer CM_SET_KEY", key_result=None),
    "refuses-key": _behaviour("vehicle", "refuses its key but reports success", takes_key=False),
    "charger-refuses-key": _behaviour("charger", "refuses its key but reports success", takes_key=False),
    "slow-join": _behaviour("vehicle", "joins after 20 s", join=20.0),
    "long-deaf": _behaviour("vehicle", "is deaf for 5 s after a key", deaf=5.0),
    "charger-long-deaf": _behaviour("charger", "is deaf for 5 s after a key", deaf=5.0),
    "vehicle-wrong-role": _role("vehicle"),
    "charger-wrong-role": _role("charger"),
    "vehicle-no-power": _no_power("vehicle"),
    "charger-no-power": _no_power("charger"),
    "vehicle-loses-power": _loses_power("vehicle"),
    "charger-loses-power": _loses_power("charger"),
    "vehicle-unheard": _unheard("vehicle"),
    "charger-unheard": _unheard("charger"),
    "same-mac": Fault("vehicle and charger have the same MAC address", _same_mac),
}
"""Faults by name."""
