"""Single certificates: reads them from files and checks one against another."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from pki import framing, loading
from pki.loading import issued as issued


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as issuer and is signed with its own key."""
    if certificate.issuer != certificate.subject:
        return False
    return issued(certificate, certificate)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether its basicConstraints say that it is an authority."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def common_name(certificate: x509.Certificate) -> str:
    """CN of the subject, or ""."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM or DER file, in order; DER may hold several, one after the other.

    Raises:
        PkiError: it cannot be read, holds none, or one that cannot be used.
    """
    return loading.certificates(framing.read(path), str(path))
