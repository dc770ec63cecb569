"""The rules of ISO 15118-20: our own sessions break none, and each is broken by a session with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import pytest
from bench import COMBINATIONS, iso20_bench

from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from v2g import phases
from v2g.messages.iso20 import ac, common, dc, types
from v2g.protocols import ISO20
from v2g.rules.facts import Facts
from v2g.rules.iso20.loop import phase_overdrawn
from v2g.rules.iso20.notes import FOLLOWS
from v2g.rules.rule import ISO20 as SETS
from v2g.rules.rule import Breach, Live
from v2g.rules.table import RULES, hear
from v2g.trace import Event

SCHEDULED, DYNAMIC = "scheduled", "dynamic"
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
        return msgspec.structs.replace(part, **{first: change(getattr(part, first), rest)})

    return lambda message: change(message, path.split("."))


def both(*changes: Change) -> Change:
    def change(message: Any) -> Any:
        for one in changes:
            message = one(message)
        return message

    return change


@cache
def session(mode: str, control: str) -> tuple[Event, ...]:
    """The messages of a whole session of our own roles."""

    async def one() -> tuple[Event, ...]:
        bench = iso20_bench(mode, control, duration=25.0)
        vehicle, _ = await bench.run()
        assert vehicle.ok, vehicle
        return tuple(e for e in bench.events["ev"] if e.layer == "message")

    return run(one())


def heard(events: tuple[Event, ...], name: str = "", change: Change = lambda message: message) -> list[Breach]:
    """What the messages of a session break, where those of a name are changed."""
    facts, found = Facts(secure=True), list[Breach]()
    for event in events:
        message = change(event.message) if event.name == name else event.message
        session_id = message.Header.SessionID if event.schema.startswith("iso20") else None
        found += hear(facts, message, protocol=event.schema, now=event.time, session_id=session_id)
    return found


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
def test_own_sessions_break_no_rule(mode: str, control: str) -> None:
    assert heard(session(mode, control)) == []


@dataclass(frozen=True)
class Case:
    """A change of one message that breaks a rule.

    Attributes:
        live: whether the session goes the same way when our own role sends it; False where the standard's schema or
            an earlier rule comes first, or where the messages before differ too.
    """

    rule: str
    name: str
    change: Change
    mode: str = "iso20-dc"
    control: str = SCHEDULED
    live: bool = True

    def __str__(self) -> str:
        return f"{self.rule} in {self.name}"


DISCOVERY = "ServiceParameterList.ParameterSet"
TUPLE = "Scheduled_SEResControlMode.ScheduleTuple.0"
METERED = ("metered-power", "metered-energy")
POWER = f"{TUPLE}.ChargingSchedule.PowerSchedule"
LEVELS = f"{TUPLE}.ChargingSchedule.PriceLevelSchedule"
PROFILE = "EVPowerProfile"


def absolute(starts: list[int]) -> common.AbsolutePriceScheduleType:
    rules = [common.PriceRuleType(EnergyFee=r(3, -1), PowerRangeStart=r(start)) for start in starts]
    return common.AbsolutePriceScheduleType(
        TimeAnchor=0, PriceScheduleID=1, Currency="EUR", Language="DEU",
        PriceAlgorithm="urn:iso:std:iso:15118:-20:PriceAlgorithm:1-Power",
        PriceRuleStacks=common.PriceRuleStackListType(
            PriceRuleStack=[common.PriceRuleStackType(Duration=86400, PriceRule=rules)]
        ),
    )  # fmt: skip


def lasting(seconds: int) -> Change:
    """Each entry of a list with this Duration, s."""
    return lambda entries: [msgspec.structs.replace(entry, Duration=seconds) for entry in entries]


def priced(starts: list[int]) -> Change:
    return at(
        f"{TUPLE}.ChargingSchedule",
        lambda old: msgspec.structs.replace(old, PriceLevelSchedule=None, AbsolutePriceSchedule=absolute(starts)),
    )


def offered(watts: int, starts: list[int]) -> common.EVEnergyOfferType:
    entry = common.EVPowerScheduleEntryType(Duration=60, Power=r(watts))
    rules = [common.EVPriceRuleType(EnergyFee=r(1), PowerRangeStart=r(start)) for start in starts]
    return common.EVEnergyOfferType(
        EVPowerSchedule=common.EVPowerScheduleType(
            TimeAnchor=0, EVPowerScheduleEntries=common.EVPowerScheduleEntryListType(EVPowerScheduleEntry=[entry])
        ),
        EVAbsolutePriceSchedule=common.EVAbsolutePriceScheduleType(
            TimeAnchor=0, Currency="EUR", PriceAlgorithm="urn:iso:std:iso:15118:-20:PriceAlgorithm:1-Power",
            EVPriceRuleStacks=common.EVPriceRuleStackListType(
                EVPriceRuleStack=[common.EVPriceRuleStackType(Duration=60, EVPriceRule=rules)]
            ),
        ),
    )  # fmt: skip


def discharging(watts: int) -> Change:
    def schedule(old: Any) -> Any:
        entry = common.PowerScheduleEntryType(Duration=86400, Power=r(watts))
        power = common.PowerScheduleType(
            TimeAnchor=0, PowerScheduleEntries=common.PowerScheduleEntryListType(PowerScheduleEntry=[entry])
        )
        return msgspec.structs.replace(old, DischargingSchedule=common.ChargingScheduleType(PowerSchedule=power))

    return at(TUPLE, schedule)


def status(wish: types.evseNotificationType) -> Change:
    return at("EVSEStatus", types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification=wish))


def code(value: str) -> Change:
    return at("ResponseCode", value)


def bpt(member: Any) -> Any:
    """The same member of the other substitution: both directions."""
    kind = getattr(dc, f"BPT_{type(member).__name__}", None) or getattr(ac, f"BPT_{type(member).__name__}")
    fields = {name: getattr(member, name) for name in member.__struct_fields__}
    more = {name: r(1) for name in kind.__struct_fields__ if name not in fields}
    return kind(**fields, **more)


def even_limits(member: Any) -> Any:
    """The vehicle's limit for each phase."""
    each = r(3680)
    return msgspec.structs.replace(
        member, EVMaximumChargePower=each, EVMaximumChargePower_L2=each, EVMaximumChargePower_L3=each
    )


