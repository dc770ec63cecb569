"""Contract payment at the charger: the vehicle's certificates, the challenge, signed authorization, signed receipts.

Which deviation of a chain has which ResponseCode is a table (:data:`CODES`); checks are made in the order of
ISO 15118-2, section 8.4.3 (:mod:`secc.iso20_contract` has those of -20). Certificates come from the vehicle, trust from
the roots of mobility operators (or V2G roots) in :class:`Contracts` [V2G2-925]. The signature of a receipt says that
the vehicle got the reading, not that it is right.
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
    """ResponseCodes for a chain that is refused, by what is wrong with it; the most serious first.

    Attributes:
        broken: anything that has no code of its own.
        expired, not_yet_valid, revoked: kinds of deviation (:class:`pki.path.Code`).
    """

    broken: str
    expired: str
    not_yet_valid: str
    revoked: str

    def of(self, deviations: Sequence[Deviation]) -> str:
        """The code for deviations of a chain."""
        own = {"expired": self.expired, "not-yet-valid": self.not_yet_valid, "revoked": self.revoked}
        found = {own.get(deviation.code.value, self.broken) for deviation in deviations}
        order = (self.broken, self.expired, self.not_yet_valid, self.revoked)
        return next(code for code in order if code in found)


CODES = Codes(BROKEN, "FAILED_CertificateExpired", "FAILED_CertificateExpired", "FAILED_CertificateRevoked")
"""Those of ISO 15118-2."""

AT_PAYMENT = ("FAILED_CertificateNotAllowedAtThisEVSE", "FAILED_NoCertificateAvailable", "FAILED_CertificateRevoked")
"""Verdicts on a contract that PaymentDetailsRes tells already; the others come with AuthorizationRes."""

BadSignature: TypeAlias = Literal["FAILED_SignatureError", "WARNING_GeneralPnCAuthorizationError"]

KEPT_RECEIPTS = 1000
"""Receipts that a charger keeps, the latest."""


@dataclass(frozen=True)
class Receipt:
    """A MeteringReceiptReq or MeteringConfirmationReq as it was answered, or that none came.

    Attributes:
        time: wall clock, Unix seconds.
        emaid: of the contract.
        session_id: of the session.
        meter: what the vehicle acknowledged.
        signature: SignatureValue, or b"".
        exi: the request as it came, to be passed on.
        problem: why it does not hold, or "".
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
        """What the register showed, Wh; in ISO 15118-20 what was charged in this session."""
        meter = self.meter
        return meter.MeterReading if isinstance(meter, iso2.MeterInfoType) else meter.ChargedEnergyReadingWh


@dataclass
class Contracts:
    """What a charger needs for contract payment.

    Attributes:
        roots: of mobility operators, and V2G roots that certify such, in DER.
        backend: installs and updates contract certificates; None: the service is not offered.
        backend20: installs those of ISO 15118-20; None: the service is not offered there.
        verdicts: ResponseCode for contracts that are not accepted, by eMAID; e.g. ``FAILED_ContractCanceled``.
        revoked: tells whether a certificate is revoked; None: nobody is asked.
        warn_days: a contract that ends within so many days is answered OK_CertificateExpiresSoon [V2G2-690].
        external: whether external payment is offered too.
        receipt_every: seconds of charging between two receipts; None: none are asked for.
        insists: whether a receipt that does not hold is refused [V2G2-481]; it is noted in any case.
        tariff_key: credential of the mobility operator's sub-CA 2, which signs tariffs.
        tariff_key20: the same for prices of ISO 15118-20.
        grammar: of SignedInfo where prices of ISO 15118-20 are signed; None: the usual one.
        providers: ProviderIDs that the charger can ask, as it lists them in ISO 15118-20; empty: it lists none, and
            asks any.
        bad_signature: ResponseCode for an AuthorizationReq of ISO 15118-20 whose signature does not hold. Sources
            disagree: FAILED_SignatureError ends the session, a WARNING lets the vehicle try something else.
        receipts: those that came, the latest :data:`KEPT_RECEIPTS`.
        on_receipt: is notified of each.
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
    tariff_key20: Credential | None = None
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
        proven: the signed AuthorizationReq was in order.
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
    """Holds a vehicle's chain against its profile and our roots.

    Args:
        suite: the table of profiles.
        codes: ResponseCodes of the protocol.

    Returns:
        The leaf.

    Raises:
        Refusal: after the codes; a broken chain counts before an expired one. Names every deviation that counts.
    """
    from pki import path

    known = [read(root) for root in roots]
    all_ = path.validate(chain, known, role, time_of(visit), suite=suite, revoked=revoked)
    # A name that is not as the profile has it breaks nothing; a strict charger takes no such contract all the same.
    found = path.fatal(all_) or [one for one in all_ if one.code is path.Code.NAME and not visit.session.tolerant]
    if found:
        raise Refusal(codes.of(found), "; ".join(str(deviation) for deviation in found))
    return read(chain[0])


def check_signature(visit: Visit, request: Any, key: Any, schema_set: str = "iso2") -> signature.Verified:
    """Holds the Signature of the request being answered against a public key or certificate.

    Returns:
        How it was made.

    Raises:
        SignatureError: becomes FAILED_SignatureError.
        Refusal: a strict session, and a form that only a tolerant one accepts.
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
        raise Refusal(BROKEN, f"eMAID {request.eMAID}, but the certificate is of {common_name(leaf)}")
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
    """Whether a contract is near its end."""
    return leaf.not_valid_after_utc - time_of(visit) < datetime.timedelta(days=needed(visit).warn_days)


def needed(visit: Visit) -> Contracts:
    """What contract payment needs; it was offered, so it is there."""
    if visit.contracts is None:
        raise Refusal("FAILED", "this charger takes no contracts")
    return visit.contracts


def prove(visit: Visit, request: iso2.AuthorizationReq) -> None:
    """Checks the signature of the first AuthorizationReq; its repetitions are empty [V2G2-684].

    Raises:
        SignatureError: the signature does not hold.
    """
    contract = visit.contract
    if contract is None:
        raise Refusal("FAILED_SequenceError", "authorization by contract without PaymentDetails")
    if contract.proven and request.GenChallenge is None and request.Id is None:
        return
    check_signature(visit, request, contract.chain[0])
    contract.proven = True


def judge(visit: Visit, decision: Decision) -> None:
    """What the operator of the contract says.

    Raises:
        Refusal: the contract is not accepted.
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
    """Whether the response being made asks for a receipt; never in external payment [V2G2-691]."""
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
    """Compares a receipt with what was sent, and verifies its signature.

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
