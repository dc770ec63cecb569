"""Deliberately invalid copies: for each way in which a chain can be wrong, one that is wrong in this way only.

A copy has the good certificate's names, so it can take its place. The table says what is wrong and which deviations
:func:`pki.path.validate` must find; tests check the validator against it, and OpenSSL where it can detect the defect.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from boundary import write
from boundary.choices import unknown
from pki import keys
from pki.authority import Authority, Changes
from pki.errors import PkiError
from pki.path import Code
from pki.profiles import PURPOSES, Profile, Role, Suite, Usage
from pki.revocation import Revocations
from pki.store import Entry, Store, public

LEAVES = (Role.SECC, Role.CONTRACT, Role.OEM_PROVISIONING, Role.CPS, Role.VEHICLE)
"""Roles of which there are invalid copies."""


@dataclass(frozen=True)
class Twin:
    """A chain that must be refused.

    Attributes:
        kind: a row of :data:`KINDS`.
        leaf: the leaf's certificate and key.
        chain: what is sent, leaf first.
        revocations: what a peer that checks revocation would learn.
    """

    kind: Kind
    leaf: Entry
    chain: tuple[x509.Certificate, ...]
    revocations: Revocations

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        return tuple(c.public_bytes(Encoding.DER) for c in self.chain)


@dataclass(frozen=True)
class Kind:
    """One kind of defect.

    Attributes:
        name: also the name of its directory.
        text: what is wrong, in words.
        codes: exactly the fatal deviations that the validator finds.
        make: creates leaf and chain.
        openssl: whether ``openssl verify`` sees it too (with :func:`openssl_options`, trusting the role's own root);
            domain components, key usage of leaves, sizes and the order of certificates are outside its scope, purposes
            and revoked sub-CAs need more options.
    """

    name: str
    text: str
    codes: frozenset[Code]
    make: Callable[[_Bench], _Made]
    openssl: bool = True


_Made = tuple[Entry, tuple[x509.Certificate, ...]]


@dataclass
class _Bench:
    """The input of a kind: the good PKI, the role, and an authority with the copy's own keys."""

    store: Store
    role: Role
    at: datetime.datetime
    authority: Authority
    kind: str
    revocations: Revocations

    @property
    def good(self) -> Entry:
        return self.store[self.role]

    @property
    def issuer(self) -> Entry:
        issuer = self.good.issuer
        if issuer is None:
            raise PkiError(f"{self.role} has no issuer in this PKI")
        return issuer

    def issue(
        self, like: Entry, issuer: Entry | None, changes: Changes | None = None, *, name: str = "", cn: str = ""
    ) -> Entry:
        """A certificate with another's names and its own key.

        Raises:
            PkiError: the entry has no role.
        """
        role = like.role
        if role is None:
            raise PkiError(f"{like.name} has no role")
        name = name or like.name
        return self.authority.issue(
            role, issuer, name=name, cn=cn or like.common_name, changes=changes,
            label=f"variants/{self.kind}/{self.role}/{name}",
        )  # fmt: skip

    def leaf(self, changes: Changes | None = None, issuer: Entry | None = None) -> Entry:
        return self.issue(self.good, issuer or self.issuer, changes)

    def mirror(self, *, rename: str = "") -> Entry:
        """A copy of the good chain from the root down with new keys; the root is renamed if a name is given.

        Raises:
            PkiError: the good certificate has no chain.
        """
        path = [*self.good.up][::-1]
        above: Entry | None = None
        for entry in path:
            role = entry.role or self.role
            above = self.authority.issue(
                role, above, name=entry.name, cn=rename if rename and above is None else entry.common_name,
                label=f"variants/{self.kind}/{self.role}/{entry.name}",
            )  # fmt: skip
        if above is None:
            raise PkiError(f"{self.role} has no chain")
        return above


def _sent(leaf: Entry) -> _Made:
    return leaf, leaf.chain


_DAY = datetime.timedelta(days=1)


def _expired(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(not_before=b.at - 60 * _DAY, not_after=b.at - _DAY)))


def _expired_sub_ca(b: _Bench) -> _Made:
    old = b.issue(b.issuer, b.issuer.issuer, Changes(not_before=b.at - 400 * _DAY, not_after=b.at - _DAY))
    return _sent(b.leaf(Changes(not_before=b.at - 10 * _DAY, not_after=b.at + 20 * _DAY), old))


def _not_yet_valid(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(not_before=b.at + 30 * _DAY, not_after=b.at + 90 * _DAY)))


def _wrong_root(b: _Bench) -> _Made:
    return _sent(b.mirror(rename="UnknownRootCA"))


def _twin_root(b: _Bench) -> _Made:
    return _sent(b.mirror())


def _wrong_role(b: _Bench) -> _Made:
    """Another role's leaf, valid for that role, in place of this one."""
    other = Role.SECC if b.role is Role.CONTRACT else Role.CONTRACT
    leaf = b.issue(b.store[other], b.store[other].issuer)
    return _sent(replace(leaf, name=b.good.name))


