"""Certificate installation of ISO 15118-20: a delivered contract is used only if everything about it is valid.

What a vehicle stores cannot be seen from outside; the contracts it pays with next reveal it.
"""

from __future__ import annotations

import copy
from typing import Any

from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.contract import SIGNERS
from plugfest.conformance.evcc.scripts.steps import charging, goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.sut.certificates import credential
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from plugfest.conformance.wire import Arrival
from secc.authorizer import Delayed
from secc.iso20_provisioning import LocalBackend
from v2g import signature
from v2g.credentials import Credential
from v2g.messages.xmldsig import SignatureType
from v2g.reading import without_header

SET = "iso20-common"


TAKES = 3.0
"""s for which a contract is being checked."""
UNUSABLE = {
    "expired contract": "CRT_CONTRACT_LEAF_EXPIRED",
    "contract that is not valid yet": "CRT_CONTRACT_LEAF_NOT_YET",
    "contract of an expired sub-CA": "CRT_CONTRACT_LEAF_EXPIRED_ISSUER_SUB2",
}
"""Contracts that no charger takes -> the certificate, signed and sealed as a good one is."""


@SCRIPTS.on("PF_EVCC_ISO20_Authorization_Working")
async def working(tester: TesterEvse, run: Run, result: Result) -> None:
    """Authorization is Ongoing for some seconds: the same request again, with its signature, and then charging."""
    tester.evse.authorizer = Delayed(TAKES)
    await charging(tester, 2)
    asked = [one for one in tester.requests if one.name == "AuthorizationReq"]
    unsigned = sum(one.signature is None for one in asked)
    result.saw("each AuthorizationReq is signed", f"{unsigned} of {len(asked)} are not")
    if unsigned:
        raise Failed(
            f"{unsigned} of {len(asked)} AuthorizationReq came without a signature", cause=Cause.WRONG_FIELD,
            expected="the same request, with its signature", observed=f"{unsigned} without",
        )  # fmt: skip


@SCRIPTS.on(
    "PF_EVCC_ISO20_Installation_Delivered", "PF_EVCC_ISO20_Installation_Spoiled", "PF_EVCC_ISO20_Installation_Unusable"
)
async def installation(tester: TesterEvse, run: Run, result: Result) -> None:
    """A valid or invalid contract is delivered; the vehicle pays with it only if it is valid."""
    what, backend, bench = str(run.variant["res"]), _backend(tester), tester.certificates
    if what in UNUSABLE:
        unusable = bench.contract(UNUSABLE[what])
        backend.issue = lambda emaid: unusable
    made = _noting(tester)
    if what in SIGNERS:
        backend.provider = credential(SIGNERS[what](bench))
    if what == "two contracts":
        backend.any_vehicle = [*backend.any_vehicle, "DEXYZC00000002"]
    held = await hold(tester, "CertificateInstallationReq")
    response = await tester.good(held)
    if getattr(response, "ResponseCode", "") != "OK":
        raise Inconclusive(
            f"no contract for this request: {tester.answers.refused[-1] if tester.answers.refused else 'refused'}",
            cause=Cause.NO_CERTIFICATES,
        )
    key = backend.provider.key
    signed: SignatureType | None = signature.sign_message(response, key, SET, tester.pics.grammar)
    match what:
        case "valid":
            pass
        case "two contracts":
            await _asks_again(tester, result, held, response, signed)
            return
        case _ if what in UNUSABLE or what in SIGNERS:
            pass
        case "signature by another key":
            signed = signature.sign_message(response, bench.other[Role.CPS].key, SET, tester.pics.grammar)
        case "no signature":
            signed = None
        case "encrypted key spoiled":
            response = _spoiled(response, "SECP521_EncryptedPrivateKey")
            signed = signature.sign_message(response, key, SET, tester.pics.grammar)
        case "another contract under the old signature":
            response = copy.deepcopy(response)
            response.SignedInstallationData.ContractCertificateChain.Certificate = bench.contract().leaf
        case _:
            raise NotExecutable(f"contract {what!r}")
    await tester.reply(response, signature=signed)
    shown = await _shown(tester, held)
    used = made[-1].leaf in shown
    result.saw(f"{what}: {'used' if what == 'valid' else 'not used'}", "used" if used else "not used")
    if used is not (what == "valid"):
        text = f"{what}: the vehicle {'pays' if used else 'does not pay'} with the contract"
        bad = Cause.ACCEPTED if what in UNUSABLE else Cause.CONTRACT_ACCEPTED  # no charger takes an unusable one
        cause = bad if used else Cause.REFUSED
        raise Failed(
            text, cause=cause, expected="not used" if used else "used", observed="used" if used else "not used"
        )


def _backend(tester: TesterEvse) -> LocalBackend:
    found = tester.answers.contracts.backend20 if tester.answers.contracts is not None else None
    if not isinstance(found, LocalBackend):
        raise Inconclusive("the tester issues no contracts in this session", cause=Cause.NO_CERTIFICATES)
    return found


def _noting(tester: TesterEvse) -> list[Credential]:
    """The contracts that the tester makes from now on."""
    backend, made = _backend(tester), []
    issue = backend.issue

    def noting(emaid: str) -> Credential:
        made.append(issue(emaid))
        return made[-1]

    backend.issue = noting
    return made


def _spoiled(response: Any, name: str) -> Any:
    """The response with the last octet of a sealed key changed."""
    made = copy.deepcopy(response)
    data = getattr(made.SignedInstallationData, name)
    if data is None:
        raise NotExecutable(f"the key is not sealed as {name}")
    setattr(made.SignedInstallationData, name, data[:-1] + bytes((data[-1] ^ 1,)))
    return made


async def _shown(tester: TesterEvse, held: Arrival) -> list[bytes]:
    """Contracts that the vehicle then authorizes itself with, until it is authorized or ends the session."""
    await tester.wait_for(
        lambda: tester.over or any(one.name == "ServiceDiscoveryReq" for one in tester.after(held)), 90.0
    )
    blocks = [getattr(one.message, "PnC_AReqAuthorizationMode", None) for one in tester.after(held)]
    return [block.ContractCertificateChain.Certificate for block in blocks if block is not None]


async def _asks_again(tester: TesterEvse, result: Result, held: Arrival, response: Any, signed: Any) -> None:
    """RemainingContractCertificateChains above 0: the vehicle may ask for the next contract, with the same request."""
    if not response.RemainingContractCertificateChains:
        raise Inconclusive("the tester has only one contract", cause=Cause.NO_CERTIFICATES)
    await tester.reply(response, signature=signed)
    following = await goes_on(tester, result, held)
    if following.name == "CertificateInstallationReq":
        before, after = (without_header(one.message) for one in (held, following))
        result.saw("the request is repeated unchanged", "as expected" if before == after else "changed")
        if before != after:
            raise Failed(
                "CertificateInstallationReq has changed",
                expected="the same request",
                observed="another",
                cause=Cause.WRONG_FIELD,
            )
    elif following.name != "AuthorizationReq":
        raise Failed(
            f"{following.name} after a contract",
            expected="CertificateInstallationReq or AuthorizationReq",
            cause=Cause.WRONG_MESSAGE,
        )
