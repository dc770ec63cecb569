"""What implementations of ISO 15118-20 get wrong: our roles survive it or end well, and checks name it.

The numbers are those of a list of 55 such mistakes; those that no single message shows are tested elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from bench import Bench, iso20_bench
from made_to_fail import joined
from sampling import sampled

from evcc import charge as evcc
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.recording import from_events
from secc import serve as secc
from secc.authorizer import Delayed
from v2g.messages import appproto
from v2g.messages.iso20 import common, types
from v2g.outcome import Outcome
from v2g.protocols import ISO20

Change = Callable[[Any], Any]


def r(value: int, exponent: int = 0) -> types.RationalNumberType:
    return types.RationalNumberType(Exponent=exponent, Value=value)


def at(path: str, value: Any) -> Change:
    """A change of one field, by names and places in lists; a function gets what was there."""

    def change(part: Any, names: list[str]) -> Any:
        if not names:
            return value(part) if callable(value) else value
        first, rest = names[0], names[1:]
        if isinstance(part, list):
            return [change(one, rest) if place == int(first) else one for place, one in enumerate(part)]
        return part if part is None else msgspec.structs.replace(part, **{first: change(getattr(part, first), rest)})

    return lambda message: change(message, path.split("."))


def both(*changes: Change) -> Change:
    def change(message: Any) -> Any:
        for one in changes:
            message = one(message)
        return message

    return change


def parameters(change: Callable[[list[Any]], list[Any]]) -> Change:
    """A change of the parameters of every set."""
    return at(
        "ServiceParameterList.ParameterSet",
        lambda sets: [msgspec.structs.replace(one, Parameter=change(one.Parameter)) for one in sets],
    )


def parameter(name: str, value: int) -> common.ParameterType:
    return common.ParameterType(Name=name, intValue=value)


def wish(kind: types.evseNotificationType) -> Change:
    return at("EVSEStatus", types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification=kind))


@dataclass(frozen=True)
class Quirk:
    """A mistake or habit of one side.

    Attributes:
        number: in the list; 0: seen in the field besides.
        name: in words.
        changes: by message.
        survives: whether the session is completed; else it ends without anything live.
        strict: the same between strict roles; None: as tolerant ones.
        rule: what the check of either trace says; "" for nothing.
        charges: energy flows where the session is completed.
        set_up: what is different about the bench.
    """

    number: int
    name: str
    changes: dict[str, Change]
    mode: str = "iso20-dc"
    control: str = "scheduled"
    survives: bool = True
    strict: bool | None = None
    rule: str = ""
    charges: bool = True
    set_up: Callable[[Bench], None] = field(default=lambda bench: None)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


TUPLE = "Scheduled_SEResControlMode.ScheduleTuple"
CHARGING = f"{TUPLE}.0.ChargingSchedule"
MICROSECONDS = 1_761_478_592_669_000


def _microseconds(bench: Bench) -> None:
    bench.se.now = lambda: float(MICROSECONDS)


def _waits(bench: Bench) -> None:
    bench.evse.authorizer = Delayed(1000.0)
    bench.se.timing = {"V2G_SECC_Ongoing_Performance_Time": 900.0}


def _slow_loop(bench: Bench) -> None:
    bench.vehicle.settings.loop_delay = 1.0


def _slow_loop_allowed(bench: Bench) -> None:
    _slow_loop(bench)
    bench.se.timing = {"Loop_Sequence_Timeout": 60.0}


def _entries(count: int) -> Change:
    entry = common.PowerScheduleEntryType(Duration=86400, Power=r(11, 3))
    return at(f"{CHARGING}.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry", [entry] * count)


QUIRKS = (
    Quirk(4, "the vehicle offers CommonMessages", {"supportedAppProtocolReq": at("AppProtocol", lambda old: [
        msgspec.structs.replace(old[0], ProtocolNamespace=common.NAMESPACE, SchemaID=7, Priority=2), *old])},
        rule="offer-common"),
    Quirk(8, "the charger counts microseconds", {}, rule="timestamp", set_up=_microseconds),
    Quirk(12, "the charger refuses a card with FAILED", {"AuthorizationRes": at("ResponseCode", "FAILED")},
        survives=False, rule="refused"),
    Quirk(12, "the charger waits for a card without end", {}, survives=False, rule="timing", set_up=_waits),
    Quirk(13, "the charger offers contracts too", {"AuthorizationSetupRes": both(
        at("AuthorizationServices", ["PnC", "EIM"]), at("EIM_ASResAuthorizationMode", None),
        at("PnC_ASResAuthorizationMode", common.PnC_ASResAuthorizationModeType(GenChallenge=bytes(range(16)))))}),
    Quirk(22, "the charger sends no prices", {"ScheduleExchangeRes": at(f"{CHARGING}.PriceLevelSchedule", None)}),
    Quirk(22, "the charger announces prices and sends none", {
        "ServiceDetailRes": parameters(lambda old: [
            parameter(p.Name, 1) if p.Name == "Pricing" else p for p in old]),
        "ScheduleExchangeRes": at(f"{CHARGING}.PriceLevelSchedule", None)}, strict=False, rule="price-schedule"),
    Quirk(24, "the vehicle asks once a second", {}, survives=False, rule="unanswered", set_up=_slow_loop),
    Quirk(24, "the vehicle asks once a second, as agreed", {}, rule="timing", set_up=_slow_loop_allowed),
    Quirk(26, "the charger calls three phases connector 3", {"ServiceDetailRes": parameters(lambda old: [
        parameter(p.Name, 3 if p.intValue == 2 else 1) if p.Name == "Connector" else p for p in old])},
        mode="iso20-ac", rule="connector"),
    Quirk(26, "the charger names a parameter twice, and one of its own", {"ServiceDetailRes": parameters(lambda old: [
        *old, old[0], parameter("DetectionMethodGridCodeIslanding", 1)])}, rule="parameters"),
    Quirk(28, "the charger sends phases to a vehicle that sent sums", {"AC_ChargeParameterDiscoveryRes": both(
        at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower_L2", r(3680)),
        at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower_L3", r(3680)))},
        mode="iso20-ac", rule="phases-unasked"),
    Quirk(29, "the charger's discharge limit is negative", {"DC_ChargeParameterDiscoveryRes": at(
        "DC_CPDResEnergyTransferMode.EVSEMaximumDischargePower", lambda old: r(-old.Value, old.Exponent))},
        mode="iso20-dc-bpt", control="dynamic", rule="discharge-sign"),
    Quirk(29, "the vehicle's discharge limit is negative", {"DC_ChargeParameterDiscoveryReq": at(
        "DC_CPDReqEnergyTransferMode.EVMaximumDischargePower", lambda old: r(-old.Value, old.Exponent))},
        mode="iso20-dc-bpt", control="dynamic", rule="discharge-sign"),
    Quirk(30, "the vehicle takes kilowatts twice", {"AC_ChargeLoopReq": at(
        "CLReqControlMode.EVPresentActivePower", r(200, 3))}, mode="iso20-ac", rule="power-implausible"),
    *(Quirk(34, f"the charger notifies {kind}", {"DC_ChargeLoopRes": wish(kind)}, rule="told",
            charges=kind != "Terminate")
      for kind in ("Terminate", "ExitStandby", "MeteringConfirmation")),
    Quirk(34, "the charger notifies ServiceRenegotiation all the time",
        {"DC_ChargeLoopRes": wish("ServiceRenegotiation")}, survives=False, rule="told"),
    Quirk(34, "the charger notifies ScheduleRenegotiation in dynamic mode",
        {"DC_ChargeLoopRes": wish("ScheduleRenegotiation")}, control="dynamic", rule="notification"),
    Quirk(35, "the charger asks to stop in PowerDeliveryRes", {"PowerDeliveryRes": wish("Terminate")}, rule="told",
        charges=False),
    Quirk(48, "the charger sends three schedules of 1024 entries", {"ScheduleExchangeRes": both(
        _entries(1024), at(TUPLE, lambda old: [
            msgspec.structs.replace(old[0], ScheduleTupleID=number) for number in (1, 2, 3)]))}),
    Quirk(51, "the vehicle says that charging is complete, and goes on", {"DC_ChargeLoopReq": at(
        "DisplayParameters.ChargingComplete", True)}),
    Quirk(52, "the charger's meter counts forever", {"DC_ChargeLoopRes": at(
        "MeterInfo.ChargedEnergyReadingWh", lambda old: old + 5_000_000)}, rule="meter-total"),
    Quirk(53, "the charger offers a service that nobody knows", {"ServiceDiscoveryRes": at(
        "EnergyTransferServiceList.Service", lambda old: [common.ServiceType(ServiceID=77, FreeService=True), *old])}),
    Quirk(0, "parameter sets count from 0", {"ServiceDetailRes": at("ServiceParameterList.ParameterSet", lambda old: [
        *old, msgspec.structs.replace(old[0], ParameterSetID=0)])}),
    Quirk(0, "the vehicle leaves an energy out", {"ScheduleExchangeReq": at(
        "Scheduled_SEReqControlMode.EVMinimumEnergyRequest", None)}, rule="energies-in-part"),
    Quirk(0, "the vehicle confirms a tolerance that nobody offered", {"PowerDeliveryReq": at(
        "EVPowerProfile.Scheduled_EVPPTControlMode.PowerToleranceAcceptance", "PowerToleranceConfirmed")},
        rule="tolerance-unasked"),
    Quirk(0, "the vehicle's TimeAnchor is 0", {"PowerDeliveryReq": at("EVPowerProfile.TimeAnchor", 0)}),
    Quirk(0, "the vehicle selects a direction in a service that only charges", {"PowerDeliveryReq": at(
        "BPT_ChannelSelection", "Charge")}, rule="channel"),
    Quirk(0, "the vehicle tells V2X energies without discharging", {"ScheduleExchangeReq": both(
        at("Dynamic_SEReqControlMode.EVMinimumV2XEnergyRequest", r(-5, 3)),
        at("Dynamic_SEReqControlMode.EVMaximumV2XEnergyRequest", r(5, 3)))}, control="dynamic",
        rule="v2x-unidirectional"),
    Quirk(0, "the charger sends a discharging schedule without discharging", {"ScheduleExchangeRes": at(
        f"{TUPLE}.0", lambda old: msgspec.structs.replace(old, DischargingSchedule=common.ChargingScheduleType(
            PowerSchedule=at("PowerScheduleEntries.PowerScheduleEntry.0.Power", r(-5, 3))(
                old.ChargingSchedule.PowerSchedule))))}, rule="discharging-unidirectional"),
    Quirk(0, "the charger writes 0 with another exponent", {"DC_ChargeParameterDiscoveryRes": at(
        "DC_CPDResEnergyTransferMode.EVSEMinimumChargePower", r(0, -5))}),
    Quirk(0, "the charger answers with the details of another service", {"ServiceDetailRes": at("ServiceID", 6)},
        strict=False, rule="service-detail-other"),
    Quirk(0, "the charger says OK to SessionSetup", {"SessionSetupRes": at("ResponseCode", "OK")}, strict=False,
        rule="session-setup-plain-ok"),
)  # fmt: skip

ELSEWHERE = {
    1: "TCP and TLS 1.2: test_iso20, test_checks",
    2: "payload types: test_not_a_message, test_framing",
    3: "the set of a payload type: test_reading, test_beside",
    5: "V2G_Message around it: test_not_a_message",
    6: "priority: test_iso20",
    7: "session ids: test_echo, test_checks",
    9: "response types: test_order, test_blame",
    10: "after FAILED: test_checks, test_iso20",
    11: "WARNINGs: test_blame, test_iso20",
    14: "both blocks: the schema has a choice",
    15: "resume: test_iso20",
    16: "resume: test_iso20",
    17: "members: test_iso20 of the rules",
    18: "members: test_iso20 of the rules",
    19: "dynamic mode without schedules: every session in dynamic mode",
    20: "Ongoing without a block: the schema wants one",
    21: "an empty list: the schema wants one entry",
    23: "profiles: test_iso20 of the rules",
    25: "0.5 s: test_blame",
    27: "sums and phases: test_iso20 of the rules",
    31: "16 bits: test_physical",
    32: "target ignored: test_iso20 of the rules",
    33: "clamping: the limits' property tests",
    36: "welding detection left out: test_iso20_hostile, sequence tables",
    37: "SessionStop at any time: sequence tables",
    38: "service renegotiation: test_services, test_iso20",
    39: "5 s: below",
    40: "duty cycle: the pilot's tests",
    41: "late PowerDeliveryRes: test_blame",
    42: "certificates of TLS: test_tls_rules",
    43: "curves: Plug & Charge in ISO 15118-20",
    44: "signatures: test_signature",
    45: "signatures: test_signature",
    46: "signatures: test_signature",
    47: "signatures: test_signature",
    49: "wireless and pantograph: codec only",
    50: "wireless and pantograph: codec only",
    54: "random ids: given by the caller",
    55: "secrets in traces: test_security",
}
"""Numbers without a row, and where they are."""


def test_every_mistake_of_the_list_has_a_row_or_a_place() -> None:
    assert {quirk.number for quirk in QUIRKS} - {0} | set(ELSEWHERE) == set(range(1, 56))


async def session(quirk: Quirk, tolerant: bool) -> tuple[Bench, Outcome, Judgement, Judgement]:
    bench = iso20_bench(quirk.mode, quirk.control, duration=3.0, tolerant=tolerant)
    control = bench.ev.control
    charger_end, vehicle_end = await joined(bench)
    bench.ev.control = control
    quirk.set_up(bench)
    bench.evse.pilot.offer(5.0)
    for name, change in quirk.changes.items():
        kind = getattr(appproto, name, None) or ISO20.message(name)
        assert kind is not None
        (bench.ev if name.endswith("Req") else bench.se).rewrite[kind] = change
    serving = asyncio.create_task(secc.serve(charger_end, bench.evse, bench.se))
    vehicle = await evcc.charge(vehicle_end, bench.vehicle, bench.ev)
    await serving
    judged = [judge(from_events(bench.events[role], role=of)) for role, of in (("ev", "evcc"), ("se", "secc"))]
    return bench, vehicle, judged[0], judged[1]


@pytest.mark.parametrize("quirk", sampled(QUIRKS, 2), ids=str)
async def test_roles_survive_it_or_end_well_and_checks_name_it(quirk: Quirk) -> None:
    bench, vehicle, *judged = await session(quirk, tolerant=True)
    assert bench.safe
    assert vehicle.ok is quirk.survives, vehicle.reason
    assert not quirk.survives or (vehicle.energy_wh > 0.0) is quirk.charges
    for one in judged:
        if quirk.rule:
            assert quirk.rule in {f.rule for f in one.findings}, [str(f) for f in one.findings]
        elif quirk.survives:
            assert [str(f) for f in one.findings if f.severity != "note"] == []


@pytest.mark.parametrize("quirk", sampled(QUIRKS, 3), ids=str)
async def test_strict_roles_end_well_where_they_end(quirk: Quirk) -> None:
    bench, vehicle, *_ = await session(quirk, tolerant=False)
    assert bench.safe
    assert vehicle.ok is (quirk.survives if quirk.strict is None else quirk.strict), vehicle.reason
