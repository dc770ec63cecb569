"""Payment: contracts need TLS, challenges come back, receipts acknowledge what was sent. Signatures are elsewhere."""

from __future__ import annotations

from typing import Any

from v2g.rules.facts import Facts
from v2g.rules.loop import LOOP
from v2g.rules.rule import DIN, EVCC, ISO2, ISO20, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

CHALLENGE_LENGTH = 16
"""Bytes of a GenChallenge [V2G2-697]."""
CERTIFICATE_SERVICE, INTERNET_SERVICE = 2, 3


@rule("contract-without-tls", "contracts are offered only over TLS", SECC, "ServiceDiscoveryRes",
      live=Live.TOLD, only=(ISO2,))  # fmt: skip
def contract_without_tls(facts: Facts, body: Any) -> str:
    if facts.secure is not False or "Contract" not in body.PaymentOptionList.PaymentOption:
        return ""
    return "the charger offers payment by contract without TLS"


@rule("service-without-tls", "certificates and Internet access are offered only over TLS", SECC,
      "ServiceDiscoveryRes", severity="warning", live=Live.TOLD, only=(ISO2,))  # fmt: skip
def service_without_tls(facts: Facts, body: Any) -> str:
    if facts.secure is not False or body.ServiceList is None:
        return ""
    found = [s.ServiceID for s in body.ServiceList.Service if s.ServiceID in (CERTIFICATE_SERVICE, INTERNET_SERVICE)]
    return f"the charger offers service {found[0]} without TLS" if found else ""


@rule("contract-in-din", "DIN SPEC 70121 has only external payment", SECC, "ServiceDiscoveryRes", severity="warning",
      live=Live.TOLD, din="V2G-DC-252", only=(DIN,))  # fmt: skip
def contract_in_din(facts: Facts, body: Any) -> str:
    offered = list(body.PaymentOptions.PaymentOption)
    return f"the charger offers {', '.join(offered)}" if offered != ["ExternalPayment"] else ""


@rule("challenge", "GenChallenge is random, and comes back as it was sent", SECC, "PaymentDetailsRes",
      iso2="V2G2-825", only=(ISO2,))  # fmt: skip
def challenge_given(facts: Facts, body: Any) -> str:
    if len(body.GenChallenge) != CHALLENGE_LENGTH:
        return f"GenChallenge of {len(body.GenChallenge)} bytes, expected {CHALLENGE_LENGTH}"
    return "" if any(body.GenChallenge) else "GenChallenge of zeros is not random"


def _to_prove(facts: Facts, body: Any) -> bool:
    """Whether an AuthorizationReq must prove who pays: the first one, and any that tries it again [V2G2-684]."""
    return facts.contract_details or body.GenChallenge is not None or body.Id is not None


@rule("signature", "the first AuthorizationReq with a contract is signed", EVCC, "AuthorizationReq",
      code="FAILED_SignatureError", iso2="V2G2-684", only=(ISO2,))  # fmt: skip
def authorization_unsigned(facts: Facts, body: Any) -> str:
    if facts.payment != "Contract" or not _to_prove(facts, body) or (facts.signed and body.Id is not None):
        return ""
    return "the first AuthorizationReq is not signed" if facts.contract_details else "an AuthorizationReq is not signed"


@rule("challenge", "GenChallenge is random, and comes back as it was sent", EVCC, "AuthorizationReq",
      code="FAILED_ChallengeInvalid", iso2="V2G2-475", only=(ISO2,))  # fmt: skip
def challenge_returned(facts: Facts, body: Any) -> str:
    if facts.payment != "Contract" or facts.challenge is None or not _to_prove(facts, body):
        return ""
    if body.GenChallenge == facts.challenge:
        return ""
    found = "no GenChallenge" if body.GenChallenge is None else f"GenChallenge {body.GenChallenge.hex()}"
    return f"{found}, but {facts.challenge.hex()} was sent"


@rule("challenge", "GenChallenge is random, and comes back as it was sent", EVCC, "AuthorizationReq",
      live=Live.TOLD, only=ISO20)  # fmt: skip
