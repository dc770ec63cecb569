"""``plugfest pki``: make a test PKI, look at it, check chains, issue, revoke, answer OCSP."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from plugfest.errors import UserError

PROFILES = {"iso2": ("iso2",), "iso20": ("iso20", "iso20-ed448"), "both": ("iso2", "iso20", "iso20-ed448")}
"""What ``--profile`` of ``init`` makes."""
SUITES = PROFILES["both"]
LEAVES = ("secc", "contract", "oem-provisioning", "cps", "vehicle")
LIKE = "ISO 15118-2 (iso2), ISO 15118-20 with P-521 (iso20) or with Ed448 (iso20-ed448)"

_WORK = {
    # sub-command: module of plugfest.certificates, function
    "init": ("make", "init"), "issue": ("make", "issue"), "contract": ("make", "contract"),
    "show": ("look", "show"), "verify": ("look", "verify"),
    "revoke": ("status", "revoke"), "ocsp": ("status", "ocsp"), "crl": ("status", "crl"),
    "variants": ("other", "variants"), "export": ("other", "export"), "import": ("other", "import_"),
}  # fmt: skip

_EPILOG = """\
TARGET is a PKI directory (ours or another), a certificate or chain in PEM or DER, a capture or trace of a session,
or - for standard input.
NAME is an entry of the PKI: secc, contract, oem-provisioning, v2g-root, ... `plugfest pki show DIR` lists them.
"""


def add(commands: Any) -> None:
    top = commands.add_parser(
        "pki",
        help="make, show, check and revoke the certificates of a test PKI",
        description="A test PKI for Plug & Charge and TLS. Keys lie in files: for benches, never for the field.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = top.add_subparsers(metavar="COMMAND", required=True)
    _init(kinds)
    _show(kinds)
    _verify(kinds)
    _issue(kinds)
    _contract(kinds)
    _revoke(kinds)
    _ocsp(kinds)
    _crl(kinds)
    _variants(kinds)
    _export(kinds)
    _import(kinds)


def _command(kinds: Any, name: str, text: str, more: str = "") -> argparse.ArgumentParser:
    """A sub-command; :data:`_WORK` says where its work is done."""
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}. {more}".strip(),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def run(args: argparse.Namespace) -> int:
        import importlib

        from pki.errors import PkiError

        module, function = _WORK[name]
        try:
            code: int = getattr(importlib.import_module(f"plugfest.certificates.{module}"), function)(args)
        except PkiError as why:
            raise UserError(str(why)) from why
        except BrokenPipeError:
            raise
        except OSError as why:
            place = f"{why.filename}: " if why.filename else ""
            raise UserError(f"{place}{why.strerror or why}") from why
        return code

    parser.set_defaults(run=run)
    return parser


def _directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", type=Path, help="directory of the PKI")


def _suite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", choices=SUITES, help=f"{LIKE}; default: the first that is there")


def _seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", metavar="TEXT", help="derive keys from this text: the same again gives the same")


def _force(parser: argparse.ArgumentParser, text: str = "replace files that are there") -> None:
    parser.add_argument("--force", action="store_true", help=text)


def _at(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--at", metavar="TIME", help=f"{text}, as 2026-05-31 or 2026-05-31T12:00 UTC (default: now)")


def _init(kinds: Any) -> None:
    parser = _command(kinds, "init", "make a complete PKI in a directory", "Its files: docs/pki.md.")
    _directory(parser)
    text = "ISO 15118-2 (P-256; default), ISO 15118-20 (P-521 and Ed448), or both"
    parser.add_argument("--profile", choices=tuple(PROFILES), default="iso2", help=text)
    _seed(parser)
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="first day of validity, UTC (default: today)")
    parser.add_argument("--evse-id", metavar="ID", help="EVSE id: the CN of the SECC leaf of ISO 15118-2")
    parser.add_argument("--secc-id", metavar="ID", help="SECCID: the CN of the SECC leaf of ISO 15118-20")
    parser.add_argument("--emaid", metavar="ID", help="eMAID of the contract; the check character may be left out")
    parser.add_argument("--pcid", metavar="ID", help="PCID of the provisioning certificate, 17 characters or 18")
    parser.add_argument("--evcc-id", metavar="ID", help="EVCCID of the vehicle certificate (ISO 15118-20)")
    parser.add_argument("--responder", metavar="URL", help="where certificates say that OCSP and CRLs are; '' for none")
    parser.add_argument(
        "--p12", metavar="PASSWORD", default="plugfest", help="of the PKCS#12 files (default: plugfest)"
    )
    _force(parser, "replace a PKI that is there; its keys are lost")


def _show(kinds: Any) -> None:
    parser = _command(kinds, "show", "show a PKI, a chain or a certificate the way an engineer reads it")
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries to show in full, with their chains")
    _suite(parser)
    parser.add_argument("--role", help="what the leaf in a file is for; guessed where not given")
    _at(parser, "the time that counts")
    parser.add_argument("--password", help="of encrypted keys")


def _verify(kinds: Any) -> None:
    parser = _command(
        kinds,
        "verify",
        "check chains against the profiles of their roles, and name every deviation",
        "The exit code is 1 if a chain has to be refused.",
    )
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries to check (default: all leaves)")
    _suite(parser)
    parser.add_argument("--role", help="what the leaf is for; guessed where not given")
    text = "trusted roots: a PEM or DER file or a PKI directory (default: those of TARGET)"
    parser.add_argument("--roots", metavar="PATH", type=Path, action="append", default=[], help=text)
    _at(parser, "the time that counts")
    text = "revocation list in PEM or DER, signed by an authority of the chain; may be repeated"
    parser.add_argument("--crl", metavar="FILE", type=Path, action="append", default=[], help=text)
    parser.add_argument("--ocsp", action="store_true", help="ask the OCSP responders that the certificates name")
    parser.add_argument("--password", help="of encrypted keys")


def _issue(kinds: Any) -> None:
    parser = _command(kinds, "issue", "issue a further certificate", "Ids get their check character.")
    _directory(parser)
    parser.add_argument("role", metavar="ROLE", help=f"{', '.join(LEAVES)}, or a sub-CA's role")
    text = "EVSE id, SECCID, eMAID, PCID, EVCCID or another CN"
    parser.add_argument("id", nargs="?", default="", metavar="ID", help=text)
    parser.add_argument("--name", help="name of the entry and its files (default: role and id)")
    parser.add_argument("--issuer", metavar="NAME", help="authority (default: the usual one of the role)")
    parser.add_argument("--days", type=int, help="lifetime (default: as the profile has it)")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="first day of validity, UTC (default: today)")
    _suite(parser)
    _seed(parser)
    _force(parser)


def _contract(kinds: Any) -> None:
    parser = _command(
        kinds,
        "contract",
        "make a contract for an eMAID, and seal its key for a vehicle",
        "With --for, what a provisioning service delivers is written as JSON with base64 values.",
    )
    _directory(parser)
    parser.add_argument("emaid", metavar="EMAID", help="with or without separators and check character")
    text = "seal for this provisioning certificate or old contract: an entry or a file"
    parser.add_argument("--for", dest="receiver", metavar="NAME|FILE", help=text)
    parser.add_argument("--out", metavar="FILE", type=Path, help="where the delivery goes (default: standard output)")
    text = "ISO 15118-20: key derivation and AAD, of which the standard's are not known for certain (docs/pki.md)"
    parser.add_argument("--scheme", choices=("strict-guess", "wwcp", "bench"), default="strict-guess", help=text)
    parser.add_argument("--name", help="name of the entry and its files (default: contract-EMAID)")
    parser.add_argument("--days", type=int, help="lifetime (default: as the profile has it)")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="first day of validity, UTC (default: today)")
    _suite(parser)
    _seed(parser)
    _force(parser)


def _revoke(kinds: Any) -> None:
    parser = _command(kinds, "revoke", "revoke certificates", "OCSP responder and CRLs say so from then on.")
    _directory(parser)
    parser.add_argument("names", nargs="+", metavar="NAME")
    text = "keyCompromise, cessationOfOperation, superseded, certificateHold, ... (default: unspecified)"
    parser.add_argument("--reason", default="unspecified", help=text)
    _at(parser, "when it was revoked")
    parser.add_argument("--undo", action="store_true", help="take the revocation back")
    _suite(parser)


def _ocsp(kinds: Any) -> None:
    parser = _command(
        kinds,
        "ocsp",
        "answer OCSP and serve CRLs on loopback, until stopped",
        "With --out, write the OCSP response for one certificate instead, e.g. to be stapled.",
    )
    _directory(parser)
    parser.add_argument("name", nargs="?", metavar="NAME", help="with --out: the certificate that is asked about")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="TCP port (default: the one that the certificates name, or 8560)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write a response in DER and end")
    _at(parser, "with --out: thisUpdate, for stale ones")
    _suite(parser)
    _force(parser)


def _crl(kinds: Any) -> None:
    parser = _command(kinds, "crl", "write the revocation lists of the authorities into crl/ (DER and PEM)")
    _directory(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="authorities (default: all that have their keys)")
    parser.add_argument("--days", type=float, default=7.0, help="how long they count (default 7)")
    _at(parser, "thisUpdate")
    _suite(parser)


def _variants(kinds: Any) -> None:
    parser = _command(
        kinds,
        "variants",
        "make bad twins for negative tests: expired, wrong root, broken signature, revoked, ...",
        "They go into variants/<variant>/ beside the good ones.",
    )
    _directory(parser)
    parser.add_argument("names", nargs="*", metavar="VARIANT", help="which ones (default: all; --list shows them)")
    parser.add_argument("--role", choices=LEAVES, action="append", help="of these leaves only; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the variants and end")
    _at(parser, "when they shall be wrong")
    _suite(parser)
    _seed(parser)
    _force(parser)


def _export(kinds: Any) -> None:
    parser = _command(
        kinds,
        "export",
        "write an entry as PKCS#12, PEM or DER, or the whole PKI in another stack's layout",
        "OUT ends in .p12 or .pfx (certificate, key, sub-CAs), .pem (the chain), .der or .key.",
    )
    _directory(parser)
    parser.add_argument("name", nargs="?", metavar="NAME", help="the entry; none with --layout")
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("--layout", choices=("josev",), help="lay the PKI out for another stack, in directory OUT")
    parser.add_argument("--password", default="", help="protects what holds keys (default: none)")
    _suite(parser)
    _force(parser)


def _import(kinds: Any) -> None:
    parser = _command(
        kinds,
        "import",
        "take over a PKI made elsewhere: any directory of certificates and keys",
        "Roles are told from the certificates, keys found by what they belong to.",
    )
    parser.add_argument("source", metavar="SOURCE", type=Path)
    parser.add_argument("directory", metavar="DIR", type=Path, help="where it goes, in our layout")
    parser.add_argument("--password", help="of encrypted keys; *.txt files beside the keys are tried too")
    parser.add_argument("--suite", choices=SUITES, help=f"{LIKE}; guessed from the keys")
    _force(parser)
