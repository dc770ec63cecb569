"""Requests that break a content rule (:mod:`v2g.rules`), one per run: the charger refuses and delivers nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.phrases import certificate
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.fields import found, replaced
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.secc.contract import chain_edit
from plugfest.conformance.secc.scripts.steps import answer, closes, entry, off_within
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.certificates import CONTRACTS
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from v2g.errors import ConnectionLost
from v2g.messages import appproto, iso2
from v2g.physical import number, physical
from v2g.protocols import DIN, ISO2, ISO20, Protocol
from v2g.rules.rule import Live
from v2g.rules.table import RULES
from v2g.status import refuses

Change = Callable[[TesterEv, Any], Any]


class Broken(NamedTuple):
    """A way to break a rule: the state, the request, and what is wrong with it."""

    state: str
    request: str
    change: Change


def _set(name: str, amount: float, unit: str) -> Change:
    return lambda tester, message: replaced(message, name, physical(tester.protocol.module, amount, unit))


def _put(name: str, value: Any) -> Change:
    return lambda tester, message: replaced(message, name, value)


def _unit(name: str, unit: str) -> Change:
    """The same number in another unit."""
    return lambda tester, message: replaced(message, name, msgspec.structs.replace(found(message, name), Unit=unit))


def _beyond(name: str, limit: str, unit: str) -> Change:
    """50 more than the charger's own limit."""

    def change(tester: TesterEv, message: Any) -> Any:
        offered = tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter
        return replaced(message, name, physical(tester.protocol.module, number(getattr(offered, limit)) + 50, unit))

    return change


def _profile(**changes: Any) -> Change:
    """The good profile with its first entry changed."""

    def change(tester: TesterEv, message: Any) -> Any:
        profile = message.ChargingProfile
        if profile is None:
            raise Inconclusive("the charger offered no schedule", cause=Cause.POINTLESS)
        first, *others = profile.ProfileEntry
        entries = [msgspec.structs.replace(first, **changes), *others]
        return replaced(message, "ChargingProfile", msgspec.structs.replace(profile, ProfileEntry=entries))

    return change


def _twice(tester: TesterEv, message: Any) -> Any:
    """The good profile with its first entry repeated at the end, so that time does not advance."""
    profile = message.ChargingProfile
    if profile is None:
        raise Inconclusive("the charger offered no schedule", cause=Cause.POINTLESS)
    entries = [*profile.ProfileEntry, profile.ProfileEntry[0]]
    return replaced(message, "ChargingProfile", msgspec.structs.replace(profile, ProfileEntry=entries))


def _power(watts: float) -> Change:
    """The good profile with this power in its first entry."""

    def change(tester: TesterEv, message: Any) -> Any:
        whole = tester.protocol.abilities.whole_watts
        power = round(watts) if whole else physical(tester.protocol.module, watts, "W")
        return _profile(ChargingProfileEntryMaxPower=power)(tester, message)

    return change


def _schedule(pick: Callable[[list[int]], int]) -> Change:
    """The id of a schedule that was not offered, picked from the ids that were."""

    def change(tester: TesterEv, message: Any) -> Any:
        listed = getattr(tester.responses["ChargeParameterDiscoveryRes"].SASchedules, "SAScheduleTuple", None)
        if not listed:
            raise Inconclusive("the charger offered no schedule", cause=Cause.POINTLESS)
        return replaced(message, "SAScheduleTupleID", pick([one.SAScheduleTupleID for one in listed]))

    return change


def _least(ids: list[int]) -> int:
    """The least id of all, which many chargers use; or of those that are not on offer."""
    return min(set(range(1, 256)) - set(ids))


def _next(ids: list[int]) -> int:
    """The id beside those on offer."""
    return min(set(range(2, 256)) - set(ids), key=lambda other: min(abs(other - one) for one in ids))


def _progress(word: str) -> Change:
    def change(tester: TesterEv, message: Any) -> Any:
        tester.progress = word
        return tester.make("PowerDeliveryReq")

    return change


def _vehicle_error(tester: TesterEv, message: Any) -> Any:
    return replaced(message, "EVErrorCode", tester.stimulus.error)


def _other_session(tester: TesterEv, message: Any) -> Any:
    """A receipt whose body names another session; the header and the signature are right."""
    return replaced(message, "SessionID", other_octets(tester.rng, tester.session_id))


def _other_set(tester: TesterEv, message: Any) -> Any:
    """The charge service, and the first other service with a parameter set that its details do not have."""
    if not tester.offered.services:
        raise Inconclusive("the charger offers no service besides charging", cause=Cause.POINTLESS)
    other = iso2.SelectedServiceType(ServiceID=tester.offered.services[0].ServiceID, ParameterSetID=NO_SET)
    charging = iso2.SelectedServiceType(ServiceID=tester.offered.charge_service)
    return replaced(message, "SelectedServiceList", iso2.SelectedServiceListType(SelectedService=[charging, other]))


