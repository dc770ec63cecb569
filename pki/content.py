"""The checks of one certificate in its place: time, form, key, usage and names, against its row of the profiles."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from pki import keys, names, roles
from pki.deviations import Code
from pki.errors import PkiError
from pki.keys import Kind
from pki.profiles import ISO_2, ISO_20, PURPOSES, Clause, Profile, Role, Suite, Usage


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


_ALGORITHMS: dict[Kind, tuple[x509.ObjectIdentifier, str, Clause]] = {
    Kind.P256: (SignatureAlgorithmOID.ECDSA_WITH_SHA256, "ecdsa-with-SHA256", {ISO_2: "V2G2-006"}),
    Kind.P521: (SignatureAlgorithmOID.ECDSA_WITH_SHA512, "ecdsa-with-SHA512", {ISO_20: "V2G20-2674"}),
    Kind.ED448: (SignatureAlgorithmOID.ED448, "Ed448", {ISO_20: "V2G20-2319"}),
}
_CURVE_CLAUSES: dict[Kind, Clause] = {
    Kind.P256: {ISO_2: "V2G2-007"}, Kind.P521: {ISO_20: "V2G20-2674"}, Kind.ED448: {ISO_20: "V2G20-2319"},
}  # fmt: skip


class Content:
    """The checks of one certificate.

    Attributes:
        suite, role: profile table, and role of the chain's leaf.
        index: position in the chain, 0 is the leaf.
        profile: the row for this position; None if the table has none.
    """

    def __init__(
        self,
        add: Callable[..., None],
        suite: Suite,
        role: Role,
        index: int,
        certificate: x509.Certificate,
        profile: Profile | None,
    ) -> None:
        self._add, self.suite, self.role = add, suite, role
        self.index, self.certificate, self.profile = index, certificate, profile

    def add(self, code: Code, text: str, clause: Clause | None = None, *, fatal: bool = True) -> None:
        self._add(code, self.index, self.certificate, text, clause or {}, fatal=fatal)

    def time(self, at: datetime.datetime | None) -> None:
        if at is None:
            return
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if at < begin:
            self.add(Code.NOT_YET_VALID, f"valid only from {begin:%Y-%m-%d %H:%M} UTC ({_days(begin - at)} to go)")
        if at > end:
            self.add(Code.EXPIRED, f"expired on {end:%Y-%m-%d %H:%M} UTC ({_days(at - end)} ago)")

    def anchor(self) -> None:
        """Checks only what every trusted root needs: its owner chose its profile."""
        self.purpose()
        self.critical()
        basic, usage = roles.constraints(self.certificate), used(self.certificate)
        old = self.certificate.version is x509.Version.v1 or usage is not None
        if (basic is not None and not basic.ca) or (basic is None and not old):
            self.add(Code.NOT_A_CA, "trusted as a root, but not marked as an authority")
        if usage is not None and Usage.CERT_SIGN not in usage:
            self.add(Code.KEY_USAGE, f"keyUsage lacks {Usage.CERT_SIGN}, which a root needs")

    def purpose(self) -> None:
        """The extended key usage of TLS: no certificate of the chain may exclude the leaf's purpose."""
        wanted, purposes = PURPOSES.get(self.role), roles.purposes(self.certificate)
        if wanted is None or purposes is None or wanted in purposes:
            return
        held = ", ".join(sorted(x509.ObjectIdentifier(p)._name for p in purposes)) or "nothing"
        text = f"extended key usage allows {held}, but not {x509.ObjectIdentifier(wanted)._name}"
        self.add(Code.PURPOSE, text, dict.fromkeys((ISO_2, ISO_20), "RFC 5280 4.2.1.12"))

    def critical(self) -> None:
        for extension in self.certificate.extensions:
            if extension.critical and extension.oid not in _KNOWN_CRITICAL:
                self.add(Code.EXTENSION, f"unknown critical extension {extension.oid.dotted_string}")

    def content(self) -> None:
        self.form()
        self.critical()
        self.purpose()
        self.authority()
        self.key_usage()
        self.names()

    def form(self) -> None:
        suite, certificate = self.suite, self.certificate
        size = len(certificate.public_bytes(Encoding.DER))
        if size > suite.max_der:
            self.add(Code.SIZE, f"{size} octets in DER, at most {suite.max_der}", {ISO_2: "V2G2-010"})
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
                text = f"valid for {days} days, at most {profile.max_days} are usual for {profile.a_title}"
                self.add(Code.LIFETIME, text, fatal=False)
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
        if self.index and Usage.CERT_SIGN not in usage:
            self.add(Code.KEY_USAGE, f"keyUsage lacks {Usage.CERT_SIGN}, which every authority needs")
            return
        if profile is None:
            if not self.index and self.role in PURPOSES and Usage.SIGNATURE not in usage:
                self.add(Code.KEY_USAGE, f"keyUsage lacks {Usage.SIGNATURE}, which TLS needs")
            return
        if missing := sorted(profile.usage_required - usage):
            self.add(Code.KEY_USAGE, f"keyUsage lacks {', '.join(missing)}, which {profile.a_title} needs")
        elif usage != profile.usage:
            parts = {"more": sorted(usage - profile.usage), "not": sorted(profile.usage - usage)}
            text = "; ".join(f"{word} {', '.join(bits)}" for word, bits in parts.items() if bits)
            self.add(Code.KEY_USAGE, f"keyUsage differs from that of {profile.a_title}: {text}", fatal=False)
        if not profile.ca and profile.extended and roles.purposes(self.certificate) is None:
            lacking = ", ".join(x509.ObjectIdentifier(p)._name for p in profile.extended)
            self.add(Code.PURPOSE, f"extended key usage lacks {lacking}", fatal=False)

    def names(self) -> None:
        profile = self.profile
        if profile is None:
            return
        held = roles.domains(self.certificate)
        shown = ", ".join(f"DC={d}" for d in held) or "none"
        basic = roles.constraints(self.certificate)
        leaf = not self.index and (basic is None or not basic.ca)
        other = roles.guess(self.certificate) if leaf else None
        if other is not None and other is not self.role:
            kind = self.suite.profiles[other].a_title if other in self.suite.profiles else other
            self.add(Code.WRONG_ROLE, f"this is {kind} (domain component {shown}), not {profile.a_title}")
            return
        if profile.dc is not None and profile.dc not in held and profile.dc_also not in held:
            text = f"domain component {shown}, expected DC={profile.dc} for {profile.a_title}"
            if profile.dc_mandatory:
                self.add(Code.WRONG_ROLE, text, {ISO_2: "V2G2-925"})
            else:
                self.add(Code.NAME, text, fatal=False)
        elif profile.dc is None and held and not profile.ca:
            self.add(Code.NAME, f"domain component {shown}, which {profile.a_title} must not have", fatal=False)
        if not self.index and profile.id_kind:
            self.identifier(profile)
        if not roles.text(self.certificate.subject, NameOID.COMMON_NAME):
            self.add(Code.NAME, "the subject has no CN", fatal=not self.index)

    def identifier(self, profile: Profile) -> None:
        check = {"emaid": names.emaid, "pcid": names.pcid, "secc_id": names.secc_id, "evcc_id": names.evcc_id}
        common = roles.text(self.certificate.subject, NameOID.COMMON_NAME)
        try:
            check[profile.id_kind](common)
        except PkiError as why:
            self.add(Code.NAME, str(why), fatal=False)
        oddity = names.emaid_oddity(common) if profile.id_kind == "emaid" else ""
        if oddity:
            self.add(Code.NAME, oddity, fatal=False)


_KNOWN_CRITICAL = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
}


def _days(span: datetime.timedelta) -> str:
    """A time span in words: days, or hours below two days."""
    hours = int(span.total_seconds() // 3600)
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
