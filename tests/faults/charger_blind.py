"""Faults of a charger that no uniform vehicle meets: limits told once, trouble before power flows, a second time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

import pki.path
import secc.ac
import secc.contract
import secc.din70121
import secc.iso2
import secc.iso2_services
import secc.outlet
import secc.schedule
import secc.serve
import v2g.protocols
from faults.fault import answering, charger, deep, nothing, sending, timing
from faults.physics import MODULES, RUN
from plugfest.conformance.fields import found, replaced
from secc.authorizer import Decision, Delayed
from secc.charger import Evse
from secc.dc import output
from secc.envelope import LimitedOutput
from secc.pauses import Paused
from secc.power import Ceiling
from secc.supply import AcSupply
from secc.visit import Visit
from v2g import sdp, signature
from v2g.messages import appproto, iso2
from v2g.signed_parts import Part

LIMITS, CURRENT, VOLTAGE, ONCE, POWER, SLOW, READY, RENEGOTIATED = "#9", *(f"#{number}" for number in range(12, 19))
"""Power flows: beyond the charger's limits, one by one; limits told once; slow steps; the end in C; a renegotiation."""
AC = "PF_SECC_ISO2_PowerFlow_AC"
NAMES = {"iso2": "ISO2", "din70121": "DIN"}

declare, change, rest, deliver = (getattr(LimitedOutput, name) for name in ("declare", "change", "rest", "deliver"))


# ---------------------------------------------------------------------------------------------------------------
# Limits


def _declared(limit: Callable[[Ceiling], Ceiling]) -> Callable[..., None]:
    return lambda self, limits: declare(self, limit(limits))


def _changed(**left: None) -> Callable[..., None]:
    """Limits of the loop, but for some."""
    order = ("voltage", "current", "power")

    def changed(self: LimitedOutput, *given: float | None, **more: Any) -> None:
        named = {**dict(zip(order, given, strict=False)), **more, **left}
        change(self, **named)

    return changed


def _of_the_first(self: LimitedOutput, limits: Ceiling) -> None:
    kept = vars(self).setdefault("first_declared", limits)
    declare(self, kept)


def _on_at_once(self: LimitedOutput, limits: Ceiling) -> None:
    declare(self, limits)
    self.driver.precharge(400.0, 2.0)


async def _stays_on(visit: Visit, *, for_good: bool = True) -> None:
    output(visit).ramp_down()


def _swapped(message: Any) -> Any:
    return msgspec.structs.replace(
        message,
        EVSECurrentLimitAchieved=message.EVSEPowerLimitAchieved,
        EVSEPowerLimitAchieved=message.EVSECurrentLimitAchieved,
    )


for _module in MODULES:
    _run = RUN[_module]
    charger(f"declared-current-{_module}", f"{_module}: only the loop's limit of the current counts", f"{_run}{ONCE}",
            patches=[(LimitedOutput, "declare", _declared(lambda one: one._replace(current=1e4)))])  # fmt: skip
    charger(f"declared-power-{_module}", f"{_module}: the vehicle's limit of the power is ignored", f"{_run}{POWER}",
            patches=[(LimitedOutput, "declare", _declared(lambda one: one._replace(power=math.inf)))])  # fmt: skip
    for _name in ("power", "voltage"):
        charger(f"loop-{_name}-{_module}", f"{_module}: a lower limit of the {_name} in the loop is ignored",
                f"{_run}{POWER}", patches=[(LimitedOutput, "change", _changed(**{_name: None}))])  # fmt: skip
    charger(f"first-vehicle-{_module}", f"{_module}: the limits of the first vehicle hold for all", f"{_run}{ONCE}",
            patches=[(LimitedOutput, "declare", _of_the_first)])  # fmt: skip
    charger(f"flag-voltage-never-{_module}", f"{_module}: EVSEVoltageLimitAchieved is never set", f"{_run}{VOLTAGE}",
            adjust=sending("CurrentDemandRes", deep("EVSEVoltageLimitAchieved", False), _module))  # fmt: skip
    charger(f"flag-current-never-{_module}", f"{_module}: EVSECurrentLimitAchieved is never set", f"{_run}{CURRENT}",
            adjust=sending("CurrentDemandRes", deep("EVSECurrentLimitAchieved", False), _module))  # fmt: skip
    charger(f"flags-power-{_module}", f"{_module}: the flags of current and power are swapped", f"{_run}{CURRENT}",
            adjust=sending("CurrentDemandRes", _swapped, _module))  # fmt: skip
    charger(f"on-at-parameters-{_module}", f"{_module}: the output is on from the charge parameters on",
            f"{_run}{SLOW}", patches=[(LimitedOutput, "declare", _on_at_once)])  # fmt: skip
    charger(f"on-after-stop-{_module}", f"{_module}: PowerDelivery(Stop) leaves the voltage on", f"{_run}{READY}",
            patches=[(secc.iso2, "switch_off", _stays_on), (secc.din70121, "switch_off", _stays_on)])  # fmt: skip
    charger(f"insulation-loop-{_module}", f"{_module}: nobody watches the insulation while power flows",
            f"PF_SECC_{NAMES[_module]}_Insulation_Loop", patches=[(LimitedOutput, "watch", nothing)])  # fmt: skip
