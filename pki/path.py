"""Checks a chain as the standards want it, and names every deviation.

:func:`validate` goes on after the first mistake, so that an engineer sees all of them. A deviation is ``fatal`` when a
peer has to refuse the chain; others are departures from the profile that are seen in the field and pass.

Not decided here: revocation (the caller passes what it knows) and the answer on the wire (ResponseCode or alert).
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from pki import keys, names, roles
from pki.errors import PkiError
from pki.keys import Kind
from pki.profiles import CROSS_SUBJECTS, SUITES, Profile, Role, Suite, Usage
from pki.store import common_name, issued, self_signed


class Code(StrEnum):
    """What kind of deviation; stable, for tests and for the mapping to response codes."""

    MALFORMED = "malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    UNKNOWN_ROOT = "unknown-root"
    TWIN_ROOT = "twin-root"
    """A trusted root has the issuer's name, but another key."""
    MISSING_INTERMEDIATE = "missing-intermediate"
    BROKEN_SIGNATURE = "broken-signature"
    ORDER = "order"
    TOO_LONG = "too-long"
    PATH_LENGTH = "path-length"
    NOT_A_CA = "not-a-ca"
    LEAF_IS_CA = "leaf-is-ca"
    WRONG_ROLE = "wrong-role"
    KEY_USAGE = "key-usage"
    PURPOSE = "purpose"
    CURVE = "curve"
    ALGORITHM = "algorithm"
    SIZE = "size"
    NAME = "name"
    EXTENSION = "extension"
    LIFETIME = "lifetime"
    ISSUER = "issuer"
    OCSP_MISSING = "ocsp-missing"
    OCSP_STALE = "ocsp-stale"
    OCSP_INVALID = "ocsp-invalid"


@dataclass(frozen=True)
class Deviation:
    """One way in which a chain is not as it should be.

    Attributes:
        code: kind of deviation.
        index: place in the chain, 0 is the leaf; the length of the chain stands for the root.
        subject: which certificate, in words.
        text: what is wrong, and what was expected.
        clause: requirement, where known.
        fatal: whether the chain has to be refused.
    """

    code: Code
    index: int
    subject: str
    text: str
    clause: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        clause = f" [{self.clause}]" if self.clause else ""
        return f"{self.subject}: {self.text}{clause}"


def fatal(deviations: Sequence[Deviation]) -> list[Deviation]:
    """Those for which a peer has to refuse the chain."""
    return [d for d in deviations if d.fatal]


Revoked = Callable[[x509.Certificate, x509.Certificate], bool]
"""(certificate, its issuer) -> whether it is known to be revoked."""


def validate(
    chain: Sequence[x509.Certificate | bytes],
    roots: Sequence[x509.Certificate],
    role: Role,
    at: datetime.datetime | None,
    *,
    suite: str = "iso2",
    revoked: Revoked | None = None,
) -> list[Deviation]:
    """Every deviation of a chain from what its leaf's role demands; empty if there is none.

    Args:
        chain: as received: leaf first, then the sub-CAs; certificates or their DER. A root at the end is ignored.
        roots: the anchors trusted for this role, see :data:`pki.profiles.ANCHORS`.
        role: of the leaf.
        at: the time that counts; None: validity is not checked (a vehicle without a clock [V2G2-886]).
        suite: profile table: iso2, iso20 or iso20-ed448.
        revoked: tells whether a certificate is revoked; None: not checked.
    """
    return _Check(SUITES[suite], role, at, revoked).run(chain, roots)


