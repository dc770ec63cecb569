"""What each certificate contains: one table for ISO 15118-2, and the rows in which ISO 15118-20 differs.

The table drives both directions: :mod:`pki.authority` makes certificates from it, :mod:`pki.path` checks certificates
against it. Sources: ISO 15118-2 annex F with [V2G2-006..011, 867, 868, 925]; test PKIs in the field use the same
values. We know no lifetimes for ISO 15118-20; the values of -2 apply there. Common to all rows: X.509 v3;
subject of C, O, CN and one domain component; basicConstraints and keyUsage critical; both key identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from pki.keys import Kind


class Role(StrEnum):
    """What a certificate is for; the value is the name of its files."""

    V2G_ROOT = "v2g-root"
    CPO_SUB1 = "cpo-sub1"
    CPO_SUB2 = "cpo-sub2"
    SECC = "secc"
    CPS_SUB1 = "cps-sub1"
    CPS_SUB2 = "cps-sub2"
    CPS = "cps"
    MO_ROOT = "mo-root"
    MO_SUB1 = "mo-sub1"
    MO_SUB2 = "mo-sub2"
    CONTRACT = "contract"
    OEM_ROOT = "oem-root"
    OEM_SUB1 = "oem-sub1"
    OEM_SUB2 = "oem-sub2"
    OEM_PROVISIONING = "oem-provisioning"
    PRIVATE_ROOT = "private-root"
    VEHICLE = "vehicle"
    """The TLS client of ISO 15118-20: neither the provisioning nor the contract certificate [V2G20-2339, 2342]."""
    CROSS_MO = "cross-mo-root"
    """The MO root's name and key, certified by the V2G root: contracts can then be checked with the V2G root alone."""
    CROSS_OEM = "cross-oem-root"
    """The OEM root's name and key, certified by the V2G root: likewise for vehicle and provisioning certificates."""
    V2G_ROOT2 = "v2g-root2"
    """A second operator's V2G root."""
    CROSS_V2G = "cross-v2g-root"
    """The first V2G root's name and key, certified by the second: a vehicle that knows only the second can continue."""
    OCSP = "ocsp"
    """Signs OCSP responses in the name of the authority that issued it (RFC 6960 4.2.2.2)."""


class Usage(StrEnum):
    """Key usage bits; the values are the names of RFC 5280."""

    SIGNATURE = "digitalSignature"
    NON_REPUDIATION = "nonRepudiation"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"
    CERT_SIGN = "keyCertSign"
    CRL_SIGN = "cRLSign"


_CA = frozenset({Usage.CERT_SIGN, Usage.CRL_SIGN})
_NONE: frozenset[Usage] = frozenset()


@dataclass(frozen=True)
class Profile:
    """One kind of certificate.

    Attributes:
        title: its name in words.
        cn: common name in the certificate that ``pki init`` makes; the numbers behind a leaf's id are examples.
        organization: O.
        issuers: roles that may have issued it, the usual one first; empty: signed by itself.
        dc: domain component; None: none.
        dc_also: another domain component used for it.
        dc_mandatory: whether a certificate without this DC has to be refused [V2G2-925]; for other roles, other values
        occur in the field and pass.
        path_length: pathLenConstraint; None: no limit stated. Only for authorities.
        ca: basicConstraints.
        usage: key usage bits we set.
        usage_required: bits it needs for its purpose.
        extended: extended key usage, not critical.
        days: lifetime we give it.
        max_days: longest lifetime the standard allows; None: up to its owner.
        revocable: points to OCSP responder and CRL.
        id_kind: the check of :mod:`pki.names` that its CN must pass ("emaid", "pcid", ...); "" for none.
        country: whether the subject has C.
        short_key_id: subject key identifier of 8 octets (RFC 5280 4.2.1.2, method 2) instead of 20.
    """

    role: Role
    title: str
    cn: str
    organization: str
    issuers: tuple[Role, ...] = ()
    dc: str | None = None
    dc_also: str = ""
    dc_mandatory: bool = False
    ca: bool = False
    path_length: int | None = None
    usage: frozenset[Usage] = frozenset({Usage.SIGNATURE})
    usage_required: frozenset[Usage] = _NONE
    extended: tuple[str, ...] = ()
    days: int = 730
    max_days: int | None = None
    revocable: bool = True
    id_kind: str = ""
    country: bool = True
    short_key_id: bool = False

    @property
    def a_title(self) -> str:
        """The title with its article."""
        return f"{'an' if self.title.startswith(('MO', 'OEM', 'OCSP')) else 'a'} {self.title}"

    @property
    def self_signed(self) -> bool:
        return not self.issuers


def _root(role: Role, title: str, cn: str, organization: str, dc: str | None) -> Profile:
    return Profile(
        role, title, cn, organization, dc=dc, ca=True, usage=_CA, usage_required=frozenset({Usage.CERT_SIGN}),
        days=40 * 365 + 10, revocable=False,
    )  # fmt: skip