def on_one_phase(member: Any) -> Any:
    """The same power, all of it on L1."""
    return msgspec.structs.replace(member, EVPresentActivePower_L2=r(0), EVPresentActivePower_L3=r(0))


def other_mode(member: Any) -> Any:
    """The same member of the other control mode, with whatever it wants."""
    name = type(member).__name__
    swapped = name.replace("Scheduled", "X").replace("Dynamic", "Scheduled").replace("X", "Dynamic")
    kind = getattr(dc, swapped, None) or getattr(ac, swapped)
    wanted = [field.name for field in msgspec.structs.fields(kind) if field.required]
    return kind(**{n: getattr(member, n, None) or r(1) for n in wanted})


def stack(count: int) -> Change:
    return at(f"{POWER}.PowerScheduleEntries.PowerScheduleEntry", lambda old: old * count)


MINUTES = 3600
LATER = 86400 * 400

CASES = (
    Case("session-setup-plain-ok", "SessionSetupRes", code("OK")),
    Case("unasked-resume", "SessionSetupRes", code("OK_OldSessionJoined")),
    Case("timestamp", "SessionSetupRes", at("Header.TimeStamp", 1_761_478_592_669_000), live=False),
    Case("timestamp", "SessionSetupReq", at("Header.TimeStamp", 1_761_478_592_669), live=False),
    Case("response-code", "AuthorizationRes", code("WARNING_StandbyNotAllowed")),
    Case("authorization-block", "AuthorizationSetupRes", at("AuthorizationServices", ["EIM", "PnC"])),
    Case("challenge", "AuthorizationSetupRes", at("PnC_ASResAuthorizationMode",
         common.PnC_ASResAuthorizationModeType(GenChallenge=bytes(16))), live=False),
    Case("installation-without-contracts", "AuthorizationSetupRes", at("CertificateInstallationService", True)),
    Case("authorization-not-offered", "AuthorizationReq", at("SelectedAuthorizationService", "PnC")),
    Case("service-of-other-energy", "ServiceDiscoveryRes",
         at("EnergyTransferServiceList.Service.0.ServiceID", 1)),
    Case("value-added-energy", "ServiceDiscoveryRes",
         at("VASList", common.ServiceListType(Service=[common.ServiceType(ServiceID=6, FreeService=True)]))),
    Case("service-filter", "ServiceDiscoveryRes",
         at("VASList", common.ServiceListType(Service=[common.ServiceType(ServiceID=66, FreeService=True)])),
         live=False),
    Case("service-detail", "ServiceDetailReq", at("ServiceID", 77)),
    Case("service-detail-other", "ServiceDetailRes", at("ServiceID", 77)),
    Case("parameter-set-ids", "ServiceDetailRes", at(f"{DISCOVERY}.1.ParameterSetID", 1)),
    Case("parameters", "ServiceDetailRes", at(f"{DISCOVERY}.0.Parameter", lambda old: [*old, old[0]])),
    Case("control-mode-unknown", "ServiceDetailRes", at(f"{DISCOVERY}.1.Parameter.1.intValue", 3)),
    Case("connector", "ServiceDetailRes", at(f"{DISCOVERY}.1.Parameter.0.intValue", 3), "iso20-ac"),
    Case("needs-mode", "ServiceDetailRes", at(DISCOVERY, lambda old: [
         at("Parameter", lambda given: [msgspec.structs.replace(p, intValue=2) if p.Name == "MobilityNeedsMode" else p
                                        for p in given])(one) for one in old])),
    Case("one-control-mode", "ServiceDetailRes", at(DISCOVERY, lambda old: old[:1])),
    Case("no-energy-service", "ServiceSelectionReq", at("SelectedEnergyTransferService.ServiceID", 66)),
    Case("service-not-offered", "ServiceSelectionReq", at("SelectedEnergyTransferService.ServiceID", 3)),
    Case("service-not-offered", "ServiceSelectionReq", at("SelectedVASList", common.SelectedServiceListType(
         SelectedService=[common.SelectedServiceType(ServiceID=66, ParameterSetID=1)]))),
    Case("parameter-set-not-offered", "ServiceSelectionReq",
         at("SelectedEnergyTransferService.ParameterSetID", 60)),
    Case("parameters-of-other-mode", "DC_ChargeParameterDiscoveryReq", at("DC_CPDReqEnergyTransferMode", bpt)),
    Case("parameters-of-other-mode", "AC_ChargeParameterDiscoveryReq", at("AC_CPDReqEnergyTransferMode", bpt),
         "iso20-ac"),
    Case("parameters-of-other-mode", "DC_ChargeParameterDiscoveryRes", at("DC_CPDResEnergyTransferMode", bpt)),
    Case("limits", "DC_ChargeParameterDiscoveryReq", at("DC_CPDReqEnergyTransferMode.EVMaximumVoltage", r(-5))),
    Case("limits", "DC_ChargeParameterDiscoveryReq",
         at("DC_CPDReqEnergyTransferMode.EVMinimumChargeCurrent", r(30, 3))),
    Case("limits", "AC_ChargeParameterDiscoveryReq",
         at("AC_CPDReqEnergyTransferMode.EVMaximumChargePower", r(200, 6)), "iso20-ac"),
    Case("limits", "DC_ChargeParameterDiscoveryRes",
         at("DC_CPDResEnergyTransferMode.EVSEMinimumVoltage", r(1100))),
    Case("limits", "AC_ChargeParameterDiscoveryRes",
         at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower", r(-1)), "iso20-ac"),
    Case("limits", "AC_ChargeParameterDiscoveryRes",
         at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower_L3", r(-1)), "iso20-ac"),
    Case("discharge-sign", "DC_ChargeParameterDiscoveryRes", at("DC_CPDResEnergyTransferMode",
         lambda old: msgspec.structs.replace(bpt(old), EVSEMaximumDischargePower=r(-2990))), live=False),
    Case("limits-apart", "DC_ChargeParameterDiscoveryRes", both(
         at("DC_CPDResEnergyTransferMode.EVSEMinimumVoltage", r(950)),
         at("DC_CPDResEnergyTransferMode.EVSEMaximumVoltage", r(1000)))),
    Case("limits-below", "DC_ChargeParameterDiscoveryRes",
         at("DC_CPDResEnergyTransferMode.EVSEMaximumVoltage", r(390))),
    Case("power-apart", "AC_ChargeParameterDiscoveryRes",
         at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower", r(1)), "iso20-ac"),
    Case("frequency", "AC_ChargeParameterDiscoveryRes",
         at("AC_CPDResEnergyTransferMode.EVSENominalFrequency", r(5000)), "iso20-ac"),
    Case("phase-overdrawn", "AC_ChargeLoopReq", at("CLReqControlMode", on_one_phase), "iso20-ac"),
    Case("phase-overdrawn", "AC_ChargeLoopReq", at("CLReqControlMode", on_one_phase), "iso20-ac", DYNAMIC),
    Case("phases-unasked", "AC_ChargeParameterDiscoveryRes",
         at("AC_CPDResEnergyTransferMode.EVSEMaximumChargePower_L2", r(1000)), "iso20-ac"),
    Case("control-mode", "ScheduleExchangeReq", both(at("Scheduled_SEReqControlMode", None),
         at("Dynamic_SEReqControlMode", common.Dynamic_SEReqControlModeType(
             DepartureTime=7200, EVTargetEnergyRequest=r(1), EVMaximumEnergyRequest=r(1),
             EVMinimumEnergyRequest=r(1))))),
    Case("control-mode", "ScheduleExchangeRes", both(at("Scheduled_SEResControlMode", None),
         at("Dynamic_SEResControlMode", common.Dynamic_SEResControlModeType()))),
    Case("energies", "ScheduleExchangeReq", at("Scheduled_SEReqControlMode.EVMinimumEnergyRequest", r(30, 4))),
    Case("energies", "DC_ChargeLoopReq", at("CLReqControlMode.EVTargetEnergyRequest", r(200, 3)), control=DYNAMIC),
    Case("energies-in-part", "ScheduleExchangeReq", at("Scheduled_SEReqControlMode.EVMinimumEnergyRequest", None)),
    Case("energies-to-cycle", "ScheduleExchangeReq", at("Dynamic_SEReqControlMode.EVMaximumV2XEnergyRequest", r(5)),
         control=DYNAMIC),
    Case("v2x-unidirectional", "ScheduleExchangeReq", both(
         at("Dynamic_SEReqControlMode.EVMaximumV2XEnergyRequest", r(5)),
         at("Dynamic_SEReqControlMode.EVMinimumV2XEnergyRequest", r(1))), control=DYNAMIC),
    Case("soc-needs", "ScheduleExchangeReq", both(at("Dynamic_SEReqControlMode.MinimumSOC", 90),
         at("Dynamic_SEReqControlMode.TargetSOC", 80)), control=DYNAMIC),
    Case("soc-needs", "ScheduleExchangeRes", both(at("Dynamic_SEResControlMode.MinimumSOC", 90),
         at("Dynamic_SEResControlMode.TargetSOC", 80)), control=DYNAMIC),
    Case("offer-sign", "ScheduleExchangeReq", at("Scheduled_SEReqControlMode.EVEnergyOffer", offered(10, [0]))),
    Case("price-rules", "ScheduleExchangeReq",
         at("Scheduled_SEReqControlMode.EVEnergyOffer", offered(-10, [5, 5]))),
    Case("changed-while-ongoing", "ScheduleExchangeRes", at("EVSEProcessing", "Ongoing"), live=False),
    Case("schedule-ids", "ScheduleExchangeRes",
         at("Scheduled_SEResControlMode.ScheduleTuple", lambda old: [old[0], old[0]])),
    Case("schedule-entries", "ScheduleExchangeRes", stack(1025), live=False),
    Case("schedule-coverage", "ScheduleExchangeRes",
         at(f"{POWER}.PowerScheduleEntries.PowerScheduleEntry.0.Duration", MINUTES)),
    Case("time-anchor", "ScheduleExchangeRes", at(f"{POWER}.TimeAnchor", lambda old: old + LATER)),
    Case("schedule-sign", "ScheduleExchangeRes",
         at(f"{POWER}.PowerScheduleEntries.PowerScheduleEntry.0.Power", r(-5))),
    Case("schedule-sign-back", "ScheduleExchangeRes", discharging(5)),
    Case("discharging-unidirectional", "ScheduleExchangeRes", discharging(-5)),
    Case("needs-by-charger", "ScheduleExchangeRes", at("Dynamic_SEResControlMode.DepartureTime", 50),
         control=DYNAMIC),
    Case("go-to-pause", "ScheduleExchangeRes", at("GoToPause", True), control=DYNAMIC),
    Case("pause-with-power", "ScheduleExchangeRes", at("GoToPause", True)),
    Case("price-schedule", "ServiceDetailRes", at(f"{DISCOVERY}.0.Parameter",
         lambda old: [msgspec.structs.replace(p, intValue=1) if p.Name == "Pricing" else p for p in old])),
    Case("price-level", "ScheduleExchangeRes", at(f"{LEVELS}.NumberOfPriceLevels", 0)),
    Case("price-rules", "ScheduleExchangeRes", priced([0, 10, 10])),
    Case("price-from-zero", "ScheduleExchangeRes", priced([5, 10])),
    Case("price-coverage", "ScheduleExchangeRes",
         at(f"{LEVELS}.PriceLevelScheduleEntries.PriceLevelScheduleEntry.0.Duration", 5)),
    Case("profile-missing", "PowerDeliveryReq", at(PROFILE, None)),
    Case("profile-empty", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("EVPowerProfileEntries.EVPowerProfileEntry", lasting(0))(old))),
    Case("profile-short", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("EVPowerProfileEntries.EVPowerProfileEntry", lasting(1440))(old)), live=False),
    Case("profile-unasked", "PowerDeliveryReq", at("ChargeProgress", "Stop"), live=False),
    Case("profile-mode", "PowerDeliveryReq", at(PROFILE, lambda old: old and msgspec.structs.replace(old,
         Scheduled_EVPPTControlMode=None, Dynamic_EVPPTControlMode=common.Dynamic_EVPPTControlModeType()))),
    Case("schedule-not-offered", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("Scheduled_EVPPTControlMode.SelectedScheduleTupleID", 99)(old))),
    Case("profile-above-schedule", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("EVPowerProfileEntries.EVPowerProfileEntry.0.Power", r(400, 3))(old))),
    Case("profile-above-schedule", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("EVPowerProfileEntries.EVPowerProfileEntry.0.Power", r(-4))(old))),
    Case("profile-points", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("EVPowerProfileEntries.EVPowerProfileEntry", lambda given: given * 1025)(old))),
    Case("time-anchor", "PowerDeliveryReq", both(at("Header.TimeStamp", 1_700_000_000), at(PROFILE, lambda old: old and
         at("TimeAnchor", 1_700_000_000 + LATER)(old))), live=False),
    Case("tolerance-unanswered", "ScheduleExchangeRes", at(f"{POWER}.PowerTolerance", r(100)), live=False),
    Case("tolerance-unasked", "PowerDeliveryReq", at(PROFILE, lambda old: old and
         at("Scheduled_EVPPTControlMode.PowerToleranceAcceptance", "PowerToleranceConfirmed")(old))),
    Case("tolerance-answer", "PowerDeliveryRes", code("OK_PowerToleranceConfirmed")),
    Case("tolerance-renegotiation", "PowerDeliveryRes", code("WARNING_PowerToleranceNotConfirmed")),
    Case("channel", "PowerDeliveryReq", at("BPT_ChannelSelection", "Charge")),
    Case("standby-before-start", "PowerDeliveryReq", at("ChargeProgress", "Standby")),
    Case("no-cable-check", "DC_CableCheckRes", at("EVSEProcessing", "Ongoing"), live=False),
    Case("precharge-voltage", "DC_PreChargeRes", at("EVSEPresentVoltage", r(100)), live=False),
    Case("target-voltage", "DC_PreChargeReq", at("EVTargetVoltage", r(999))),
    Case("pause-unallowed", "SessionStopReq", at("ChargingSession", "Pause")),
    Case("pause-unallowed", "SessionStopReq", at("ChargingSession", "Pause"), control=DYNAMIC),
    Case("renegotiation-unsupported", "SessionStopReq", at("ChargingSession", "ServiceRenegotiation"), live=False),
    Case("loop-of-other-kind", "DC_ChargeLoopReq", at("CLReqControlMode", bpt)),
    Case("loop-of-other-kind", "AC_ChargeLoopReq", at("CLReqControlMode", other_mode), "iso20-ac"),
    Case("loop-of-other-kind", "DC_ChargeLoopRes", at("CLResControlMode", other_mode)),
    Case("loop-of-other-kind", "AC_ChargeLoopRes", at("CLResControlMode", bpt), "iso20-ac", DYNAMIC),
    Case("limit-raised", "DC_ChargeLoopReq", at("CLReqControlMode.EVMaximumVoltage", r(900)), control=DYNAMIC),
    Case("limit-raised", "AC_ChargeLoopReq", at("CLReqControlMode.EVMaximumChargePower", r(30, 3)), "iso20-ac",
         DYNAMIC),
    Case("limit-raised", "DC_ChargeLoopRes", at("CLResControlMode.EVSEMaximumVoltage", r(1100))),
    Case("limit-negative", "DC_ChargeLoopReq", at("CLReqControlMode.EVMaximumVoltage", r(-900)), control=DYNAMIC),
    Case("limit-negative", "DC_ChargeLoopRes", at("CLResControlMode.EVSEMaximumVoltage", r(-1))),
    Case("needs-by-charger", "DC_ChargeLoopRes", at("CLResControlMode.TargetSOC", 50), control=DYNAMIC),
    Case("discharge-unidirectional", "DC_ChargeLoopReq", at("CLReqControlMode.EVTargetCurrent", r(-40))),
    Case("discharge-unidirectional", "DC_ChargeLoopRes", at("EVSEPresentCurrent", r(-40))),
    Case("discharge-beyond", "DC_ChargeLoopReq", at("CLReqControlMode.EVTargetCurrent", r(-40)), live=False),
    Case("ramp-request", "DC_ChargeParameterDiscoveryRes",
         at("DC_CPDResEnergyTransferMode.EVSEPowerRampLimitation", r(1)), live=False),
    Case("ramp", "AC_ChargeParameterDiscoveryRes", at("AC_CPDResEnergyTransferMode.EVSEPowerRampLimitation", r(1)),
         "iso20-ac", live=False),
    Case("target-power", "AC_ChargeLoopRes", at("CLResControlMode.EVSETargetActivePower", r(30, 3)), "iso20-ac",
         DYNAMIC),
    Case("target-back", "AC_ChargeLoopRes", at("CLResControlMode.EVSETargetActivePower", r(-5)), "iso20-ac", DYNAMIC),
    Case("target-ignored", "AC_ChargeLoopRes", at("CLResControlMode.EVSETargetActivePower", r(0)), "iso20-ac",
         DYNAMIC, live=False),
    Case("target-ignored", "AC_ChargeLoopReq", at("CLReqControlMode.EVPresentActivePower", r(-9000)), "iso20-ac-bpt",
         DYNAMIC),
    Case("power-implausible", "AC_ChargeLoopReq", at("CLReqControlMode.EVPresentActivePower", r(200, 3)),
         "iso20-ac"),
    Case("phase-overdrawn", "AC_ChargeLoopReq", at("CLReqControlMode", on_one_phase), "iso20-ac"),
    Case("phase-overdrawn", "AC_ChargeLoopReq", at("CLReqControlMode", on_one_phase), "iso20-ac", DYNAMIC),
    Case("phases-unasked", "AC_ChargeLoopRes", at("CLResControlMode.EVSEPresentActivePower_L2", r(1)), "iso20-ac"),
    Case("over-voltage", "DC_ChargeLoopRes", at("EVSEPresentVoltage", r(900))),
    Case("over-current", "DC_ChargeLoopRes", at("EVSEPresentCurrent", r(900))),
    Case("over-power", "DC_ChargeLoopReq", at("CLReqControlMode.EVMaximumChargePower", r(1)), control=DYNAMIC,
         live=False),
    Case("current-unasked", "DC_ChargeLoopReq", at("CLReqControlMode.EVTargetCurrent", r(1)), live=False),
    Case("own-limit", "DC_ChargeLoopRes", at("CLResControlMode.EVSEMaximumChargeCurrent", r(1)), live=False),
    Case("told", "DC_ChargeLoopRes", status("Terminate")),
    Case("notification", "DC_ChargeLoopRes", status("Pause")),
    Case("notification", "DC_ChargeLoopRes", status("ExitStandby")),
    Case("notification", "DC_ChargeLoopRes", status("ScheduleRenegotiation"), control=DYNAMIC),
    Case("receipt-external", "DC_ChargeLoopRes", status("MeteringConfirmation")),
    Case("notification", "PowerDeliveryRes", status("ExitStandby")),
    Case("meter-missing", "DC_ChargeLoopRes", at("MeterInfo", None)),
    *(
        Case(rule, f"{mode[6:].upper()}_ChargeLoopRes", lambda message: message, mode, live=False)
        for mode in ("iso20-dc", "iso20-ac")
        for rule in METERED
    ),
    Case("meter-total", "DC_ChargeLoopRes", at("MeterInfo.ChargedEnergyReadingWh", lambda old: old + 5000)),
    Case("meter", "AC_ChargeLoopRes", at("MeterInfo", lambda old: old and msgspec.structs.replace(
         old, ChargedEnergyReadingWh=1000 - old.ChargedEnergyReadingWh)), "iso20-ac", live=False),
)  # fmt: skip

