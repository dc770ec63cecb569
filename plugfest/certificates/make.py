"""``plugfest pki init|issue|contract``: certificates are made."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from boundary.console import complain, say, say_all
from boundary.text import dumps
from pki import authority, delivery, delivery20, export, names, provisioning, sealing
from pki.profiles import SUITES, Role
from pki.store import Entry, Store, read_certificates, save_all
from plugfest.certificates import arguments, text
from plugfest.commands.pki import PROFILES
from plugfest.errors import UserError


def init(args: argparse.Namespace) -> int:
    """A complete PKI, or several suites of one."""
    start, seed = arguments.date(args.date), arguments.seed(args.seed)
    responder = arguments.responder(args.responder)
    ids = {}
    if args.emaid:
        ids[Role.CONTRACT] = names.emaid(args.emaid)
        if oddity := names.emaid_oddity(args.emaid):
            complain(f"note: {oddity}")
    if args.pcid:
        ids[Role.OEM_PROVISIONING] = names.pcid(args.pcid)
    if args.evcc_id:
        ids[Role.VEHICLE] = names.evcc_id(args.evcc_id)
    chargers = {"iso2": names.evse_id(args.evse_id) if args.evse_id else ""}
    made = []
    for suite in PROFILES[args.profile]:
        charger = chargers.get(suite, args.secc_id or "")
        more = {Role.SECC: charger} if charger else {}
        store = authority.make(SUITES[suite], start, seed=seed, responder=responder, ids=ids | more)
        store.p12_password = args.p12
        made.append(store)
    save_all(made, args.directory, force=args.force)
    for store in made:
        say(f"{store.directory}: {store.suite.standard}, {store.suite.kind}, {len(store)} certificates")
        for entry in store.of_role(Role.SECC, Role.CONTRACT, Role.OEM_PROVISIONING, Role.VEHICLE):
            until = entry.certificate.not_valid_after_utc
            say(f"  {entry.name:17} {entry.common_name:40} until {until:%Y-%m-%d}")
    say(f"to look at it: plugfest pki show {args.directory}")
    return 0


def issue(args: argparse.Namespace) -> int:
    """One more certificate of an existing PKI."""
    store = Store(args.directory, args.suite)
    role = arguments.role(args.role)
    assert role is not None
    entry = _issue(store, role, args.id, args)
    say(f"{entry.name}: {text.title(role, store.suite)} {entry.common_name}, {text.dates(entry.certificate)}")
    return 0


def _issue(store: Store, role: Role, cn: str, args: argparse.Namespace) -> Entry:
    profile = store.suite.profiles.get(role)
    if profile is None:
        raise UserError(
            f"{store.suite.name} has no certificates of role {role}; choose from {', '.join(LEAVES_AND_CAS)}"
        )
    if not profile.issuers:
        raise UserError(f"{role} is a root: `plugfest pki init` makes roots")
    if not cn and (role in store or profile.id_kind):
        raise UserError(f"{profile.a_title} needs an id: plugfest pki issue {args.directory} {role} ID")
    if role is Role.SECC and store.suite.name == "iso2":
        cn = names.evse_id(cn)
    issuer = store[args.issuer or profile.issuers[0]]
    source = _source(store, args)
    entry = source.issue(role, issuer, name=args.name or f"{role}-{names.plain(cn)}", cn=cn, days=args.days)
    if not args.name:
        entry.name = f"{role}-{entry.common_name}".replace(" ", "-")
    _report(store.issue_into(entry, force=args.force))
    return entry


LEAVES_AND_CAS = [r for r in Role if not r.endswith("-root") and "cross" not in r]


def _source(store: Store, args: argparse.Namespace) -> authority.Authority:
    return authority.Authority(store.suite, arguments.date(args.date), arguments.seed(args.seed), store.responder)


def _report(paths: Sequence[Path]) -> None:
    for file in paths:
        if file.suffix in (".pem", ".key") and file.parent.name != "chains":
            say(f"  wrote {file}")


def contract(args: argparse.Namespace) -> int:
    """A contract, and its delivery."""
    store = Store(args.directory, args.suite)
    emaid = names.emaid(args.emaid)
    if oddity := names.emaid_oddity(emaid):
        complain(f"note: {oddity}")
    if args.receiver is None:
        args.issuer = None
        entry = _issue(store, Role.CONTRACT, emaid, args)
        say(f"{entry.name}: contract {entry.common_name}, {text.dates(entry.certificate)}")
        return 0
    receiver = store[args.receiver].certificate if args.receiver in store else None
    if receiver is None:
        if not Path(args.receiver).exists():
            raise UserError(f"--for {args.receiver}: neither an entry of {store.directory} nor a file")
        receiver = read_certificates(Path(args.receiver))[0]
    source = _source(store, args)
    if store.suite.name == "iso2":
        made = provisioning.prepare(store, receiver, emaid, source, days=args.days)
        _deliver(made.contract, _fields(made), store, args)
    else:
        scheme = sealing.scheme(args.scheme)
        made20 = provisioning.prepare20(store, receiver, emaid, source, days=args.days, scheme=scheme)
        _deliver(made20.contract, _fields20(made20), store, args)
    return 0


def _fields(parts: provisioning.Parts[delivery.Sealed]) -> dict[str, bytes | str | Sequence[bytes]]:
    """The delivery under the names of ISO 15118-2."""
    return {
        "eMAID": parts.emaid,
        "SAProvisioningCertificateChain": parts.provider_chain,
        "ContractSignatureCertChain": parts.contract_chain,
        "ContractSignatureEncryptedPrivateKey": parts.sealed.encrypted_private_key,
        "DHpublickey": parts.sealed.public_key,
    }


def _fields20(parts: provisioning.Parts[delivery20.Sealed]) -> dict[str, bytes | str | Sequence[bytes]]:
    """The delivery under the names of ISO 15118-20."""
    return {
        "CPSCertificateChain": parts.provider_chain,
        "ContractCertificateChain": parts.contract_chain,
        "ECDHCurve": parts.sealed.curve,
        "DHPublicKey": parts.sealed.public_key,
        f"{parts.sealed.curve}_EncryptedPrivateKey": parts.sealed.encrypted_private_key,
    }


def _deliver(
    contract: Entry, fields: Mapping[str, bytes | str | Sequence[bytes]], store: Store, args: argparse.Namespace
) -> None:
    def text_of(value: bytes | str | Sequence[bytes]) -> str | list[str]:
        if isinstance(value, str):
            return value
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        return [base64.b64encode(part).decode() for part in value]

    delivered = dumps({name: text_of(value) for name, value in fields.items()}, indent=1)
    # The sender forgets the private key: the operator keeps the certificate only.
    record = Entry(args.name or contract.name, Role.CONTRACT, contract.certificate, contract.issuer)
    store.issue_into(record, force=args.force)
    if args.out is None:
        say_all(delivered.split("\n"))
        return
    export.write_all({args.out: (delivered + "\n").encode()}, force=args.force)
    say(f"{record.name}: sealed for the vehicle; the contract's key is in {args.out} only, encrypted")