def challenge_returned_iso20(facts: Facts, body: Any) -> str:
    given = getattr(body.PnC_AReqAuthorizationMode, "GenChallenge", None)
    if given is None or facts.challenge is None or given == facts.challenge:
        return ""
    return f"GenChallenge {given.hex()}, but {facts.challenge.hex()} was sent"


@rule("authorization-external", "nothing is signed with external payment", EVCC, "AuthorizationReq",
      severity="warning", live=Live.TOLD, iso2="V2G2-845", only=(ISO2,))  # fmt: skip
def authorization_external(facts: Facts, body: Any) -> str:
    if facts.payment != "ExternalPayment" or (body.GenChallenge is None and body.Id is None):
        return ""
    return "AuthorizationReq with GenChallenge or Id although payment is external"


@rule("authorization-repeated", "only the first AuthorizationReq with a contract is signed", EVCC, "AuthorizationReq",
      severity="warning", live=Live.TOLD, iso2="V2G2-684", only=(ISO2,))  # fmt: skip
def authorization_repeated(facts: Facts, body: Any) -> str:
    if facts.payment != "Contract" or facts.contract_details or (body.GenChallenge is None and body.Id is None):
        return ""
    return "AuthorizationReq has GenChallenge or Id again, while the charger is still busy with the first"


# ---------------------------------------------------------------------------------------------------------------
# Receipts


@rule("receipt-external", "no receipt is requested with external payment", SECC, *LOOP, live=Live.TOLD,
      iso2="V2G2-691", only=(ISO2,))  # fmt: skip
def receipt_external(facts: Facts, body: Any) -> str:
    if facts.payment != "ExternalPayment" or not body.ReceiptRequired:
        return ""
    return f"{type(body).__name__} asks for a receipt although payment is external"


@rule("receipt-required-missing", "ReceiptRequired is false with external payment", SECC, *LOOP,
      severity="warning", live=Live.TOLD, iso2="V2G2-691", only=(ISO2,))  # fmt: skip
def receipt_required_missing(facts: Facts, body: Any) -> str:
    if facts.payment != "ExternalPayment" or body.ReceiptRequired is not None:
        return ""
    return (
        f"{type(body).__name__} leaves out ReceiptRequired, which must be false with external payment; taken as false"
    )


@rule("receipt-without-meter", "a request for a receipt carries the reading to acknowledge", SECC, *LOOP, only=(ISO2,))
def receipt_without_meter(facts: Facts, body: Any) -> str:
    if body.ReceiptRequired and body.MeterInfo is None:
        return f"{type(body).__name__} asks for a receipt without MeterInfo"
    return ""


@rule("receipt", "receipts acknowledge what was sent", EVCC, "MeteringReceiptReq", live=Live.UNSEEN,
      code="FAILED_MeteringSignatureNotValid", iso2="V2G2-902", only=(ISO2,))  # fmt: skip
def receipt(facts: Facts, body: Any) -> str:
    return receipt_problem(facts, body)


def receipt_problem(facts: Facts, body: Any) -> str:
    """What is wrong with a receipt, apart from its signature; a charger may still accept it [V2G2-481]."""
    if facts.session_id is not None and body.SessionID != facts.session_id:
        return f"a receipt for session {body.SessionID.hex()} in session {facts.session_id.hex()}"
    if facts.asked_meter is not None and body.MeterInfo != facts.asked_meter:
        return (
            f"MeterInfo differs from what was sent: {_reading(body.MeterInfo)} instead of {_reading(facts.asked_meter)}"
        )
    if facts.tuple_id is not None and body.SAScheduleTupleID not in (None, facts.tuple_id):
        return f"a receipt for schedule {body.SAScheduleTupleID}, but {facts.tuple_id} was chosen"
    return ""


def _reading(meter: Any) -> str:
    return f"{meter.MeterReading} Wh of {meter.MeterID}" + ("" if meter.TMeter is None else f" at {meter.TMeter}")
