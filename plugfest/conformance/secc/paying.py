"""What the tester vehicle pays and signs with, in either generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from plugfest.conformance.sut.certificates import Certificates
from v2g import signature
from v2g.credentials import Credential
from v2g.messages.iso20 import common

SIGNED = ("AuthorizationReq", "MeteringReceiptReq", "CertificateInstallationReq", "CertificateUpdateReq")


SET = "iso20-common"


@dataclass
class Paying:
    """The tester vehicle's side of contract payment.

    Attributes:
        bench: its certificates. contract, provisioning: presented and used to sign.
    """

    bench: Certificates
    contract: Credential
    provisioning: Credential

    def sign(self, message: Any) -> Any:
        """The Signature of a good-case request."""
        if type(message).__name__ not in SIGNED or not getattr(message, "Id", None):
            return None
        return signature.sign_message(message, self.key_of(type(message).__name__).key)

    def key_of(self, request: str) -> Credential:
        return self.provisioning if request == "CertificateInstallationReq" else self.contract


@dataclass
class Paying20:
    """The tester vehicle's side of contract payment.

    Attributes:
        bench: its certificates. contract, provisioning: presented and used to sign.
        grammar: the grammar for SignedInfo.
    """

    bench: Certificates
    contract: Credential
    provisioning: Credential
    grammar: signature.Grammar = "common"
    _last: tuple[Any, Any] = field(default=(None, None))

    def sign(self, message: Any) -> Any:
        """The Signature of a good-case request."""
        if not _signable(message):
            return None
        bare = msgspec.structs.replace(message, Header=None)
        if self._last[0] != bare:
            key = self.key_of(type(message).__name__).key
            self._last = bare, signature.sign_message(message, key, SET, self.grammar)
        return self._last[1]

    def key_of(self, request: str) -> Credential:
        return self.provisioning if request == "CertificateInstallationReq" else self.contract


def _signable(message: Any) -> bool:
    if isinstance(message, common.AuthorizationReq):
        return message.PnC_AReqAuthorizationMode is not None
    return isinstance(message, common.CertificateInstallationReq | common.MeteringConfirmationReq)
