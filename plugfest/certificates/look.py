"""``plugfest pki show|verify``: chains out of a PKI or a file, as text, and checked against their roles."""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import datetime
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPRequestBuilder

from boundary.console import say, say_all, to_the_end
from boundary.read import read_input
from pki import framing, keys, loading, ocsp, path, revocation, roles
from pki.path import Code, Deviation
from pki.profiles import ANCHORS, SUITES, Role
from pki.responder import stores
from pki.revocation import Revocations
from pki.store import Entry, Store, common_name, issued, self_signed
from plugfest.certificates import arguments, recorded, text, tokens
from plugfest.certificates.roots import anchors, trusted
from plugfest.errors import UserError


@dataclass
class _Chain:
    """A chain to be shown or checked: from a PKI, a file or a recording.

    Attributes:
        at: when it was recorded.
        defects: of certificates sent with it that cannot be used.
        key_trouble: why its key file cannot be used, or "".
    """

    name: str
    certificates: list[x509.Certificate]
    roles: list[Role | None]
    files: list[str]
    suite: str
    at: datetime.datetime | None = None
    defects: list[loading.Unreadable] = field(default_factory=list)
    key_trouble: str = ""

    @property
    def role(self) -> Role | None:
        return self.roles[0] if self.roles else None


def _octets(target: str) -> list[x509.Certificate]:
    """The certificates in a file or on standard input: PEM, DER, or hex or base64 text of DER."""
    where = "standard input" if target == "-" else target
    data = read_input(limit=framing.MAX_FILE) if target == "-" else framing.read(Path(target))
    if data[:1] != b"\x30" and b"-----BEGIN" not in data:
        compact = b"".join(data.split())
        for decode in (binascii.unhexlify, base64.b64decode):
            with contextlib.suppress(ValueError):
                if (decoded := decode(compact))[:1] == b"\x30":
                    return loading.certificates(decoded, where)
    return loading.certificates(data, where)


def _from_file(target: str, role: Role | None, suite: str | None) -> list[_Chain]:
    """The chain in a file, or those in recorded traffic."""
    if target != "-" and not Path(target).exists():
        raise UserError(f"{target}: no such file or directory")
    if target == "-" or not recorded.is_recording(Path(target)):
        return [_chain(target, _octets(target), role, suite)]
    seen = recorded.chains(Path(target))
    return [_chain(s.where, s.certificates, role or s.role, suite, s.at, s.defects) for s in seen]


def _chain(
    name: str,
    certificates: list[x509.Certificate],
    role: Role | None,
    suite: str | None,
    at: datetime.datetime | None = None,
    defects: Sequence[loading.Unreadable] = (),
) -> _Chain:
    kind = keys.kind(certificates[0].public_key()) if certificates else None
    suite = suite or next((s.name for s in SUITES.values() if s.kind is kind), "iso2")
    found: list[Role | None] = []
    for certificate in reversed(certificates):
        found.append(roles.guess_in_chain(certificate, found[-1] if found else None))
    found.reverse()
    if role is not None and found:
        found[0] = role
    return _Chain(name, certificates, found, [""] * len(certificates), suite, at, list(defects))


def _from_entry(store: Store, entry: Entry, role: Role | None) -> _Chain:
    up = entry.up
    files = []
    for member in up:
        names_ = [p.name for p in (member.path, member.key_path) if p is not None]
        trouble = member.key_trouble()
        files.append("  ".join(names_) + (f"  ({trouble})" if trouble else ""))
    found = [e.role for e in up]
    if role is not None:
        found[0] = role
    return _Chain(entry.name, [e.certificate for e in up], found, files, store.suite.name)


def _split(chain: _Chain) -> tuple[list[x509.Certificate], bool]:
    """The certificates below the root, and whether the root is there."""
    rooted = len(chain.certificates) > 1 and self_signed(chain.certificates[-1])
    return chain.certificates[:-1] if rooted else chain.certificates, rooted


