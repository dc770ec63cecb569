"""Contract certificate installation at the charger, ISO 15118-20: one contract per response, Ongoing meanwhile.

Like :mod:`secc.provisioning`, with these differences: the vehicle may send its sub-CAs, asks again while the answer is
Ongoing and for each further contract, and a refusal is a warning, after which it may do something else; only an invalid
signature ends the session. A back end works in its own task, which ends with the visit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from pki.errors import PkiError
from secc import contract, provisioning
from secc.charger import KEPT
from secc.contracts import Asking, Backend20, Installation
from secc.iso20_contract import CODES, SET, profiles
from secc.minimal import minimal
from secc.visit import AnswerTable, Refusal, Visit
from v2g import signature, signed_parts
from v2g.credentials import Credential, chain_of, common_name, plain_id, provider_of, sub_certificates
from v2g.errors import LocalError
from v2g.messages import schema
from v2g.messages.iso20 import common

if TYPE_CHECKING:
    from cryptography import x509

    from pki.delivery20 import Scheme
    from v2g.signature import Grammar

ANSWERS = AnswerTable()

PATIENCE = 1.0
"""Time for which an answer waits for the back end before it is Ongoing, s; the vehicle waits 5 s."""

OUT_OF_REACH = "WARNING_NoCertificateAvailable"
"""ResponseCode when the back end cannot be reached, does not answer in time, or has nothing for the vehicle."""


@ANSWERS.on(common.CertificateInstallationReq)
async def install(visit: Visit, request: common.CertificateInstallationReq) -> common.CertificateInstallationRes:
    """The next contract, Ongoing, or a warning."""
    backend = visit.contracts.backend20 if visit.contracts is not None else None
    if backend is None:
        raise Refusal("FAILED_SequenceError", "this charger installs no certificates, as it announced")
    try:
        found = await _answer(visit, backend, request)
        if found is not None:
            response = _response(found)
            provisioning.check_facets(visit, response, SET, OUT_OF_REACH)
    except Refusal as why:
        if not why.response_code.startswith("WARNING"):
            raise
        visit.session.tell("error", "installation", f"{why.response_code}: {why}")
        return _empty(ResponseCode=why.response_code)
    if found is None:
        return _empty(ResponseCode="OK", EVSEProcessing="Ongoing")
    visit.installing.done.append(found.emaid)
    visit.installing.complete = not found.remaining
    visit.signature = found.signature
    visit.session.tell("state", "installation", f"contract {found.emaid}, {found.remaining} more")
    return response


def _response(found: Installation) -> common.CertificateInstallationRes:
    return common.CertificateInstallationRes(
        ResponseCode="OK",
        EVSEProcessing="Finished",
        CPSCertificateChain=common.CertificateChainType(
            Certificate=found.provider[0], SubCertificates=sub_certificates(found.provider)
        ),
        SignedInstallationData=found.data,
        RemainingContractCertificateChains=min(found.remaining, 255),
    )


def _empty(**fields: Any) -> common.CertificateInstallationRes:
    """A response with placeholders in its other fields: the schema requires them all."""
    return minimal(schema(SET), common.CertificateInstallationRes, **{"EVSEProcessing": "Finished", **fields})


async def _answer(visit: Visit, backend: Backend20, request: common.CertificateInstallationReq) -> Installation | None:
    """The back end's answer; None while it is still working."""
    state = visit.installing
    if state.task is not None and state.request != _bare(request):
        state.stop()  # a different request
    if state.task is None:
        visit.over("installation")
        if state.complete:
            state.done, state.complete = [], False
        if len(state.done) >= request.MaximumContractCertificateChains:
            raise Refusal(
                OUT_OF_REACH, f"the vehicle has room for {request.MaximumContractCertificateChains} contracts"
            )
        state.request = _bare(request)
        state.task = asyncio.ensure_future(backend.install(visit, request, tuple(state.done)))
    limit = visit.session.timing.V2G_SECC_Ongoing_Performance_Time
    task: asyncio.Future[Installation] = state.task
    lasted = visit.since("installation")
    await asyncio.wait({task}, timeout=PATIENCE)
    if not task.done():
        if lasted + PATIENCE < limit:
            return None
        state.stop()
        raise Refusal(OUT_OF_REACH, f"no answer from the back end within {limit:g} s")
    state.task = None
    try:
        return task.result()
    except OSError as why:
        raise Refusal(OUT_OF_REACH, f"the back end cannot be reached: {why}") from why
    except LocalError as why:  # our own back end, with an unsuitable key
        raise Refusal(OUT_OF_REACH, str(why)) from why


def _bare(request: Any) -> Any:
    """A request without its header, whose time differs."""
    return msgspec.structs.replace(request, Header=None)


def _core(emaid: str) -> str:
    """An eMAID without its check character, which is optional."""
    return plain_id(emaid)[:14]


# ---------------------------------------------------------------------------------------------------------------
# A back end with its own PKI