class _Check:
    def __init__(self, suite: Suite, role: Role, at: datetime.datetime | None, revoked: Revoked | None) -> None:
        self.suite, self.role, self.revoked = suite, role, revoked
        self.at = at if at is None or at.tzinfo else at.replace(tzinfo=datetime.UTC)
        self.found: list[Deviation] = []

    def run(self, given: Sequence[x509.Certificate | bytes], roots: Sequence[x509.Certificate]) -> list[Deviation]:
        chain = self._parse(given)
        if not chain:
            return self.found
        root_given = len(chain) > 1 and self_signed(chain[-1])
        if root_given:
            chain = chain[:-1]
        chain = self._in_order(chain)
        root = self._anchor(chain, roots)
        profiles = self._profiles(chain)
        path = [*chain, root] if root is not None else chain
        for index, certificate in enumerate(path):
            where = _Where(self, index, certificate, profiles[index] if index < len(chain) else None)
            where.time(self.at)
            if index < len(chain):
                where.content()
                if index + 1 < len(path) and self.revoked is not None and self.revoked(certificate, path[index + 1]):
                    where.add(Code.REVOKED, "revoked")
        self._lengths(chain, root)
        if root is not None and len(chain) == 1 and "V2G" in roles.domains(root):
            self.add(
                Code.ISSUER,
                0,
                chain[0],
                "issued by the V2G root itself, which never issues a leaf",
                "V2G2-867",
                fatal=False,
            )
        return self.found

    def add(
        self,
        code: Code,
        index: int,
        certificate: x509.Certificate | None,
        text: str,
        clause: str = "",
        *,
        fatal: bool = True,
    ) -> None:
        subject = f"certificate {index + 1}"
        if certificate is not None:
            subject = common_name(certificate) or certificate.subject.rfc4514_string() or subject
        deviation = Deviation(code, index, subject, text, clause, fatal)
        if deviation not in self.found:
            self.found.append(deviation)

    def _parse(self, given: Sequence[x509.Certificate | bytes]) -> list[x509.Certificate]:
        chain = []
        if not given:
            self.add(Code.MALFORMED, 0, None, "the chain is empty")
        for index, item in enumerate(given):
            try:
                certificate = x509.load_der_x509_certificate(item) if isinstance(item, bytes) else item
                _ = certificate.extensions, certificate.subject, certificate.public_key()  # parsed lazily
                chain.append(certificate)
            except Exception as why:  # noqa: BLE001 - hostile DER fails in many ways
                self.add(Code.MALFORMED, index, None, f"cannot be read as X.509: {str(why).splitlines()[0][:120]}")
                if index == 0:
                    return []
        return chain

    def _in_order(self, chain: list[x509.Certificate]) -> list[x509.Certificate]:
        """The chain so that each is followed by its issuer; deviations where it was not."""
        ordered, rest = chain[:1], chain[1:]
        while rest:
            nearest = next((c for c in rest if c.subject == ordered[-1].issuer), None)
            if nearest is None:
                break
            rest.remove(nearest)
            ordered.append(nearest)
        if ordered != chain[: len(ordered)]:
            sent = ", ".join(common_name(c) for c in chain)
            self.add(
                Code.ORDER, 0, chain[0], f"sent in the order {sent}; each must be followed by its issuer", "V2G2-009"
            )
        for extra in rest:
            self.add(Code.ORDER, chain.index(extra), extra, "does not belong to the chain of the leaf")
        for index, (lower, upper) in enumerate(itertools.pairwise(ordered)):
            if not issued(upper, lower):
                why = f"its signature was not made with the key of {common_name(upper)}"
                self.add(Code.BROKEN_SIGNATURE, index, lower, why)
        return ordered

    def _anchor(self, chain: list[x509.Certificate], roots: Sequence[x509.Certificate]) -> x509.Certificate | None:
        top, index = chain[-1], len(chain) - 1
        if any(top == root for root in roots):  # the leaf itself may be an anchor in private environments [V2G2-873]
            return None
        named = [root for root in roots if root.subject == top.issuer]
        for root in named:
            if issued(root, top):
                return root
        issuer = top.issuer.rfc4514_string()
        if named:
            # An altered leaf or a twin root look alike from here; signed by the same key id means altered.
            if any(_same_key_id(root, top) for root in named):
                self.add(Code.BROKEN_SIGNATURE, index, top, f"its signature was not made with the key of {issuer}")
            else:
                self.add(Code.TWIN_ROOT, index, top, f"a trusted root is named {issuer}, but has another key")
            return None
        limit = roles.constraints(top)
        if limit is None or not limit.ca or limit.path_length == 0:
            self.add(
                Code.MISSING_INTERMEDIATE, index, top,
                f"its issuer {issuer} is neither in the chain nor a trusted root: a sub-CA is missing",
            )  # fmt: skip
        else:
            trusted = "; ".join(common_name(r) for r in roots) or "none"
            self.add(
                Code.UNKNOWN_ROOT, index, top, f"its root {issuer} is not trusted (trusted: {trusted})", "V2G2-925"
            )
        return None

    def _profiles(self, chain: list[x509.Certificate]) -> list[Profile | None]:
        """The row of the table for each place: the issuer that leaves as many steps to the root as there are."""
        table = self.suite.profiles
        found: list[Profile | None] = [table.get(self.role)]
        for index in range(1, len(chain)):
            below = found[-1]
            if below is None:
                found.append(None)
                continue
            left = len(chain) - index
            fits = [r for r in below.issuers if r in table and table[r].ca]
            best = next((r for r in fits if _depth(table, r) == left), fits[0] if fits else None)
            if best is not None and table[best].self_signed:
                best = next((c for c, subject in CROSS_SUBJECTS.items() if subject == best and c in table), best)
            found.append(table[best] if best is not None else None)
        return found

    def _lengths(self, chain: list[x509.Certificate], root: x509.Certificate | None) -> None:
        if len(chain) > self.suite.max_below_root:
            self.add(
                Code.TOO_LONG, 0, chain[0],
                f"{len(chain)} certificates below the root, at most {self.suite.max_below_root}", "V2G2-009",
            )  # fmt: skip
        for index, certificate in enumerate([*chain, *([root] if root else [])]):
            basic = roles.constraints(certificate)
            if index == 0 or basic is None or basic.path_length is None:
                continue
            below = sum(1 for c in chain[1:index] if c.subject != c.issuer)
            if below > basic.path_length:
                self.add(
                    Code.PATH_LENGTH, index, certificate,
                    f"allows {basic.path_length} sub-CAs below it, but {below} follow",
                )  # fmt: skip