def show(args: argparse.Namespace) -> int:
    """A PKI as a tree, entries with their chains, or what a file holds."""
    at, role = arguments.time(args.at), arguments.role(args.role)
    if args.target != "-" and Path(args.target).is_dir():
        found = [Store(args.target, args.suite, password=args.password)] if args.suite or args.names else None
        for index, store in enumerate(found or stores(Path(args.target)).values()):
            revocations = Revocations.of(store)
            if not args.names:
                _lines(text.overview(store, at, revocations), blank=index > 0)
            for number, name in enumerate(args.names):
                chain = _from_entry(store, store[name], role)
                own = anchors(store, chain.role)
                _lines(_shown(chain, own, at, revocations), blank=number > 0)
        return 0
    if args.names:
        raise UserError(f"{args.target} is a file: names belong to a PKI directory")
    if args.target != "-" and Path(args.target).is_file():
        if (shown := tokens.lines(Path(args.target), at)) is not None:
            _lines(iter(shown))
            return 0
    found_chains = _from_file(args.target, role, args.suite)
    for index, chain in enumerate(found_chains):
        if chain.at is not None:
            if index:
                say()
            say(f"{chain.name}, {chain.at:%Y-%m-%d %H:%M} UTC")
        time = at if args.at or chain.at is None else chain.at
        roots = [c for c in chain.certificates[1:] if self_signed(c)]
        if chain.certificates:
            _lines(_shown(chain, roots, time, None))
        for defect in chain.defects:
            say(f"  ! {defect}")
    if not all(self_signed(c) for chain in found_chains for c in chain.certificates[-1:]):
        say("not checked against a root; use plugfest pki verify FILE --roots ROOTS")
    return 0


def _shown(
    chain: _Chain, anchors: Sequence[x509.Certificate], at: datetime.datetime, revocations: Revocations | None
) -> Iterator[str]:
    below, rooted = _split(chain)
    found: list[Deviation] = []
    profile = SUITES[chain.suite].profiles.get(chain.role) if chain.role else None
    if chain.role is not None and profile is not None and not profile.self_signed:
        known = list(anchors)
        found = path.validate(below, known, chain.role, at, suite=chain.suite, revoked=revocations)
        if not known:
            found = [d for d in found if d.code not in (Code.UNKNOWN_ROOT, Code.MISSING_INTERMEDIATE)]
    suite = SUITES[chain.suite]
    yield from text.chain(chain.certificates, chain.roles, suite, at, found, files=chain.files, root=rooted)


def _lines(lines: Iterator[str], *, blank: bool = False) -> None:
    if blank:
        say()
    for line in lines:
        say(line)


@dataclass
class _Held:
    """A chain, and what it is checked against: trusted roots, and the revocations of its PKI."""

    chain: _Chain
    anchors: Sequence[x509.Certificate]
    revocations: Revocations
    oddities: Sequence[str] = ()


@dataclass
class _Checked:
    """The verdict on a chain, with the lines that explain it."""

    name: str
    accepted: bool
    lines: list[str]


@to_the_end()
def verify(args: argparse.Namespace) -> int:
    """Checks every chain against its role; returns 1 if one has to be refused."""
    at, role = arguments.time(args.at), arguments.role(args.role)
    in_pki = args.target != "-" and Path(args.target).is_dir()
    todo = list(_in_pki(args, role) if in_pki else _in_file(args, role))
    lists = {file: revocation.read_crl(file) for file in args.crl}
    # A recording has its own time, unless the user gives one.
    times = [at if args.at or held.chain.at is None else held.chain.at for held in todo]
    checked = [_checked(held, time, lists, ask=args.ocsp) for held, time in zip(todo, times, strict=True)]
    refused = [one for one in checked if not one.accepted]
    say(_summary(len(checked), [one.name for one in refused]))
    for one in checked:
        say_all(one.lines)
    return 1 if refused else 0


def _summary(count: int, refused: Sequence[str]) -> str:
    """What came out, in one sentence."""
    chains = f"{count} chain{'s' if count != 1 else ''}"
    if not count:
        return "Nothing to verify: no chain was found."
    if not refused:
        return f"Accepted: {'the chain is' if count == 1 else f'all {chains} are'} valid."
    if count == 1:
        return f"Refused: {refused[0]} is not valid."
    return (
        f"Refused: {len(refused)} of {chains} {'is' if len(refused) == 1 else 'are'} not valid: {', '.join(refused)}."
    )


def _in_pki(args: argparse.Namespace, role: Role | None) -> Iterator[_Held]:
    """The named entries of a PKI directory, or all leaves of known roles."""
    suites = [Store(args.target, args.suite, password=args.password)] if args.suite or args.names else None
    found = suites or list(stores(Path(args.target)).values())
    for store in found:
        oddities = list(text.oddities(store))
        entries = [store[n] for n in args.names] or [e for e in store.values() if e.role in ANCHORS]
        if not entries:
            raise UserError(f"{args.target} has no leaves of a known role; give NAME and --role")
        for entry in entries:
            chain = _from_entry(store, entry, role)
            chain.key_trouble = (entry.key_trouble() or "") if entry.has_key else ""
            known = trusted(args.roots, chain.role) or anchors(store, chain.role)
            if len(found) > 1:
                chain.name = f"{store.suite.name}/{entry.name}"
            yield _Held(chain, known, Revocations.of(store), oddities)
            oddities = []


