"""Contract certificates from a remote service: the raw request goes there, the raw response comes back.

The format is that of OCPP 2.0.1 and 2.1 (Get15118EVCertificate), in JSON: ``iso15118SchemaVersion``, ``action`` and
``exiRequest`` in base64, answered with ``status`` and ``exiResponse``. The caller supplies the transport. The signature
in the response covers only its signed part, so the header is that of the session. A service that fails, or whose answer
is unusable, has no certificate for the vehicle.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from boundary.text import visible
from secc.contracts import Asking, Installation, Signed
from secc.visit import Refusal
from v2g import reading
from v2g.credentials import chain_of, common_name, plain_id, read
from v2g.errors import RemoteError
from v2g.messages import iso2
from v2g.messages.iso20 import common
from v2g.messages.xmldsig import SignatureType

Post = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sends a JSON object to the service and returns its answer; raises OSError on failure."""

R = TypeVar("R")

SCHEMAS = {"iso2": "urn:iso:15118:2:2013:MsgDef", "iso20-common": common.NAMESPACE}
"""iso15118SchemaVersion by schema set."""
NOTHING = {"iso2": "FAILED_NoCertificateAvailable", "iso20-common": "WARNING_NoCertificateAvailable"}
"""ResponseCode if the service has nothing usable."""

PAUSE = 1.0
"""Wait before a service that is still working (EVSEProcessing Ongoing) is asked again, s."""


@dataclass
class Remote:
    """A back end for both generations that uses a remote service.

    Attributes:
        post: sends a request to it.
    """

    post: Post

    async def install(self, visit: Asking, request: Any, done: Sequence[str] = ()) -> Any:
        """CertificateInstallation of either generation; see :class:`secc.contracts.Backend` and Backend20."""
        if isinstance(request, iso2.CertificateInstallationReq):
            return Signed(*await self._ask(visit, "iso2", "Install", iso2.CertificateInstallationRes))
        more: dict[str, Any] = {"maximumContractCertificateChains": request.MaximumContractCertificateChains}
        if request.PrioritizedEMAIDs is not None:
            more["prioritizedEMAIDs"] = list(request.PrioritizedEMAIDs.EMAID)
        kind = common.CertificateInstallationRes
        while True:
            res, signature = await self._ask(visit, "iso20-common", "Install", kind, **more)
            if res.EVSEProcessing == "Finished":
                break
            await asyncio.sleep(PAUSE)
        try:
            leaf = read(res.SignedInstallationData.ContractCertificateChain.Certificate)
        except RemoteError as why:
            raise Refusal(NOTHING["iso20-common"], f"the service sent {why}") from why
        return Installation(
            plain_id(common_name(leaf)),
            chain_of(res.CPSCertificateChain),
            res.SignedInstallationData,
            signature,
            res.RemainingContractCertificateChains,
        )

    async def update(self, visit: Asking, request: iso2.CertificateUpdateReq) -> Signed:
        """CertificateUpdate of ISO 15118-2."""
        return Signed(*await self._ask(visit, "iso2", "Update", iso2.CertificateUpdateRes))

    async def _ask(
        self, visit: Asking, schema_set: str, action: str, kind: type[R], **more: Any
    ) -> tuple[R, SignatureType]:
        """The response of the service to the request being answered.

        Raises:
            OSError: the service cannot be reached.
            Refusal: it has nothing, or nothing usable.
        """
        received, nothing = visit.session.last_received, NOTHING[schema_set]
        assert received is not None
        told = await self.post(
            {
                "iso15118SchemaVersion": SCHEMAS[schema_set],
                "action": action,
                "exiRequest": base64.b64encode(received.data).decode(),
                **more,
            }
        )
        status = told.get("status")
        if status != "Accepted":
            why = told.get("statusInfo")
            reason = str(why.get("reasonCode", "")) if isinstance(why, Mapping) else ""
            raise Refusal(nothing, f"the service answered {visible(str(status))} {visible(reason)}".rstrip())
        try:
            data = base64.b64decode(str(told.get("exiResponse", "")), validate=True)
        except (binascii.Error, ValueError) as problem:
            raise Refusal(nothing, f"exiResponse of the service is not base64: {problem}") from problem
        found = reading.read(schema_set, data)
        if not isinstance(found.body, kind):
            text = found.problem or found.name
            raise Refusal(nothing, f"exiResponse of the service is not a {kind.__name__}: {text}")
        code = str(getattr(found.body, "ResponseCode", ""))
        if not code.startswith("OK"):
            raise Refusal(code, "the service refuses the request")
        if getattr(found.body, "EVSEProcessing", "Finished") == "Finished" and found.signature is None:
            raise Refusal(nothing, "exiResponse of the service is not signed")
        visit.session.tell("state", "installation", f"the service answered with {len(data)} bytes")
        return found.body, found.signature or _UNSIGNED


_UNSIGNED: Any = None
"""Replaces the signature while the service is still working."""