def _depth(table: object, role: Role) -> int:
    """Certificates from a role up to its root, itself included."""
    profile: Profile = table[role]  # type: ignore[index]
    return 0 if profile.self_signed else 1 + _depth(table, profile.issuers[0])


def _same_key_id(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        held = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return False
    return held == named


def used(certificate: x509.Certificate) -> set[Usage] | None:
    """Key usage bits; None without the extension."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    bits = {
        Usage.SIGNATURE: usage.digital_signature,
        Usage.NON_REPUDIATION: usage.content_commitment,
        Usage.KEY_ENCIPHERMENT: usage.key_encipherment,
        Usage.DATA_ENCIPHERMENT: usage.data_encipherment,
        Usage.KEY_AGREEMENT: usage.key_agreement,
        Usage.CERT_SIGN: usage.key_cert_sign,
        Usage.CRL_SIGN: usage.crl_sign,
    }
    return {bit for bit, set_ in bits.items() if set_}


_ALGORITHMS = {
    Kind.P256: (SignatureAlgorithmOID.ECDSA_WITH_SHA256, "ecdsa-with-SHA256", "V2G2-006"),
    Kind.P521: (SignatureAlgorithmOID.ECDSA_WITH_SHA512, "ecdsa-with-SHA512", "V2G20-2674"),
    Kind.ED448: (SignatureAlgorithmOID.ED448, "Ed448", "V2G20-2319"),
}
_CURVE_CLAUSES = {Kind.P256: "V2G2-007", Kind.P521: "V2G20-2674", Kind.ED448: "V2G20-2319"}


class _Where:
    """The checks of one certificate."""

    def __init__(self, check: _Check, index: int, certificate: x509.Certificate, profile: Profile | None) -> None:
        self.check, self.index, self.certificate, self.profile = check, index, certificate, profile

    def add(self, code: Code, text: str, clause: str = "", *, fatal: bool = True) -> None:
        self.check.add(code, self.index, self.certificate, text, clause, fatal=fatal)

    def time(self, at: datetime.datetime | None) -> None:
        if at is None:
            return
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if at < begin:
            self.add(Code.NOT_YET_VALID, f"valid only from {begin:%Y-%m-%d %H:%M} UTC ({_days(begin - at)} to go)")
        if at > end:
            self.add(Code.EXPIRED, f"expired on {end:%Y-%m-%d %H:%M} UTC ({_days(at - end)} ago)")

    def content(self) -> None:
        self.form()
        self.authority()
        self.key_usage()
        self.names()

    def form(self) -> None:
        suite, certificate = self.check.suite, self.certificate
        size = len(certificate.public_bytes(Encoding.DER))
        if size > suite.max_der:
            clause = "V2G2-010" if suite.name == "iso2" else ""
            self.add(Code.SIZE, f"{size} octets in DER, at most {suite.max_der}", clause)
        if certificate.version is not x509.Version.v3:
            self.add(Code.ALGORITHM, f"X.509 {certificate.version.name}, expected v3")
        key = certificate.public_key()
        if keys.kind(key) is not suite.kind:
            self.add(Code.CURVE, f"key on {keys.describe(key)}, expected {suite.kind}", _CURVE_CLAUSES[suite.kind])
        oid, name, clause = _ALGORITHMS[suite.kind]
        if certificate.signature_algorithm_oid != oid:
            signed = certificate.signature_algorithm_oid
            self.add(Code.ALGORITHM, f"signed with {signed._name}, expected {name}", clause)
        profile = self.profile
        if profile is not None and profile.max_days is not None:
            days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days
            if days > profile.max_days:
                text = f"valid for {days} days, at most {profile.max_days} are usual for a {profile.title}"
                self.add(Code.LIFETIME, text, fatal=False)
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in _KNOWN_CRITICAL:
                self.add(Code.EXTENSION, f"unknown critical extension {extension.oid.dotted_string}")
        if not self.has(x509.SubjectKeyIdentifier):
            self.add(Code.EXTENSION, "no subject key identifier", fatal=False)

    def has(self, extension: type[x509.ExtensionType]) -> bool:
        try:
            self.certificate.extensions.get_extension_for_class(extension)
        except x509.ExtensionNotFound:
            return False
        return True

    def authority(self) -> None:
        basic = roles.constraints(self.certificate)
        if basic is None:
            text = "no basicConstraints, which every certificate must have"
            self.add(Code.NOT_A_CA if self.index else Code.EXTENSION, text, fatal=self.index > 0)
            return
        if not self.certificate.extensions.get_extension_for_class(x509.BasicConstraints).critical:
            self.add(Code.EXTENSION, "basicConstraints is not critical", fatal=False)
        wanted = self.profile.ca if self.profile else self.index > 0
        if self.index and not basic.ca:
            self.add(Code.NOT_A_CA, "issued a certificate, but its basicConstraints say CA=false")
        elif not self.index and basic.ca and not wanted:
            self.add(Code.LEAF_IS_CA, "a leaf, but its basicConstraints say CA=true")
        profile = self.profile
        if profile is not None and profile.ca and basic.ca and basic.path_length != profile.path_length:
            held = "none" if basic.path_length is None else basic.path_length
            self.add(Code.PATH_LENGTH, f"pathLenConstraint {held}, the profile has {profile.path_length}", fatal=False)

    def key_usage(self) -> None:
        profile, usage = self.profile, used(self.certificate)
        if usage is None:
            self.add(Code.KEY_USAGE, "no keyUsage, which every certificate must have")
            return
        if not self.certificate.extensions.get_extension_for_class(x509.KeyUsage).critical:
            self.add(Code.EXTENSION, "keyUsage is not critical", fatal=False)
        if profile is None:
            return
        if missing := sorted(profile.usage_required - usage):
            self.add(Code.KEY_USAGE, f"keyUsage lacks {', '.join(missing)}, which a {profile.title} needs")
        elif usage != profile.usage:
            parts = {"more": sorted(usage - profile.usage), "not": sorted(profile.usage - usage)}
            text = "; ".join(f"{word} {', '.join(bits)}" for word, bits in parts.items() if bits)
            self.add(Code.KEY_USAGE, f"keyUsage differs from that of a {profile.title}: {text}", fatal=False)
        if profile.ca or not profile.extended:
            return
        purposes = roles.purposes(self.certificate)
        lacking = [x509.ObjectIdentifier(p)._name for p in profile.extended if p not in (purposes or ())]
        if lacking:
            self.add(Code.PURPOSE, f"extended key usage lacks {', '.join(lacking)}", fatal=purposes is not None)

    def names(self) -> None:
        profile = self.profile
        if profile is None:
            return
        held = roles.domains(self.certificate)
        shown = ", ".join(f"DC={d}" for d in held) or "none"
        basic = roles.constraints(self.certificate)
        leaf = not self.index and (basic is None or not basic.ca)
        other = roles.guess(self.certificate) if leaf else None
        if other is not None and other is not self.check.role:
            kind = self.check.suite.profiles[other].title if other in self.check.suite.profiles else other
            self.add(Code.WRONG_ROLE, f"this is a {kind} (domain component {shown}), not a {profile.title}")
            return
        if profile.dc is not None and profile.dc not in held:
            text = f"domain component {shown}, expected DC={profile.dc} for a {profile.title}"
            if profile.dc_mandatory:
                self.add(Code.WRONG_ROLE, text, "V2G2-925")
            else:
                self.add(Code.NAME, text, fatal=False)
        elif profile.dc is None and held and not profile.ca:
            self.add(Code.NAME, f"domain component {shown}, which a {profile.title} has not", fatal=False)
        if not self.index and profile.id_kind:
            self.identifier(profile)
        if not roles.text(self.certificate.subject, NameOID.COMMON_NAME):
            self.add(Code.NAME, "the subject has no CN", fatal=not self.index)

    def identifier(self, profile: Profile) -> None:
        check = {"emaid": names.emaid, "pcid": names.pcid, "secc_id": names.secc_id, "evcc_id": names.evcc_id}
        try:
            check[profile.id_kind](roles.text(self.certificate.subject, NameOID.COMMON_NAME))
        except PkiError as why:
            self.add(Code.NAME, str(why), fatal=False)


_KNOWN_CRITICAL = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
}


def _days(span: datetime.timedelta) -> str:
    """A span in words: days, or hours below two days."""
    hours = int(span.total_seconds() // 3600)
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
