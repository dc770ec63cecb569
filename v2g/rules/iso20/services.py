"""Session, authorization, services and parameter sets: choices among what was offered."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from v2g import energy
from v2g.messages.iso20 import ac, dc
from v2g.reading import stamp_of
from v2g.rules.facts import Facts
from v2g.rules.iso20.planned import MILLISECONDS, seconds_of
from v2g.rules.rule import COMMON20, EVCC, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

COMMON = (COMMON20,)
ENERGY = {ac.NAMESPACE: "AC", dc.NAMESPACE: "DC"}
"""Kind of energy by supportedAppProtocol namespace."""


def _names(given: Any) -> str:
    return ", ".join(str(one) for one in given) or "nothing"


# ---------------------------------------------------------------------------------------------------------------
# Session and authorization


@rule("session-setup-plain-ok", "SessionSetupRes says whether the session is new", SECC, "SessionSetupRes",
      severity="warning", live=Live.TOLERATED, only=COMMON)  # fmt: skip
def plain_ok(facts: Facts, body: Any) -> str:
    return "OK instead of OK_NewSessionEstablished" if str(body.ResponseCode) == "OK" else ""


@rule("unasked-resume", "the session joined is the one the vehicle asked for, and a new one has a new id", SECC,
      "SessionSetupRes", severity="warning", live=Live.TOLERATED, only=COMMON)  # fmt: skip
def unasked_resume(facts: Facts, body: Any) -> str:
    asked, given = facts.iso20.asked_id, facts.header_id or b""
    if type(facts.request).__name__ != "SessionSetupReq":
        return ""
    if body.ResponseCode == "OK_OldSessionJoined" and given != asked:
        return f"OK_OldSessionJoined with {given.hex()}, but {asked.hex()} was requested"
    if body.ResponseCode == "OK_NewSessionEstablished" and any(asked) and given == asked:
        return f"OK_NewSessionEstablished with the id of the old session, {asked.hex()}"
    return ""


@rule("timestamp", "times are in seconds since 1970", SECC, "SessionSetupRes", severity="note", live=Live.UNSEEN,
      only=COMMON)  # fmt: skip
@rule("timestamp", "times are in seconds since 1970", EVCC, "SessionSetupReq", severity="note", live=Live.UNSEEN,
      only=COMMON)  # fmt: skip
def timestamp(facts: Facts, body: Any) -> str:
    stamp = stamp_of(body)
    if stamp < MILLISECONDS:
        return ""
    unit = "milliseconds" if seconds_of(stamp) == stamp / 1e3 else "microseconds"
    return f"TimeStamp is in {unit}; open stacks use seconds, and no peer should mind"


@rule("authorization-block", "AuthorizationSetupRes has the block for contracts if these are offered", SECC,
      "AuthorizationSetupRes", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def authorization_block(facts: Facts, body: Any) -> str:
    offered = _names(body.AuthorizationServices)
    if "PnC" in body.AuthorizationServices and body.PnC_ASResAuthorizationMode is None:
        return f"AuthorizationSetupRes offers {offered} without PnC_ASResAuthorizationMode"
    if "PnC" not in body.AuthorizationServices and body.EIM_ASResAuthorizationMode is None:
        return f"AuthorizationSetupRes offers {offered} without EIM_ASResAuthorizationMode"
    return ""


@rule("challenge", "GenChallenge is random, and comes back as it was sent", SECC, "AuthorizationSetupRes",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def challenge_given(facts: Facts, body: Any) -> str:
    block = body.PnC_ASResAuthorizationMode
    return "" if block is None or any(block.GenChallenge) else "GenChallenge of zeros is not random"


@rule("installation-without-contracts", "certificates are installed only if contracts are offered", SECC,
      "AuthorizationSetupRes", severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def installation_without_contracts(facts: Facts, body: Any) -> str:
    if body.CertificateInstallationService and "PnC" not in body.AuthorizationServices:
        return "CertificateInstallationService, but only external payment is offered"
    return ""


@rule("authorization-not-offered", "the authorization chosen was offered and has its own block", EVCC,
      "AuthorizationReq", live=Live.TOLD, only=COMMON)  # fmt: skip
def authorization_not_offered(facts: Facts, body: Any) -> str:
    chosen, offered = str(body.SelectedAuthorizationService), facts.iso20.authorizations
    if offered is not None and chosen not in offered:
        return f"the vehicle chooses {chosen}, but the charger offered {_names(offered)}"
    if getattr(body, f"{chosen}_AReqAuthorizationMode", None) is None:
        return f"the vehicle chooses {chosen} without {chosen}_AReqAuthorizationMode"
    return ""


@rule("installation-not-offered", "certificates are installed only if the charger offers it", EVCC,
      "CertificateInstallationReq", code="FAILED_SequenceError", iso20="V2G20-459", only=COMMON)  # fmt: skip
def installation_not_offered(facts: Facts, body: Any) -> str:
    if facts.iso20.installs is False:
        return "CertificateInstallationReq, but CertificateInstallationService was false"
    return ""


@rule("changed-while-ongoing", "a request repeated while the charger is processing it stays the same", EVCC,
      "AuthorizationReq", "CertificateInstallationReq", "ScheduleExchangeReq", severity="warning", live=Live.TOLD,
      only=COMMON)  # fmt: skip
def changed_while_ongoing(facts: Facts, body: Any) -> str:
    before = facts.iso20.unfinished
    if type(before) is not type(body) or _bare(before) == _bare(body):
        return ""
    return f"{type(body).__name__} differs from the one that was answered with Ongoing"


def _bare(body: Any) -> Any:
    """A message without its header, whose time stamp differs each time."""
    return msgspec.structs.replace(body, Header=None)


# ---------------------------------------------------------------------------------------------------------------
# Services


@rule("service-of-other-energy", "energy services have the energy that the handshake agreed on", SECC,
      "ServiceDiscoveryRes", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def service_of_other_energy(facts: Facts, body: Any) -> str:
    wanted = ENERGY.get(facts.iso20.namespace)
    offered = [service.ServiceID for service in body.EnergyTransferServiceList.Service]
    others = [n for n in offered if n in energy.SERVICES and energy.SERVICES[n].energy != wanted]
    if wanted is None or not others:
        return ""
    titles = ", ".join(f"{number} ({energy.SERVICES[number].title})" for number in others)
    return f"the charger offers service {titles}, but the handshake agreed on {wanted}"


@rule("value-added-energy", "value added services and energy services are in separate lists", SECC,
      "ServiceDiscoveryRes", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def value_added_energy(facts: Facts, body: Any) -> str:
    added = [service.ServiceID for service in body.VASList.Service] if body.VASList is not None else []
    wrong = [n for n in added if n in energy.SERVICES]
    wrong += [
        s.ServiceID for s in body.EnergyTransferServiceList.Service if s.ServiceID in (energy.INTERNET, energy.PARKING)
    ]
    return f"service {_names(wrong)} is in the wrong list" if wrong else ""


@rule("service-filter", "value added services that the vehicle did not name are left out", SECC,
      "ServiceDiscoveryRes", severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def service_filter(facts: Facts, body: Any) -> str:
    wanted = getattr(facts.request, "SupportedServiceIDs", None)
    if wanted is None or body.VASList is None:
        return ""
    others = [s.ServiceID for s in body.VASList.Service if s.ServiceID not in wanted.ServiceID]
    return (
        f"value added service {_names(others)}, but the request asked for {_names(wanted.ServiceID)}" if others else ""
    )


@rule("renegotiation-changed", "ServiceRenegotiationSupported stays the same", SECC, "ServiceDiscoveryRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def renegotiation_changed(facts: Facts, body: Any) -> str:
    before, now = facts.iso20.renegotiable, body.ServiceRenegotiationSupported
    if before is None or before == now:
        return ""
    return f"ServiceRenegotiationSupported is {str(now).lower()}, but was {str(before).lower()} earlier in this session"


@rule("service-detail", "details are requested only for services on offer", EVCC, "ServiceDetailReq",
      code="FAILED_ServiceIDInvalid", iso20="V2G20-464", only=COMMON)  # fmt: skip
def service_detail(facts: Facts, body: Any) -> str:
    own = facts.iso20
    if own.services is None or body.ServiceID in (*own.services, *own.value_added):
        return ""
    return f"details of service {body.ServiceID}, but the charger offered {_names((*own.services, *own.value_added))}"


@rule("service-detail-other", "details are those of the service requested", SECC, "ServiceDetailRes",
      severity="warning", live=Live.TOLERATED, only=COMMON)  # fmt: skip
def service_detail_other(facts: Facts, body: Any) -> str:
    asked = getattr(facts.request, "ServiceID", None)
    if type(facts.request).__name__ != "ServiceDetailReq" or asked == body.ServiceID:
        return ""
    return f"details of service {body.ServiceID}, but those of {asked} were requested"


@rule("parameter-set-ids", "parameter sets have unique ids", SECC, "ServiceDetailRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def parameter_set_ids(facts: Facts, body: Any) -> str:
    ids = [one.ParameterSetID for one in body.ServiceParameterList.ParameterSet]
    return f"parameter sets {_names(ids)} are not unique" if len(set(ids)) < len(ids) else ""


ALL = {"ControlMode", "Pricing"}
AS_NAMED = {
    "AC": {*ALL, "Connector", "EVSENominalVoltage", "MobilityNeedsMode"},
    "DC": {*ALL, "Connector", "MobilityNeedsMode"},
}
BIDIRECTIONAL = {"AC": {"BPTChannel", "GeneratorMode", "GridCodeIslandingDetectionMethod"},
                 "DC": {"BPTChannel", "GeneratorMode"}}  # fmt: skip
"""Parameter names of a service, and the additional ones of a bidirectional service."""


@rule("parameters", "a parameter set has the parameters of its service, once each", SECC, "ServiceDetailRes",
      severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def parameters(facts: Facts, body: Any) -> str:
    service = energy.SERVICES.get(body.ServiceID)
    if service is None:
        return ""
    wanted = AS_NAMED[service.energy] | (BIDIRECTIONAL[service.energy] if service.bidirectional else set())
    for one in body.ServiceParameterList.ParameterSet:
        counts = Counter(parameter.Name for parameter in one.Parameter)
        twice = sorted(name for name, count in counts.items() if count > 1)
        missing, unknown = sorted(wanted - set(counts)), sorted(set(counts) - wanted)
        said = [f"has {_names(twice)} twice"] if twice else []
        said += [f"lacks {_names(missing)}"] if missing else []
        said += [f"has {_names(unknown)}, which is unknown"] if unknown else []
        if said:
            return f"parameter set {one.ParameterSetID} of service {body.ServiceID} {', '.join(said)}"
    return ""


@rule("control-mode-unknown", "a parameter set says who controls power", SECC, "ServiceDetailRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def control_mode_unknown(facts: Facts, body: Any) -> str:
    if body.ServiceID not in energy.SERVICES:
        return ""
    for one in body.ServiceParameterList.ParameterSet:
        if energy.read(one) is None:
            return f"parameter set {one.ParameterSetID} of service {body.ServiceID} has no ControlMode of 1 or 2"
    return ""


@rule("connector", "connector 2 means three phases", SECC, "ServiceDetailRes", severity="warning", live=Live.TOLD,
      only=COMMON)  # fmt: skip
def connector(facts: Facts, body: Any) -> str:
    service = energy.SERVICES.get(body.ServiceID)
    for one in body.ServiceParameterList.ParameterSet if service is not None and service.energy == "AC" else ():
        read = energy.read(one)
        if read is not None and read.connector not in (0, energy.SINGLE_PHASE, energy.THREE_PHASE):
            return (
                f"parameter set {one.ParameterSetID} has connector {read.connector}: 1 means one phase, 2 means three"
            )
    return ""


@rule("needs-mode", "the charger sets the vehicle's needs only in dynamic mode", SECC, "ServiceDetailRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def needs_mode(facts: Facts, body: Any) -> str:
    for one in body.ServiceParameterList.ParameterSet if body.ServiceID in energy.SERVICES else ():
        read = energy.read(one)
        if read is not None and read.by_charger and not read.dynamic:
            return f"parameter set {one.ParameterSetID} is scheduled and has MobilityNeedsMode 2"
    return ""


@rule("one-control-mode", "a charger offers both control modes", SECC, "ServiceDetailRes", severity="note",
      live=Live.UNSEEN, iso20="V2G20-2656", only=COMMON)  # fmt: skip
def one_control_mode(facts: Facts, body: Any) -> str:
    if body.ServiceID not in energy.SERVICES:
        return ""
    modes = {read.dynamic for one in body.ServiceParameterList.ParameterSet if (read := energy.read(one)) is not None}
    if len(modes) != 1:
        return ""
    return f"all parameter sets of service {body.ServiceID} are {'dynamic' if True in modes else 'scheduled'}"


@rule("no-energy-service", "an energy service is selected", EVCC, "ServiceSelectionReq",
      code="FAILED_NoEnergyTransferServiceSelected", iso20="V2G20-1618", only=COMMON)  # fmt: skip
def no_energy_service(facts: Facts, body: Any) -> str:
    number = body.SelectedEnergyTransferService.ServiceID
    if number < energy.FIRST_VALUE_ADDED and number not in facts.iso20.value_added:
        return ""
    return f"the vehicle chooses service {number}, which transfers no energy"


@rule("service-not-offered", "the services chosen were offered", EVCC, "ServiceSelectionReq",
      code="FAILED_ServiceSelectionInvalid", iso20="V2G20-467", only=COMMON)  # fmt: skip
def service_not_offered(facts: Facts, body: Any) -> str:
    own = facts.iso20
    if own.services is None:
        return ""
    number = body.SelectedEnergyTransferService.ServiceID
    if number not in own.services:
        return f"the vehicle chooses service {number}, but the charger offered {_names(own.services)}"
    chosen = body.SelectedVASList.SelectedService if body.SelectedVASList is not None else ()
    for one in chosen:
        if one.ServiceID not in own.value_added:
            return (
                f"the vehicle chooses value added service {one.ServiceID},"
                f" but the charger offered {_names(own.value_added)}"
            )
    return ""


@rule("parameter-set-not-offered", "the parameter sets chosen were offered", EVCC, "ServiceSelectionReq",
      code="FAILED_ServiceSelectionInvalid", iso20="V2G20-467", only=COMMON)  # fmt: skip
def parameter_set_not_offered(facts: Facts, body: Any) -> str:
    added = body.SelectedVASList.SelectedService if body.SelectedVASList is not None else ()
    for one in (body.SelectedEnergyTransferService, *added):
        sets = facts.iso20.sets.get(one.ServiceID)
        if sets is not None and one.ParameterSetID not in sets:
            return (f"the vehicle chooses parameter set {one.ParameterSetID} of service {one.ServiceID}, which has"
                    f" {_names(sets)}")  # fmt: skip
    return ""
