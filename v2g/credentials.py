"""Certificate chains as messages carry them, with the private key if we have it. Knows no role.

A chain is the leaf and up to two sub-CAs, the leaf's issuer first, without the root [V2G2-656].
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from v2g.errors import RemoteError
from v2g.messages import iso2, xmldsig
from v2g.messages.iso20 import common

if TYPE_CHECKING:
    from cryptography import x509

    from v2g.suites import PrivateKey


BROKEN = "FAILED_CertChainError"
"""ResponseCode for data that is not a certificate."""


@dataclass(frozen=True)
class Credential:
    """A certificate chain in DER, leaf first, and the leaf's private key."""

    chain: tuple[bytes, ...]
    key: PrivateKey = field(repr=False)

    @property
    def leaf(self) -> bytes:
        return self.chain[0]

    @cached_property
    def certificate(self) -> x509.Certificate:
        return read(self.leaf)

    @property
    def name(self) -> str:
        """Common name: eMAID or PCID."""
        return common_name(self.certificate)

    @property
    def emaid(self) -> str:
        """The common name in the form in which messages carry an eMAID."""
        return plain_id(self.name)

    @property
    def expires(self) -> datetime.datetime:
        return self.certificate.not_valid_after_utc


def read(der: bytes) -> x509.Certificate:
    """Reads a certificate from a message, including every part that is used later.

    Raises:
        RemoteError: it cannot be read.
    """
    from pki import loading

    try:
        return loading.certificate(der)
    except loading.Unreadable as why:
        raise RemoteError(f"a certificate of {len(der)} bytes that cannot be used: {why.defect}", BROKEN) from why


def common_name(certificate: x509.Certificate) -> str:
    """CN of the subject, or ""."""
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def plain_id(text: str) -> str:
    """An eMAID in the form used for comparison: upper case, without hyphens."""
    return text.upper().replace("-", "")


def provider_of(emaid: str) -> str:
    """ProviderID of an eMAID as ISO 15118-20 lists it: country and provider."""
    return plain_id(emaid)[:5]


def suite_of(certificate: x509.Certificate) -> str:
    """The certificate profiles of ISO 15118-20 that a key belongs to; those of -2 for P-256; "" for any other key."""
    from pki.keys import Kind, kind

    suites = {Kind.P521: "iso20", Kind.ED448: "iso20-ed448", Kind.P256: "iso2"}
    found = kind(certificate.public_key())
    return suites.get(found, "") if found is not None else ""


Chain = (
    iso2.CertificateChainType
    | common.CertificateChainType
    | common.ContractCertificateChainType
    | common.SignedCertificateChainType
)
"""A chain in a message of ISO 15118-2 or -20."""


def chain_of(chain: Chain) -> tuple[bytes, ...]:
    """The certificates of a message's chain, leaf first."""
    return (chain.Certificate, *(chain.SubCertificates.Certificate if chain.SubCertificates else ()))


def chain_type(chain: Sequence[bytes], id_: str | None = None) -> iso2.CertificateChainType:
    """A chain as a message carries it."""
    subs = iso2.SubCertificatesType(Certificate=list(chain[1:])) if len(chain) > 1 else None
    return iso2.CertificateChainType(Id=id_, Certificate=chain[0], SubCertificates=subs)


def sub_certificates(chain: Sequence[bytes]) -> common.SubCertificatesType | None:
    """The sub-CAs of a chain as a message of ISO 15118-20 carries them; None if there are none."""
    return common.SubCertificatesType(Certificate=list(chain[1:])) if len(chain) > 1 else None


def root_ids(roots: Iterable[bytes]) -> iso2.ListOfRootCertificateIDsType:
    """ListOfRootCertificateIDs: issuer and serial number of up to 20 roots."""
    return iso2.ListOfRootCertificateIDsType(RootCertificateID=issuers_and_serials(roots))


def issuers_and_serials(roots: Iterable[bytes]) -> list[xmldsig.X509IssuerSerialType]:
    """The content of a ListOfRootCertificateIDs of ISO 15118-2 or -20."""
    found = [read(der) for der in roots][:20]
    return [
        xmldsig.X509IssuerSerialType(X509IssuerName=c.issuer.rfc4514_string(), X509SerialNumber=c.serial_number)
        for c in found
    ]
