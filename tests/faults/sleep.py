"""Faults of both roles in pauses, wake-ups and at the end of a stay on the power line."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import math
from typing import Any

import evcc.charge
import evcc.schedule
import evcc.stay
import secc.outlet
import secc.stay
import slac.ev
import slac.evse
from faults.fault import answering, async_nothing, charger, nothing, vehicle
from faults.slac import matching
from slac.pilot import DIGITAL, State, toggle
from v2g.messages import iso2

_S, _E = "TC_SECC_{}_VTB_PLCLinkStatus_{:03d}", "TC_EVCC_{}_VTB_PLCLinkStatus_{:03d}"


def both(name: str, ac: int, dc: int) -> tuple[str, str]:
    """The case in DC and in AC."""
    return name.format("DC", dc), name.format("AC", ac)


_asleep, _answer = secc.stay._asleep, secc.outlet.Outlet._answer


async def _with_new_key(side: Any, outlet: Any, match: Any) -> None:
    await side.new_key()
    await _asleep(side, outlet, match)


def _mute_after_a_pause(outlet: Any, request: Any) -> Any:
    return None if outlet.paused else _answer(outlet, request)


charger("sleep-deaf", "B-C-B in a pause is not seen", *both(_S, 2, 1), *both(_S, 10, 6), *both(_S, 12, 7),
        patches=[(secc.outlet.Outlet, "_toggled", nothing)])  # fmt: skip
charger("sleep-for-ever", "the charger does not wake up by itself, although that was declared", *both(_S, 3, 2),
        adjust=lambda system: setattr(system.charger.outlet, "wakes_after", None))  # fmt: skip
charger("sleep-late", "the charger wakes up two minutes later than declared", *both(_S, 3, 2),
        adjust=lambda system: setattr(system.charger.outlet, "wakes_after", 320.0))  # fmt: skip
charger("sleep-new-key", "the key is changed in a pause", *both(_S, 2, 1), *both(_S, 3, 2),
        patches=[(secc.stay, "_asleep", _with_new_key)])  # fmt: skip
charger("sleep-no-way-back", "a vehicle that does not come back after its wake-up is waited for", *both(_S, 4, 3),
        patches=[(slac.evse.Evse, "step_ef", async_nothing)])  # fmt: skip
charger("sleep-short-fault", "E or F for one second only", *both(_S, 4, 3),
        adjust=matching(timing={"T_step_EF": 1}))  # fmt: skip
charger("sleep-hasty", "the duty comes back half a second after it went off", *both(_S, 12, 7),
        adjust=matching(timing={"T_step_X1": 0.5}))  # fmt: skip
charger("sleep-mute", "discovery is not answered after a pause", *both(_S, 10, 6), *both(_S, 3, 2),
        patches=[(secc.outlet.Outlet, "_answer", _mute_after_a_pause)])  # fmt: skip


def _on(answer: str, change: Any, seconds: float) -> Any:
    """The pilot changed some time after each answer of a name."""

    def adjust(system: Any) -> None:
        def rewrite(message: Any) -> Any:
            asyncio.get_running_loop().call_later(seconds, change, system.wire.evse)
            return message

        system.options.rewrite[getattr(iso2, answer)] = rewrite

    return adjust


def _always_digital(system: Any) -> None:
    pilot, right = system.evse.pilot, system.evse.pilot.offer
    pilot.offer = lambda duty: right(DIGITAL)


class _Forgets(dict[bytes, Any]):
    def __setitem__(self, name: bytes, paused: Any) -> None:
        """A paused session is not kept."""


_toggled, _P = secc.outlet.Outlet._toggled, "PF_SECC_ISO2_Pause#{}"
charger("pause-deaf", "B-C-B in a pause is not seen, nor the vehicle afterwards", _P.format(1), _P.format(2),
        patches=[(secc.outlet.Outlet, "_toggled", nothing)])  # fmt: skip
charger("pause-slow", "the duty comes ten seconds after B-C-B", _P.format(2),
        patches=[(secc.outlet.Outlet, "_toggled",
                  lambda outlet: asyncio.get_running_loop().call_later(10.0, _toggled, outlet))])  # fmt: skip
charger("pause-nominal", "the duty states a current after B-C-B", _P.format(2),
        adjust=lambda system: setattr(system.outlet, "wake", lambda why: system.evse.pilot.offer(50.0)))  # fmt: skip
charger("pause-awake", "the oscillator stays on in a pause", _P.format(2),
        adjust=_always_digital)  # fmt: skip
charger("pause-F", "the pilot goes to F in a pause", _P.format(2),
        adjust=_on("SessionStopRes", lambda pilot: pilot.fault(State.F), 1.0))  # fmt: skip
charger("pause-forgetful", "a paused session is not kept", _P.format(2),
        adjust=lambda system: setattr(system.outlet, "paused", _Forgets()))  # fmt: skip
charger("stay-in-network", "the network is not left after Terminate", *both(_S, 8, 5),
        patches=[(slac.evse.Evse, "leave", async_nothing)])  # fmt: skip
charger("map-mute", "discovery is not answered after amplitude maps", "TC_SECC_CMN_VTB_CmAmpMap_008",
        patches=[(secc.outlet.Outlet, "_answer", nothing)])  # fmt: skip


async def _leaving(side: Any, match: Any) -> bool:
    await side.leave()
    return True


async def _not_asleep(*_: Any) -> evcc.stay.Woken:
    await asyncio.sleep(1.0)
    return evcc.stay.Woken.CHARGER


async def _for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


@functools.wraps(toggle)
async def _slowly(pilot: Any, times: int = 1, pulse: float = 0.0) -> None:
    await toggle(pilot, times, 0.8)


vehicle("sleep-blind", "the charger's duty does not wake the vehicle", *both(_E, 1, 1),
        patches=[(evcc.stay, "_offers", lambda reading: False)])  # fmt: skip
vehicle("sleep-of-the-just", "the vehicle does not wake up by itself, although that was declared", *both(_E, 2, 2),
        adjust=lambda system: setattr(system.how, "wakes_after", None))  # fmt: skip
vehicle("sleep-light", "the vehicle wakes up after ten seconds", *both(_E, 1, 1), *both(_E, 2, 2),
        adjust=lambda system: setattr(system.how, "wakes_after", 10.0))  # fmt: skip
vehicle("sleep-not-at-all", "the vehicle looks for a charger right after a pause", *both(_E, 1, 1), *both(_E, 9, 4),
        patches=[(evcc.stay, "sleep", _not_asleep)])  # fmt: skip
vehicle("sleep-slow-toggle", "the toggle that wakes the charger takes too long", *both(_E, 2, 2), *both(_E, 10, 5),
        patches=[(evcc.stay, "toggle", _slowly)])  # fmt: skip
vehicle("sleep-no-toggle", "the vehicle waits for the duty without a toggle", *both(_E, 2, 2), *both(_E, 9, 4),
        patches=[(evcc.stay, "toggle", async_nothing)])  # fmt: skip
vehicle("sleep-through-power", "the end of a step without power is slept through", *both(_E, 9, 4), *both(_E, 10, 5),
        patches=[(evcc.schedule.Schedule, "idle_until",
                  lambda schedule, now: None if schedule.power_at(now) else math.inf)])  # fmt: skip
vehicle("sleep-vehicle-new-key", "the vehicle forgets the key in a pause", *both(_E, 1, 1), *both(_E, 10, 5),
        patches=[(slac.ev.Ev, "resume", _leaving)])  # fmt: skip


@functools.wraps(toggle)
async def _twice(pilot: Any, times: int = 1, pulse: float = 0.0) -> None:
    await toggle(pilot, 2, pulse)


def _charging(change: Any) -> Any:
    """Each session begins with what is changed of the paused one."""

    def adjust(system: Any) -> None:
        charge = system._charge
        system._charge = lambda resume: charge(change(resume))

    return adjust


vehicle("sleep-two-toggles", "the vehicle toggles twice to wake the charger", *both(_E, 2, 2), *both(_E, 9, 4),
        patches=[(evcc.stay, "toggle", _twice)], reading=True)  # fmt: skip
vehicle("sleep-forgets-session", "a session of its own follows each pause, not the old one", *both(_E, 1, 1),
        adjust=_charging(lambda resume: None), reading=True)  # fmt: skip
vehicle("sleep-other-session", "the id of the paused session is turned around after a pause", *both(_E, 2, 2),
        adjust=_charging(lambda resume: resume and dataclasses.replace(
            resume, session_id=resume.session_id[::-1])))  # fmt: skip
vehicle("stay-vehicle-in-network", "the network is not left after Terminate", *both(_E, 6, 3),
        patches=[(slac.ev.Ev, "leave", async_nothing)])  # fmt: skip
vehicle("map-and-nothing", "no discovery after amplitude maps", "TC_EVCC_CMN_VTB_CmAmpMap_008",
        patches=[(evcc.charge, "find_and_charge", _for_ever)])  # fmt: skip


def _anew(visit: Any, request: Any, good: Any) -> Any:
    response = good()
    if visit.resumed:
        visit.evse.meter.begin()
    return response


charger("energy-anew-resumed", "the energy of a session starts again after a pause", "PF_SECC_ISO20_Resume_Meter",
        adjust=answering("SessionSetupReq", _anew, "iso20"), reading=True)  # fmt: skip
