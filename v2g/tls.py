"""TLS as ISO 15118-2 wants it: version 1.2, ECDHE-ECDSA with AES-128-CBC and SHA-256, P-256, server certificate only.

The charger's certificate is given as files, or made on the fly for benches that only want encryption. The rules of Plug
& Charge (certificate profiles, OCSP stapling, trusted_ca_keys) come with the PKI tool.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from v2g.errors import SetupError

CIPHERS = "ECDHE-ECDSA-AES128-SHA256"
"""0xC023. The other suite of the standard, static ECDH (0xC025), no longer exists in OpenSSL."""


def reason(why: BaseException) -> str:
    """A handshake failure in words."""
    text = str(getattr(why, "verify_message", "")) or str(getattr(why, "reason", "")) or str(why)
    hints = {
        "NO_SHARED_CIPHER": "no common cipher suite (ours: ECDHE-ECDSA-AES128-SHA256)",
        "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer accepts none of our cipher suites or curves",
        "UNSUPPORTED_PROTOCOL": "the peer does not speak TLS 1.2",
        "WRONG_VERSION_NUMBER": "the peer does not speak TLS on this port",
        "TLSV1_ALERT_UNKNOWN_CA": "the peer does not trust the root of our certificate",
        "certificate signature failure": "a trusted root has the name of the certificate's issuer, but another key",
        "unable to get local issuer certificate": "the root of the charger's certificate is not among the trusted ones",
    }
    return f"{hints[text]} [{text}]" if text in hints else text


def _context(protocol: int, key_log: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    if key_log is not None:
        context.keylog_filename = str(key_log)
    return context


def server(chain: Path, key: Path, *, password: str | None = None, key_log: Path | None = None) -> ssl.SSLContext:
    """The charger's side.

    Args:
        chain: PEM file, leaf first, then the sub-CAs.
        key: PEM file of the leaf's private key.
        password: of the key.
        key_log: file to which the session secrets are appended, for Wireshark.

    Raises:
        SetupError: a file cannot be read, or key and certificate do not fit.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, key_log)
    context.set_ecdh_curve("prime256v1")
    for path in (chain, key):
        if not path.is_file():
            raise SetupError(f"{path} does not exist")
    try:
        context.load_cert_chain(chain, key, password or "")
    except (ssl.SSLError, OSError) as why:
        raise SetupError(f"{chain} with {key}: {reason(why)}; wrong password, or key of another certificate?") from why
    return context


def client(roots: Path | None, *, key_log: Path | None = None) -> ssl.SSLContext:
    """The vehicle's side.

    Args:
        roots: PEM file of trusted V2G roots; None: accept any certificate (nothing is authenticated).

    Raises:
        SetupError: the file cannot be read or holds no certificate.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, key_log)
    context.check_hostname = False  # V2G has no host names: the leaf's DC=CPO counts [V2G2-925]
    if roots is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    if not roots.is_file():
        raise SetupError(f"{roots} does not exist")
    try:
        context.load_verify_locations(roots)
    except (ssl.SSLError, OSError) as why:
        raise SetupError(f"{roots}: {reason(why)}; a PEM file of certificates is needed") from why
    return context


def make_certificate(directory: Path, now: datetime.datetime) -> tuple[Path, Path, Path]:
    """A V2G root and a charger's leaf for the bench, valid one month: (chain, key, root) files in ``directory``.

    The keys are P-256; the key file is readable by its owner only.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(common: str, domain: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, common),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "plugfest bench"),
                x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain),
            ]
        )

    def certificate(
        subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool
    ) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(
            digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, key_agreement=not ca, content_commitment=False,
            key_encipherment=False, data_encipherment=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca, 2 if ca else None), critical=True)
            .add_extension(usage, critical=True)
        )

    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, leaf_name = name("plugfest V2G root", "V2G"), name("SECC", "CPO")
    root = certificate(root_name, root_name, root_key.public_key(), ca=True).sign(root_key, hashes.SHA256())
    leaf = certificate(leaf_name, root_name, leaf_key.public_key(), ca=False).sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    files = directory / "chain.pem", directory / "key.pem", directory / "root.pem"
    files[0].write_bytes(leaf.public_bytes(pem))
    files[2].write_bytes(root.public_bytes(pem))
    secret = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(files[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    return files


@contextlib.contextmanager
def bench_certificate(now: datetime.datetime) -> Iterator[tuple[Path, Path, Path]]:
    """As :func:`make_certificate`, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="plugfest-") as directory:
        yield make_certificate(Path(directory), now)
