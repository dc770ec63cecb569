"""Single certificates: read from files, and what one says about another."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from pki.errors import PkiError


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as issuer and is signed with its own key."""
    if certificate.issuer != certificate.subject:
        return False
    return issued(certificate, certificate)


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the names fit and the signature over ``certificate`` was made with the issuer's key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm: all mean no
        return False
    return True


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether its basicConstraints say that it is an authority."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def common_name(certificate: x509.Certificate) -> str:
    """CN of the subject, or ""."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM or DER file, in order; DER may hold several, one behind the other.

    Raises:
        PkiError: it cannot be read or holds none.
    """
    try:
        return parse_certificates(path.read_bytes(), str(path))
    except OSError as why:
        raise PkiError(f"{path}: {why.strerror}") from why


def parse_certificates(data: bytes, where: str) -> list[x509.Certificate]:
    """As :func:`read_certificates`, from octets.

    Args:
        where: their source, for the error.
    """
    found: list[x509.Certificate] = []
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        while data:
            size = _der_size(data)
            found.append(x509.load_der_x509_certificate(data[:size]))
            data = data[size:]
    except (ValueError, IndexError) as why:
        raise PkiError(f"{where} holds no certificate in PEM or DER") from why
    if not found:
        raise PkiError(f"{where} is empty")
    return found


def _der_size(data: bytes) -> int:
    """Octets of the first DER value."""
    if data[1] < 0x80:
        return 2 + data[1]
    count = data[1] & 0x7F
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")