CONTEXT: dict[str, tuple[str, Change]] = {
    "service-filter": ("ServiceDiscoveryReq", at("SupportedServiceIDs", common.ServiceIDListType(ServiceID=[2]))),
    "changed-while-ongoing": ("", lambda message: message),
    "renegotiation-unsupported": ("ServiceDiscoveryRes", at("ServiceRenegotiationSupported", False)),
    "metered-energy": ("ScheduleExchangeRes", at(f"{POWER}.AvailableEnergy", r(1))),
    "discharge-beyond": ("DC_ChargeParameterDiscoveryReq", at("DC_CPDReqEnergyTransferMode", bpt)),
    "price-schedule": ("ScheduleExchangeRes", at(f"{TUPLE}.ChargingSchedule.PriceLevelSchedule", None)),
    "phase-overdrawn": ("AC_ChargeParameterDiscoveryReq", at("AC_CPDReqEnergyTransferMode", even_limits)),
    "own-limit": ("DC_ChargeParameterDiscoveryRes",
                  at("DC_CPDResEnergyTransferMode.EVSEMaximumChargeCurrent", r(1))),
}  # fmt: skip
"""What has to differ besides."""

ELSEWHERE = {
    "installation-not-offered": "there is no such exchange in these sessions",
    "renegotiation-changed": "one ServiceDiscovery to a session",
    "pause-too-early": "by a test of its own",
    "receipt": "by a test of its own",
    "stop-ignored": "test_stopping",
    **dict.fromkeys(("parking-unselected", "parking-order", "check-out-time", "check-out-undone"), "test_parking"),
}
"""Rules without a case, and why."""


