"""What a vehicle's requests must look like: the checks of the vocabulary, each a function that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import exi
from plugfest.conformance.table import Table
from v2g import signature
from v2g.errors import RemoteError
from v2g.physical import milliwatts, number
from v2g.protocols import ISO20
from v2g.reading import header_of, stamp_of

if TYPE_CHECKING:
    from plugfest.conformance.evcc.tester import TesterEvse
    from plugfest.conformance.wire import Arrival

Check = Callable[["TesterEvse", "Arrival"], str]
CHECKS: Table[Check] = Table()

NAMESPACES = ("urn:iso:15118:2:2013:MsgDef", "urn:din:70121:2012:MsgDef", "urn:iso:std:iso:15118:-20:")


@CHECKS.on("EV_SAP_LIST")
def ev_sap_list(tester: TesterEvse, arrival: Arrival) -> str:
    offers = arrival.message.AppProtocol
    priorities, ids = sorted(entry.Priority for entry in offers), [entry.SchemaID for entry in offers]
    if not 1 <= len(offers) <= 20:
        return f"{len(offers)} offers"
    if priorities != list(range(1, len(offers) + 1)):
        return f"priorities {priorities} are not 1, 2, 3 ..."
    if len(set(ids)) != len(ids):
        return f"SchemaIDs {ids} are not unique"
    unknown = [e.ProtocolNamespace for e in offers if not e.ProtocolNamespace.startswith(NAMESPACES)]
    return f"unknown namespace {unknown[0]}" if len(unknown) == len(offers) else ""


def _response(tester: TesterEvse, name: str) -> Any:
    """The latest response of this name that the tester sent, or None."""
    reply = tester.told(name)
    return reply.message if reply is not None else None


@CHECKS.on("EV_SELECTS_OFFERED")
def ev_selects_offered(tester: TesterEvse, arrival: Arrival) -> str:
    found = _response(tester, "ServiceDiscoveryRes")
    if found is None:
        return ""
    listed = found.ServiceList.Service if found.ServiceList is not None else []
    offered = {found.ChargeService.ServiceID, *(service.ServiceID for service in listed)}
    chosen = {service.ServiceID for service in arrival.message.SelectedServiceList.SelectedService}
    if chosen - offered:
        return f"services {sorted(chosen)} were selected, but {sorted(offered)} were offered"
    option = arrival.message.SelectedPaymentOption
    return "" if option in found.PaymentOptionList.PaymentOption else f"payment option {option} was not offered"


@CHECKS.on("EV_PARAMS_CONSISTENT")
def ev_params_consistent(tester: TesterEvse, arrival: Arrival) -> str:
    message = arrival.message
    found = _response(tester, "ServiceDiscoveryRes")
    if len(tester.protocol.abilities.energy) > 1:
        modes = found.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode if found is not None else []
        if modes and message.RequestedEnergyTransferMode not in modes:
            return f"mode {message.RequestedEnergyTransferMode} was not offered"
    parameter = message.EVChargeParameter
    names = ("EVMaximumVoltageLimit", "EVMaximumCurrentLimit", "EVMaxVoltage", "EVMaxCurrent")
    bad = [name for name in names if getattr(parameter, name, None) and number(getattr(parameter, name)) <= 0]
    if bad:
        return f"{bad[0]} is not positive"
    low, high = getattr(parameter, "EVMinCurrent", None), getattr(parameter, "EVMaxCurrent", None)
    return "EVMinCurrent is above EVMaxCurrent" if low and high and number(low) > number(high) else ""


@CHECKS.on("EV_AUTH_BODY")
def ev_auth_body(tester: TesterEvse, arrival: Arrival) -> str:
    message = arrival.message
    first = next(one for one in tester.requests if one.name == arrival.name) is arrival
    if tester.pics.pnc and first:
        return "" if arrival.signature is not None and message.GenChallenge else "the first request is not signed"
    if message.Id is not None or message.GenChallenge is not None or arrival.signature is not None:
        return "the request carries Id, GenChallenge or a signature"
    return ""


@CHECKS.on("EV_GENCHALLENGE_ECHO")
def ev_genchallenge_echo(tester: TesterEvse, arrival: Arrival) -> str:
    details = _response(tester, "PaymentDetailsRes")
    return (
        "" if details is not None and arrival.message.GenChallenge == details.GenChallenge else "another GenChallenge"
    )


def exceeds(profile: Any, schedule: Any) -> str:
    """Where a charging profile asks for more than its PMaxSchedule allows, or ""."""

    def power(value: Any) -> int:
        return value * 1000 if isinstance(value, int) else milliwatts(value)

    given = [(entry.TimeInterval.start, power(entry.PMax)) for entry in schedule.PMaxSchedule.PMaxScheduleEntry]
    for entry in profile.ProfileEntry:
        start, asked = entry.ChargingProfileEntryStart, power(entry.ChargingProfileEntryMaxPower)
        limit = next((pmax for since, pmax in reversed(given) if since <= start), None)
        if limit is not None and asked > limit:
            return f"{asked / 1000:g} W from {start} s on, PMax is {limit / 1000:g} W"
    return ""


@CHECKS.on("EV_PROFILE_WITHIN_PMAX")
def ev_profile_within_pmax(tester: TesterEvse, arrival: Arrival) -> str:
    parameters = _response(tester, "ChargeParameterDiscoveryRes")
    profile = arrival.message.ChargingProfile
    if parameters is None or profile is None:
        return ""
    number_ = getattr(arrival.message, "SAScheduleTupleID", None) or profile.SAScheduleTupleID
    tuples = parameters.SASchedules.SAScheduleTuple
    chosen = next((one for one in tuples if one.SAScheduleTupleID == number_), None)
    return exceeds(profile, chosen) if chosen is not None else f"schedule {number_} was not offered"


@CHECKS.on("EV_CHARGEPROGRESS")
def ev_chargeprogress(tester: TesterEvse, arrival: Arrival) -> str:
    progress = arrival.message.ChargeProgress
    return "" if progress in ("Stop", "Renegotiate") else f"ChargeProgress {progress}"


@CHECKS.on("EV_RECEIPT_ECHO")
def ev_receipt_echo(tester: TesterEvse, arrival: Arrival) -> str:
    message = arrival.message
    loop = _response(tester, "ChargingStatusRes" if tester.pics.ac else "CurrentDemandRes")
    if loop is None or message.MeterInfo != loop.MeterInfo:
        return "MeterInfo differs from the one sent"
    if message.SessionID != tester.wire.session.id:
        return f"SessionID {message.SessionID.hex()} in the body"
    return ""


@CHECKS.on("EV_SESSION_ID")
def ev_session_id(tester: TesterEvse, arrival: Arrival) -> str:
    if arrival.name == "SessionSetupReq":
        return f"session id {arrival.session_id.hex()} is not zero" if any(arrival.session_id) else ""
    own = tester.wire.session.id
    return "" if arrival.session_id == own else f"session id {arrival.session_id.hex()}, not {own.hex()}"


@CHECKS.on("EV_REQUEST_CONTENT")
def ev_request_content(tester: TesterEvse, arrival: Arrival) -> str:
    protocol = tester.protocol
    try:
        exi.encode(protocol.schema_of(type(arrival.message)), protocol.wrap(arrival.message, arrival.session_id))
    except exi.ExiError as why:
        return str(why)
    if protocol is ISO20:
        broken = [breach for breach in arrival.breaches if breach.rule.severity == "violation"]
        return str(broken[0]) if broken else ""
    if arrival.name == "SessionSetupReq":
        evccid = arrival.message.EVCCID
        return "" if len(evccid) in (6, 8) and any(evccid) else f"EVCCID {evccid.hex()}"
    return ""


@CHECKS.on("EV_TIMESTAMP")
def ev_timestamp(tester: TesterEvse, arrival: Arrival) -> str:
    """Time stamps are present and do not go back; their unit is not judged, because implementations differ."""
    stamped = [one for one in tester.requests if header_of(one.message) is not None]
    stamps, place = [stamp_of(one.message) for one in stamped], stamped.index(arrival)
    if not stamps[place]:
        return "TimeStamp 0"
    before = max(stamps[:place], default=0)
    return f"TimeStamp {stamps[place]} after {before}" if stamps[place] < before else ""


@CHECKS.on("EV_AUTH_SIGNATURE", "EV_RECEIPT_SIGNATURE")
def signature_holds(tester: TesterEvse, arrival: Arrival) -> str:
    """Whether the signature of a request verifies with the contract certificate that was shown."""
    details = next((one.message for one in tester.requests if one.name == "PaymentDetailsReq"), None)
    if arrival.signature is None or details is None:
        return "no signature, or no contract certificate to check it with"
    try:
        signature.verify_message(
            arrival.message, arrival.signature, bytes(details.ContractSignatureCertChain.Certificate)
        )
    except RemoteError as why:
        return f"the signature is invalid: {why}"
    return ""
