"""``plugfest pki revoke|ocsp|crl``: what is revoked, and who tells."""

from __future__ import annotations

import argparse
import datetime
import urllib.parse
from functools import partial

from cryptography.hazmat.primitives.serialization import Encoding

from boundary.console import say
from pki import authority, export, revocation
from pki import ocsp as responses
from pki.responder import Responder, stores
from pki.revocation import Revocations
from pki.store import Store
from plugfest.certificates import arguments
from plugfest.certificates.serving import listen, until_stopped
from plugfest.errors import UserError


def revoke(args: argparse.Namespace) -> int:
    """Revokes entries, or takes that back."""
    store = Store(args.directory, args.suite)
    revocations = Revocations.of(store)
    entries = [store[name] for name in args.names]
    for entry in entries:
        if args.undo:
            revocations.restore(entry)
        else:
            revocations.revoke(entry, arguments.time(args.at), args.reason)
        say(f"{entry.name}: {entry.common_name} {'no longer revoked' if args.undo else 'revoked'}")
    return 0


def ocsp(args: argparse.Namespace) -> int:
    """The responder, or with ``--out`` one response."""
    if args.out is not None:
        return _response(args)
    if args.name is not None:
        raise UserError(f"a response for {args.name} needs a file: add --out FILE, or leave out NAME to serve all")
    return _serve(args)


def _response(args: argparse.Namespace) -> int:
    """One OCSP response, to a file."""
    if args.name is None:
        raise UserError("--out needs the NAME of the certificate to answer for")
    store = Store(args.directory, args.suite)
    response = responses.staple(store, store[args.name], arguments.time(args.at))
    export.write_all({args.out: response}, force=args.force)
    say(f"{args.out}: {responses.describe(response)}")
    return 0


def crl(args: argparse.Namespace) -> int:
    """The lists of the authorities, to files."""
    if not 0 < args.days < 3650:
        raise UserError("--days must be positive")
    for store in [Store(args.directory, args.suite)] if args.suite else stores(args.directory).values():
        chosen = [store[n] for n in args.names] or [e for e in store.authorities if e.has_key]
        if (leaf := next((e.name for e in chosen if e not in store.authorities), None)) is not None:
            raise UserError(f"{leaf} issues no certificates, so it has no revocation list")
        revocations = Revocations.of(store)
        assert store.directory is not None
        for entry in chosen:
            made = revocation.crl(
                entry, revocations, arguments.time(args.at), lifetime=datetime.timedelta(days=args.days)
            )
            stem = store.directory / "crl" / entry.name
            files = {stem.with_suffix(".crl"): Encoding.DER, stem.with_suffix(".pem"): Encoding.PEM}
            export.write_all({file: made.public_bytes(form) for file, form in files.items()}, force=True)
            say(f"{stem}.crl: {len(made)} revoked, until {made.next_update_utc:%Y-%m-%d %H:%M} UTC")
    return 0


def _serve(args: argparse.Namespace) -> int:
    """The responder, until Ctrl-C."""
    found = stores(args.directory)
    named = next((store.responder for store in found.values() if store.responder), authority.RESPONDER)
    port = args.port if args.port is not None else urllib.parse.urlsplit(named).port or 8560
    told = partial(say, flush=True)
    server = listen(lambda: Responder(args.directory, (args.bind, port), arguments.now, told), args.bind, port)
    host, port = str(server.server_address[0]), server.server_address[1]
    say(f"OCSP on http://{host}:{port}/ocsp, CRLs on http://{host}:{port}/crl/SUITE/AUTHORITY.crl", flush=True)
    if named and urllib.parse.urlsplit(named).port != port:
        say(f"note: the certificates name {named}", flush=True)
    until_stopped(server)
    return 0
