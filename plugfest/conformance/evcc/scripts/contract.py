"""Certificate installation: a delivered contract is used only if everything about it is valid.

What a vehicle stores cannot be seen from outside; the contract it pays with next reveals it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from pki import delivery
from pki.profiles import Role
from pki.store import Entry
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.checks import CHECKS
from plugfest.conformance.evcc.scripts.steps import gives_up, goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.sut.certificates import Certificates, credential
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from secc.provisioning import LocalBackend
from v2g import signature
from v2g.credentials import Credential

SIGNERS: Mapping[str, Callable[[Certificates], Entry]] = {
    "SAProvisioning chain from another root": lambda bench: bench.other[Role.CPS],
    "provider of another PKI": lambda bench: bench.other[Role.CPS],
    "signed by a charger": lambda bench: bench.store[Role.SECC],  # its chain leads to the V2G root as well
}
"""Signers of a contract that a vehicle must not take for a provisioning service."""


@SCRIPTS.on("PF_EVCC_ISO2_CertificateInstallation_Res")
async def installation(tester: TesterEvse, run: Run, result: Result) -> None:
    """A delivered contract is used only if everything about it is valid."""
    what, bench = str(run.variant["res"]), tester.certificates
    backend = tester.answers.contracts.backend if tester.answers.contracts is not None else None
    if not isinstance(backend, LocalBackend):
        raise Inconclusive("the tester issues no contracts in this session", cause=Cause.NO_CERTIFICATES)
    made: list[Credential] = []
    issue = backend.issue

    def noting(emaid: str) -> Credential:
        made.append(issue(emaid))
        return made[-1]

    backend.issue = noting
    if what in SIGNERS:
        backend.provider = credential(SIGNERS[what](bench))
    held = await hold(tester, "CertificateInstallationReq")
    response = await tester.good(held)
    if getattr(response, "ResponseCode", "") != "OK":
        raise Inconclusive(
            f"no contract for this request: {tester.answers.refused[-1] if tester.answers.refused else 'refused'}",
            cause=Cause.NO_CERTIFICATES,
        )
    key = backend.provider.key
    match what:
        case "signature by another key":
            key = bench.other[Role.CPS].key
        case "eMAID differs from the certificate":
            other = msgspec.structs.replace(response.eMAID, value="DEXXXC00000001")
            response = msgspec.structs.replace(response, eMAID=other)
        case "encrypted key of another EV":
            foreign = delivery.seal(made[-1].key, bench.other["oem-provisioning"].key.public_key())
            sealed = response.ContractSignatureEncryptedPrivateKey
            response = msgspec.structs.replace(
                response,
                ContractSignatureEncryptedPrivateKey=msgspec.structs.replace(
                    sealed, value=foreign.encrypted_private_key
                ),
                DHpublickey=msgspec.structs.replace(response.DHpublickey, value=foreign.public_key),
            )
    await tester.reply(response, signature=signature.sign_message(response, key))
    if what == "valid":
        await _pays_with(tester, result, held, made[-1])
        return
    await tester.wait_for(lambda: _shows(tester, made[-1]) or tester.over, 45.0)
    seen = "it pays with the new contract" if _shows(tester, made[-1]) else "the new contract is not used"
    result.saw(f"{what}: refused", seen)
    if _shows(tester, made[-1]):
        raise Failed(
            f"{what}: the vehicle accepted the contract",
            expected="refused",
            observed=seen,
            cause=Cause.CONTRACT_ACCEPTED,
        )
    later = tester.after(held)
    if not any(one.name == "PaymentDetailsReq" for one in later):  # it has no other contract and cannot continue
        await gives_up(tester, result, held)


def _shows(tester: TesterEvse, contract: Credential) -> bool:
    """Whether the vehicle has shown this contract for payment."""
    return any(
        bytes(one.message.ContractSignatureCertChain.Certificate) == contract.leaf
        for one in tester.requests
        if one.name == "PaymentDetailsReq"
    )


async def _pays_with(tester: TesterEvse, result: Result, held: Arrival, contract: Credential) -> None:
    """PaymentDetailsReq shows the contract, and AuthorizationReq is signed with its key, so it was stored.

    Raises:
        Failed: it was not.
    """
    caught = tester.catch(lambda arrival: arrival.name == "AuthorizationReq")
    following = await goes_on(tester, result, held)
    if following.name != "PaymentDetailsReq" or not _shows(tester, contract):
        raise Failed(
            f"{following.name} without the delivered contract",
            cause=Cause.NO_REQUEST,
            expected="PaymentDetailsReq with the delivered contract",
        )
    problem = CHECKS["EV_AUTH_SIGNATURE"](tester, await tester.held(caught, "AuthorizationReq"))
    result.saw("AuthorizationReq signed with the delivered key", problem or "as expected")
    if problem:
        raise Failed(problem, cause=Cause.WRONG_FIELD, expected="PaymentDetailsReq with the delivered contract")
