"""Contract payment at the charger: the vehicle's certificates, the challenge, signed authorization, signed receipts.

A table (:data:`CODES`) maps deviations of a chain to ResponseCodes; checks follow the order of ISO 15118-2, section
8.4.3 (:mod:`secc.iso20_contract` has those of -20). Certificates come from the vehicle, trust comes from the roots of
mobility operators (or V2G roots) in :class:`Contracts` [V2G2-925]. The signature of a receipt confirms that the vehicle
received the reading, not that the reading is correct.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secc.authorizer import Decision
from secc.contracts import KEPT_RECEIPTS, Asking, Contract, Contracts, Receipt
from secc.visit import Refusal, Visit
from v2g import signature
from v2g.credentials import BROKEN, chain_of, common_name, plain_id, read
from v2g.messages import iso2
from v2g.rules.payment import CHALLENGE_LENGTH, receipt_problem

if TYPE_CHECKING:
    from cryptography import x509

    from pki.path import Deviation, Revoked
    from pki.profiles import Role


@dataclass(frozen=True)
class Codes:
    """ResponseCodes for a refused chain, by kind of deviation; the most serious first.

    Attributes:
        broken: any deviation without its own code.
        expired, not_yet_valid, revoked: kinds of deviation (:class:`pki.path.Code`).
    """

    broken: str
    expired: str
    not_yet_valid: str
    revoked: str

    def of(self, deviations: Sequence[Deviation]) -> str:
        """The code for the deviations of a chain."""
        own = {"expired": self.expired, "not-yet-valid": self.not_yet_valid, "revoked": self.revoked}
        found = {own.get(deviation.code.value, self.broken) for deviation in deviations}
        order = (self.broken, self.expired, self.not_yet_valid, self.revoked)
        return next(code for code in order if code in found)


CODES = Codes(BROKEN, "FAILED_CertificateExpired", "FAILED_CertificateExpired", "FAILED_CertificateRevoked")
"""The codes of ISO 15118-2."""

AT_PAYMENT = ("FAILED_CertificateNotAllowedAtThisEVSE", "FAILED_NoCertificateAvailable", "FAILED_CertificateRevoked")
"""Verdicts on a contract that PaymentDetailsRes already reports; the others come with AuthorizationRes."""


def time_of(visit: Asking) -> datetime.datetime:
    """The wall clock."""
    return datetime.datetime.fromtimestamp(visit.now(), datetime.UTC)


def check_chain(
    visit: Asking,
    chain: Sequence[bytes],
    roots: Sequence[bytes],
    role: Role,
    revoked: Revoked | None = None,
    *,
    suite: str = "iso2",
    codes: Codes = CODES,
) -> x509.Certificate:
    """Checks a vehicle's chain against its profile and our roots.

    Args:
        suite: the table of profiles.
        codes: ResponseCodes of the protocol.

    Returns:
        The leaf.

    Raises:
        Refusal: with one of ``codes``; a broken chain takes precedence over an expired one. Names every relevant
            deviation.
    """
    from pki import path

    known = [read(root) for root in roots]
    all_ = path.validate(chain, known, role, time_of(visit), suite=suite, revoked=revoked)
    # A name that deviates from the profile does no harm; still, a strict charger does not accept such a contract.
    found = path.fatal(all_) or [one for one in all_ if one.code is path.Code.NAME and not visit.session.tolerant]
    if found:
        raise Refusal(codes.of(found), "; ".join(str(deviation) for deviation in found))
    return read(chain[0])


def check_signature(visit: Asking, request: Any, key: Any, schema_set: str = "iso2") -> signature.Verified:
    """Verifies the Signature of the request being answered with a public key or certificate.

    Returns:
        How the signature was made.

    Raises:
        SignatureError: becomes FAILED_SignatureError.
        Refusal: the session is strict, and the signature has a form that only a tolerant one accepts.
    """
    found = signature.examine_message(request, visit.asked_signature, key, schema_set)
    for name, text in found.notes:
        if not visit.session.tolerant:
            raise Refusal("FAILED_SignatureError", f"{name}: {text}")
        visit.session.tolerate(name, text)
    return found


# ---------------------------------------------------------------------------------------------------------------
# Who pays


def payment_details(visit: Visit, request: iso2.PaymentDetailsReq) -> iso2.PaymentDetailsRes:
    """Checks the contract's chain and answers with a challenge."""
    from pki.profiles import Role

    contracts = needed(visit)
    chain = chain_of(request.ContractSignatureCertChain)
    leaf = check_chain(visit, chain, contracts.roots, Role.CONTRACT, contracts.revoked)
    emaid = plain_id(request.eMAID)
    if emaid != plain_id(common_name(leaf)):
        raise Refusal(BROKEN, f"eMAID {request.eMAID}, but the certificate is for {common_name(leaf)}")
    verdict = contracts.verdicts.get(emaid, "")
    if verdict in AT_PAYMENT:
        raise Refusal(verdict, f"contract {emaid} is not accepted")
    visit.contract = Contract(emaid, chain, visit.rng.randbytes(CHALLENGE_LENGTH))
    return iso2.PaymentDetailsRes(
        ResponseCode="OK_CertificateExpiresSoon" if expires_soon(visit, leaf) else "OK",
        GenChallenge=visit.contract.challenge,
        EVSETimeStamp=int(visit.now()),
    )


