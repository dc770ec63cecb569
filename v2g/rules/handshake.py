"""supportedAppProtocol and SessionSetup."""

from __future__ import annotations

from typing import Any

from v2g.messages.appproto import AppProtocolType
from v2g.messages.iso20.common import NAMESPACE as COMMON
from v2g.protocols import PROTOCOLS
from v2g.rules.facts import Facts
from v2g.rules.rule import EVCC, SECC, Book, Live
from v2g.status import refuses

BOOK = Book()
rule = BOOK.rule

MINOR_DEVIATION = "OK_SuccessfulNegotiationWithMinorDeviation"


@rule("offer-twice", "the offered protocols have unique SchemaIDs and priorities", EVCC,
      "supportedAppProtocolReq", severity="warning", live=Live.TOLD)  # fmt: skip
def offer_twice(facts: Facts, body: Any) -> str:
    for field in ("SchemaID", "Priority"):
        given = [getattr(entry, field) for entry in body.AppProtocol]
        if len(set(given)) < len(given):
            return f"the values of {field} offered are not unique: {', '.join(map(str, given))}"
    return ""


@rule("offer-common", "the messages common to all energies are not offered on their own", EVCC,
      "supportedAppProtocolReq", severity="warning", live=Live.TOLD)  # fmt: skip
def offer_common(facts: Facts, body: Any) -> str:
    common = any(entry.ProtocolNamespace == COMMON for entry in body.AppProtocol)
    return f"{COMMON} is offered, but each set of energy messages has its own namespace" if common else ""


@rule("schema-id", "the charger chooses one of the SchemaIDs offered", SECC, "supportedAppProtocolRes")
def schema_id(facts: Facts, body: Any) -> str:
    if facts.offers is None or body.SchemaID in facts.offers:
        return ""
    if body.SchemaID is None:
        return "" if len(facts.offers) == 1 else f"{body.ResponseCode} without SchemaID in answer to several offers"
    offered = ", ".join(map(str, facts.offers)) or "none"
    return f"the charger chose SchemaID {body.SchemaID}, which was not offered ({offered})"


@rule("missing-schema-id", "a charger that agrees names a SchemaID, even if there is only one offer", SECC,
      "supportedAppProtocolRes", severity="warning", live=Live.TOLERATED)  # fmt: skip
def missing_schema_id(facts: Facts, body: Any) -> str:
    single = facts.offers is None or len(facts.offers) == 1
    return (
        f"{body.ResponseCode} without SchemaID in answer to a single offer" if body.SchemaID is None and single else ""
    )


def _known(entry: AppProtocolType) -> tuple[int, int] | None:
    """Major and minor version of the known protocol with this namespace, or None."""
    return next((p.version for p in PROTOCOLS.values() if p.namespace == entry.ProtocolNamespace), None)


@rule("minor-deviation", "a minor deviation is announced if and only if the minor versions differ", SECC,
      "supportedAppProtocolRes", severity="warning", live=Live.TOLD)  # fmt: skip
def minor_deviation(facts: Facts, body: Any) -> str:
    if facts.offers is None or body.SchemaID not in facts.offers:
        return ""
    entry = facts.offers[body.SchemaID]
    version = _known(entry)
    if version is None or version[0] != entry.VersionNumberMajor:
        return ""
    same, announced = version[1] == entry.VersionNumberMinor, str(body.ResponseCode) == MINOR_DEVIATION
    offered = f"{entry.VersionNumberMajor}.{entry.VersionNumberMinor}"
    if same and announced:
        return f"{MINOR_DEVIATION} although version {offered} is the protocol's own"
    if not same and not announced:
        return f"{body.ResponseCode} for version {offered}, but the protocol's own is {version[0]}.{version[1]}"
    return ""


@rule("session-setup-plain-ok", "SessionSetupRes says whether the session is new", SECC, "SessionSetupRes",
      severity="warning", live=Live.TOLERATED)  # fmt: skip
def plain_ok(facts: Facts, body: Any) -> str:
    return "OK instead of OK_NewSessionEstablished" if str(body.ResponseCode) == "OK" else ""


@rule("timestamp", "EVSETimeStamp is in seconds since 1970", SECC, "SessionSetupRes", "PaymentDetailsRes",
      severity="note", live=Live.UNSEEN)  # fmt: skip
def timestamp(facts: Facts, body: Any) -> str:
    """Where the time is optional, a charger that knows none may send 0; a contract cannot be checked without one."""
    given = getattr(body, "EVSETimeStamp", None) or getattr(body, "DateTimeNow", None) or 0
    optional = type(body).__name__ == "SessionSetupRes" or refuses(body.ResponseCode)
    if (given == 0 and optional) or 0 < given < 1e11:
        return ""
    return f"{type(body).__name__} has a time of {given}, which is not in seconds since 1970"