charger("hidden-limit", "no more than 100 A, and no word of it", f"{RUN['iso2']}{LIMITS}",
        patches=[(LimitedOutput, "deliver", lambda self, volts, amps: deliver(self, volts, min(amps, 100.0)))],
        )  # fmt: skip
charger("schedule-ignored", "the output exceeds PMax", f"{RUN['din70121']}#10",
        patches=[(LimitedOutput, "agree", nothing)])  # fmt: skip
charger("on-in-renegotiation", "the output stays on in a renegotiation", f"{RUN['iso2']}{RENEGOTIATED}",
        patches=[(LimitedOutput, "rest", nothing)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# A charger that cannot deliver, and its wishes


def _untold(message: Any) -> Any:
    return replaced(message, "EVSENotification", "None") if found(message, "EVSENotification") == "ReNegotiation" else (
        message
    )  # fmt: skip


charger("start-anyway", "nobody asks whether the charger may start", "PF_SECC_ISO2_StartRefused_DC#1",
        "PF_SECC_ISO2_StartRefused_AC#1", patches=[(Visit, "check_may_start", nothing)])  # fmt: skip
charger("start-anyway-din", "a wish to stop is forgotten before power flows", "PF_SECC_DIN_StartRefused#1",
        patches=[(Visit, "wants_stop", property(lambda self: False))])  # fmt: skip
charger("renegotiation-untold", "the charger does not say that it wants to renegotiate",
        "PF_SECC_ISO2_Renegotiation_Operator", adjust=sending("CurrentDemandRes", _untold))  # fmt: skip
charger("renegotiation-again", "the wish to renegotiate outlives the renegotiation",
        "PF_SECC_ISO2_Renegotiation_Operator", patches=[(Evse, "forget", nothing)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# AC


charger("overdraw-ignored", "a vehicle may draw more than it is offered", "PF_SECC_ISO2_Overdraw_AC",
        patches=[(secc.ac, "_cut", nothing)])  # fmt: skip
charger("three-meters", "the meter counts three phases where one is in use", f"{AC}#4",
        patches=[(AcSupply, "power", property(lambda self: 3.0 * self.nominal_voltage * self.current))])  # fmt: skip


async def _unwatched(visit: Visit) -> None:
    """The answer does not wait for the contactor, which needs 2.5 s."""
    supply = secc.ac.supply(visit)
    vars(supply)["_close_seconds"] = 2.5
    supply.close()


charger("start-told-early", "PowerDelivery(Start) is answered before the contactor is closed", f"{AC}#1",
        patches=[(secc.ac, "close_contactor", _unwatched)])  # fmt: skip
charger("any-mains-voltage", "EVMaxVoltage is not compared", "PF_SECC_ISO2_BrokenRule_AC#5",
        patches=[(secc.ac, "LOW_GRID", 0.0)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Sessions


def _kept(visit: Visit, request: Any, good: Callable[[], Any]) -> Any:
    """Any end counts as a pause."""
    answer = good()
    visit.paused[visit.session.id] = Paused(
        "iso2", visit.mode, visit.terms.tuple_id, visit.authorized, visit.payment, visit.schedule_began
    )
    return answer


def _other_schedule(visit: Visit, request: Any, good: Callable[[], Any]) -> Any:
    answer = good()
    if visit.resumed is not None and answer.SASchedules is not None:
        (only,) = answer.SASchedules.SAScheduleTuple
        renamed = msgspec.structs.replace(only, SAScheduleTupleID=only.SAScheduleTupleID % 255 + 1)
        return replaced(answer, "SASchedules", iso2.SAScheduleListType(SAScheduleTuple=[renamed]))
    return answer


def _session_reading(visit: Visit) -> iso2.MeterInfoType:
    meter = visit.evse.meter
    return iso2.MeterInfoType(MeterID=meter.meter_id, MeterReading=round(meter.session_wh), TMeter=int(visit.now()))


charger("terminated-joined", "a session that was terminated can be joined", "PF_SECC_ISO2_OldSession",
        "PF_SECC_ISO2_Pause#4", adjust=answering("SessionStopReq", _kept))  # fmt: skip
charger("resumed-other-schedule", "after a pause there is another schedule", "PF_SECC_ISO2_Pause#1",
        adjust=answering("ChargeParameterDiscoveryReq", _other_schedule))  # fmt: skip
charger("resumed-from-the-start", "after a pause the schedule begins again", "PF_SECC_ISO2_Pause#2", reading=True,
        patches=[(secc.schedule, "left", lambda plan, schedule, seconds: plan)])  # fmt: skip
charger("meter-by-session", "the meter begins at zero in each session", f"{RUN['iso2']}{ONCE}",
        patches=[(secc.iso2, "meter_info", _session_reading)])  # fmt: skip


def _once_for_all(visit: Visit, request: Any, good: Callable[[], Any]) -> Any:
    """Whoever comes after an authorised vehicle is authorised as well."""
    if vars(visit.evse).get("believed"):
        visit.authorized = True
    answer = good()
    if visit.authorized:
        vars(visit.evse)["believed"] = True
        return replaced(answer, "EVSEProcessing", "Finished")
    return answer


for _module, _request, _case in (
    ("iso2", "AuthorizationReq", "PF_SECC_ISO2_Authorization_NextVehicle"),
    ("din70121", "ContractAuthenticationReq", "PF_SECC_DIN_ContractAuthentication_NextVehicle"),
):
    charger(f"authorised-for-all-{_module}", f"{_module}: an authorization holds for the next vehicle, too", _case,
            adjust=answering(_request, _once_for_all, _module))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Before a session


respond = secc.outlet.Outlet._answer


def _announcing(**wrong: Callable[[sdp.Response], Any]) -> Any:
    """SDPRes with other fields."""

    def answer(self: Any, *given: Any) -> Any:
        right = respond(self, *given)
        return right and dataclasses.replace(right, **{name: value(right) for name, value in wrong.items()})

    return [(secc.outlet.Outlet, "_answer", answer)]


ENDPOINTS = ("PF_SECC_ISO2_SDP_Endpoint", "PF_SECC_DIN_SDP_Endpoint")
charger("sdp-port-off", "SDPRes announces the port beside the right one", *ENDPOINTS,
        patches=_announcing(port=lambda right: right.port - 1))  # fmt: skip
charger("sdp-other-security", "SDPRes announces TLS where there is none", *ENDPOINTS,
        patches=_announcing(security=lambda right: right.security ^ sdp.NO_TLS))  # fmt: skip
for _name, _seconds, _text, _variants in (
    ("V2G_SECC_CommunicationSetup_Performance_Time", 9.0, "a vehicle has half its time to begin a session", (1, 2)),
    ("V2G_SECC_Sequence_Timeout", 40.0, "a charger waits 40 s for the next request", (3, 4, 5, 6)),
):
    charger(f"impatient-{_seconds:g}", _text,
            *(f"PF_SECC_{_protocol}_Patience#{_number}" for _protocol in ("ISO2", "DIN") for _number in _variants),
            adjust=timing(**{_name: _seconds}))  # fmt: skip


charger("newcomer-wins", "a second connection ends the session of the first", "PF_SECC_ISO2_SecondConnection",
        patches=[(secc.outlet, "silence", lambda *given, **more: 0.0)], reading=True)  # fmt: skip


def _first_listed(request: Any, *given: Any) -> Any:
    """The order of the list counts."""
    numbered = [msgspec.structs.replace(one, Priority=place) for place, one in enumerate(request.AppProtocol, 1)]
    return v2g.protocols.select(appproto.supportedAppProtocolReq(AppProtocol=numbered), *given)


def _last_listed(request: Any, *given: Any) -> Any:
    return _first_listed(appproto.supportedAppProtocolReq(AppProtocol=request.AppProtocol[::-1]), *given)


charger("first-listed", "the first protocol of the list is chosen", "PF_SECC_ISO2_SAP_Priority#1",
        "PF_SECC_ISO2_SAP_Priority#2", patches=[(secc.serve, "select", _first_listed)])  # fmt: skip


def _by_version(request: Any, *given: Any) -> Any:
    """The lowest major version first, in that the priorities."""
    ranked = sorted(request.AppProtocol, key=lambda one: (one.VersionNumberMajor, one.Priority))
    return _first_listed(appproto.supportedAppProtocolReq(AppProtocol=ranked), *given)


def _newest(request: Any, *given: Any) -> Any:
    """The charger's own order counts: the newest protocol first."""
    ranked = sorted(request.AppProtocol, key=lambda one: (":-20:" not in one.ProtocolNamespace, one.Priority))
    return _first_listed(appproto.supportedAppProtocolReq(AppProtocol=ranked), *given)


for _name, _text, _choice in (
    ("lowest-major", "the lowest major version is chosen, whatever the priorities", _by_version),
    ("newest-first", "ISO 15118-20 is chosen wherever it is offered", _newest),
):
    charger(_name, _text, *(f"PF_SECC_ISO20_SAP_Generation{_energy}#{_number}" for _energy in ("", "_AC")
                            for _number in (1, 3)),
            patches=[(secc.serve, "select", _choice)])  # fmt: skip
charger("last-listed", "the last protocol of the list is chosen", "PF_SECC_ISO2_SAP_Priority#3",
        "PF_SECC_ISO2_SAP_Priority#4", patches=[(secc.serve, "select", _last_listed)])  # fmt: skip


listed = secc.iso2_services.service_list


def _any_category(visit: Visit, request: iso2.ServiceDiscoveryReq) -> Any:
    return listed(visit, msgspec.structs.replace(request, ServiceCategory=None))


def _twice(message: Any) -> Any:
    offered = message.PaymentOptionList
    return replaced(message, "PaymentOptionList", iso2.PaymentOptionListType(PaymentOption=offered.PaymentOption * 2))


DISCOVERY = "TC_SECC_CMN_VTB_ServiceDiscovery_001"
charger("service-category", "all services are listed, whatever category is asked for",
        "PF_SECC_ISO2_ServiceDiscovery_Category#1", "PF_SECC_ISO2_ServiceDiscovery_Category#2",
        patches=[(secc.iso2_services, "service_list", _any_category)])  # fmt: skip
charger("charge-category", "the charge service is of another category", DISCOVERY,
        adjust=sending("ServiceDiscoveryRes", deep("ServiceCategory", "OtherCustom")))  # fmt: skip
charger("payment-twice", "a payment option is offered twice", DISCOVERY,
        adjust=sending("ServiceDiscoveryRes", _twice))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Contracts


def _challenged_by_id(visit: Visit, request: Any, good: Callable[[], Any]) -> Any:
    return replaced(good(), "GenChallenge", visit.session.id * 2)


prove = secc.contract.prove


def _once(visit: Visit, request: Any) -> None:
    """Whoever has proven a contract once at this charger is believed."""
    contracts, contract = secc.contract.needed(visit), visit.contract
    known: set[str] = vars(contracts).setdefault("known", set())
    if contract is not None and contract.emaid in known:
        contract.proven = True
        return
    prove(visit, request)
    if contract is not None:
        known.add(contract.emaid)


def _first_only(visit: Visit, request: Any) -> None:
    if visit.contract is None or not visit.contract.proven:
        prove(visit, request)


def _one_tariff(visit: Visit, tuples: Sequence[iso2.SAScheduleTupleType]) -> None:
    assert visit.contracts is not None
    assert visit.contracts.tariff_key is not None
    parts = [Part("SalesTariff", entry.SalesTariff) for entry in tuples if entry.SalesTariff][:1]
    visit.signature = signature.sign(visit.session.protocol.schema, parts, visit.contracts.tariff_key.key)


validate = pki.path.validate


def _ignoring(*codes: str, least: int = 0) -> list[tuple[Any, str, Any]]:
    """Kinds of deviations are not seen, from this certificate of the chain on."""

    def seen(*given: Any, **more: Any) -> Any:
        return [one for one in validate(*given, **more) if one.code.value not in codes or one.index < least]

    return [(pki.path, "validate", seen)]


charger("challenge-by-id", "GenChallenge is made of the session id", "PF_SECC_ISO2_ChallengeFresh",
        adjust=answering("PaymentDetailsReq", _challenged_by_id))  # fmt: skip
charger("proven-once", "a contract that was proven once is believed ever after",
        "PF_SECC_ISO2_Authorization_NextSession", patches=[(secc.contract, "prove", _once)])  # fmt: skip
charger("second-signature", "a second signature is not verified", "PF_SECC_ISO2_Authorization_SecondSignature",
        patches=[(secc.contract, "prove", _first_only)])  # fmt: skip
charger("contract-not-judged", "the operator's verdict on a contract is ignored", "PF_SECC_ISO2_Contract_Refused",
        patches=[(secc.contract, "judge", nothing)])  # fmt: skip
charger("never-decides", "the charger asks its back end again each time", "PF_SECC_ISO2_Authorization_Decides",
        patches=[(Delayed, "decide", lambda self: Decision.ONGOING)])  # fmt: skip
charger("tariffs-unsigned", "tariffs are not signed in contract payment", "PF_SECC_ISO2_TariffSignature",
        patches=[(secc.schedule, "sign_tariffs", nothing)])  # fmt: skip
charger("tariffs-half-signed", "only the first tariff is signed", "PF_SECC_ISO2_TariffSignature",
        patches=[(secc.schedule, "sign_tariffs", _one_tariff)])  # fmt: skip
charger("sub-ca-expired", "only the leaf's time counts", "TC_SECC_CMN_VTB_PaymentDetails_009",
        "TC_SECC_CMN_VTB_PaymentDetails_010", patches=_ignoring("expired", least=1))  # fmt: skip
for _codes, _least, _text, _variants in (
    (("not-yet-valid",), 1, "a sub-CA may be too young", (14, 15)),
    (("wrong-role", "name"), 0, "any leaf counts as a contract", (16,)),
    (("unknown-root",), 0, "any root will do", (17, 18)),
    (("twin-root",), 0, "roots are known by their names", (19,)),
    (("broken-signature",), 0, "the signatures in a chain are not verified", (20,)),
):
    charger(f"contract-{_codes[0]}", _text, *(f"PF_SECC_ISO2_ForeignContract#{number}" for number in _variants),
            patches=_ignoring(*_codes, least=_least))  # fmt: skip