def _wrong_dc(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(dc="V2G")))


def _broken_signature(b: _Bench) -> _Made:
    label = f"variants/{b.kind}/{b.role}/forger"
    forger = (
        keys.derive(b.store.suite.kind, b.authority.seed, label)
        if b.authority.seed is not None
        else keys.generate(b.store.suite.kind)
    )
    return _sent(b.leaf(Changes(signer=forger)))


def _missing_intermediate(b: _Bench) -> _Made:
    leaf = b.leaf()
    return leaf, (leaf.chain[0], *leaf.chain[2:])


def _swapped(b: _Bench) -> _Made:
    leaf = b.leaf()
    return leaf, (leaf.chain[0], *leaf.chain[:0:-1])


def _other_curve(b: _Bench) -> keys.Kind:
    return keys.Kind.P384 if b.store.suite.kind is keys.Kind.P256 else keys.Kind.P256


def _wrong_curve(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(kind=_other_curve(b))))


def _too_long_path(b: _Bench) -> _Made:
    """An extra sub-CA below one that allows none."""
    third = b.issue(
        b.issuer, b.issuer, Changes(path_length=-1),
        name=f"{b.issuer.name[:-1]}3", cn=f"{b.issuer.common_name.removesuffix('2')}3",
    )  # fmt: skip
    return _sent(b.leaf(issuer=third))


def _leaf_is_ca(b: _Bench) -> _Made:
    usage = b.store.suite.profiles[b.role].usage | {Usage.CERT_SIGN}
    return _sent(b.leaf(Changes(ca=True, path_length=0, usage=usage)))


def _no_key_usage(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(usage=frozenset())))


def _wrong_key_usage(b: _Bench) -> _Made:
    return _sent(b.leaf(Changes(usage=frozenset({Usage.DATA_ENCIPHERMENT}))))


def _too_big(b: _Bench) -> _Made:
    spare = b.store.suite.max_der - len(b.good.der)
    return _sent(b.leaf(Changes(padding=spare)))


def _revoked(b: _Bench) -> _Made:
    leaf = b.leaf()
    b.revocations.revoke(leaf, b.at - _DAY, "keyCompromise")
    return _sent(leaf)


def _revoked_sub_ca(b: _Bench) -> _Made:
    above = b.issue(b.issuer, b.issuer.issuer)
    b.revocations.revoke(above, b.at - _DAY, "cACompromise")
    return _sent(b.leaf(issuer=above))


def _issued_by_leaf(b: _Bench) -> _Made:
    """The owner of another leaf poses as an authority; sub-CA 1 issues that leaf, so that no length is exceeded."""
    other = b.issue(b.good, b.issuer.issuer, name=f"{b.good.name}-issuer")
    return _sent(b.leaf(issuer=other))


def _mixed_algorithms(b: _Bench) -> _Made:
    """A chain with two kinds of key: the leaf is signed with the algorithm of another one."""
    return _sent(b.leaf(issuer=b.issue(b.issuer, b.issuer.issuer, Changes(kind=_other_curve(b)))))


def _wrong_purpose(b: _Bench) -> _Made:
    client = b.role is Role.VEHICLE
    return _sent(b.leaf(Changes(extended=(PURPOSES[Role.SECC if client else Role.VEHICLE],))))


def _c(*codes: Code) -> frozenset[Code]:
    return frozenset(codes)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("expired", "the leaf expired a day ago", _c(Code.EXPIRED), _expired),
        Kind("expired-sub-ca", "the leaf's issuer expired a day ago", _c(Code.EXPIRED), _expired_sub_ca),
        Kind("not-yet-valid", "the leaf becomes valid in 30 days", _c(Code.NOT_YET_VALID), _not_yet_valid),
        Kind("wrong-root", "the whole chain leads to a root that nobody trusts", _c(Code.UNKNOWN_ROOT), _wrong_root),
        Kind(
            "twin-root",
            "the same names throughout, but other keys, including the root's",
            _c(Code.TWIN_ROOT),
            _twin_root,
        ),
        Kind(
            "wrong-role",
            "a good chain of another role: a contract's, or in a contract's place a charger's",
            _c(Code.WRONG_ROLE, Code.UNKNOWN_ROOT),
            _wrong_role,
        ),
        Kind("wrong-dc", "the leaf's domain component is V2G", _c(Code.WRONG_ROLE), _wrong_dc, False),
        Kind(
            "broken-signature",
            "the leaf was signed with another authority's key",
            _c(Code.BROKEN_SIGNATURE),
            _broken_signature,
        ),
        Kind(
            "missing-intermediate",
            "sub-CA 2 is not sent",
            _c(Code.MISSING_INTERMEDIATE, Code.ORDER),
            _missing_intermediate,
        ),
        Kind("swapped", "the sub-CAs are sent in the wrong order", _c(Code.ORDER), _swapped, False),
        Kind("wrong-curve", "the leaf's key is on another curve", _c(Code.CURVE), _wrong_curve),
        Kind(
            "mixed-algorithms",
            "the key of the leaf's issuer is on another curve",
            _c(Code.CURVE, Code.ALGORITHM),
            _mixed_algorithms,
        ),
        Kind("over-long-path", "a third sub-CA", _c(Code.PATH_LENGTH, Code.TOO_LONG), _too_long_path),
        Kind("leaf-is-ca", "the leaf is marked as an authority", _c(Code.LEAF_IS_CA), _leaf_is_ca, False),
        Kind(
            "issued-by-leaf", "the leaf was issued by another leaf", _c(Code.NOT_A_CA, Code.KEY_USAGE), _issued_by_leaf
        ),
        Kind("no-key-usage", "the leaf has no keyUsage", _c(Code.KEY_USAGE), _no_key_usage, False),
        Kind(
            "wrong-key-usage", "the leaf may only be used to encipher data", _c(Code.KEY_USAGE), _wrong_key_usage, False
        ),
        Kind(
            "wrong-purpose",
            "the leaf's extended key usage is for the other end of TLS",
            _c(Code.PURPOSE),
            _wrong_purpose,
            False,
        ),
        Kind("too-big", "the leaf is larger than messages allow", _c(Code.SIZE), _too_big, False),
        Kind("revoked", "the leaf was revoked a day ago", _c(Code.REVOKED), _revoked),
        Kind("revoked-sub-ca", "the leaf's issuer was revoked a day ago", _c(Code.REVOKED), _revoked_sub_ca, False),
    )
}
"""The kinds by name."""


