"""Faults of a vehicle that firmware has: its battery, its pilot, steps left out, ends, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

import evcc.battery
import evcc.charge
import evcc.checks
import evcc.contract
import evcc.din70121
import evcc.drive
import evcc.iso2
import evcc.vehicle
import evcc.verbs
from evcc.vehicle import Vehicle
from faults.fault import Adjust, async_nothing, deep, sending, unjudged, vehicle
from plugfest.conformance.fields import replaced
from slac.pilot import State
from v2g.messages import din70121, iso2
from v2g.physical import physical

FLOW, FLOW_DIN = "PF_EVCC_ISO2_PowerFlow#1", "PF_EVCC_DIN_PowerFlow#1"
AC, LOWER = "TC_EVCC_AC_VTB_PowerDelivery_001", "PF_EVCC_ISO2_LowerLimit_AC"
MODULES = {"iso2": iso2, "din70121": din70121}


def both(name: str, change: Callable[[Any, Any], Any]) -> Adjust:
    """A message of either protocol changed on its way out; ``change`` gets the message classes too."""

    def adjust(system: Any) -> None:
        for module, classes in MODULES.items():
            sending(name, lambda message, classes=classes: change(message, classes), module)(system)

    return adjust


def saying(name: str, field: str, value: float, unit: str, multiplier: int | None = None) -> Adjust:
    """A physical value of a message."""
    more = () if multiplier is None else (multiplier,)
    return both(name, lambda message, classes: deep(field, physical(classes, value, unit, *more))(message))


def counting(name: str, field: str, change: Callable[[Any, int], Any]) -> Adjust:
    """A field that changes with the number of the message."""

    def adjust(system: Any) -> None:
        sent = [0]

        def one(message: Any, classes: Any) -> Any:
            sent[0] += 1
            return replaced(message, field, change(getattr(message.DC_EVStatus, field), sent[0]))

        both(name, one)(system)

    return adjust


def asking(change: Callable[[Any, Any], Any]) -> list[tuple[Any, str, Any]]:
    """What happens around each request: ``change(drive, request)`` gives a response instead, or None."""
    ask = evcc.drive.Drive.ask

    async def asked(self: Any, request: Any, **how: Any) -> Any:
        instead = change(self, request)
        if asyncio.iscoroutine(instead):
            instead = await instead
        return instead if instead is not None else await ask(self, request, **how)

    return [(evcc.drive.Drive, "ask", asked)]


def showing(when: str, state: State, after: float = 0.0) -> list[tuple[Any, str, Any]]:
    """The pilot moves at a request, or some time after it."""

    def change(drive: Any, request: Any) -> None:
        if type(request).__name__ == when:
            asyncio.get_running_loop().call_later(after, drive.vehicle.pilot.set, state)

    return asking(change)


def without(name: str, **fields: Any) -> list[tuple[Any, str, Any]]:
    """A request that is left out, as if it had been answered well."""

    def change(drive: Any, request: Any) -> Any:
        if type(request).__name__ != name:
            return None
        status = {"EVSEProcessing": "Finished", "ResponseCode": "OK"}
        return type("Answered", (), {**status, **fields, "DC_EVSEStatus": _READY})()

    return asking(change)


_READY = type("Ready", (), {"EVSEStatusCode": "EVSE_Ready", "EVSEIsolationStatus": "Valid", "EVSENotification": "None",
                            "NotificationMaxDelay": 0})()  # fmt: skip


def _tenfold(value: Any) -> Any:
    return msgspec.structs.replace(value, Multiplier=value.Multiplier + 1)


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle tells about its battery

vehicle("ev-soc-back", "the SoC goes backwards", FLOW, FLOW_DIN,
        adjust=counting("CurrentDemandReq", "EVRESSSOC", lambda soc, number: max(soc - number // 4, 0)))  # fmt: skip
vehicle("ev-soc-jump", "the SoC is 0 in PreCharge", FLOW, FLOW_DIN, adjust=both(
    "PreChargeReq", lambda message, classes: replaced(message, "EVRESSSOC", 0)))  # fmt: skip
vehicle("ev-remaining-absurd", "20 days until full", FLOW, FLOW_DIN, adjust=saying(
    "CurrentDemandReq", "RemainingTimeToFullSoC", 1_728_000, "s", 3))  # fmt: skip
vehicle("ev-remaining-zero", "0 s until full all the time", FLOW, FLOW_DIN, adjust=saying(
    "CurrentDemandReq", "RemainingTimeToFullSoC", 0, "s"))  # fmt: skip
vehicle("ev-bulk-after-full", "bulk comes an hour after full", FLOW, FLOW_DIN, adjust=saying(
    "CurrentDemandReq", "RemainingTimeToBulkSoC", 20_000, "s", 1))  # fmt: skip
vehicle("ev-own-power", "the vehicle's power limit in the loop is 5 kW, and it asks for more", FLOW, FLOW_DIN,
        adjust=saying("CurrentDemandReq", "EVMaximumPowerLimit", 5_000, "W"))  # fmt: skip
vehicle("ev-limit-tenfold", "the vehicle's current limit in the loop is ten times that before", FLOW, FLOW_DIN,
        adjust=saying("CurrentDemandReq", "EVMaximumCurrentLimit", 3_000, "A"), reading=True)  # fmt: skip
vehicle("ev-target-multiplier", "EVTargetCurrent has a multiplier that is one too high", FLOW, FLOW_DIN,
        adjust=both("CurrentDemandReq", lambda message, classes: replaced(
            message, "EVTargetCurrent", _tenfold(message.EVTargetCurrent))))  # fmt: skip
vehicle("ev-target-unit", "EVTargetVoltage is in amperes", FLOW, FLOW_DIN,
        adjust=saying("CurrentDemandReq", "EVTargetVoltage", 400, "A"))  # fmt: skip
vehicle("ev-error-on", "an error in the loop, but current is still requested", FLOW, FLOW_DIN,
        adjust=both("CurrentDemandReq", lambda message, classes: replaced(
            message, "EVErrorCode", "FAILED_EVRESSMalfunction")))  # fmt: skip
vehicle("ev-complete-on", "ChargingComplete from the beginning on", FLOW, FLOW_DIN, adjust=both(
    "CurrentDemandReq", lambda message, classes: replaced(message, "ChargingComplete", True)))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Steps


async def _one_precharge(drive: Any, make: Any) -> None:
    await drive.ask(make(drive.vehicle.battery.voltage, 2.0))


async def _no_precharge(drive: Any, make: Any) -> None:
    """Nothing is asked for."""


async def _fixed_precharge(drive: Any, make: Any) -> None:
    await _until_voltage(drive, lambda voltage, current: make(voltage - 60.0, current))


_until_voltage = evcc.verbs.until_voltage


def _precharging(how: Any) -> list[tuple[Any, str, Any]]:
    return [(evcc.iso2, "until_voltage", how), (evcc.din70121, "until_voltage", how)]


vehicle("ev-precharge-once", "power is asked for after one PreChargeReq, whatever the voltage",
        "PF_EVCC_ISO2_PreCharge_Overshoot",
        patches=_precharging(_one_precharge))  # fmt: skip
vehicle("ev-no-precharge", "PreChargeReq is left out", FLOW, FLOW_DIN, patches=_precharging(_no_precharge))
vehicle("ev-precharge-low", "precharge asks for 60 V less than the battery has", FLOW, FLOW_DIN,
        patches=[*_precharging(_fixed_precharge),
                 (Vehicle, "matched", property(lambda self: True))])  # fmt: skip
vehicle("ev-no-ramp", "power is asked to stop under load", FLOW, FLOW_DIN,
        patches=[(evcc.iso2, "ramp_down", async_nothing), (evcc.din70121, "ramp_down", async_nothing)])  # fmt: skip
vehicle("ev-no-session-stop", "the connection is closed instead of SessionStopReq", "PF_EVCC_ISO2_RequestOrder",
        patches=without("SessionStopReq"))  # fmt: skip


def _stop_unsaid(drive: Any, request: Any) -> Any:
    off = getattr(request, "ReadyToChargeState", None) is False
    return type("Answered", (), {"ResponseCode": "OK", "DC_EVSEStatus": _READY})() if off else None


vehicle("ev-no-stop", "the session ends without PowerDeliveryReq(Stop)", FLOW_DIN,
        patches=[*asking(_stop_unsaid), (evcc.drive.Drive, "allows", lambda self, message: True)])  # fmt: skip


def _gone(drive: Any, request: Any) -> None:
    if type(request).__name__ == "ChargeParameterDiscoveryReq":
        raise evcc.drive.Unsuitable("a fault of its own")


vehicle("ev-gives-up", "the connection is closed in the middle, without a reason", FLOW, FLOW_DIN,
        patches=[*asking(_gone), (evcc.iso2, "leave", async_nothing),
                 (evcc.din70121, "leave", async_nothing)])  # fmt: skip


async def _slow(drive: Any, request: Any) -> None:
    if type(request).__name__ == "ChargeParameterDiscoveryReq":
        await asyncio.sleep(45.0)


vehicle("ev-pauses", "45 s before ChargeParameterDiscoveryReq", FLOW, FLOW_DIN, patches=asking(_slow))


def _forgetting(right: Any) -> Any:
    async def set_up(drive: Any) -> None:
        await right(drive)
        drive.session.id = bytes(8)

    return set_up


vehicle("ev-zero-session", "the session id stays zero", FLOW, FLOW_DIN,
        patches=[(evcc.iso2, "set_up", _forgetting(evcc.iso2.set_up)),
                 (evcc.din70121, "set_up", _forgetting(evcc.din70121.set_up))])  # fmt: skip
vehicle("ev-tuple-one", "SAScheduleTupleID is 1 whatever is offered", FLOW, AC, adjust=sending(
    "PowerDeliveryReq", deep("SAScheduleTupleID", 1)))  # fmt: skip
vehicle("ev-mode-fixed", "the energy transfer mode is DC_core whatever is offered", FLOW, adjust=sending(
    "ChargeParameterDiscoveryReq", deep("RequestedEnergyTransferMode", "DC_core")))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# The pilot and the contactors

vehicle("ev-c-early", "the pilot goes to C with ServiceDiscoveryReq", FLOW, FLOW_DIN, AC,
        patches=showing("ServiceDiscoveryReq", State.C))  # fmt: skip
vehicle("ev-b-in-loop", "the pilot goes to B in the loop", FLOW, FLOW_DIN,
        patches=showing("PowerDeliveryReq", State.B, 3.0))  # fmt: skip
vehicle(
    "ev-never-c", "the pilot stays in B", FLOW, FLOW_DIN, LOWER, patches=[(Vehicle, "show", lambda self, state: None)]
)
vehicle("ev-toggles", "the pilot goes to B and back between CableCheckReq and PreChargeReq", FLOW, FLOW_DIN,
        patches=showing("PreChargeReq", State.B))  # fmt: skip
vehicle("ev-c-late", "the pilot goes to C 3 s after PowerDeliveryReq", LOWER,
        patches=[(evcc.iso2, "pilot_moves", lambda drive, state: _Late(drive, state))])  # fmt: skip


class _Late:
    """The pilot moves late."""

    def __init__(self, drive: Any, state: State) -> None:
        self.drive, self.state = drive, state

    async def __aenter__(self) -> None:
        asyncio.get_running_loop().call_later(3.0, self.drive.vehicle.show, self.state)

    async def __aexit__(self, *_: object) -> None:
        pass


def _closing_early(system: Any) -> None:
    show = system.vehicle.show

    def shows(state: State) -> None:
        show(state)
        if state is State.C:
            system.vehicle.close_contactors()

    system.vehicle.show = shows


vehicle("ev-contactors-early", "the contactors close before precharge", FLOW, FLOW_DIN, adjust=_closing_early)


def _overdrawing(system: Any) -> None:
    take = system.vehicle.take_ac

    def takes(voltage: float, current: float, phases: int) -> None:
        take(voltage, current, phases)
        system.vehicle.ac_current *= 1.5

    system.vehicle.take_ac = takes


vehicle("ev-overdraw", "half more than allowed is drawn of AC", LOWER, adjust=_overdrawing)


def _first_limit(system: Any) -> None:
    take, first = system.vehicle.take_ac, list[float]()

    def takes(voltage: float, current: float, phases: int) -> None:
        first.append(current)
        take(voltage, first[0], phases)

    system.vehicle.take_ac = takes


vehicle("ev-ac-limit-ignored", "a lower EVSEMaxCurrent changes nothing", "PF_EVCC_ISO2_LowerLimit_AC",
        adjust=_first_limit)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Status, wishes, receipts

STATUS = "PF_EVCC_ISO2_CurrentDemand_StatusCode"
vehicle("ev-shutdown-ignored", "EVSE_Shutdown is as good as EVSE_Ready", f"{STATUS}#1", patches=[
    (evcc.checks, "WORKING", ("EVSE_Ready", "EVSE_IsolationMonitoringActive", "EVSE_Shutdown"))])  # fmt: skip
vehicle("ev-alarms-ignored", "an emergency of the charger is treated as EVSE_Ready", f"{STATUS}#2", f"{STATUS}#3",
        patches=[(evcc.checks, "ALARMS", ()), (evcc.verbs.checks, "ALARMS", ()),
                 (evcc.checks, "WORKING", ("EVSE_Ready", "EVSE_EmergencyShutdown", "EVSE_Malfunction"))])  # fmt: skip
vehicle("ev-stop-late", "StopCharging is followed only after 40 s", "PF_EVCC_ISO2_Notification_Stop#1",
        patches=[(evcc.checks, "wishes", lambda drive, status: _later(drive, status))])  # fmt: skip
_wishes = evcc.checks.wishes


def _later(drive: Any, status: Any) -> Any:
    ending = _wishes(drive, status)
    if ending is None:
        return None
    since = getattr(drive, "seeded_since", None)
    if since is None:
        drive.seeded_since = since = drive.now
    return ending if drive.now - since > 40.0 else None


async def _receiptless(drive: Any, res: Any) -> Any:
    return type("Nothing", (), {"EVSEStatus": None})()


vehicle("ev-no-receipt", "no receipt is given", "PF_EVCC_ISO2_Receipt",
        patches=[(evcc.iso2, "metering_receipt", _receiptless)])  # fmt: skip


def _sign(change: Callable[[Any], Any]) -> list[tuple[Any, str, Any]]:
    right = evcc.contract.sign
    return [(evcc.contract, "sign", lambda drive, message: right(drive, change(message)))]


def _other_element(message: Any) -> Any:
    if isinstance(message, iso2.AuthorizationReq) and message.GenChallenge:
        return msgspec.structs.replace(message, GenChallenge=bytes(16))
    return message


vehicle("ev-signs-other", "the signature is over another GenChallenge", "TC_EVCC_CMN_VTB_Authorization_002",
        patches=_sign(_other_element))  # fmt: skip
vehicle("ev-chain-short", "the contract chain has no sub certificates", "PF_EVCC_ISO2_PaymentDetails_LateResponse#1",
        adjust=sending("PaymentDetailsReq", lambda message: _without_subs(message)))  # fmt: skip


def _without_subs(message: Any) -> Any:
    chain = msgspec.structs.replace(message.ContractSignatureCertChain, SubCertificates=None)
    return msgspec.structs.replace(message, ContractSignatureCertChain=chain)


vehicle("ev-other-emaid", "the eMAID is not that of the contract", "PF_EVCC_ISO2_PaymentDetails_LateResponse#1",
        adjust=sending("PaymentDetailsReq", deep("eMAID", "DEXXXCYYYYYYYY")))  # fmt: skip
vehicle("ev-zero-challenge", "GenChallenge is zero", "TC_EVCC_CMN_VTB_Authorization_002",
        adjust=sending("AuthorizationReq", deep("GenChallenge", bytes(16))))  # fmt: skip
vehicle("ev-isolation-loop", "an isolation fault in the loop is not looked at",
        "PF_EVCC_ISO2_IsolationLoop#1", "PF_EVCC_DIN_IsolationLoop#1",
        patches=[*unjudged("isolation-fault"), (evcc.checks, "dc_ending", lambda drive, status, *_: None)])  # fmt: skip


def _installs_nothing(system: Any) -> None:
    if system.options.wallet is not None:
        system.options.wallet.provisioning = None


vehicle("ev-no-installation", "no contract is installed, although that is declared",
        "PF_EVCC_ISO2_CertificateInstallation_NoResponse", adjust=_installs_nothing)  # fmt: skip
