"""Contract payment at the charger: the vehicle's certificates, the challenge, signed authorization, signed receipts.

A table (:data:`CODES`) maps deviations of a chain to ResponseCodes; checks follow the order of ISO 15118-2, section
8.4.3 (:mod:`secc.iso20_contract` has those of -20). Certificates come from the vehicle, trust comes from the roots of
mobility operators (or V2G roots) in :class:`Contracts` [V2G2-925]. The signature of a receipt confirms that the vehicle
received the reading, not that the reading is correct.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from secc.authorizer import Decision
from secc.visit import Refusal, Visit
from v2g import signature
from v2g.credentials import BROKEN, Credential, chain_of, common_name, plain_id, read
from v2g.messages import iso2
from v2g.messages.iso20 import types
from v2g.rules.payment import CHALLENGE_LENGTH, receipt_problem

if TYPE_CHECKING:
    from cryptography import x509

    from pki.path import Deviation, Revoked
    from pki.profiles import Role
    from secc.iso20_provisioning import Backend as Backend20
    from secc.provisioning import Backend


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

BadSignature: TypeAlias = Literal["FAILED_SignatureError", "WARNING_GeneralPnCAuthorizationError"]

KEPT_RECEIPTS = 1000
"""Number of latest receipts that a charger keeps."""


@dataclass(frozen=True)
class Receipt:
    """A MeteringReceiptReq or MeteringConfirmationReq that was answered, or a record that none came.

    Attributes:
        time: wall clock, Unix seconds.
        emaid: eMAID of the contract.
        session_id: id of the session.
        meter: the reading that the vehicle acknowledged.
        signature: SignatureValue, or b"".
        exi: the request as received, to be passed on.
        problem: why it is not valid, or "".
    """

    time: float
    emaid: str
    session_id: bytes
    meter: iso2.MeterInfoType | types.MeterInfoType
    signature: bytes
    exi: bytes
    problem: str = ""

    @property
    def reading(self) -> int | None:
        """The register's reading, Wh; in ISO 15118-20 the energy charged in this session."""
        meter = self.meter
        return meter.MeterReading if isinstance(meter, iso2.MeterInfoType) else meter.ChargedEnergyReadingWh


@dataclass
class Contracts:
    """What a charger needs for contract payment.

    Attributes:
        roots: roots of mobility operators, and V2G roots that certify mobility operators, in DER.
        backend: installs and updates contract certificates; None: the service is not offered.
        backend20: installs contract certificates of ISO 15118-20; None: the service is not offered there.
        verdicts: ResponseCode for contracts that are not accepted, by eMAID; e.g. ``FAILED_ContractCanceled``.
        revoked: tells whether a certificate is revoked; None: revocation is not checked.
        warn_days: a contract that ends within this many days is answered OK_CertificateExpiresSoon [V2G2-690].
        external: whether external payment is offered too.
        receipt_every: charging time between two receipts, s; None: no receipts are requested.
        insists: whether an invalid receipt is refused [V2G2-481]; it is recorded in any case.
        tariff_key: credential of the mobility operator's sub-CA 2, which signs tariffs.
        tariff_keys20: the same for prices of ISO 15118-20, of each operator that the charger can sign for.
        grammar: grammar of SignedInfo for signing prices of ISO 15118-20; None: the usual one.
        providers: ProviderIDs that the charger can ask, as listed in ISO 15118-20; empty: it lists none, and asks any
            provider.
        bad_signature: ResponseCode for an AuthorizationReq of ISO 15118-20 with an invalid signature. Sources disagree:
            FAILED_SignatureError ends the session, a WARNING lets the vehicle try something else.
        receipts: the latest :data:`KEPT_RECEIPTS` receipts.
        on_receipt: is notified of each receipt.
    """

    roots: Sequence[bytes]
    backend: Backend | None = None
    backend20: Backend20 | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
    revoked: Revoked | None = None
    warn_days: float = 21.0
    external: bool = True
    receipt_every: float | None = None
    insists: bool = True
    tariff_key: Credential | None = None
    tariff_keys20: Sequence[Credential] = ()
    grammar: signature.Grammar | None = None
    providers: Sequence[str] = ()
    bad_signature: BadSignature = "FAILED_SignatureError"
    receipts: list[Receipt] = field(default_factory=list)
    on_receipt: Callable[[Receipt], None] = lambda receipt: None


@dataclass
class Contract:
    """The contract of a visit, as PaymentDetailsReq or AuthorizationReq named it.

    Attributes:
        emaid: upper case, without hyphens.
        chain: DER, leaf first.
        challenge: GenChallenge sent.
        proven: whether the signed AuthorizationReq was valid.
    """

    emaid: str
    chain: tuple[bytes, ...]
    challenge: bytes
    proven: bool = False


def time_of(visit: Visit) -> datetime.datetime:
    """The wall clock."""
    return datetime.datetime.fromtimestamp(visit.now(), datetime.UTC)


def check_chain(
    visit: Visit,
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


def check_signature(visit: Visit, request: Any, key: Any, schema_set: str = "iso2") -> signature.Verified:
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
        raise Refusal("FAILED", "this charger takes no contracts")
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
