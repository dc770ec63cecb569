"""A charger's certificate made on the fly, for benches that only want encryption."""

from __future__ import annotations

import contextlib
import datetime
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