NO_SET = 30_000
"""A ParameterSetID that no service has."""

WAYS: Mapping[str, Broken] = {
    "unit, ChargeParameterDiscoveryReq": Broken(
        "Authorization", "ChargeParameterDiscoveryReq", _unit("EVMaximumCurrentLimit", "V")
    ),
    "unit, PreChargeReq": Broken("CableCheck", "PreChargeReq", _unit("EVTargetVoltage", "A")),
    "unit, CurrentDemandReq": Broken("ChargingLoop", "CurrentDemandReq", _unit("EVTargetCurrent", "W")),
    "impossible, PreChargeReq": Broken("CableCheck", "PreChargeReq", _set("EVTargetVoltage", 32767e3, "V")),
    "impossible, CurrentDemandReq": Broken("ChargingLoop", "CurrentDemandReq", _set("EVTargetCurrent", 32767e3, "A")),
    "limits": Broken("Authorization", "ChargeParameterDiscoveryReq", _set("EVMaximumVoltageLimit", 0.0, "V")),
    "limits, DIN": Broken(
        "ContractAuthentication", "ChargeParameterDiscoveryReq", _set("EVMaximumVoltageLimit", 0.0, "V")
    ),
    "limits, AC voltage": Broken("Authorization", "ChargeParameterDiscoveryReq", _set("EVMaxVoltage", 100.0, "V")),
    "limits, AC": Broken("Authorization", "ChargeParameterDiscoveryReq", _set("EVMinCurrent", 64.0, "A")),
    "target-impossible, PreChargeReq": Broken("CableCheck", "PreChargeReq", _set("EVTargetVoltage", -50.0, "V")),
    "target-impossible, CurrentDemandReq": Broken(
        "ChargingLoop", "CurrentDemandReq", _set("EVTargetCurrent", -50.0, "A")
    ),
    "target-voltage": Broken("CableCheck", "PreChargeReq", _beyond("EVTargetVoltage", "EVSEMaximumVoltageLimit", "V")),
    "precharge-current": Broken("CableCheck", "PreChargeReq", _set("EVTargetCurrent", 20.0, "A")),
    "profile-phases": Broken("PreCharge", "PowerDeliveryReq", _profile(ChargingProfileEntryMaxNumberOfPhasesInUse=2)),
    "profile-phases, AC": Broken(
        "ChargeParameterDiscovery", "PowerDeliveryReq", _profile(ChargingProfileEntryMaxNumberOfPhasesInUse=2)
    ),
    "profile-order": Broken("PreCharge", "PowerDeliveryReq", _twice),
    "impossible, PowerDeliveryReq": Broken("PreCharge", "PowerDeliveryReq", _power(-1000.0)),
    "schedule-not-offered, the least id": Broken("PreCharge", "PowerDeliveryReq", _schedule(_least)),
    "schedule-not-offered, the next id": Broken("PreCharge", "PowerDeliveryReq", _schedule(_next)),
    "schedule-not-offered, the least id, AC": Broken("ChargeParameterDiscovery", "PowerDeliveryReq", _schedule(_least)),
    "second-start, at once": Broken("PowerDelivery.Start", "PowerDeliveryReq", _progress("Start")),
    "second-start, in the loop": Broken("ChargingLoop", "PowerDeliveryReq", _progress("Start")),
    "no-cable-check": Broken("ChargeParameterDiscovery", "PowerDeliveryReq", _progress("Start")),
    "pause-too-early, Authorization": Broken("Authorization", "SessionStopReq", _put("ChargingSession", "Pause")),
    "pause-too-early, ChargeParameterDiscovery": Broken(
        "ChargeParameterDiscovery", "SessionStopReq", _put("ChargingSession", "Pause")
    ),
    "vehicle-error, CableCheckReq": Broken("ChargeParameterDiscovery", "CableCheckReq", _vehicle_error),
    "vehicle-error, PreChargeReq": Broken("CableCheck", "PreChargeReq", _vehicle_error),
    "challenge, none": Broken("PaymentDetails", "AuthorizationReq", _put("GenChallenge", None)),
    "parameter-set-not-offered": Broken("ServiceDetail", "PaymentServiceSelectionReq", _other_set),
    "receipt, of another session": Broken("CurrentDemand.ReceiptRequired", "MeteringReceiptReq", _other_session),
}
"""Words of the catalogue, starting with the name of the rule -> how the rule is broken."""