def breaches(case: Case) -> list[Breach]:
    name, more = CONTEXT.get(case.rule, ("", lambda message: message))
    events = session(case.mode, case.control)

    def change(event: Event) -> Event:
        message = event.message
        message = more(message) if event.name == name else message
        message = case.change(message) if event.name == case.name else message
        return with_message(event, message)

    changed = tuple(change(event) for event in events)
    if case.rule in METERED:  # 3 kWh in a second
        changed = tuple(
            with_message(e, at("MeterInfo.ChargedEnergyReadingWh", round(e.time * 3000))(e.message))
            if e.name == case.name
            else e
            for e in changed
        )
    if case.rule == "changed-while-ongoing":
        place = next(i for i, event in enumerate(changed) if event.name == case.name)
        request = changed[place - 1]
        other = with_message(request, at("MaximumSupportingPoints", 12)(request.message))
        changed = (*changed[: place + 1], other, *changed[place:])
    return heard(changed)


def with_message(event: Event, message: Any) -> Event:
    return Event(event.time, event.layer, event.name, event.direction, event.data, message, event.schema, event.note)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_thing_changed_breaks_its_rule(case: Case) -> None:
    assert case.rule in {breach.rule.name for breach in breaches(case)}


def test_every_rule_has_a_case() -> None:
    rules = {rule.name for rule in RULES if set(rule.protocols) & set(SETS)}
    assert rules - {case.rule for case in CASES} == set(ELSEWHERE)