def _in_file(args: argparse.Namespace, role: Role | None) -> Iterator[_Held]:
    """The chains in a file, a recording or standard input."""
    if not args.roots:
        raise UserError(f"trusted roots are missing: plugfest pki verify {args.target} --roots ROOTS")
    for chain in _from_file(args.target, role, args.suite):
        _complete(chain, args.roots)
        yield _Held(chain, trusted(args.roots, chain.role), Revocations())


def _checked(
    held: _Held, time: datetime.datetime, lists: Mapping[Path, x509.CertificateRevocationList], *, ask: bool
) -> _Checked:
    """Checks a chain.

    Args:
        lists: revocation lists, by file.
        ask: ask the certificates' OCSP responders too.
    """
    chain = held.chain
    lines = [*held.oddities, *(f"  ! {defect}" for defect in chain.defects)]
    if not chain.certificates:
        return _Checked(chain.name, not chain.defects, lines)
    if chain.role is None:
        raise UserError(f"{chain.name}: its role cannot be determined; give --role")
    below, _ = _split(chain)
    revocations, remarks = _with_lists(held.revocations, lists, [*below, *held.anchors], time)
    deviations = path.validate(below, held.anchors, chain.role, time, suite=chain.suite, revoked=revocations)
    if ask:
        deviations += _ask(below, held.anchors, time)
    lines += [*remarks, *_verdict(chain, below, held.anchors, deviations)]
    if chain.key_trouble:
        lines.append(f"  ! {'key':20} {chain.key_trouble}")
    return _Checked(chain.name, not (chain.defects or chain.key_trouble or path.fatal(deviations)), lines)


def _with_lists(
    known: Revocations,
    lists: Mapping[Path, x509.CertificateRevocationList],
    authorities: Sequence[x509.Certificate],
    at: datetime.datetime,
) -> tuple[Revocations, list[str]]:
    """The known revocations with those that lists add for these authorities, and remarks on the lists."""
    found = Revocations(dict(known.entries))
    remarks: list[str] = []
    for file, one in lists.items():
        said = revocation.listed(one, authorities)
        if said is None:
            remarks.append(f"  {file}: not signed by an authority of this chain, so it is ignored")
            continue
        found.entries.update(said.entries)
        until = one.next_update_utc
        if until is not None and until < at:
            remarks.append(f"  {file}: stale since {until:%Y-%m-%d %H:%M} UTC")
    return found, remarks


def _complete(chain: _Chain, places: Sequence[Path]) -> None:
    """Adds the sub-CAs of a provisioning certificate, which ISO 15118-2 sends alone, where a PKI has them."""
    if chain.role is not Role.OEM_PROVISIONING or len(chain.certificates) > 1:
        return
    for store in (store for place in places if place.is_dir() for store in stores(place).values()):
        while (above := store.issuer_of(chain.certificates[-1])) is not None and above.issuer is not None:
            chain.certificates.append(above.certificate)
            chain.roles.append(above.role)
            chain.files.append("")


def _verdict(
    chain: _Chain, below: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], found: list[Deviation]
) -> Iterator[str]:
    way = [common_name(c) or "?" for c in below]
    root = next((a for a in anchors if issued(a, below[-1])), None)
    if root is not None:
        way.append(common_name(root))
    state = "REFUSED" if path.fatal(found) else "good" if not found else "good, with oddities"
    yield f"{chain.name}: {text.title(chain.role, SUITES[chain.suite])}  {' < '.join(way)}  {state}"
    for deviation in found:
        yield (f"  {'!' if deviation.fatal else '~'} {deviation.code:20} {deviation}")


def _ask(
    below: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime.datetime
) -> list[Deviation]:
    """What the OCSP responders say that the certificates name."""
    found: list[Deviation] = []
    for index, certificate in enumerate(below):
        subject = common_name(certificate)
        issuer = next((c for c in (*below[index + 1 :], *anchors) if issued(c, certificate)), None)
        urls = text.ocsp_urls(certificate)
        if issuer is None or not urls:
            if issuer is not None:
                words = "names no OCSP responder"
                found.append(Deviation(Code.OCSP_MISSING, index, subject, words, fatal=False))
            continue
        request = OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()
        kind = {"Content-Type": "application/ocsp-request"}
        try:
            asked = urllib.request.Request(urls[0], request.public_bytes(Encoding.DER), kind)
            with urllib.request.urlopen(asked, timeout=5) as answer:
                response = answer.read(65536)
        except (urllib.error.URLError, OSError, ValueError) as why:
            words = f"no answer from {urls[0]} ({getattr(why, 'reason', why)}); `plugfest pki ocsp` serves it"
            found.append(Deviation(Code.OCSP_MISSING, index, subject, words))
            continue
        found += ocsp.check(response, certificate, issuer, at, index=index)
    return found