def expires_soon(visit: Visit, leaf: x509.Certificate) -> bool:
    """Whether a contract expires soon."""
    return leaf.not_valid_after_utc - time_of(visit) < datetime.timedelta(days=needed(visit).warn_days)


def needed(visit: Visit) -> Contracts:
    """The :class:`Contracts`, which exist whenever contract payment was offered."""
    if visit.contracts is None:
        raise Refusal("FAILED", "this charger accepts no contracts")
    return visit.contracts


def prove(visit: Visit, request: iso2.AuthorizationReq) -> None:
    """Checks the signature of the first AuthorizationReq; its repetitions are empty [V2G2-684].

    Raises:
        SignatureError: the signature is not valid.
    """
    contract = visit.contract
    if contract is None:
        raise Refusal("FAILED_SequenceError", "authorization by contract without PaymentDetails")
    if contract.proven and request.GenChallenge is None and request.Id is None:
        return
    check_signature(visit, request, contract.chain[0])
    contract.proven = True


def judge(visit: Visit, decision: Decision) -> None:
    """Applies the decision of the contract's operator.

    Raises:
        Refusal: the operator does not accept the contract.
    """
    contract = visit.contract
    assert contract is not None
    verdict = needed(visit).verdicts.get(contract.emaid)
    if verdict is not None:
        raise Refusal(verdict, f"contract {contract.emaid} is not accepted")
    if decision is Decision.REJECTED:
        raise Refusal("FAILED", f"contract {contract.emaid} was rejected")


# ---------------------------------------------------------------------------------------------------------------
# Receipts


def receipt_due(visit: Visit) -> bool:
    """Whether the response being built requests a receipt; never with external payment [V2G2-691]."""
    if visit.contract is None or visit.contracts is None or visit.contracts.receipt_every is None:
        return False
    return visit.since("receipt") >= visit.contracts.receipt_every


def asked_receipt(visit: Visit) -> bool:
    """ReceiptRequired for a response."""
    if not receipt_due(visit):
        return False
    visit.over("receipt")
    visit.since("receipt")  # the next interval begins
    return True


def check_receipt(visit: Visit, request: iso2.MeteringReceiptReq) -> Receipt:
    """Compares a receipt with the reading sent, and verifies its signature.

    Raises:
        Refusal: FAILED_MeteringSignatureNotValid, if the charger insists [V2G2-481].
    """
    contracts, contract = needed(visit), visit.contract
    assert contract is not None
    problem = _receipt_problem(visit, request, contract)
    received = visit.session.last_received
    given = visit.asked_signature
    receipt = Receipt(
        visit.now(),
        contract.emaid,
        request.SessionID,
        request.MeterInfo,
        given.SignatureValue.value if given is not None else b"",
        received.data if received is not None else b"",
        problem,
    )
    keep_receipt(visit, receipt)
    if problem and contracts.insists:
        raise Refusal("FAILED_MeteringSignatureNotValid", problem)
    return receipt


def keep_receipt(visit: Visit, receipt: Receipt) -> None:
    """Adds a receipt to the others and reports it."""
    contracts = needed(visit)
    contracts.receipts.append(receipt)
    del contracts.receipts[:-KEPT_RECEIPTS]
    contracts.on_receipt(receipt)
    visit.session.tell("state", "receipt", f"{receipt.reading} Wh " + (receipt.problem or "signature valid"))


def _receipt_problem(visit: Visit, request: iso2.MeteringReceiptReq, contract: Contract) -> str:
    problem = receipt_problem(visit.session.facts, request)
    if problem:
        return problem
    try:
        check_signature(visit, request, contract.chain[0])
    except signature.SignatureError as why:
        return str(why)
    except Refusal as why:
        return str(why)
    return ""
