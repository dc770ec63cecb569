"""Faults of a charger at the control pilot in the middle of a session: a wrong duty, none, E or F for no reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import secc.ac
import secc.answer
import secc.iso2
import secc.serve
from faults.fault import Adjust, accepting, answering, async_nothing, charger, nothing
from slac.pilot import STEADY, State
from v2g.messages import din70121, iso2

FLOW = {"iso2": "PF_SECC_ISO2_PowerFlow#1", "din70121": "PF_SECC_DIN_PowerFlow#1"}
FLOW_AC = "PF_SECC_ISO2_PowerFlow_AC#1"
MODULES: dict[str, Any] = {"iso2": iso2, "din70121": din70121}


def showing(duty: float) -> Adjust:
    """Another duty wherever 5 % is meant."""

    def adjust(system: Any) -> None:
        right = system.wire.evse.offer
        system.wire.evse.offer = lambda asked: right(duty if asked == 5.0 else asked)

    return adjust


def with_first(response: str, change: Callable[[Any], None], seconds: float = 0.2) -> Adjust:
    """The pilot changed some time after the first response of a name."""

    def adjust(system: Any) -> None:
        done: list[bool] = []

        def rewrite(message: Any) -> Any:
            if not done:
                done.append(True)
                asyncio.get_running_loop().call_later(seconds, change, system.wire.evse)
            return message

        for module in MODULES.values():
            if (kind := getattr(module, response, None)) is not None:
                system.options.rewrite[kind] = rewrite

    return adjust


async def _closes_at_once(visit: Any) -> None:
    """Nobody looks at the pilot, nor does the plant."""
    visit.evse.ac.interlock = lambda: True
    visit.evse.ac.close()


def _leaves_it_to_the_pilot(visit: Any, message: Any, good: Callable[[], Any]) -> Any:
    if message.ChargeProgress != "Stop":
        return good()
    return iso2.PowerDeliveryRes(ResponseCode="OK", EVSEStatus=secc.iso2.ac_status(visit))


charger("contactor-in-B", "the contactor closes with PowerDeliveryReq(Start), whatever the pilot shows",
        "PF_SECC_ISO2_PowerFlow_AC#2", patches=[(secc.ac, "close_contactor", _closes_at_once)])  # fmt: skip
charger("contactor-after-C", "the contactor opens when the vehicle leaves C, not with PowerDeliveryReq(Stop)",
        "PF_SECC_ISO2_PowerFlow_AC#3", adjust=answering("PowerDeliveryReq", _leaves_it_to_the_pilot))  # fmt: skip
for _percent in (10.0, 7.5, STEADY):
    charger(f"duty-{_percent:g}", f"DC: the duty is {_percent:g} % in the session", *FLOW.values(),
            adjust=showing(_percent))  # fmt: skip
for _response, _when in (("CurrentDemandRes", "in the loop"), ("CableCheckRes", "in the cable check")):
    _name = _when.replace(" ", "-")
    charger(f"duty-off-{_name}", f"DC: the duty goes off {_when}", *FLOW.values(),
            adjust=with_first(_response, lambda pilot: pilot.offer(STEADY)))  # fmt: skip
    for _state in (State.E, State.F):
        charger(f"pilot-{_state.value}-{_name}", f"DC: the pilot goes to {_state.value} {_when}", *FLOW.values(),
                adjust=with_first(_response, lambda pilot, state=_state: pilot.fault(state)))  # fmt: skip
charger("duty-nominal-in-loop", "DC: the duty states 18 A in the loop", *FLOW.values(),
        adjust=with_first("CurrentDemandRes", lambda pilot: pilot.offer(30.0)))  # fmt: skip
charger("duty-off-ac", "AC: the duty goes off in the loop", FLOW_AC,
        adjust=with_first("ChargingStatusRes", lambda pilot: pilot.offer(STEADY)))  # fmt: skip
charger("pilot-F-ac", "AC: the pilot goes to F in the loop", FLOW_AC,
        adjust=with_first("ChargingStatusRes", lambda pilot: pilot.fault(State.F)))  # fmt: skip
charger("pilot-E-blinks", "the pilot goes to E for a second after SessionSetupRes", *FLOW.values(), FLOW_AC,
        adjust=with_first("SessionSetupRes", lambda pilot: (
            pilot.fault(State.E), asyncio.get_running_loop().call_later(1.0, pilot.offer, 5.0))[0]))  # fmt: skip


def _opens(system: Any) -> None:
    """The contactor opens two seconds after the first ChargingStatusRes."""
    with_first("ChargingStatusRes", lambda pilot: system.evse.ac.open(), 2.0)(system)


charger("contactor-lost", "AC: the contactor opens in the loop, without a report", FLOW_AC, adjust=_opens)


def _goes_on(visit: Any, message: Any, good: Callable[[], Any]) -> Any:
    """With the output off, as if the vehicle were still there."""
    return (
        good() if visit.evse.pilot.reading.state is not State.A else accepting("CurrentDemandRes")(visit, message, good)
    )


charger("unplugged-goes-on", "DC: the session goes on after an unplug, with the output off", "PF_SECC_ISO2_Unplug",
        adjust=answering("CurrentDemandReq", _goes_on), reading=True,
        patches=[(secc.serve._Guard, "_pilot_changed", nothing),
                 (secc.answer, "_check_pilot", async_nothing)])  # fmt: skip
