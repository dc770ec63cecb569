"""Payment by contract at the charger, ISO 15118-20: the challenge, and the proof that the vehicle has the contract.

Like :mod:`secc.contract`, with these differences: the challenge is sent with AuthorizationSetup, once per session, and
is used up when a contract is accepted. AuthorizationReq carries chain, challenge and signature together. A contract
that is not accepted leads to a warning, after which the vehicle may name another one, install one, or use external
payment; an invalid signature ends the session, unless the operator chose the milder code. Order of the checks: chain,
lifetime, revocation, signature, challenge, provider, contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from secc import contract
from secc.contract import Codes
from secc.contracts import Asking, Contract, Contracts
from secc.visit import Refusal, Visit
from v2g.credentials import chain_of, common_name, plain_id, provider_of, read, suite_of
from v2g.errors import RemoteError
from v2g.messages.iso20 import common
from v2g.rules.payment import CHALLENGE_LENGTH
from v2g.signature import SignatureError

if TYPE_CHECKING:
    from cryptography import x509

    from v2g.signature import Verified

CODES = Codes(
    broken="WARNING_CertificateValidationError",
    expired="WARNING_CertificateExpired",
    not_yet_valid="WARNING_CertificateNotYetValid",
    revoked="WARNING_CertificateRevoked",
)
"""ResponseCodes for the vehicle's chains in ISO 15118-20."""

REFUSED = "WARNING_GeneralPnCAuthorizationError"
"""ResponseCode for contracts that the operator does not accept."""

SET = "iso20-common"


def offered(visit: Visit) -> Contracts | None:
    """The :class:`Contracts` if contract payment is offered, which needs TLS; else None."""
    return visit.contracts if visit.secure else None


def methods(visit: Visit) -> list[common.authorizationType]:
    """AuthorizationServices."""
    contracts = offered(visit)
    if contracts is None:
        return ["EIM"]
    return ["PnC", "EIM"] if contracts.external else ["PnC"]


def setup(visit: Visit, contracts: Contracts) -> common.AuthorizationSetupRes:
    """Offers contracts, with a fresh challenge."""
    visit.challenge = visit.rng.randbytes(CHALLENGE_LENGTH)
    providers = common.SupportedProvidersListType(ProviderID=list(contracts.providers))
    return common.AuthorizationSetupRes(
        ResponseCode="OK",
        AuthorizationServices=methods(visit),
        CertificateInstallationService=contracts.backend20 is not None,
        PnC_ASResAuthorizationMode=common.PnC_ASResAuthorizationModeType(
            GenChallenge=visit.challenge, SupportedProviders=providers if contracts.providers else None
        ),
    )


def selectable(visit: Visit, request: common.AuthorizationReq) -> bool:
    """Whether the selected method is offered, and its own block is present."""
    method = request.SelectedAuthorizationService
    return method in methods(visit) and getattr(request, f"{method}_AReqAuthorizationMode") is not None


def prove(visit: Visit, request: common.AuthorizationReq) -> Contract:
    """The contract of an AuthorizationReq, if it is accepted for payment.

    Raises:
        Refusal: a WARNING after which the vehicle may try something else, or the code for a bad signature.
    """
    from pki.profiles import Role

    block = request.PnC_AReqAuthorizationMode
    assert block is not None
    contracts = contract.needed(visit)
    chain = chain_of(block.ContractCertificateChain)
    leaf = contract.check_chain(
        visit, chain, contracts.roots, Role.CONTRACT, contracts.revoked, suite=profiles(visit, chain), codes=CODES
    )
    again = visit.contract
    found = _signature(visit, request, leaf)
    if not visit.challenge or block.GenChallenge != visit.challenge:
        text = f"GenChallenge {block.GenChallenge.hex()} instead of {visit.challenge.hex() or 'none'}"
        raise Refusal("WARNING_ChallengeInvalid", text)
    emaid = plain_id(common_name(leaf))
    if contracts.providers and provider_of(emaid) not in map(provider_of, contracts.providers):
        text = f"provider {provider_of(emaid)} of contract {emaid} is not one of those that this charger accepts"
        raise Refusal("WARNING_eMSPUnknown", text)
    if (verdict := contracts.verdicts.get(emaid)) is not None:
        code = verdict if verdict.startswith("WARNING") else REFUSED
        raise Refusal(code, f"contract {emaid} is not accepted" + ("" if code == verdict else f": {verdict}"))
    if again is None or again.chain != chain:  # not if the vehicle repeats a request that is still being processed
        visit.session.tell("state", "signature", f"AuthorizationReq by contract {emaid}: {found}")
    return Contract(emaid, chain, visit.challenge, proven=True)


def _signature(visit: Visit, request: common.AuthorizationReq, leaf: x509.Certificate) -> Verified:
    """How the request was signed.

    Raises:
        Refusal: the signature is not valid; with the code that the operator chose.
    """
    try:
        return contract.check_signature(visit, request, leaf.public_key(), SET)
    except (SignatureError, Refusal) as why:
        raise Refusal(contract.needed(visit).bad_signature, str(why)) from why


def profiles(visit: Asking, chain: Sequence[bytes]) -> str:
    """The table of profiles for a vehicle's chain, by the key at its top. Many test PKIs use P-256.

    Raises:
        Refusal: ISO 15118-20 does not allow such a key.
    """
    try:
        suite = suite_of(read(chain[-1]))
    except RemoteError as why:
        raise Refusal(CODES.broken, str(why)) from why
    if suite == "iso2" and visit.session.tolerant:
        visit.session.tolerate("contract-curve", "a certificate on P-256, where P-521 or Ed448 is expected")
    elif not suite or suite == "iso2":
        raise Refusal(CODES.broken, "a certificate that uses neither P-521 nor Ed448")
    return suite


def accepted(visit: Visit) -> common.AuthorizationRes:
    """Accepts the vehicle's contract, which uses up its challenge."""
    assert visit.contract is not None
    visit.challenge = b""
    soon = contract.expires_soon(visit, read(visit.contract.chain[0]))
    return common.AuthorizationRes(
        ResponseCode="OK_CertificateExpiresSoon" if soon else "OK", EVSEProcessing="Finished"
    )
