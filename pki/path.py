"""Checks a chain against the standards and names every deviation.

:func:`validate` goes on after the first mistake, so that an engineer sees all of them. A deviation is ``fatal`` if a
peer has to refuse the chain; others are deviations from the profile that occur in the field and pass.

Not decided here: revocation (the caller passes what it knows) and the answer on the wire (ResponseCode or alert).
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping, Sequence

from cryptography import x509

from pki import loading, roles
from pki.content import Content
from pki.content import used as used
from pki.deviations import Code as Code
from pki.deviations import Deviation as Deviation
from pki.deviations import fatal as fatal
from pki.profiles import CROSS_SUBJECTS, ISO_2, SUITES, Clause, Profile, Role, Suite
from pki.store import common_name, issued, self_signed

Revoked = Callable[[x509.Certificate, x509.Certificate], bool | str]
"""(certificate, its issuer) -> whether it is known to be revoked; or since when and why, in words."""


def validate(
    chain: Sequence[x509.Certificate | bytes],
    roots: Sequence[x509.Certificate],
    role: Role,
    at: datetime.datetime | None,
    *,
    suite: str = "iso2",
    revoked: Revoked | None = None,
) -> list[Deviation]:
    """Every deviation of a chain from what its leaf's role demands; empty if there are none.

    Args:
        chain: as received: leaf first, then the sub-CAs; certificates or their DER. A root at the end is ignored.
        roots: the trust anchors for this role, see :data:`pki.profiles.ANCHORS`.
        role: role of the leaf.
        at: the time at which validity is judged; None: validity is not checked (a vehicle without a clock [V2G2-886]).
        suite: profile table: iso2, iso20 or iso20-ed448.
        revoked: tells whether a certificate is revoked; None: not checked.
    """
    return _Check(SUITES[suite], role, at, revoked).run(chain, roots)


_MOST = 10
"""Certificates of a chain that are examined, whatever a peer sends."""

_NONE: Clause = {}
_CHAIN: Clause = {ISO_2: "V2G2-009"}


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
            where = Content(
                self.add, self.suite, self.role, index, certificate, profiles[index] if index < len(chain) else None
            )
            where.time(self.at)
            if index == len(chain):
                where.anchor()
            if index < len(chain):
                where.content()
                if index + 1 < len(path) and self.revoked is not None:
                    if why := self.revoked(certificate, path[index + 1]):
                        where.add(Code.REVOKED, why if isinstance(why, str) else "revoked")
        self._lengths(chain, root)
        if root is not None and len(chain) == 1 and "V2G" in roles.domains(root):
            self.add(
                Code.ISSUER,
                0,
                chain[0],
                "issued by the V2G root itself, which never issues a leaf",
                {ISO_2: "V2G2-867"},
                fatal=False,
            )
        return self.found

    def add(
        self,
        code: Code,
        index: int,
        certificate: x509.Certificate | None,
        text: str,
        clause: Clause = _NONE,
        *,
        fatal: bool = True,
    ) -> None:
        subject = f"certificate {index + 1}"
        if certificate is not None:
            subject = common_name(certificate) or certificate.subject.rfc4514_string() or subject
        deviation = Deviation(code, index, subject, text, clause.get(self.suite.standard, ""), fatal)
        if deviation not in self.found:
            self.found.append(deviation)

    def _parse(self, given: Sequence[x509.Certificate | bytes]) -> list[x509.Certificate]:
        chain = []
        if not given:
            self.add(Code.MALFORMED, 0, None, "the chain is empty")
        if len(given) > _MOST:
            self.add(Code.TOO_LONG, 0, None, f"{len(given)} certificates; only the first {_MOST} were checked")
        for index, item in enumerate(given[:_MOST]):
            try:
                chain.append(loading.certificate(item) if isinstance(item, bytes) else item)
            except loading.Unreadable as why:
                self.add(Code.MALFORMED, index, None, f"cannot be used: {why.defect}")
                if index == 0:
                    return []
        return chain

    def _in_order(self, chain: list[x509.Certificate]) -> list[x509.Certificate]:
        """The chain reordered so that each certificate is followed by its issuer, and deviations if it was not in that
        order."""
        ordered, rest = chain[:1], chain[1:]
        while rest:
            named = [c for c in rest if c.subject == ordered[-1].issuer]
            if not named:
                break
            nearest = next((c for c in named if issued(c, ordered[-1])), named[0])  # names may be shared
            rest.remove(nearest)
            ordered.append(nearest)
        if ordered != chain[: len(ordered)]:
            sent = ", ".join(common_name(c) for c in chain)
            self.add(Code.ORDER, 0, chain[0], f"sent in the order {sent}; each must be followed by its issuer", _CHAIN)
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
            # An altered leaf and a same-named root with another key look alike here; the same key id means altered.
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
            trusted = "; ".join(dict.fromkeys(common_name(r) for r in roots)) or "none"
            text = f"its root {issuer} is not trusted (trusted: {trusted})"
            self.add(Code.UNKNOWN_ROOT, index, top, text, {ISO_2: "V2G2-925"})
        return None

    def _profiles(self, chain: list[x509.Certificate]) -> list[Profile | None]:
        """The table row for each position: the issuer role that leaves as many steps to the root as the chain has."""
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
                f"{len(chain)} certificates below the root, at most {self.suite.max_below_root}", _CHAIN,
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


def _depth(table: Mapping[Role, Profile], role: Role) -> int:
    """Number of certificates from a role up to its root, itself included."""
    profile = table[role]
    return 0 if profile.self_signed else 1 + _depth(table, profile.issuers[0])


def _same_key_id(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        held = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return False
    return held == named
