"""Makes certificates from their profiles: a whole PKI in one go, or one more leaf for an existing one.

With a seed everything is reproducible: keys and serial numbers come from the seed, signatures have deterministic nonces
(RFC 6979; Ed448 is deterministic anyway), so the same suite, seed and start give the same octets.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from pki import keys, names
from pki.errors import PkiError
from pki.keys import Kind, PrivateKey
from pki.profiles import CROSS_SUBJECTS, Profile, Role, Suite, Usage
from pki.store import Entry, Store

RESPONDER = "http://127.0.0.1:8560"
"""The URL of OCSP responder and CRLs in certificates; ``plugfest pki ocsp`` serves there."""

_ID_CHECKS = {"emaid": names.emaid, "pcid": names.pcid, "secc_id": names.secc_id, "evcc_id": names.evcc_id}


@dataclass(frozen=True)
class Changes:
    """How a certificate deviates from its profile, for the invalid copies of :mod:`pki.variants`.

    Attributes:
        not_before, not_after: validity.
        kind: another kind of key.
        ca: other basicConstraints.
        path_length: another pathLenConstraint; -1: none.
        usage: other key usage; empty: no extension at all.
        extended: other extended key usage, as dotted OIDs; empty: no extension at all.
        dc: another domain component; "": none.
        signer: another key that signs in the issuer's name.
        padding: octets of padding in an unknown extension.
    """

    not_before: datetime.datetime | None = None
    not_after: datetime.datetime | None = None
    kind: Kind | None = None
    ca: bool | None = None
    path_length: int | None = None
    usage: frozenset[Usage] | None = None
    extended: tuple[str, ...] | None = None
    dc: str | None = None
    signer: PrivateKey | None = None
    padding: int = 0


@dataclass
class Authority:
    """A source of certificates of one suite.

    Attributes:
        suite: the profile table and kind of key.
        start: when validity begins; to the second, UTC.
        seed: what keys and serial numbers derive from; None: the operating system's randomness.
        responder: URL of OCSP responder and CRLs, without a trailing slash; "": certificates name none.
    """

    suite: Suite
    start: datetime.datetime
    seed: bytes | None = None
    responder: str = RESPONDER
    _serials: set[int] = field(default_factory=set)
    _names: dict[str, int] = field(default_factory=dict)

    def issue(
        self,
        role: Role,
        issuer: Entry | None = None,
        *,
        name: str = "",
        cn: str = "",
        days: int | None = None,
        key: PrivateKey | None = None,
        changes: Changes | None = None,
        label: str = "",
    ) -> Entry:
        """A certificate with a new key.

        Args:
            role: row of the profile table.
            issuer: the authority; None for a root.
            name: name of the entry; the role's by default.
            cn: common name; the profile's example by default. Ids are checked and get their check character.
            days: lifetime; the profile's by default, cut to the issuer's.
            key: the subject's key; a new one by default.
            changes: deviations, for deliberately invalid certificates.
            label: what key and serial number derive from under a seed, if not the name.

        Raises:
            PkiError: the id is malformed, the suite has no such role, or the issuer's key is missing.
        """
        profile = self.suite.profiles.get(role)
        if profile is None:
            raise PkiError(f"{self.suite.name} has no certificates of role {role}")
        changes = changes or Changes()
        name = name or role.value
        common = cn or profile.cn
        if profile.id_kind:
            common = _ID_CHECKS[profile.id_kind](common)
        label = self._label(label or name)
        key = key or self._key(changes.kind or self.suite.kind, label)
        issuer_name = issuer.certificate.subject if issuer else subject_name(profile, common, changes.dc)
        begin = changes.not_before or self.start
        end = changes.not_after or self._end(
            begin, days or profile.days, issuer if changes.not_before is None else None
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject_name(profile, common, changes.dc))
            .issuer_name(issuer_name)
            .public_key(key.public_key())
            .serial_number(self._serial(label))
            .not_valid_before(begin)
            .not_valid_after(end)
        )
        builder = self._extend(builder, profile, key, issuer, changes)
        signer = changes.signer or (issuer.key if issuer else key)
        algorithm: Any = keys.hash_of(signer)  # the stubs know fewer kinds of hash
        certificate = builder.sign(keys.certifying(signer), algorithm, ecdsa_deterministic=_deterministic(signer))
        return Entry(name, role, certificate, issuer, private_key=key)

    def _label(self, name: str) -> str:
        """What key and serial number derive from; a repeated name gets others."""
        count = self._names[name] = self._names.get(name, 0) + 1
        return f"{self.suite.name}/{name}" + (f"#{count}" if count > 1 else "")

    def _key(self, kind: Kind, label: str) -> PrivateKey:
        return keys.generate(kind) if self.seed is None else keys.derive(kind, self.seed, f"{label}/key")

    def _serial(self, label: str) -> int:
        """Positive, at most 63 bits: serial numbers travel in EXI too, and some peers read 64-bit integers."""
        count = 0
        while True:
            if self.seed is None:
                octets = secrets.token_bytes(8)
            else:
                octets = keys.stream(self.seed, f"{label}/serial/{self.start.isoformat()}/{count}", 8)
            number = int.from_bytes(octets, "big") >> 1
            if number and number not in self._serials:
                self._serials.add(number)
                return number
            count += 1

    def _end(self, begin: datetime.datetime, days: int, issuer: Entry | None) -> datetime.datetime:
        end = begin + datetime.timedelta(days=days)
        return min(end, issuer.certificate.not_valid_after_utc) if issuer else end

    def _extend(
        self,
        builder: x509.CertificateBuilder,
        profile: Profile,
        key: PrivateKey,
        issuer: Entry | None,
        changes: Changes,
    ) -> x509.CertificateBuilder:
        ca = profile.ca if changes.ca is None else changes.ca
        length = profile.path_length if changes.path_length is None else changes.path_length
        length = None if length is None or length < 0 or not ca else length
        usage = profile.usage if changes.usage is None else changes.usage
        builder = builder.add_extension(x509.BasicConstraints(ca, length), critical=True)
        if usage:
            builder = builder.add_extension(key_usage(usage), critical=True)
        extended = profile.extended if changes.extended is None else changes.extended
        if extended:
            purposes = [x509.ObjectIdentifier(oid) for oid in extended]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        identifier = _key_identifier(key, short=profile.short_key_id)
        builder = builder.add_extension(identifier, critical=False)
        parent = issuer.certificate if issuer else None
        try:
            held = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value if parent else identifier
            authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held)
            builder = builder.add_extension(authority, critical=False)
        except x509.ExtensionNotFound:
            pass  # an authority created elsewhere
        if profile.role is Role.OCSP:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
        public = issuer is not None and issuer.role is not Role.PRIVATE_ROOT  # private chains are not looked up
        if profile.revocable and self.responder and issuer is not None and public:
            builder = builder.add_extension(
                x509.AuthorityInformationAccess(
                    [
                        x509.AccessDescription(
                            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{self.responder}/ocsp")
                        )
                    ]
                ),
                critical=False,
            )
            crl = x509.UniformResourceIdentifier(f"{self.responder}/crl/{self.suite.name}/{issuer.name}.crl")
            point = x509.DistributionPoint([crl], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        if changes.padding:
            ballast = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), bytes(changes.padding))
            builder = builder.add_extension(ballast, critical=False)
        return builder


def _deterministic(key: PrivateKey) -> bool | None:
    return None if keys.kind(key) is Kind.ED448 else True


def _key_identifier(key: PrivateKey, *, short: bool) -> x509.SubjectKeyIdentifier:
    full = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    if not short:
        return full
    tail = bytearray(full.digest[-8:])  # RFC 5280 4.2.1.2 (2): 0100 and the last 60 bits of the SHA-1
    tail[0] = 0x40 | tail[0] & 0x0F
    return x509.SubjectKeyIdentifier(bytes(tail))


def subject_name(profile: Profile, cn: str, dc: str | None = None) -> x509.Name:
    """The subject from the profile; ``dc`` replaces the domain component ("" for none)."""
    domain = profile.dc if dc is None else dc
    attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")] if profile.country else []
    attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, profile.organization))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, cn))
    if domain:
        attributes.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain))
    return x509.Name(attributes)


def key_usage(usage: frozenset[Usage]) -> x509.KeyUsage:
    """The extension with exactly these bits."""
    return x509.KeyUsage(
        digital_signature=Usage.SIGNATURE in usage,
        content_commitment=Usage.NON_REPUDIATION in usage,
        key_encipherment=Usage.KEY_ENCIPHERMENT in usage,
        data_encipherment=Usage.DATA_ENCIPHERMENT in usage,
        key_agreement=Usage.KEY_AGREEMENT in usage,
        key_cert_sign=Usage.CERT_SIGN in usage,
        crl_sign=Usage.CRL_SIGN in usage,
        encipher_only=False,
        decipher_only=False,
    )


# ---------------------------------------------------------------------------------------------------------------
# A whole PKI

_ORDER = (
    Role.V2G_ROOT, Role.CPO_SUB1, Role.CPO_SUB2, Role.SECC, Role.CPS_SUB1, Role.CPS_SUB2, Role.CPS,
    Role.MO_ROOT, Role.MO_SUB1, Role.MO_SUB2, Role.CONTRACT,
    Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2, Role.OEM_PROVISIONING, Role.VEHICLE,
    Role.V2G_ROOT2, Role.CROSS_MO, Role.CROSS_OEM, Role.CROSS_V2G, Role.PRIVATE_ROOT,
)  # fmt: skip
"""Issuers before what they issue."""


def seed_octets(text: str) -> bytes:
    """The seed for a text."""
    return hashlib.sha256(b"plugfest pki seed\0" + text.encode()).digest()


def make(
    suite: Suite,
    start: datetime.datetime,
    *,
    seed: bytes | None = None,
    responder: str = RESPONDER,
    ids: Mapping[Role, str] | None = None,
) -> Store:
    """A complete in-memory PKI of a suite: every role of its table, and an OCSP signer for every authority.

    Args:
        suite: one of :data:`pki.profiles.SUITES`.
        start: when validity begins.
        seed: makes it reproducible; None: random.
        responder: the URL for OCSP and CRLs in certificates.
        ids: common names of leaves, e.g. ``{Role.CONTRACT: "DE-ABC-C12345678"}``; the profile's examples otherwise.
    """
    authority = Authority(suite, start.astimezone(datetime.UTC).replace(microsecond=0), seed, responder)
    store = Store.of(suite, [], responder=responder)
    for role in _ORDER:
        profile = suite.profiles.get(role)
        if profile is None:
            continue
        issuer = store[profile.issuers[0]] if profile.issuers else None
        known = CROSS_SUBJECTS.get(role)
        store.add(
            authority.issue(
                role,
                issuer,
                cn=(ids or {}).get(role, ""),
                key=store[known].key if known else None,  # a cross certificate is for an existing key
            )
        )
    for role in suite.profiles[Role.OCSP].issuers:
        if role in store:
            ca = store[role]
            cn = f"OCSP {suite.profiles[role].cn}"
            store.add(authority.issue(Role.OCSP, ca, name=f"ocsp-{role}", cn=cn))
    return store


def key_id(certificate: x509.Certificate) -> bytes:
    """The subject key identifier, computed (SHA-1 of the key) if the certificate has none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER form, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()
