"""What a side brings to its handshakes: certificates with keys, trusted roots, options; and how it uses them.

A charger may hold several chains; it sends one whose key the vehicle can verify and whose root the vehicle names
[V2G2-871, V2G20-1007, 2379]. A vehicle checks the chain with :mod:`pki.path`, and the OCSP responses stapled to it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki import loading
from pki.store import common_name
from v2g.tls import crypto, staples
from v2g.tls import extensions as ext
from v2g.tls.extensions import TrustedRoot
from v2g.tls.failure import Fatal, TlsFailure
from v2g.tls.messages import CertificateRequest, ClientHello
from v2g.tls.options import Options
from v2g.tls.tables import numbers, scheme_name
from v2g.trace import Observe, ignore


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def subject(certificate: x509.Certificate) -> str:
    """The common name, or the whole subject if there is none."""
    return common_name(certificate) or certificate.subject.rfc4514_string() or "a certificate without a name"


@dataclass
class Credential:
    """A certificate chain and the key of its leaf.

    Attributes:
        chain: leaf first, then the sub-CAs, without the root.
        key: the private key.
        root: root of the chain, if known; compared with the roots that a vehicle names.
        file: its origin, in words.
        stapler: makes or finds OCSP responses, see :mod:`v2g.tls.staples`.
    """

    chain: list[x509.Certificate]
    key: Any
    root: x509.Certificate | None = None
    file: str = ""
    stapler: staples.Stapler | None = None

    def sent(self, options: Options) -> list[bytes]:
        """DER certificates in sending order."""
        ders = [_der(certificate) for certificate in self.chain]
        order: dict[str, Callable[[], list[bytes]]] = {
            "": lambda: ders,
            "reversed": lambda: [ders[0], *reversed(ders[1:])],
            "leaf-last": lambda: [*ders[1:], ders[0]],
            "leaf-only": lambda: ders[:1],
            "with-root": lambda: [*ders, *([_der(self.root)] if self.root else [])],
            "duplicate": lambda: [ders[0], *ders],
            "empty": list,
        }
        return order[options.deviate.chain]()

    def staples(self, options: Options, multi: bool, now: datetime.datetime) -> list[bytes]:
        """OCSP responses for the chain, b"" for a missing one; empty if there are none at all."""
        found = staples.gather(self.stapler, self.chain, options.deviate.staple, now)
        found = found if multi else found[:1]
        return found if any(found) else []

    @property
    def top_issuer(self) -> bytes:
        """The name of the root in DER."""
        name: bytes = self.chain[-1].issuer.public_bytes()
        return name

    def ends_at(self, root: TrustedRoot) -> bool:
        """Whether a root named in trusted_ca_keys is this chain's root."""
        if root.kind == "pre_agreed":
            return True
        if root.kind == "x509_name":
            return root.value == self.top_issuer
        if self.root is not None:
            return root == identify(self.root, root.kind)
        return root.kind == "key_sha1_hash" and root.value == _authority_key(self.chain[-1])


def _authority_key(certificate: x509.Certificate) -> bytes | None:
    try:
        value = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return None
    return value.key_identifier


def identify(root: x509.Certificate, kind: str) -> TrustedRoot:
    """A root in the form in which trusted_ca_keys names it."""
    if kind == "x509_name":
        return TrustedRoot(kind, root.subject.public_bytes())
    if kind == "cert_sha1_hash":
        return TrustedRoot(kind, hashlib.sha1(_der(root)).digest())
    if kind == "key_sha1_hash":
        key: Any = root.public_key()
        return TrustedRoot(kind, x509.SubjectKeyIdentifier.from_public_key(key).digest)
    return TrustedRoot("pre_agreed")


@dataclass
class Trust:
    """The roots that a side trusts for the peer's certificate.

    Attributes:
        file: their origin, in words.
        revoked: says in words whether a certificate, given with its issuer, is revoked; None if nothing is known.
    """

    roots: list[x509.Certificate]
    file: str = ""
    revoked: Callable[[x509.Certificate, x509.Certificate], bool | str] | None = None

    def names(self) -> list[bytes]:
        """The names of the roots in DER."""
        return [root.subject.public_bytes() for root in self.roots]

    def identifiers(self, kind: str) -> list[TrustedRoot]:
        """The roots in the form in which trusted_ca_keys names them."""
        return [TrustedRoot("pre_agreed")] if kind == "pre_agreed" else [identify(root, kind) for root in self.roots]


@dataclass(frozen=True)
class Numbers:
    """The names in the options as protocol numbers."""

    versions: list[int]
    suites: list[int]
    groups: list[int]
    schemes: list[int]
    key_shares: list[int]

    @classmethod
    def of(cls, options: Options) -> Numbers:
        groups = numbers("group", options.groups)
        return cls(
            numbers("version", options.versions),
            numbers("suite", options.suites),
            groups,
            numbers("signature algorithm", options.signature_algorithms),
            numbers("group", options.key_shares) or groups[:1],
        )


@dataclass(frozen=True)
class Chosen:
    credential: Credential
    note: str