def make(store: Store, name: str, role: Role, at: datetime.datetime, *, seed: bytes | None = None) -> Twin:
    """A deliberately invalid copy of a role's leaf.

    Args:
        store: the good PKI, with the keys of its authorities.
        name: of :data:`KINDS`.
        role: of :data:`LEAVES`.
        at: when it must be invalid: expiry and the like are relative to it.
        seed: as for :func:`pki.authority.make`.

    Raises:
        PkiError: there is no such kind, the PKI has no such leaf, or a key is missing.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise PkiError(unknown("variant", name, KINDS))
    authority = Authority(
        store.suite, max(at - _DAY, store[role].certificate.not_valid_before_utc), seed, store.responder
    )
    bench = _Bench(store, role, at, authority, kind.name, Revocations())
    leaf, chain = kind.make(bench)
    return Twin(kind, leaf, chain, bench.revocations)


def codes(kind: Kind, role: Role, suite: Suite) -> frozenset[Code]:
    """The fatal deviations that the validator must find in the copy for a role, where they depend on it.

    A wrong domain component is an error only for SECC and CPS leaves, a wrong purpose only in TLS. A charger's chain in
    a contract's place leads to a V2G root, which contracts may have too.
    """
    profile: Profile = suite.profiles[role]
    if kind.name == "wrong-dc" and not profile.dc_mandatory:
        return frozenset()
    if kind.name == "wrong-purpose" and role not in PURPOSES:
        return frozenset()
    if kind.name == "wrong-role" and role is Role.CONTRACT:
        return kind.codes - {Code.UNKNOWN_ROOT}
    if kind.name == "over-long-path" and suite.max_below_root > 3:
        return kind.codes - {Code.TOO_LONG}
    return kind.codes


def openssl_options(kind: Kind, suite: Suite) -> list[str]:
    """Options that ``openssl verify`` needs to see what is wrong; a good chain passes with them."""
    if Code.CURVE in kind.codes:
        return ["-suiteB_128_only"] if suite.kind is keys.Kind.P256 else ["-auth_level", "4"]  # 192 bits: not P-256
    return ["-crl_check"] if kind.name == "revoked" else []


def check_free(store: Store, twin: Twin) -> Path:
    """Where to write a copy's certificate, if nothing is there yet.

    Raises:
        PkiError: something is there, or the store is only in memory.
    """
    file = store.own_directory() / "variants" / twin.name / f"{twin.leaf.name}.pem"
    if file.exists():
        raise PkiError(f"{file} already exists; --force replaces it")
    return file


def save(store: Store, twin: Twin, *, force: bool = False) -> Path:
    """Writes a copy below ``variants/<name>/`` of the store's directory: ``<role>.pem``, ``.key``, ``-chain.pem``.

    Raises:
        PkiError: the files exist and ``force`` is not set, or the store is only in memory.
    """
    if not force:
        check_free(store, twin)
    where = store.own_directory() / "variants" / twin.name
    stem = twin.leaf.name
    files = {
        where / f"{stem}.pem": twin.leaf.pem,
        where / f"{stem}.der": twin.leaf.der,
        where / f"{stem}-chain.pem": b"".join(c.public_bytes(Encoding.PEM) for c in twin.chain),
        where / f"{stem}.key": keys.private_pem(twin.leaf.key),
    }
    write.write_all(files, public=public)
    if twin.revocations.entries:  # responder and CRLs must say so too
        known = Revocations.of(store)
        known.entries.update(twin.revocations.entries)
        known.save()
    return where