REFUSED = [
    case
    for case in CASES
    if case.live
    and any(
        rule.name == case.rule and case.name in rule.messages and rule.live is Live.REFUSED and rule.protocols
        for rule in RULES
    )
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
async def test_what_a_role_refuses_a_recording_shows(case: Case) -> None:
    """The charger answers with the rule's code, the vehicle ends the session; both traces blame who did it."""
    bench = iso20_bench(case.mode, case.control, duration=2.0)
    kind = ISO20.message(case.name)
    assert kind is not None
    by_vehicle = case.name.endswith("Req")
    (bench.ev if by_vehicle else bench.se).rewrite[kind] = case.change
    vehicle, _ = await bench.run()
    assert not vehicle.ok
    assert bench.safe
    side = "evcc" if by_vehicle else "secc"
    rule = next(x for x in RULES if x.name == case.rule and case.name in x.messages and set(x.protocols) & set(SETS))
    if by_vehicle:
        codes = [getattr(e.message, "ResponseCode", "") for e in bench.events["ev"] if e.layer == "message"]
        assert rule.code in codes
    for role, events in (("evcc", bench.events["ev"]), ("secc", bench.events["se"])):
        judged = judge(from_events(events, role=role))
        blamed = {f.side for f in judged.findings if f.severity == "violation" and f.rule != "tls"}
        assert (judged.verdict.result, blamed) == ("failed", {side}), (role, judged.verdict.headline, judged.findings)
        assert case.rule in {finding.rule for finding in judged.findings}, judged.findings


def notes(*messages: Any) -> list[Breach]:
    """What messages break that are heard one after the other."""
    facts, found = Facts(), list[Breach]()
    for message in messages:
        found += hear(facts, message, protocol=ISO20.set_of(type(message)), now=0.0, session_id=bytes(7) + b"1")
    return found


def test_a_pause_comes_after_the_stop() -> None:
    start = common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Start")
    pause = common.SessionStopReq(ChargingSession="Pause")
    stop = common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Stop")
    answer = common.PowerDeliveryRes(ResponseCode="OK")
    assert "pause-too-early" in {b.rule.name for b in notes(start, answer, pause)}
    assert "pause-too-early" not in {b.rule.name for b in notes(start, answer, stop, answer, pause)}


def receipt(**changes: Any) -> common.MeteringConfirmationReq:
    meter = types.MeterInfoType(MeterID="M", ChargedEnergyReadingWh=5)
    data: dict[str, Any] = {
        "SessionID": bytes(7) + b"1", "MeterInfo": meter, "Id": "id1",
        "Dynamic_SMDTControlMode": common.Dynamic_SMDTControlModeType(),
    } | changes  # fmt: skip
    return common.MeteringConfirmationReq(SignedMeteringData=common.SignedMeteringDataType(**data))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, False),
        ({"SessionID": bytes(8)}, True),
        ({"MeterInfo": types.MeterInfoType(MeterID="M", ChargedEnergyReadingWh=6)}, True),
        ({"Receipt": types.ReceiptType(TimeAnchor=0)}, True),
    ],
)
def test_a_receipt_says_what_the_charger_sent(changes: dict[str, Any], wrong: bool) -> None:
    setup = common.SessionSetupRes(ResponseCode="OK_NewSessionEstablished", EVSEID="ZZ00000")
    loop = dc.DC_ChargeLoopRes(
        ResponseCode="OK", MeterInfo=types.MeterInfoType(MeterID="M", ChargedEnergyReadingWh=5),
        EVSEPresentCurrent=r(0), EVSEPresentVoltage=r(0), EVSEPowerLimitAchieved=False,
        EVSECurrentLimitAchieved=False, EVSEVoltageLimitAchieved=False,
        CLResControlMode=dc.Scheduled_DC_CLResControlModeType(),
    )  # fmt: skip
    found = {breach.rule.name for breach in notes(setup, loop, receipt(**changes))}
    assert ("receipt" in found) is wrong