def codes(rule: str, request: str, protocol: str) -> tuple[str, ...]:
    """The ResponseCodes with which the standard requires a request to be refused; empty: any FAILED.

    Where it requires the general FAILED, a code that says more is as good: a pause too early is also out of sequence.
    """
    for known in RULES:
        if known.name == rule and request in known.messages and known.live in (Live.REFUSED, Live.TOLERATED):
            code = known.code_in(protocol)
            return (code,) if known.requirement_in(protocol) and code != "FAILED" else ()
    return ()


@SCRIPTS.on(
    "PF_SECC_ISO2_BrokenRule_DC", "PF_SECC_ISO2_BrokenRule_AC", "PF_SECC_ISO2_BrokenRule_PnC",
    "PF_SECC_ISO2_BrokenRule_Own", "PF_SECC_DIN_BrokenRule", "PF_SECC_DIN_BrokenRule_Own",
    "PF_SECC_ISO2_BrokenRule_Receipt", "PF_SECC_ISO2_BrokenRule_Selection",
)  # fmt: skip
async def broken_rule(tester: TesterEv, run: Run, result: Result) -> None:
    """A request that breaks one rule: refused with its code, the output off, the connection closed."""
    words = str(run.variant["rule"])
    way = WAYS[words]
    await tester.until(way.state)
    if way.request == "CableCheckReq":
        tester.ready()
    message = way.change(tester, tester.make(way.request))
    wanted = codes(words.partition(",")[0], way.request, tester.protocol.name)
    arrival = await answer(tester, result, message, *wanted)
    result.saw("refused", arrival.code)
    if not refuses(arrival.code):
        raise Failed(
            f"{arrival.name} with {arrival.code}", cause=Cause.ACCEPTED, expected="a FAILED code", observed=arrival.code
        )
    await off_within(tester, result, 1.0)
    await closes(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_VehicleError_Loop", "PF_SECC_DIN_VehicleError_Loop", "PF_SECC_ISO2_VehicleErrors_Loop")
async def vehicle_error_in_the_loop(tester: TesterEv, run: Run, result: Result) -> None:
    """EVErrorCode while power flows: the charger refuses or reduces its current, and keeps it reduced."""
    if "error" in run.variant:
        tester.stimulus = dataclasses.replace(tester.stimulus, error=str(run.variant["error"]))
    await tester.until("ChargingLoop")
    message = _vehicle_error(tester, tester.make("CurrentDemandReq"))
    amps = 0.0
    for _ in range(8):
        await tester.send(message)
        arrival = await tester.response("CurrentDemandReq")
        if refuses(arrival.code):
            result.saw("FAILED, or no current", arrival.code)
            await off_within(tester, result, 1.0)
            return
        amps = number(arrival.message.EVSEPresentCurrent)
        await tester.pause()
    result.saw("FAILED, or no current", f"{amps:g} A after 8 rounds")
    if amps > 1.0:
        raise Failed(
            f"{amps:g} A still flows after the vehicle reported {tester.stimulus.error} 8 times",
            cause=Cause.FAULT_IGNORED, expected="FAILED, or no current", observed=f"{amps:g} A",
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_RCD")
async def residual_current(tester: TesterEv, run: Run, result: Result) -> None:
    """The charger's RCD trips: its contactor opens, and the next response says so."""
    await tester.until("ChargingLoop")
    if not await tester.act("trip rcd"):
        raise Inconclusive("nothing on this bench can trip the RCD", cause=Cause.NO_ACTION)
    await off_within(tester, result, 0.1)
    try:
        await tester.send(tester.make("ChargingStatusReq"))
    except (Failed, ConnectionLost):
        result.saw("RCD true, FAILED, or the connection is closed", "closed")
        return
    arrival = await tester.connection.next(2.0)
    if arrival is None:
        result.saw("RCD true, FAILED, or the connection is closed", "closed")
        return
    told = found(arrival.message, "RCD")
    result.saw("RCD true, FAILED, or the connection is closed", f"{arrival.code}, RCD {told}")
    if not told and not refuses(arrival.code):
        raise Failed(
            "ChargingStatusRes does not report that the RCD has tripped",
            cause=Cause.WRONG_FIELD, expected="RCD true", observed="false",
        )  # fmt: skip


UNKNOWABLE = ("Sub2Revoked",)
"""Contracts that a charger may accept because nobody has to tell it: to ask about a sub-CA is not mandatory."""


@SCRIPTS.on("PF_SECC_ISO2_ForeignContract")
async def foreign_contract(tester: TesterEv, run: Run, result: Result) -> None:
    """Invalid contracts: somebody else's eMAID, a path that is too long, certificates that do not form a chain."""
    await tester.until("PaymentServiceSelection")
    message, name = tester.make("PaymentDetailsReq"), str(run.variant["contract"])
    if name in CONTRACTS:
        message = chain_edit(name)(tester, message)
    elif name == "eMAID of another contract":
        message = replaced(message, "eMAID", tester.stimulus.emaid)
    else:
        chain = message.ContractSignatureCertChain
        subs = chain.SubCertificates
        longer = msgspec.structs.replace(subs, Certificate=[*subs.Certificate, subs.Certificate[-1]])
        message = replaced(
            message, "ContractSignatureCertChain", msgspec.structs.replace(chain, SubCertificates=longer)
        )
    arrival = await answer(tester, result, message)
    if not refuses(arrival.code):
        if name in UNKNOWABLE:
            text = f"{arrival.name} {arrival.code} to {certificate('contract', name)}"
            result.find(text, Severity.READING, Cause.ACCEPTED)
            return
        raise Failed(
            f"{arrival.name} {arrival.code} to {certificate('contract', name)}",
            cause=Cause.CONTRACT_ACCEPTED, expected="a FAILED code", observed=arrival.code,
        )  # fmt: skip
    await closes(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_ContractForms")
async def contract_forms(tester: TesterEv, run: Run, result: Result) -> None:
    """Valid contracts in unusual forms: the charger accepts them and their signature."""
    await tester.until("PaymentServiceSelection")
    message, name = tester.make("PaymentDetailsReq"), str(run.variant["contract"])
    if name in CONTRACTS:
        message = chain_edit(name)(tester, message)
    else:
        message = replaced(message, "eMAID", message.eMAID.lower())
    arrival = await answer(tester, result, message, "OK", "OK_CertificateExpiresSoon")
    tester.challenge = arrival.message.GenChallenge
    await answer(tester, result, tester.make("AuthorizationReq"), "OK")


@SCRIPTS.on("PF_SECC_ISO2_NoReceipt")
async def no_receipt(tester: TesterEv, run: Run, result: Result) -> None:
    """A receipt is due, but the vehicle continues the loop instead: FAILED_SequenceError."""
    await tester.until("CurrentDemand.ReceiptRequired")
    await answer(tester, result, tester.make(tester.loop_request), "FAILED_SequenceError")
    await off_within(tester, result, 1.0)
    await closes(tester, result)


GENERATIONS = {protocol.title: protocol for protocol in (DIN, ISO2, ISO20)}


def _offer(tester: TesterEv, protocol: Protocol, schema_id: int, rank: int) -> appproto.AppProtocolType:
    """An entry for a protocol, in the namespace of this outlet's energy."""
    kind = energy(tester.pics.ac)
    own = next(offer for offer in protocol.offers if kind in offer.energy)
    major, minor = own.version
    versions = {"VersionNumberMajor": major, "VersionNumberMinor": minor}
    return entry(protocol, schema_id, rank, ProtocolNamespace=own.namespace, **versions)


@SCRIPTS.on("PF_SECC_ISO2_SAP_Priority", "PF_SECC_ISO20_SAP_Generation", "PF_SECC_ISO20_SAP_Generation_AC")
async def priority(tester: TesterEv, run: Run, result: Result) -> None:
    """Two protocols in one offer, in either order: the charger chooses the one of Priority 1, whatever its version.

    Where that one is listed last, it has the SchemaID 0, which is a number like any other.
    """
    first = GENERATIONS[str(run.variant["first"])]
    second = GENERATIONS[str(run.variant["second"])]
    await tester.until("TCP")
    await tester.connection.send(appproto.supportedAppProtocolReq(AppProtocol=[_offer(tester, first, 1, 1)]))
    if (await tester.response("supportedAppProtocolReq")).code == "Failed_NoNegotiation":
        raise Inconclusive(f"the charger does not speak {first.title}", cause=Cause.NOT_DECLARED)
    await tester.leave()
    tester.forget()
    await tester.until("TCP")
    ids = tester.rng.sample(range(1, 256), 2)
    if run.variant["listed"] == "last":
        ids[0] = 0
    listed = (second, first) if run.variant["listed"] == "last" else (first, second)
    offers = [_offer(tester, protocol, ids.pop(), 1 if protocol is first else 2) for protocol in listed]
    await tester.connection.send(appproto.supportedAppProtocolReq(AppProtocol=offers))
    arrival = await tester.response("supportedAppProtocolReq")
    wanted = next(offer.SchemaID for offer in offers if offer.Priority == 1)
    result.saw(f"SchemaID {wanted} of {first.title}", f"{arrival.code}, SchemaID {arrival.message.SchemaID}")
    if arrival.message.SchemaID != wanted:
        raise Failed(
            f"SchemaID {arrival.message.SchemaID} instead of {wanted}, which has Priority 1",
            cause=Cause.WRONG_FIELD, expected=f"SchemaID {wanted}", observed=f"SchemaID {arrival.message.SchemaID}",
        )  # fmt: skip
