"""Certificate installation and update at the charger: the request goes to a back end, its answer to the vehicle.

A back end checks the request, finds or makes the contract, seals its key for the vehicle and has the provisioning
service sign. :class:`LocalBackend` does so with its own PKI. A back end that is a server gets the request's EXI from
``visit.session.last_received.data``. A refusal ends the session, unless the charger has the option to continue
[V2G2-557, 558].
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import exi
from pki.errors import PkiError
from secc import contract
from secc.charger import KEPT
from secc.contracts import Asking, Backend, Signed
from secc.services import CERTIFICATE_SERVICE
from secc.visit import Refusal, Visit
from v2g import signature, signed_parts
from v2g.credentials import BROKEN, Credential, chain_of, chain_type, common_name, plain_id, read
from v2g.errors import LocalError, RemoteError
from v2g.messages import iso2, schema

INSTALLATION, UPDATE = 1, 2
"""ParameterSetIDs of the certificate service."""

OUT_OF_REACH = "FAILED"
"""ResponseCode when the back end cannot be reached, or does not answer in time."""


def check_facets(visit: Visit, response: Any, schema_set: str, code: str) -> None:
    """What a service has signed is sent as it is, even if a value breaks the schema; a strict charger refuses it.

    Raises:
        Refusal: the charger is strict; with this code.
    """
    chain = "CPSCertificateChain" if hasattr(response, "CPSCertificateChain") else "SAProvisioningCertificateChain"
    parts = [signed_parts.Part(chain, getattr(response, chain)), *signed_parts.parts(response)]
    for part in parts:
        for why in exi.validate(schema(schema_set), part.element, root=part.name, fragment=True):
            if not visit.session.tolerant:
                raise Refusal(code, f"the service's response breaks the schema: {why}", survivable=True)
            visit.session.tell("state", "installation", f"sent as it is, although it breaks the schema: {why}")
            visit.session.as_given.add(type(response))


async def install(visit: Visit, request: iso2.CertificateInstallationReq) -> iso2.CertificateInstallationRes:
    backend = _backend(visit, INSTALLATION)
    response: iso2.CertificateInstallationRes = await _exchange(visit, request, backend.install(visit, request))
    return response


async def update(visit: Visit, request: iso2.CertificateUpdateReq) -> iso2.CertificateUpdateRes:
    backend = _backend(visit, UPDATE)
    response: iso2.CertificateUpdateRes = await _exchange(visit, request, backend.update(visit, request))
    return response


def _backend(visit: Visit, parameter_set: int) -> Backend:
    """The back end, if the service was offered and selected.

    Raises:
        Refusal: FAILED.
    """
    backend = visit.contracts.backend if visit.contracts is not None else None
    if backend is None:
        raise Refusal("FAILED", "this charger installs no certificates", survivable=True)
    if visit.selected.get(CERTIFICATE_SERVICE) != parameter_set:
        text = f"parameter set {parameter_set} of the certificate service was not selected"
        if not visit.session.tolerant:
            raise Refusal("FAILED", text, survivable=True)
        visit.session.tolerate("certificate-service-not-selected", text)
    return backend


async def _exchange(visit: Visit, request: Any, answer: Any) -> Any:
    limit = visit.session.timing.performance_time(type(request).__name__)
    try:
        async with asyncio.timeout(limit):
            signed = await answer
    except TimeoutError:
        raise Refusal(OUT_OF_REACH, f"no answer from the back end within {limit:g} s", survivable=True) from None
    except OSError as why:
        raise Refusal(OUT_OF_REACH, f"the back end cannot be reached: {why}", survivable=True) from why
    except RemoteError as why:
        fields = why.fields if isinstance(why, Refusal) else {}
        raise Refusal(why.response_code, str(why), survivable=True, **fields) from why
    except LocalError as why:  # our own back end, with an unsuitable key
        raise Refusal("FAILED", str(why), survivable=True) from why
    visit.signature = signed.signature
    check_facets(visit, signed.response, "iso2", OUT_OF_REACH)
    return signed.response


def completed(chain: Sequence[bytes], authorities: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """A vehicle's chain, completed with known sub-CAs that it left out, and the roots among the authorities."""
    from pki.store import issued, self_signed

    known = {der: read(der) for der in authorities}
    roots = [der for der, certificate in known.items() if self_signed(certificate)]
    found = list(chain)
    while len(found) <= len(known):
        below = read(found[-1])
        above = next((der for der, certificate in known.items() if issued(certificate, below)), None)
        if above is None or above in roots or above in found:
            break
        found.append(above)
    return found, roots


# ---------------------------------------------------------------------------------------------------------------
# A back end with its own PKI