def test_certificates_are_not_installed_where_that_is_not_offered() -> None:
    setup = common.AuthorizationSetupRes(
        ResponseCode="OK", AuthorizationServices=["EIM"], CertificateInstallationService=False
    )
    chain = common.SignedCertificateChainType(Certificate=b"", Id="id1")
    roots = types.ListOfRootCertificateIDsType(RootCertificateID=[])
    request = common.CertificateInstallationReq(
        OEMProvisioningCertificateChain=chain, ListOfRootCertificateIDs=roots, MaximumContractCertificateChains=1
    )
    assert "installation-not-offered" in {breach.rule.name for breach in notes(setup, request)}


@pytest.mark.parametrize(
    ("said", "asymmetry", "drawn", "text"),
    [
        ((11_000,), None, (3_600, 3_600, 3_600), ""),
        ((11_000,), None, (7_000, 0, 0), ""),
        ((3_680,) * 3, None, (7_000, 0, 0), "L1 has 7000 W of 7000, 0, 0 W, but EVMaximumChargePower is 3680 W for it"),
        ((1_000, 7_000, 1_000), None, (900, 6_900, 900), ""),
        ((1_000, 7_000, 1_000), None, (900, 900, 3_900), "L3 has 3900 W of 900, 900, 3900 W"),
        ((22_000,), 1_000, (5_000, 5_000, 4_100), ""),
        (
            (22_000,),
            1_000,
            (5_000, 5_000, 500),
            "the phases have 5000, 5000, 500 W, but MaximumPowerAsymmetry is 1000 W",
        ),
        ((), None, (7_000, 0, 0), ""),
    ],
)
def test_phases_are_judged_one_by_one(
    said: tuple[int, ...], asymmetry: int | None, drawn: tuple[int, ...], text: str
) -> None:
    """What is said as a sum may be one phase's; what was never said is not judged."""
    facts = Facts()
    facts.iso20.phase_limits = {"MaximumChargePower": tuple(map(float, said))}
    facts.iso20.asymmetry = asymmetry
    fields = phases.elements("EVPresentActivePower", [float(watts) for watts in drawn], apart=True)
    body = ac.AC_ChargeLoopReq(
        MeterInfoRequested=False, CLReqControlMode=ac.Scheduled_AC_CLReqControlModeType(**fields)
    )
    found = phase_overdrawn(facts, body)
    assert found.startswith(text) if text else found == ""


