"""Faults of a vehicle that does not heed what the charger says: alarms, schedules, ends, pauses, or its handshake."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import evcc.charge
import evcc.checks
import evcc.contract
import evcc.din70121
import evcc.iso2
import pki.ocsp
import v2g.tls.crypto
import v2g.tls.secrets
from evcc.checks import Limits
from evcc.drive import Drive
from evcc.iso2_requests import delivery_parameter
from evcc.options import Paused
from evcc.schedule import Schedule
from evcc.vehicle import Vehicle
from evcc.verbs import until_finished
from faults.fault import nothing, sending, timing, vehicle, with_
from faults.vehicle_more import FLOW, FLOW_DIN, saying
from slac.pilot import STEADY, Reading, State
from v2g.messages import din70121, iso2
from v2g.physical import amps, volts

SHORT = ("PF_EVCC_ISO2_PowerFlow#2", "PF_EVCC_DIN_PowerFlow#2")
FLOW_AC, PLAN_AC, NEW_PLAN_AC = (f"PF_EVCC_ISO2_PowerFlow_AC#{number}" for number in (1, 2, 4))
ONE_PHASE, DUTY = "PF_EVCC_ISO2_PowerFlow_AC#6", "PF_EVCC_ISO2_PowerFlow_AC#7"
PLAN, PLAN_DIN, NEW_PLAN = "PF_EVCC_ISO2_PowerFlow#3", "PF_EVCC_DIN_PowerFlow#3", "PF_EVCC_ISO2_PowerFlow#5"
ALARM, ALARM_DIN = "PF_EVCC_ISO2_AlarmBeforePower#{}", "PF_EVCC_DIN_AlarmBeforePower#{}"
UNSUITABLE_AC = "PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable_AC#{}"
DEPARTURE, NEEDS = "PF_EVCC_ISO2_Departure#1", "PF_EVCC_ISO2_Resume_Needs"
RESUMED = "PF_EVCC_ISO2_SessionSetup_OldSession#1"

# ---------------------------------------------------------------------------------------------------------------
# Alarms and voltages before power flows

vehicle("ev-alarms-in-precharge", "status codes are looked at only in charge parameters and in the loop",
        *(ALARM.format(number) for number in (3, 4)), *(ALARM_DIN.format(number) for number in (3, 4)),
        patches=[(evcc.checks, "preparing", nothing)])  # fmt: skip
vehicle("ev-precharge-above", "a voltage far above the battery's is taken for a finished precharge",
        "PF_EVCC_ISO2_PreCharge_Overshoot", "PF_EVCC_DIN_PreCharge_Overshoot",
        patches=[(Vehicle, "matched", property(
            lambda car: car.inlet_voltage >= car.battery.voltage - 20.0))])  # fmt: skip
vehicle("ev-line-voltage", "the nominal voltage of an outlet is not looked at", UNSUITABLE_AC.format(1),
        patches=[(evcc.checks, "ac_outlet", nothing)])  # fmt: skip
vehicle("ev-rcd-before-start", "an RCD that has tripped before the start is not looked at", UNSUITABLE_AC.format(3),
        patches=[(evcc.checks, "not_tripped", nothing)], reading=True)  # fmt: skip
vehicle("ev-target-below", "EVTargetVoltage is 26 V below the battery", FLOW, FLOW_DIN,
        adjust=saying("CurrentDemandReq", "EVTargetVoltage", 320, "V"))  # fmt: skip


def _pilot_changed(car: Vehicle, reading: Reading) -> None:
    if reading.duty != STEADY:
        _right_change(car, reading)


_right_change = Vehicle._pilot_changed
vehicle("ev-oscillator-off", "an oscillator that goes off while charging is not noticed",
        "PF_EVCC_ISO2_Danger_DC#5", "PF_EVCC_ISO2_Danger_AC#2", "PF_EVCC_DIN_Danger#5",
        patches=[(Vehicle, "_pilot_changed", _pilot_changed)])  # fmt: skip
vehicle("ev-ready-long", "the session may take 300 s until power flows", "PF_EVCC_DIN_ReadyToCharge",
        adjust=timing(V2G_EVCC_ReadyToCharge_Timeout=300.0))  # fmt: skip
vehicle("ev-ready-short", "the session may take 120 s until power flows", "PF_EVCC_DIN_ReadyToCharge",
        adjust=timing(V2G_EVCC_ReadyToCharge_Timeout=120.0))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Schedules, tariffs, departure and energy

_power_at = Schedule.power_at
vehicle("ev-plan-unread", "the schedule's power is not heeded in AC", PLAN_AC,
        patches=[(Schedule, "power_at", lambda plan, now: math.inf)])  # fmt: skip
vehicle("ev-plan-unread-dc", "the schedule's power is not heeded in DC", PLAN, PLAN_DIN,
        "CHX_SmartChargingScheduling_001", "CHX_SmartChargingScheduling_002", reading=True,
        patches=[(Schedule, "power_at", lambda plan, now: math.inf)])  # fmt: skip
vehicle("ev-plan-late", "each step of a schedule is followed 20 s late", PLAN_AC,
        patches=[(Schedule, "power_at", lambda plan, now: _power_at(plan, now - 20.0))])  # fmt: skip


def _first_plan(right: Any) -> Any:
    async def work(drive: Drive, terms: Any) -> Any:
        terms.schedule = vars(drive).setdefault("first_plan", terms.schedule)
        return await right(drive, terms)

    return work


_OLD_PLAN = [(evcc.iso2, name, _first_plan(getattr(evcc.iso2, name))) for name in ("charge_ac", "charge_dc")]
vehicle("ev-plan-kept", "after a renegotiation the old schedule is followed", NEW_PLAN_AC, patches=_OLD_PLAN)
vehicle("ev-plan-kept-dc", "the same in DC", NEW_PLAN, patches=_OLD_PLAN)


async def _stays_closed(drive: Drive, terms: Any) -> Any:
    """Contactors and pilot stay as they are in a renegotiation."""
    car, safe = drive.vehicle, drive.vehicle.safe

    async def unless_renegotiating(*given: Any, **more: Any) -> None:
        if drive.ending.how != "renegotiate":
            await safe(*given, **more)

    with patch.object(car, "safe", unless_renegotiating):
        return await _charge_dc(drive, terms)


_charge_dc = evcc.iso2.charge_dc
vehicle("ev-closed-renegotiating", "contactors stay closed in a renegotiation", NEW_PLAN,
        patches=[(evcc.iso2, "charge_dc", _stays_closed)])  # fmt: skip
vehicle("ev-plan-over", "the end of a schedule is not heeded", "PF_EVCC_ISO2_PowerFlow#6", reading=True,
        patches=[(evcc.iso2, "by_schedule", nothing)])  # fmt: skip


def _believes(drive: Drive, res: Any, given: Any) -> bool:
    return given is None or _tariffs_hold(drive, res, given)


_tariffs_hold = evcc.contract.tariffs_hold
vehicle("ev-tariff-unsigned", "a tariff without a signature is believed",
        "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#3",
        patches=[(evcc.contract, "tariffs_hold", _believes)])  # fmt: skip
vehicle("ev-energy-thousandth", "EVEnergyRequest is in kWh", FLOW, FLOW_DIN, reading=True,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyRequest", 30, "Wh"))  # fmt: skip
vehicle("ev-departure-stands", "DepartureTime does not count down", DEPARTURE, reading=True,
        patches=[(Drive, "departure", property(lambda drive: drive.vehicle.settings.departure))])  # fmt: skip
vehicle("ev-departure-ms", "DepartureTime is in ms", DEPARTURE, reading=True,
        patches=[(Drive, "departure", property(lambda drive: drive.vehicle.settings.departure * 1000))])  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Authorization, ends and pauses


async def _signs_each(drive: Drive, challenge: bytes) -> None:
    await until_finished(
        drive, lambda: iso2.AuthorizationReq(Id="id1", GenChallenge=challenge), "V2G_EVCC_Ongoing_Timeout",
        sign=lambda message: evcc.contract.sign(drive, message),
    )  # fmt: skip


vehicle("ev-authorization-again", "each AuthorizationReq is signed", "PF_EVCC_ISO2_Authorization_PnC_OngoingForever",
        patches=[(evcc.contract, "authorize", _signs_each)])  # fmt: skip


def _with_battery(right: Any) -> Any:
    def make(drive: Drive, *given: Any) -> Any:
        request = right(drive, *given)
        request.EVPowerDeliveryParameter = delivery_parameter(drive)
        return request

    return make


vehicle("ev-battery-in-ac", "PowerDeliveryReq has the status of a DC vehicle in AC", FLOW_AC, reading=True,
        patches=[(evcc.iso2, "power_delivery", _with_battery(evcc.iso2.power_delivery))])  # fmt: skip


def _leaves_first(right: Any) -> Any:
    async def ramp(drive: Drive, *given: Any) -> None:
        await right(drive, *given)
        drive.vehicle.show(State.B)
        await asyncio.sleep(0.5)

    return ramp


vehicle("ev-pilot-before-stop", "in DC the pilot goes to B before PowerDeliveryReq(Stop)", *SHORT, reading=True,
        patches=[(one, "ramp_down", _leaves_first(one.ramp_down)) for one in (evcc.iso2, evcc.din70121)])  # fmt: skip
vehicle("ev-paused-at-end", "a session that the charger asked to stop is paused", SHORT[0], reading=True,
        adjust=sending("SessionStopReq", with_(ChargingSession="Pause")))  # fmt: skip


def _pausing(change: Any) -> Any:
    return [(evcc.iso2, "Paused", lambda *given: change(Paused(*given)))]


vehicle("ev-other-session", "another session is asked for after a pause", RESUMED,
        patches=_pausing(lambda paused: replace(paused, session_id=paused.session_id[::-1])))  # fmt: skip
vehicle("ev-session-forgotten", "a new session is asked for after a pause", RESUMED, reading=True,
        patches=_pausing(lambda paused: replace(paused, session_id=bytes(8))))  # fmt: skip
vehicle("ev-departure-restarts", "DepartureTime starts from its first value after a pause", NEEDS,
        patches=_pausing(lambda paused: replace(paused, started=None)))  # fmt: skip
vehicle("ev-energy-grows", "more energy is asked for after a pause", NEEDS,
        patches=[(Drive, "energy_request", property(
            lambda drive: drive.vehicle.battery.missing_wh * (1.1 if drive.resume else 1.0)))])  # fmt: skip

_agreed = evcc.iso2.agree


async def _with_first_id(drive: Drive) -> Any:
    """The id of the first schedule is kept for all that follow."""
    kept = drive.tuple_id
    terms = await _agreed(drive)
    if kept and terms is not None:
        drive.tuple_id, terms.schedule = kept, replace(terms.schedule, tuple_id=kept)
    return terms


vehicle("ev-first-tuple", "the id of the first schedule is sent after a renegotiation, too", NEW_PLAN, NEW_PLAN_AC,
        patches=[(evcc.iso2, "agree", _with_first_id)])  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# AC: phases and the duty

vehicle("ev-three-phases-of-one", "AC: three phases are used of an outlet with one", ONE_PHASE,
        patches=[(evcc.iso2, "PHASES", dict.fromkeys(evcc.iso2.PHASES, 3))])  # fmt: skip
vehicle("ev-duty-unread", "AC: only EVSEMaxCurrent counts, not what the duty says", DUTY,
        patches=[(evcc.iso2, "Offer", SimpleNamespace(CURRENT=None))])  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Offers that do not fit


def _any_voltage(drive: Drive, parameter: Any) -> Limits:
    return Limits(volts(parameter.EVSEMaximumVoltageLimit), amps(parameter.EVSEMaximumCurrentLimit), math.inf)


async def _any_service(drive: Drive) -> int:
    res = await drive.ask(din70121.ServiceDiscoveryReq(ServiceCategory="EVCharging"))
    drive.mode = "DC_extended"
    number: int = res.ChargeService.ServiceTag.ServiceID
    return number


vehicle("ev-any-voltage", "the voltages on offer are not looked at", "PF_EVCC_ISO2_Misfit_DC#1",
        "PF_EVCC_ISO2_Misfit_DC#2", "PF_EVCC_DIN_Misfit#1", "PF_EVCC_DIN_Misfit#2",
        patches=[(evcc.checks, "dc_limits", _any_voltage)])  # fmt: skip
vehicle("ev-any-service", "the service on offer is not looked at", "PF_EVCC_DIN_Misfit#3", "PF_EVCC_DIN_Misfit#4",
        patches=[(evcc.din70121, "discover_service", _any_service)])  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# The handshake, and TLS


async def _first_offered(drive: Drive) -> Any:
    await _agree(drive)
    return drive.options.protocols[0]


_agree = evcc.charge.agree_protocol
vehicle("ev-first-schema", "the SchemaID of the charger's choice is not looked at", SHORT[1],
        patches=[(evcc.charge, "agree_protocol", _first_offered)])  # fmt: skip


_check = pki.ocsp.check
vehicle("tls-key-exchange", "the signature of the charger's key exchange is not checked", "PF_EVCC_ISO2_TLS_Params#6",
        patches=[(v2g.tls.crypto, "verify", nothing)])  # fmt: skip
vehicle("tls-finished", "the charger's Finished is not checked", "PF_EVCC_ISO2_TLS_Params#7",
        patches=[(v2g.tls.secrets, "check_finished", nothing)])  # fmt: skip
vehicle("tls-staple-unsigned", "of an OCSP response only the status is looked at",
        "PF_EVCC_ISO2_TLS_ServerCert#9", "PF_EVCC_ISO2_TLS_ServerCert#10",
        patches=[(pki.ocsp, "check", lambda *given, **more: [
            one for one in _check(*given, **more) if str(one.code) == "revoked"])])  # fmt: skip