@dataclass
class LocalBackend:
    """Provisioning service and mobility operator in one, for a bench.

    Attributes:
        provider: credential of the provisioning service (CPS), which signs.
        oem_authorities: manufacturers' roots and sub-CAs, in DER: the vehicle sends no sub-CAs.
        mo_roots: roots trusted for contracts to be updated, in DER.
        issue: makes a new contract for an eMAID.
        contracts: eMAID by PCID.
        any_vehicle: eMAID for vehicles that :attr:`contracts` does not name; "": none.
        verdicts: ResponseCode by eMAID for contracts that are not renewed, e.g. ``FAILED_ContractCanceled``.
        retry_counter: RetryCounter of a refused update: 0 retry next time, -1 do not retry, n after n days [V2G2-696].
        delay: time taken for an answer, s.
        issued: contracts handed out.
    """

    provider: Credential
    oem_authorities: Sequence[bytes]
    mo_roots: Sequence[bytes]
    issue: Callable[[str], Credential]
    contracts: Mapping[str, str] = field(default_factory=dict)
    any_vehicle: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    retry_counter: int = 0
    delay: float = 0.0
    issued: list[str] = field(default_factory=list)

    async def install(self, visit: Asking, request: iso2.CertificateInstallationReq) -> Signed:
        """Checks in order: signature, chain, lifetime, contract."""
        await asyncio.sleep(self.delay)
        contract.check_signature(visit, request, request.OEMProvisioningCert)
        leaf = self._check_provisioning(visit, request.OEMProvisioningCert)
        pcid = plain_id(common_name(leaf))
        emaid = self.contracts.get(pcid, self.any_vehicle)
        if not emaid:
            raise Refusal("FAILED_NoCertificateAvailable", f"no contract for the vehicle {pcid}")
        return self._deliver(iso2.CertificateInstallationRes, emaid, leaf.public_key())

    async def update(self, visit: Asking, request: iso2.CertificateUpdateReq) -> Signed:
        """Checks in order: signature, chain, lifetime, eMAID, contract."""
        from pki.profiles import Role

        await asyncio.sleep(self.delay)
        chain = chain_of(request.ContractSignatureCertChain)
        contract.check_signature(visit, request, chain[0])
        leaf = contract.check_chain(visit, chain, self.mo_roots, Role.CONTRACT, _revoked(visit))
        emaid = plain_id(request.eMAID)
        if emaid != plain_id(common_name(leaf)):
            text = f"eMAID {request.eMAID}, but the certificate is for {common_name(leaf)}"
            raise Refusal("FAILED_NoCertificateAvailable", text)
        if (verdict := self.verdicts.get(emaid)) is not None:
            raise Refusal(verdict, f"contract {emaid} is not renewed", RetryCounter=self.retry_counter)
        return self._deliver(iso2.CertificateUpdateRes, emaid, leaf.public_key(), RetryCounter=0)

    def _check_provisioning(self, visit: Asking, leaf: bytes) -> Any:
        """Checks a provisioning certificate against its profile, in the chain completed by the known authorities.

        Returns:
            The certificate.

        Raises:
            Refusal: as :func:`secc.contract.check_chain`.
        """
        from pki.profiles import Role

        chain, roots = completed([leaf], self.oem_authorities)
        return contract.check_chain(visit, chain, roots, Role.OEM_PROVISIONING, _revoked(visit))

    def _deliver(self, kind: type[Any], emaid: str, receiver: Any, **more: Any) -> Signed:
        """The response with a new contract, sealed for the receiver's key and signed by the provisioning service."""
        from pki import delivery

        try:
            new = self.issue(emaid)
        except PkiError as why:
            raise Refusal("FAILED_NoCertificateAvailable", str(why)) from why
        try:
            sealed = delivery.seal(new.key, receiver)
        except PkiError as why:
            raise Refusal(BROKEN, str(why)) from why
        self.issued.append(emaid)
        del self.issued[:-KEPT]
        response = kind(
            ResponseCode="OK",
            SAProvisioningCertificateChain=chain_type(self.provider.chain),
            ContractSignatureCertChain=chain_type(new.chain, "id1"),
            ContractSignatureEncryptedPrivateKey=iso2.ContractSignatureEncryptedPrivateKeyType(
                Id="id2", value=sealed.encrypted_private_key
            ),
            DHpublickey=iso2.DiffieHellmanPublickeyType(Id="id3", value=sealed.public_key),
            eMAID=iso2.EMAIDType(Id="id4", value=new.emaid),
            **more,
        )
        return Signed(response, signature.sign_message(response, self.provider.key))


def _revoked(visit: Asking) -> Any:
    return visit.contracts.revoked if visit.contracts is not None else None
