"""Guesses the role of a certificate from its content: purposes, authority or leaf, domain component, names.

Only the domain components of SECC and CPS leaf are rules [V2G2-925]; everything else is convention, so the answer for
others is a guess, and None if nothing suggests a role.
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.profiles import Role

_ACTORS = (
    # actor, domain components, words in CN and O
    ("cps", {"CPS"}, r"CPS|PROV"),
    ("cpo", {"CPO"}, r"CPO|CSO|SECC"),
    ("oem", {"OEM"}, r"OEM"),
    ("mo", {"MO"}, r"\bE?MO(?!D)|EMSP|MSP"),
    ("v2g", {"V2G"}, r"V2G"),
)
_ROOTS = {"v2g": Role.V2G_ROOT, "mo": Role.MO_ROOT, "oem": Role.OEM_ROOT}
_LEAVES = {"cpo": Role.SECC, "cps": Role.CPS, "mo": Role.CONTRACT, "oem": Role.OEM_PROVISIONING}
_EMAID = re.compile(r"[A-Z]{2}-?[A-Z0-9]{3}-?(?!E)[A-Z0-9]{8,9}-?[A-Z0-9]?")  # with E it is an EVSE id
_PCID = re.compile(r"[A-Z0-9]{17,18}")


def text(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The first attribute of a kind in a name, or ""."""
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def domains(certificate: x509.Certificate) -> list[str]:
    """The domain components of the subject."""
    return [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)]


def purposes(certificate: x509.Certificate) -> set[str] | None:
    """Dotted OIDs of the extended key usage; None without the extension."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return {oid.dotted_string for oid in found}


def constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    """The basicConstraints, if present."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _actor(certificate: x509.Certificate) -> str:
    named = {d.upper() for d in domains(certificate)}
    common = text(certificate.subject, NameOID.COMMON_NAME).upper()
    firm = text(certificate.subject, NameOID.ORGANIZATION_NAME).upper()
    for subject in (common, firm):  # the name distinguishes CPO's sub-CAs from the root, which share DC=V2G
        for actor, _, words in _ACTORS:
            if re.search(words, subject) and (actor != "v2g" or "V2G" in named):
                return actor
    return next((actor for actor, values, _ in _ACTORS if named & values), "")


def guess(certificate: x509.Certificate) -> Role | None:
    """The role of a certificate, judged by the certificate alone."""
    extended = purposes(certificate) or set()
    if ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string in extended:
        return Role.OCSP
    basic = constraints(certificate)
    if basic is not None and basic.ca:
        actor = _actor(certificate)
        if certificate.issuer == certificate.subject:
            return _ROOTS.get(actor)
        level = 2 if basic.path_length == 0 else 1
        if actor in ("cpo", "cps", "mo", "oem"):
            return Role(f"{actor}-sub{level}")
        return None
    named = {d.upper() for d in domains(certificate)}
    if "CPO" in named:
        return Role.SECC
    if "CPS" in named:
        return Role.CPS
    common = text(certificate.subject, NameOID.COMMON_NAME).upper()
    if ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string in extended and "V" in common[3:4]:
        return Role.VEHICLE
    if "MO" in named or _EMAID.fullmatch(common):
        return Role.CONTRACT
    if "OEM" in named or _PCID.fullmatch(common):
        return Role.OEM_PROVISIONING
    return None


def guess_in_chain(certificate: x509.Certificate, issuer: Role | None) -> Role | None:
    """Like :func:`guess`; if that fails, judged by the role of the issuer."""
    own = guess(certificate)
    if own is not None or issuer is None:
        return own
    actor, _, level = issuer.value.partition("-")
    basic = constraints(certificate)
    if basic is not None and basic.ca:
        return Role(f"{actor}-sub2") if level == "sub1" else None
    return _LEAVES.get(actor) if level.startswith("sub") else None
