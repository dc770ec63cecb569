"""One certificate with its place in a PKI: its issuer, its chain, its private key and the files of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pki import keys, loading
from pki.certificates import common_name, self_signed
from pki.errors import PkiError
from pki.keys import PrivateKey
from pki.profiles import Role

_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


@dataclass
class Entry:
    """A certificate and its place in the PKI.

    Attributes:
        name: unique in its store; the stem of its files.
        role: what it is for; None if unknown.
        certificate: itself.
        issuer: the entry that issued it; None for a root, or if the issuer is not available.
        path, key_path: where it was read from or written to.
        password: password of the key file.
        no_key: why there is no key, if known: its file is encrypted, or belongs to another certificate.
    """

    name: str
    role: Role | None
    certificate: x509.Certificate
    issuer: Entry | None = None
    path: Path | None = None
    key_path: Path | None = None
    password: str | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)
    no_key: str = ""

    @property
    def key(self) -> PrivateKey:
        """The private key, read from its file on first use.

        Raises:
            PkiError: there is none, it cannot be read, or it belongs to another certificate.
        """
        if self.private_key is None:
            if self.key_path is None:
                raise PkiError(f"no private key for {self.name}: {self.no_key or f'{self.name}.key is missing'}")
            key = keys.load(self.key_path, self.password, self.certificate.public_key())
            if not keys.same(key.public_key(), self.certificate.public_key()):
                raise PkiError(f"{self.key_path} is not the key of the certificate {self.path}")
            self.private_key = key
        return self.private_key

    @property
    def has_key(self) -> bool:
        return self.private_key is not None or self.key_path is not None

    def key_trouble(self) -> str:
        """Why the key cannot be used, in a few words; "" if it can."""
        if not self.has_key:
            return self.no_key or "no key"
        try:
            _ = self.key
        except loading.Unreadable as why:
            return f"key: {why.defect}"
        except PkiError as why:
            return str(why)
        return ""

    @property
    def der(self) -> bytes:
        """The certificate in DER, as messages carry it."""
        return self.certificate.public_bytes(_DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)

    @property
    def up(self) -> tuple[Entry, ...]:
        """This entry, its issuer, and so on, up to the root if it is known."""
        found: list[Entry] = [self]
        while (above := found[-1].issuer) is not None and above not in found:
            found.append(above)
        return tuple(found)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What is sent: the certificate and its sub-CAs, without the root."""
        certificates = [e.certificate for e in self.up]
        if len(certificates) > 1 and self_signed(certificates[-1]):
            certificates.pop()
        return tuple(certificates)

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """:attr:`chain` in DER: leaf, sub-CA 2, sub-CA 1."""
        return tuple(c.public_bytes(_DER) for c in self.chain)

    @property
    def chain_pem(self) -> bytes:
        """:attr:`chain` in one PEM text, leaf first."""
        return b"".join(c.public_bytes(_PEM) for c in self.chain)

    @property
    def root(self) -> Entry | None:
        """The root it leads to, if available."""
        top = self.up[-1]
        return top if self_signed(top.certificate) else None

    @property
    def common_name(self) -> str:
        return common_name(self.certificate)