@dataclass
class LocalBackend:
    """Provisioning service and mobility operator in one, for a bench.

    Attributes:
        provider: credential of the provisioning service (CPS), which signs.
        oem_authorities: manufacturers' roots and sub-CAs, in DER; a vehicle may leave out its sub-CAs.
        issue: makes a new contract for an eMAID.
        contracts: eMAIDs by PCID, in the order of delivery.
        any_vehicle: eMAIDs for vehicles that :attr:`contracts` does not name; empty: none.
        providers: ProviderIDs whose contracts it issues; empty: all.
        verdicts: ResponseCode by eMAID for contracts that are not delivered, e.g. ``WARNING_NoCertificateAvailable``.
        scheme: how the contract's key is sealed; None: the usual one.
        grammar: grammar of SignedInfo; None: the usual one.
        delay: time taken for each contract, s.
        issued: contracts handed out.
    """

    provider: Credential
    oem_authorities: Sequence[bytes]
    issue: Callable[[str], Credential]
    contracts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    any_vehicle: Sequence[str] = ()
    providers: Sequence[str] = ()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    scheme: Scheme | None = None
    grammar: Grammar | None = None
    delay: float = 0.0
    issued: list[str] = field(default_factory=list)

    async def install(
        self, visit: Asking, request: common.CertificateInstallationReq, done: Sequence[str]
    ) -> Installation:
        """Checks in order: chain, lifetime, revocation, signature, contract, provider."""
        from pki.profiles import Role

        given = chain_of(request.OEMProvisioningCertificateChain)
        suite = profiles(visit, given)
        chain, roots = provisioning.completed(given, self.oem_authorities)
        revoked = visit.contracts.revoked if visit.contracts is not None else None
        leaf = contract.check_chain(visit, chain, roots, Role.OEM_PROVISIONING, revoked, suite=suite, codes=CODES)
        made = contract.check_signature(visit, request, leaf.public_key(), SET)
        pcid = plain_id(common_name(leaf))
        if not done:
            visit.session.tell("state", "signature", f"CertificateInstallationReq by vehicle {pcid}: {made}")
        wanted = self._wanted(pcid, request.PrioritizedEMAIDs)
        had = {_core(emaid) for emaid in done}
        left = [emaid for emaid in wanted if _core(emaid) not in had]
        if not left:
            raise Refusal("WARNING_NoContractMatchingPCIDFound", f"no contract for the vehicle {pcid}")
        emaid = left[0]
        if self.providers and provider_of(emaid) not in map(provider_of, self.providers):
            raise Refusal("WARNING_eMSPUnknown", f"provider {provider_of(emaid)} of contract {emaid} is unknown")
        if (verdict := self.verdicts.get(emaid)) is not None:
            raise Refusal(verdict, f"contract {emaid} is not delivered")
        await asyncio.sleep(self.delay)
        return self._deliver(emaid, leaf, len(left) - 1)

    def _wanted(self, pcid: str, first: common.EMAIDListType | None) -> list[str]:
        """The vehicle's contracts, beginning with those that it wants first."""
        known = [plain_id(emaid) for emaid in self.contracts.get(pcid, self.any_vehicle)]
        wanted = [_core(emaid) for emaid in first.EMAID] if first is not None else []
        places = {emaid: place for place, emaid in enumerate(wanted)}
        return sorted(known, key=lambda emaid: places.get(_core(emaid), len(places)))

    def _deliver(self, emaid: str, receiver: x509.Certificate, remaining: int) -> Installation:
        from pki import delivery20

        scheme = self.scheme or delivery20.LIKE_ISO2
        try:
            new = self.issue(emaid)
        except PkiError as why:
            raise Refusal(OUT_OF_REACH, str(why)) from why
        try:
            sealed = delivery20.seal(new.key, new.certificate, receiver, scheme=scheme)
        except PkiError as why:
            raise Refusal(CODES.broken, str(why)) from why
        subs = sub_certificates(new.chain)
        if subs is None:
            raise Refusal(OUT_OF_REACH, f"contract {emaid} comes without its sub-CAs")
        field_ = "X448_EncryptedPrivateKey" if sealed.curve == "X448" else "SECP521_EncryptedPrivateKey"
        data = common.SignedInstallationDataType(
            Id="id1",
            ContractCertificateChain=common.ContractCertificateChainType(Certificate=new.leaf, SubCertificates=subs),
            ECDHCurve=sealed.curve,
            DHPublicKey=delivery20.dh_public_key(sealed, scheme),
            **{field_: sealed.encrypted_private_key},
        )
        part = signed_parts.Part("SignedInstallationData", data)
        signed = signature.sign(schema(SET), [part], self.provider.key, self.grammar)
        self.issued.append(emaid)
        del self.issued[:-KEPT]
        return Installation(emaid, self.provider.chain, data, signed, remaining)


@dataclass
class BySuite:
    """Several back ends: a vehicle gets contracts with the kind of key that its provisioning certificate has.

    Attributes:
        backends: by table of profiles; the first one is for any other kind of key.
    """

    backends: Mapping[str, LocalBackend]

    async def install(
        self, visit: Asking, request: common.CertificateInstallationReq, done: Sequence[str]
    ) -> Installation:
        """See :class:`Backend`."""
        suite = profiles(visit, chain_of(request.OEMProvisioningCertificateChain))
        backend = self.backends.get(suite, next(iter(self.backends.values())))
        return await backend.install(visit, request, done)