def _utc() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass
class Context:
    """One side of TLS; any number of connections may use it.

    Attributes:
        role: ``client`` (vehicle) or ``server`` (charger).
        credentials: chains to send; a charger chooses among them, a vehicle needs one for ISO 15118-20.
        trust: roots for the peer's certificate; None: it is not checked.
        now: wall clock.
        observe: called with each step, unless the connection has its own observer.
        failures: failed handshakes, in order.
    """

    role: Literal["client", "server"]
    options: Options = field(default_factory=Options)
    credentials: list[Credential] = field(default_factory=list)
    trust: Trust | None = None
    now: Callable[[], datetime.datetime] = _utc
    observe: Observe = ignore
    failures: list[TlsFailure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = Numbers.of(self.options)

    # ------------------------------------------------------------------------------------------------------------
    # What we send

    def unusable(self) -> str:
        """The kinds of the chains' keys if no signature algorithm of the options fits any of them; otherwise ""."""
        for one in self.credentials:
            public = one.key.public_key()
            if any(crypto.schemes_for(public, version, self.numbers.schemes) for version in self.numbers.versions):
                return ""
        return ", ".join(dict.fromkeys(crypto.key_name(one.key) for one in self.credentials))

    def scheme(self, credential: Credential, theirs: list[int], version: int) -> int:
        """The signature algorithm for a key: ours first, if the peer offers it.

        Raises:
            Fatal: handshake_failure, if none fits.
        """
        ours = [scheme for scheme in self.numbers.schemes if scheme in theirs]
        found = crypto.schemes_for(credential.key.public_key(), version, ours)
        if not found:
            text = f"no signature algorithm in common that a {crypto.key_name(credential.key)} key can use"
            text += f": the peer offers {', '.join(map(scheme_name, theirs))}"
            raise Fatal("handshake_failure", text, check="no-common-signature")
        return found[0]

    def choose(self, offered: ClientHello, fitting: Sequence[Credential], ignore_roots: bool) -> Chosen:
        """The first chain whose root the vehicle names; if there is none, the first chain [V2G2-923, V2G20-2379]."""
        first = fitting[0]
        if ignore_roots:
            return Chosen(first, f"{first.file}: the first chain, whichever roots the vehicle names, as configured")
        keys = offered.extensions.get(ext.TRUSTED_CA_KEYS)
        authorities = offered.extensions.get(ext.CERTIFICATE_AUTHORITIES)
        if keys is None and authorities is None:
            return Chosen(first, f"{first.file}: the vehicle names no roots")
        roots = ext.read_roots(keys) if keys is not None else []
        named = ext.read_names(authorities) if authorities is not None else []
        for one in fitting:
            if one.top_issuer in named or any(one.ends_at(root) for root in roots):
                return Chosen(one, f"{one.file}: its root is among those that the vehicle names")
        due = "V2G2-923" if authorities is None else "V2G20-2379"
        return Chosen(first, f"{first.file}: no chain of ours ends at a root that the vehicle names [{due}]")

    def choose_vehicle(self, requested: CertificateRequest, version: int) -> Credential | None:
        """The vehicle's certificate for the charger's request; None if none fits."""
        allowed = [scheme for scheme in requested.algorithms if scheme in self.numbers.schemes]
        fitting = [c for c in self.credentials if crypto.schemes_for(c.key.public_key(), version, allowed)]
        named = [c for c in fitting if c.top_issuer in requested.authorities]
        return next(iter(named or fitting), None)

    def named(self, offered: ClientHello) -> str:
        """The roots that a vehicle names, in words."""
        words = []
        if ext.TRUSTED_CA_KEYS in offered.extensions:
            for root in ext.read_roots(offered.extensions[ext.TRUSTED_CA_KEYS]):
                words.append(f"{root.kind} {self._who(root)}")
        authorities = offered.extensions.get(ext.CERTIFICATE_AUTHORITIES)
        if authorities is not None:
            words.append(self.name_roots(ext.read_names(authorities)))
        return "; ".join(words)

    def _who(self, root: TrustedRoot) -> str:
        if root.kind == "x509_name":
            return self.name_roots([root.value])
        ours = next((c for c in self.credentials if root.kind != "pre_agreed" and c.ends_at(root)), None)
        known = f" ({ours.chain[-1].issuer.rfc4514_string()})" if ours else ""
        return (root.value.hex() + known) if root.value else ""

    def name_roots(self, ders: list[bytes]) -> str:
        """DER names as text: known names in full, others by the strings in them, or in hex."""
        known: dict[bytes, str] = {}
        for root in self.trust.roots if self.trust else []:
            known[root.subject.public_bytes()] = root.subject.rfc4514_string()
        for one in self.credentials:
            known[one.top_issuer] = one.chain[-1].issuer.rfc4514_string()
        return "; ".join(known.get(der) or _name_text(der) for der in dict.fromkeys(ders))

    def describe(self, ders: list[bytes]) -> str:
        """A chain in words, leaf first."""
        words = [
            f"a certificate that cannot be used ({one.defect})" if isinstance(one, loading.Unreadable) else subject(one)
            for one in loading.readable(ders)
        ]
        return " < ".join(words) or "no certificate"


STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii"}
"""Encodings of UTF8String, PrintableString and IA5String, by tag."""
CONSTRUCTED = 0x20
DEPTH = 6
"""A name is a sequence of sets of sequences of pairs; nothing deeper is a name."""


def _name_text(der: bytes) -> str:
    """A DER name in words, made of the strings inside it, or in hex."""
    return " ".join(_strings(der)) or der.hex()


def _strings(der: bytes, depth: int = DEPTH) -> Iterator[str]:
    """The strings in a DER structure, as far as it can be read."""
    at = 0
    while at + 2 <= len(der) and depth:
        tag, length, start = der[at], der[at + 1], at + 2
        if length >= 0x80:  # the length itself, in so many bytes
            start += length & 0x7F
            length = int.from_bytes(der[at + 2 : start], "big")
        value, at = der[start : start + length], start + length
        if at > len(der):
            return
        if tag & CONSTRUCTED:
            yield from _strings(value, depth - 1)
        elif tag in STRINGS:
            yield value.decode(STRINGS[tag], "replace")