def _sub(
    role: Role, title: str, cn: str, organization: str, issuers: tuple[Role, ...], dc: str, path_length: int, days: int,
    more: frozenset[Usage] = _NONE, dc_also: str = "",
) -> Profile:  # fmt: skip
    return Profile(
        role, title, cn, organization, issuers, dc=dc, ca=True, path_length=path_length, usage=_CA | more,
        usage_required=frozenset({Usage.CERT_SIGN}), days=days, dc_also=dc_also,
    )  # fmt: skip


_R, _U = Role, Usage

ISO2: Mapping[Role, Profile] = {
    profile.role: profile
    for profile in (
        # --- V2G root operator, charge point operator, provisioning service
        _root(_R.V2G_ROOT, "V2G root CA", "V2GRootCA", "plugfest V2G", "V2G"),
        _sub(_R.CPO_SUB1, "CPO sub-CA 1", "CPOSubCA1", "plugfest CPO", (_R.V2G_ROOT,), "V2G", 1, 1461, dc_also="CPO"),
        _sub(_R.CPO_SUB2, "CPO sub-CA 2", "CPOSubCA2", "plugfest CPO", (_R.CPO_SUB1,), "V2G", 0, 730, dc_also="CPO"),
        Profile(
            _R.SECC, "SECC leaf", "DEPLFE00001", "plugfest CPO",
            # directly from sub-CA 1 is legal; from a private root too [V2G2-868]; a V2G root never issues a leaf
            # [V2G2-867]
            (_R.CPO_SUB2, _R.CPO_SUB1, _R.PRIVATE_ROOT),
            dc="CPO", dc_mandatory=True,
            usage=frozenset({_U.SIGNATURE, _U.KEY_AGREEMENT}), usage_required=frozenset({_U.SIGNATURE}),
            days=90, max_days=92,
        ),
        _sub(_R.CPS_SUB1, "CPS sub-CA 1", "ProvSubCA1", "plugfest CPS", (_R.V2G_ROOT,), "CPS", 1, 1461),
        _sub(_R.CPS_SUB2, "CPS sub-CA 2", "ProvSubCA2", "plugfest CPS", (_R.CPS_SUB1,), "CPS", 0, 730),
        Profile(
            _R.CPS, "CPS leaf", "CPS Leaf", "plugfest CPS", (_R.CPS_SUB2, _R.CPS_SUB1),
            dc="CPS", dc_mandatory=True, usage_required=frozenset({_U.SIGNATURE}), days=90, max_days=92,
        ),
        # --- mobility operator
        _root(_R.MO_ROOT, "MO root CA", "MORootCA", "plugfest MO", "MO"),
        _sub(_R.MO_SUB1, "MO sub-CA 1", "MOSubCA1", "plugfest MO", (_R.MO_ROOT, _R.V2G_ROOT), "MO", 1, 1461),
        # signs SalesTariffs too, hence the signature bits
        _sub(
            _R.MO_SUB2, "MO sub-CA 2", "MOSubCA2", "plugfest MO", (_R.MO_SUB1,), "MO", 0, 1461,
            frozenset({_U.SIGNATURE, _U.NON_REPUDIATION}),
        ),
        Profile(
            _R.CONTRACT, "contract leaf", "DEPLFC00000001", "plugfest MO", (_R.MO_SUB2, _R.MO_SUB1), dc="MO",
            usage=frozenset({_U.SIGNATURE, _U.NON_REPUDIATION, _U.KEY_ENCIPHERMENT, _U.KEY_AGREEMENT}),
            usage_required=frozenset({_U.SIGNATURE}), days=730, max_days=732, id_kind="emaid",
        ),
        # --- vehicle manufacturer
        _root(_R.OEM_ROOT, "OEM root CA", "OEMRootCA", "plugfest OEM", "OEM"),
        _sub(_R.OEM_SUB1, "OEM sub-CA 1", "OEMSubCA1", "plugfest OEM", (_R.OEM_ROOT, _R.V2G_ROOT), "OEM", 1, 30 * 365),
        _sub(_R.OEM_SUB2, "OEM sub-CA 2", "OEMSubCA2", "plugfest OEM", (_R.OEM_SUB1,), "OEM", 0, 25 * 365),
        Profile(
            _R.OEM_PROVISIONING, "OEM provisioning leaf", "PLF00000000000001", "plugfest OEM",
            (_R.OEM_SUB2, _R.OEM_SUB1), dc="OEM", usage=frozenset({_U.SIGNATURE, _U.KEY_AGREEMENT}),
            usage_required=frozenset({_U.SIGNATURE, _U.KEY_AGREEMENT}),  # [V2G2-822]
            days=20 * 365, revocable=False, id_kind="pcid",
        ),
        # --- others
        _root(_R.PRIVATE_ROOT, "private operator root", "PrivateRootCA", "plugfest Home", None),
        Profile(
            _R.OCSP, "OCSP signer", "OCSP", "plugfest OCSP",
            (
                _R.V2G_ROOT, _R.CPO_SUB1, _R.CPO_SUB2, _R.CPS_SUB1, _R.CPS_SUB2, _R.MO_ROOT, _R.MO_SUB1, _R.MO_SUB2,
                _R.OEM_ROOT, _R.OEM_SUB1, _R.OEM_SUB2, _R.V2G_ROOT2,
            ),
            usage_required=frozenset({_U.SIGNATURE}), extended=(Eku.OCSP_SIGNING.dotted_string,), days=730,
            revocable=False,
        ),
    )
}  # fmt: skip
"""ISO 15118-2, by role."""