NOTHING = types.RationalNumberType(Exponent=0, Value=0)
DYNAMIC_BLOCK = ac.Dynamic_AC_CLResControlModeType(EVSETargetActivePower=NOTHING)
NINE = at("CLReqControlMode.EVPresentActivePower", r(9000))


def told_nothing(control: str, told: Change) -> list[float]:
    """When a vehicle that draws 9 kW all the time ignores its target, in s after its first loop response."""
    facts, first, found = Facts(secure=True), 0.0, list[float]()
    for event in session("iso20-ac", control):
        change = {"AC_ChargeLoopReq": NINE, "AC_ChargeLoopRes": told}.get(event.name, lambda message: message)
        message = change(event.message)
        session_id = message.Header.SessionID if event.schema.startswith("iso20") else None
        breaches = hear(facts, message, protocol=event.schema, now=event.time, session_id=session_id)
        first = first or (event.time if event.name == "AC_ChargeLoopRes" else 0.0)
        found += [event.time - first for breach in breaches if breach.rule.name == "target-ignored"]
    return found


def test_a_vehicle_has_time_to_follow_its_first_target() -> None:
    """As it has with every other target: what flows before the first one was allowed."""
    assert FOLLOWS < min(told_nothing(DYNAMIC, at("CLResControlMode", DYNAMIC_BLOCK))) < 2 * FOLLOWS


def test_a_target_of_another_control_mode_is_not_to_be_followed() -> None:
    """A vehicle may be blamed for going on after such a response, and not for the target in it."""
    assert told_nothing(SCHEDULED, at("CLResControlMode", DYNAMIC_BLOCK)) == []
