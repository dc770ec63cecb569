"""The validator beside OpenSSL's on generated chains: what OpenSSL refuses we refuse; what we refuse beyond that has a
reason that is not OpenSSL's business."""

from __future__ import annotations

import datetime
import functools
import itertools
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID
from pkis import LATER, START, openssl

from pki import path
from pki.path import Code
from pki.profiles import Role

PLACES = ("leaf", "sub2", "sub1", "root")
PURPOSES: dict[str, list[x509.ObjectIdentifier]] = {
    "server": [Eku.SERVER_AUTH],
    "client": [Eku.CLIENT_AUTH],
    "both": [Eku.SERVER_AUTH, Eku.CLIENT_AUTH],
    "any": [Eku.ANY_EXTENDED_KEY_USAGE],
    "other": [Eku.OCSP_SIGNING],
}
OURS = {Code.WRONG_ROLE, Code.LEAF_IS_CA, Code.SIZE, Code.ORDER, Code.NAME, Code.TOO_LONG}
"""Rules of ISO 15118 that OpenSSL does not know."""


@dataclass(frozen=True)
class Kind:
    """What one certificate of a chain says.

    Attributes:
        purposes: extended key usage, key of :data:`PURPOSES`; "" for none.
        ca: basicConstraints; None for none.
        path_length: None for no limit.
        usage: key usage: ``sign`` or ``certify``, a word of both; "" for none.
        days: until it ends, from now; negative: it has ended.
        extension: a further critical one: ``unknown`` or ``san``.
    """

    purposes: str = ""
    ca: bool | None = True
    path_length: int | None = None
    usage: str = "certify"
    days: int = 100
    extension: str = ""


LEAF = Kind(ca=False, usage="sign")
GOOD = (LEAF, Kind(), Kind(), Kind())


@functools.cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number + 12345, ec.SECP256R1())


def name(place: str, role: Role) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, f"{place} {role}" if place != "leaf" else "DEABCE1")]
    if role is Role.SECC:
        attributes.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "CPO" if place == "leaf" else "V2G"))
    return x509.Name(attributes)


@functools.cache
def certificate(kind: Kind, place: str, role: Role) -> x509.Certificate:
    number = PLACES.index(place)
    above = min(number + 1, 3)
    builder = x509.CertificateBuilder(
        name(PLACES[above], role), name(place, role), key(number).public_key(), number + 1,
        START.replace(tzinfo=None), (LATER + datetime.timedelta(days=kind.days)).replace(tzinfo=None),
    )  # fmt: skip
    if kind.ca is not None:
        length = kind.path_length if kind.ca else None
        builder = builder.add_extension(x509.BasicConstraints(kind.ca, length), critical=True)
    if kind.usage:
        sign, certify = "sign" in kind.usage, "certify" in kind.usage
        bits = x509.KeyUsage(sign, False, False, False, False, certify, certify, False, False)
        builder = builder.add_extension(bits, critical=True)
    if kind.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(PURPOSES[kind.purposes]), critical=False)
    if kind.extension == "unknown":
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.7"), b"\x05\0"), True)
    if kind.extension == "san":
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key(number).public_key())
    upper = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(above).public_key())
    builder = builder.add_extension(identifier, False).add_extension(upper, False)
    return builder.sign(key(above), hashes.SHA256())


def theirs(chain: list[x509.Certificate], root: x509.Certificate, role: Role, directory: Path) -> tuple[bool, str]:
    """OpenSSL's verdict on a chain for TLS, and its reason."""
    files = {"leaf": chain[:1], "sub": chain[1:], "root": [root]}
    for stem, certificates in files.items():
        (directory / f"{stem}.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in certificates))
    purpose = "sslserver" if role is Role.SECC else "sslclient"
    done = openssl(
        "verify", "-purpose", purpose, "-attime", str(int(LATER.timestamp())), "-CAfile", str(directory / "root.pem"),
        "-untrusted", str(directory / "sub.pem"), str(directory / "leaf.pem"),
    )  # fmt: skip
    return done.returncode == 0, done.stderr


def chains() -> list[tuple[Kind, ...]]:
    """Each place with each oddity, and some with two."""
    single: list[tuple[int, Kind]] = []
    for place, good in enumerate(GOOD):
        odd: list[dict[str, Any]] = [{"purposes": words} for words in PURPOSES]
        odd += [{"usage": words} for words in ("", "sign", "certify", "sign certify") if words != good.usage]
        odd += [{"ca": ca} for ca in (True, False, None) if ca is not good.ca]
        odd += [{"ca": None, "usage": ""}, {"days": -1}, {"extension": "unknown"}, {"extension": "san"}]
        odd += [{"path_length": length} for length in (0, 1, 2)] if place else []
        single += [(place, replace(good, **changes)) for changes in odd]
    found = [tuple(kind if at == place else GOOD[at] for at in range(4)) for place, kind in single]
    rng = random.Random(15118)
    pairs = [pair for pair in itertools.combinations(single, 2) if pair[0][0] != pair[1][0]]
    for one, other in rng.sample(pairs, 60):
        changed = dict((one, other))
        found.append(tuple(changed.get(at, GOOD[at]) for at in range(4)))
    return [GOOD, *found]


@pytest.mark.parametrize("role", [Role.SECC, Role.VEHICLE])
def test_what_openssl_refuses_is_refused(role: Role, tmp_path: Path) -> None:
    """And named; what is refused beyond that is a rule of the standard, or of a certificate that says too little."""
    taken = refused = 0
    for kinds in chains():
        made = [certificate(kind, place, role) for kind, place in zip(kinds, PLACES, strict=True)]
        good, reason = theirs(made[:3], made[3], role, tmp_path)
        found = path.fatal(path.validate(made[:3], made[3:], role, LATER))
        taken, refused = taken + good, refused + (not good)
        if not good:
            assert found, (kinds, reason)
        else:
            stricter = {d.code for d in found} - OURS
            says_little = any(kind.ca is None or not kind.usage for kind in kinds)
            leaf_signs_nothing = "sign" not in kinds[0].usage
            assert not stricter or says_little or leaf_signs_nothing, (kinds, [str(d) for d in found])
    assert taken > 20
    assert refused > 60


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("role", "wrong"), [(Role.SECC, "client"), (Role.VEHICLE, "server"), (Role.SECC, "any")])
def test_the_wrong_purpose_is_named(place: str, role: Role, wrong: str) -> None:
    kinds = [replace(kind, purposes=wrong) if at == place else kind for kind, at in zip(GOOD, PLACES, strict=True)]
    made = [certificate(kind, at, role) for kind, at in zip(kinds, PLACES, strict=True)]
    found = path.fatal(path.validate(made[:3], made[3:], role, LATER))
    assert [(d.code, d.index) for d in found] == [(Code.PURPOSE, PLACES.index(place))]
    assert "extended key usage allows" in found[0].text
    assert "but not " in found[0].text
