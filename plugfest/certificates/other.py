"""``plugfest pki variants|export|import``: invalid copies, and PKIs of other programs."""

from __future__ import annotations

import argparse

from boundary.console import say
from pki import export as exports
from pki import keys
from pki import variants as twins
from pki.profiles import Role
from pki.responder import stores
from pki.revocation import Revocations
from pki.store import Entry, Store
from plugfest.certificates import arguments, text
from plugfest.errors import UserError


def variants(args: argparse.Namespace) -> int:
    """Writes deliberately invalid copies of the certificates, and a table of their defects."""
    if args.list:
        for kind in twins.KINDS.values():
            say(f"{kind.name:22} {kind.text}")
        return 0
    at = arguments.time(args.at)
    for store in [Store(args.directory, args.suite)] if args.suite else stores(args.directory).values():
        for line in text.oddities(store):
            say(line)
        chosen = [Role(r) for r in args.role or twins.LEAVES if r in store]
        if not chosen:
            raise UserError(f"{args.directory} has no {' or '.join(args.role or ())}")
        made = [
            twins.make(store, name, role, at, seed=arguments.seed(args.seed))
            for name in args.names or twins.KINDS
            for role in chosen
        ]
        if not args.force:
            for twin in made:
                twins.check_free(store, twin)
        for twin in made:
            twins.save(store, twin, force=args.force)
        say(f"{store.directory}/variants: {', '.join(chosen)}, wrong as of {at:%Y-%m-%d}")
        for name in dict.fromkeys(twin.name for twin in made):
            say(f"  {name:22} {twins.KINDS[name].text}")
    return 0


def export(args: argparse.Namespace) -> int:
    """One entry, or the PKI in another layout."""
    store = Store(args.directory, args.suite)
    if args.layout:
        written = exports.LAYOUTS[args.layout](store, args.out, args.password)
        say(f"{args.out}: {len(written)} files")
        return 0
    if args.name is None:
        raise UserError("name the entry: plugfest pki export DIR NAME OUT")
    entry = store[args.name]
    form = args.out.suffix.lower()
    if form in (".p12", ".pfx"):
        data = exports.container(entry, args.password)
    elif form == ".pem":
        data = entry.chain_pem
    elif form == ".der":
        data = entry.der
    elif form == ".key":
        data = keys.private_pem(entry.key, args.password or None)
    else:
        raise UserError(f"{args.out}: the name must end in .p12, .pfx, .pem, .der or .key")
    exports.write_all({args.out: data}, force=args.force)
    say(f"wrote {args.out}")
    return 0


def import_(args: argparse.Namespace) -> int:
    """A PKI made elsewhere, in our layout."""
    if not args.source.is_dir():
        raise UserError(f"{args.source}: no such directory; give the one with the certificates and keys to take over")
    found = Store(args.source, args.suite, password=args.password)
    store = Store.of(found.suite, ())
    for entry in found.values():
        trouble = entry.key_trouble()
        key = None if trouble else entry.key
        above = store[entry.issuer.name] if entry.issuer else None
        store.add(Entry(entry.name, entry.role, entry.certificate, above, private_key=key, no_key=trouble))
    store.save(args.directory, force=args.force)
    store.oddities = found.oddities
    for line in text.overview(store, arguments.now(), Revocations()):
        say(line)
    return 0