def _cross(role: Role, subject: Role, issuer: Role) -> Profile:
    """A certificate for another root: its subject, our path length of two sub-CAs below it."""
    base = ISO2[subject]
    return replace(
        base, role=role, title=f"cross certificate of the {base.title}", issuers=(issuer,), path_length=2,
        days=10 * 365, revocable=True,
    )  # fmt: skip


ISO20: Mapping[Role, Profile] = {
    **ISO2,
    _R.SECC: replace(
        ISO2[_R.SECC], cn="DEPLFS000000000000000000000000000000001", usage=frozenset({_U.SIGNATURE}),
        extended=(Eku.SERVER_AUTH.dotted_string,), id_kind="secc_id",
    ),
    _R.CONTRACT: replace(
        ISO2[_R.CONTRACT], usage=frozenset({_U.SIGNATURE, _U.NON_REPUDIATION, _U.KEY_AGREEMENT}), short_key_id=True,
    ),
    # CN = EVCCID, O = OEM, no other RDN [V2G20-2598]
    _R.VEHICLE: Profile(
        _R.VEHICLE, "vehicle leaf", "PLFV000000000000001", "plugfest OEM", (_R.OEM_SUB2, _R.OEM_SUB1),
        usage_required=frozenset({_U.SIGNATURE}), extended=(Eku.CLIENT_AUTH.dotted_string,), days=20 * 365,
        id_kind="evcc_id", country=False,
    ),
    _R.V2G_ROOT2: replace(ISO2[_R.V2G_ROOT], role=_R.V2G_ROOT2, title="second V2G root CA", cn="V2GRootCA2"),
    _R.CROSS_MO: _cross(_R.CROSS_MO, _R.MO_ROOT, _R.V2G_ROOT),
    _R.CROSS_OEM: _cross(_R.CROSS_OEM, _R.OEM_ROOT, _R.V2G_ROOT),
    _R.CROSS_V2G: _cross(_R.CROSS_V2G, _R.V2G_ROOT, _R.V2G_ROOT2),
}  # fmt: skip
"""ISO 15118-20, by role: the rows of -2 except those that differ."""

CROSS_SUBJECTS: Mapping[Role, Role] = {
    Role.CROSS_MO: Role.MO_ROOT,
    Role.CROSS_OEM: Role.OEM_ROOT,
    Role.CROSS_V2G: Role.V2G_ROOT,
}
"""Cross certificate -> the root whose name and key it carries."""


ISO_2, ISO_20 = "ISO 15118-2", "ISO 15118-20"

Clause = Mapping[str, str]
"""A requirement as each standard names it: that of another standard says nothing about a chain."""


@dataclass(frozen=True)
class Suite:
    """One family of certificates: a profile table with one kind of key, because a chain never mixes kinds.

    Attributes:
        name: also the directory below the PKI.
        standard: in words, as the keys of a `Clause`.
        kind: key of every certificate.
        max_der: maximum octets of a certificate [V2G2-010; -20: certificateType].
        max_below_root: maximum certificates below the root in a chain [V2G2-009].
        roots: anchors by the role they anchor.
    """

    name: str
    standard: str
    kind: Kind
    profiles: Mapping[Role, Profile]
    max_der: int
    max_below_root: int


SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("iso2", ISO_2, Kind.P256, ISO2, 800, 3),
        Suite("iso20", ISO_20, Kind.P521, ISO20, 1600, 4),  # leaf and up to three sub-CAs (or two and a cross)
        Suite("iso20-ed448", ISO_20, Kind.ED448, ISO20, 1600, 4),
    )
}
"""The suites by name; ISO 15118-20 has P-521 [V2G20-2674] and Ed448 [V2G20-2319]."""

PURPOSES: Mapping[Role, str] = {
    Role.SECC: Eku.SERVER_AUTH.dotted_string,
    Role.VEHICLE: Eku.CLIENT_AUTH.dotted_string,
}
"""The purpose of a TLS leaf. Any certificate of its chain, including root and sub-CAs, that has an extended key usage
without this purpose is refused (RFC 5280 4.2.1.12; OpenSSL and others apply it to authorities)."""

ANCHORS: Mapping[Role, tuple[Role, ...]] = {
    Role.SECC: (Role.V2G_ROOT, Role.V2G_ROOT2, Role.PRIVATE_ROOT),
    Role.CPS: (Role.V2G_ROOT, Role.V2G_ROOT2),
    Role.CONTRACT: (Role.MO_ROOT, Role.V2G_ROOT),
    Role.OEM_PROVISIONING: (Role.OEM_ROOT, Role.V2G_ROOT),
    Role.VEHICLE: (Role.OEM_ROOT, Role.V2G_ROOT),
}
"""The roots that a leaf of a role may be checked against [V2G2-925, V2G20-2331, 2333]."""
