"""``plugfest pki``: make a test PKI, look at it, check chains, issue, revoke, answer OCSP."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugfest.errors import UserError

if TYPE_CHECKING:
    import datetime

    from pki.store import Store

_PROFILES = {"iso2": ("iso2",), "iso20": ("iso20", "iso20-ed448"), "both": ("iso2", "iso20", "iso20-ed448")}


def add(commands: Any) -> None:
    top = commands.add_parser(
        "pki",
        help="make, show, check and revoke the certificates of a test PKI",
        description="A test PKI for Plug & Charge and TLS. Keys lie in files: for benches, never for the field.",
    )
    kinds = top.add_subparsers(metavar="COMMAND", required=True)
    _add_init(kinds)


def _command(kinds: Any, name: str, run: Any, text: str, more: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}".strip()
    )

    def guarded(args: argparse.Namespace) -> int:
        from pki.errors import PkiError

        try:
            code: int = run(args)
        except PkiError as why:
            raise UserError(str(why)) from why
        except OSError as why:
            raise UserError(f"{why.filename or ''}: {why.strerror}".lstrip(": ")) from why
        return code

    parser.set_defaults(run=guarded)
    return parser


def _add_init(kinds: Any) -> None:
    parser = _command(kinds, "init", init, "make a complete PKI in a directory", "The files: docs/pki.md.")
    parser.add_argument("directory", metavar="DIR", type=Path)
    parser.add_argument(
        "--profile",
        choices=tuple(_PROFILES),
        default="iso2",
        help="ISO 15118-2 (P-256; default), ISO 15118-20 (P-521 and Ed448), or both",
    )
    parser.add_argument("--seed", help="derive keys from this text: the same seed and date give the same PKI")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="first day of validity, UTC (default: today)")
    parser.add_argument("--evse-id", metavar="ID", help="EVSE id: the CN of the SECC leaf of ISO 15118-2")
    parser.add_argument("--emaid", metavar="ID", help="eMAID of the contract; the check character may be left out")
    parser.add_argument("--pcid", metavar="ID", help="PCID of the provisioning certificate, 17 characters or 18")
    parser.add_argument("--responder", metavar="URL", help="where certificates say that OCSP and CRLs are")
    parser.add_argument("--force", action="store_true", help="replace a PKI that is there; its keys are lost")


def _date(text: str | None, option: str) -> datetime.datetime:
    """Midnight UTC of a date, or of today."""
    import datetime

    try:
        day = datetime.date.fromisoformat(text) if text else datetime.datetime.now(datetime.UTC).date()
    except ValueError as why:
        raise UserError(f"{option} {text}: a date is needed, as 2026-05-31") from why
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def init(args: argparse.Namespace) -> int:
    from pki import authority, names
    from pki.profiles import SUITES, Role

    start = _date(args.date, "--date")
    seed = authority.seed_octets(args.seed) if args.seed is not None else None
    responder = args.responder if args.responder is not None else authority.RESPONDER
    stores: list[Store] = []
    for name in _PROFILES[args.profile]:
        ids = {}
        if args.emaid:
            ids[Role.CONTRACT] = names.emaid(args.emaid)
        if args.pcid:
            ids[Role.OEM_PROVISIONING] = names.pcid(args.pcid)
        if args.evse_id and name == "iso2":
            ids[Role.SECC] = names.evse_id(args.evse_id)
        stores.append(authority.make(SUITES[name], start, seed=seed, responder=responder.rstrip("/"), ids=ids))
    if not args.force:
        for store in stores:
            store.check_free(args.directory)
    for store in stores:
        store.save(args.directory, force=args.force)
        print(f"{store.directory}: {store.suite.standard}, {store.suite.kind}, {len(store)} certificates")
        for role in (Role.SECC, Role.CONTRACT, Role.OEM_PROVISIONING, Role.VEHICLE):
            if role in store:
                entry = store[role]
                until = entry.certificate.not_valid_after_utc
                print(f"  {entry.name:17} {entry.common_name:40} until {until:%Y-%m-%d}")
    print(f"look at it: plugfest pki show {args.directory}")
    return 0
