"""``plugfest pki``: make a test PKI, look at it, check chains, issue, revoke, answer OCSP.

`COMMANDS` has the sub-commands as a table: what each is for, where its work is done, what it takes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugfest.arguments import ANY, COUNT, PORT

PROFILES = {"iso2": ("iso2",), "iso20": ("iso20", "iso20-ed448"), "both": ("iso2", "iso20", "iso20-ed448")}
"""What ``--profile`` of ``init`` makes."""
SUITES = PROFILES["both"]
LEAVES = ("secc", "contract", "oem-provisioning", "cps", "vehicle")
LIKE = "ISO 15118-2 (iso2), ISO 15118-20 with P-521 (iso20) or with Ed448 (iso20-ed448)"

_EPILOG = """\
TARGET is a PKI directory (ours or another), a certificate or chain in PEM or DER, a capture or trace of a session,
or - for standard input.
NAME is an entry of the PKI: secc, contract, oem-provisioning, v2g-root, ... `plugfest pki show DIR` lists them.
"""


class Argument:
    """An argument of a sub-command, as `argparse` takes it."""

    def __init__(self, *names: str, **how: Any) -> None:
        self.names = names
        self.how = how

    def __call__(self, text: str, **how: Any) -> Argument:
        """The same, with this help and what else differs."""
        return Argument(*self.names, **self.how | how | {"help": text})


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        name: as it is typed.
        work: module of `plugfest.certificates` and its function, ``module.function``.
        text: what it does, for the list of commands.
        more: what its own help says besides.
        arguments: what it takes.
    """

    name: str
    work: str
    text: str
    more: str
    arguments: tuple[Argument, ...]


# What several of them take.
DIRECTORY = Argument("directory", metavar="DIR", type=Path, help="directory of the PKI")
TARGET = Argument("target", metavar="TARGET")
NAMES = Argument("names", nargs="*", metavar="NAME")
NAME = Argument("--name")
SUITE = Argument("--suite", choices=SUITES, help=f"{LIKE}; default: the first one there")
SEED = Argument("--seed", metavar="TEXT", help="derive keys from this text: the same text gives the same files")
FORCE = Argument("--force", action="store_true", help="replace existing files")
AT = Argument("--at", metavar="TIME")
DATE = Argument("--date", metavar="YYYY-MM-DD", help="first day of validity, UTC (default: today)")
DAYS = Argument("--days", type=COUNT, help="lifetime (default: the profile's)")
ROLE = Argument("--role")
PASSWORD = Argument("--password", help="of encrypted keys")
NEW = (DAYS, DATE, SUITE, SEED, FORCE)
"""Of a new certificate."""

_FILES: dict[str, Any] = {"type": Path, "action": "append", "default": []}


def _at(text: str) -> Argument:
    return AT(f"{text}, as 2026-05-31 or 2026-05-31T12:00 UTC (default: now)")


COMMANDS = (
    Command(
        "init",
        "make.init",
        "make a complete PKI in a directory",
        "Its files: docs/pki.md.",
        (
            DIRECTORY,
            Argument(
                "--profile",
                choices=tuple(PROFILES),
                default="iso2",
                help="ISO 15118-2 (P-256; default), ISO 15118-20 (P-521 and Ed448), or both",
            ),
            SEED,
            DATE,
            Argument("--evse-id", metavar="ID", help="EVSE id: the CN of the SECC leaf of ISO 15118-2"),
            Argument("--secc-id", metavar="ID", help="SECCID: the CN of the SECC leaf of ISO 15118-20"),
            Argument("--emaid", metavar="ID", help="eMAID of the contract; the check character may be left out"),
            Argument("--pcid", metavar="ID", help="PCID of the provisioning certificate, 17 characters or 18"),
            Argument("--evcc-id", metavar="ID", help="EVCCID of the vehicle certificate (ISO 15118-20)"),
            Argument("--responder", metavar="URL", help="address of OCSP and CRLs in the certificates; '' for none"),
            Argument("--p12", metavar="PASSWORD", default="plugfest", help="of the PKCS#12 files (default: plugfest)"),
            FORCE("replace an existing PKI; its keys are lost"),
        ),
    ),
    Command(
        "show",
        "look.show",
        "show a PKI, a chain or a certificate the way an engineer reads it",
        "",
        (
            TARGET,
            NAMES("entries to show in full, with their chains"),
            SUITE,
            ROLE("what the leaf in a file is for (default: guessed)"),
            _at("time at which to judge validity"),
            PASSWORD,
        ),
    ),
    Command(
        "verify",
        "look.verify",
        "check chains against the profiles of their roles, and name every deviation",
        "The exit code is 1 if a chain must be refused.",
        (
            TARGET,
            NAMES("entries to check (default: all leaves)"),
            SUITE,
            ROLE("what the leaf is for (default: guessed)"),
            Argument(
                "--roots",
                metavar="PATH",
                **_FILES,
                help="trusted roots: a PEM or DER file or a PKI directory (default: those of TARGET)",
            ),
            _at("time at which to judge validity"),
            Argument(
                "--crl",
                metavar="FILE",
                **_FILES,
                help="revocation list in PEM or DER, signed by an authority of the chain; may be repeated",
            ),
            Argument("--ocsp", action="store_true", help="query the OCSP responders named in the certificates"),
            PASSWORD,
        ),
    ),
    Command(
        "issue",
        "make.issue",
        "issue a further certificate",
        "Ids get their check character.",
        (
            DIRECTORY,
            Argument("role", metavar="ROLE", help=f"{', '.join(LEAVES)}, or a sub-CA's role"),
            Argument(
                "id", nargs="?", default="", metavar="ID", help="EVSE id, SECCID, eMAID, PCID, EVCCID or another CN"
            ),
            NAME("name of the entry and its files (default: role and id)"),
            Argument("--issuer", metavar="NAME", help="authority (default: the usual one of the role)"),
            *NEW,
        ),
    ),
    Command(
        "contract",
        "make.contract",
        "make a contract for an eMAID, and seal its key for a vehicle",
        "With --for, what a provisioning service delivers is written as JSON with base64 values.",
        (
            DIRECTORY,
            Argument("emaid", metavar="EMAID", help="with or without separators and check character"),
            Argument(
                "--for",
                dest="receiver",
                metavar="NAME|FILE",
                help="seal for this provisioning certificate or old contract: an entry or a file",
            ),
            Argument("--out", metavar="FILE", type=Path, help="file for the delivery (default: standard output)"),
            Argument(
                "--scheme",
                default="strict-guess",
                metavar="PROFILE",
                help="ISO 15118-20: key derivation and AAD; the standard's are not known for certain (docs/pki.md)",
            ),
            NAME("name of the entry and its files (default: contract-EMAID)"),
            *NEW,
        ),
    ),
    Command(
        "revoke",
        "status.revoke",
        "revoke certificates",
        "From then on, OCSP responder and CRLs report it as revoked.",
        (
            DIRECTORY,
            Argument("names", nargs="+", metavar="NAME"),
            Argument(
                "--reason",
                default="unspecified",
                help="keyCompromise, cessationOfOperation, superseded, certificateHold, ... (default: unspecified)",
            ),
            _at("when it was revoked"),
            Argument("--undo", action="store_true", help="undo the revocation"),
            SUITE,
        ),
    ),
    Command(
        "ocsp",
        "status.ocsp",
        "answer OCSP and serve CRLs on loopback, until stopped",
        "With --out, write the OCSP response for one certificate instead, e.g. to be stapled.",
        (
            DIRECTORY,
            Argument("name", nargs="?", metavar="NAME", help="with --out: the certificate to answer for"),
            Argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)"),
            Argument("--port", type=PORT, help="TCP port (default: the one that the certificates name, or 8560)"),
            Argument("--out", metavar="FILE", type=Path, help="write a response in DER and exit"),
            _at("with --out: thisUpdate, for stale ones"),
            SUITE,
            FORCE,
        ),
    ),
    Command(
        "serve",
        "service.serve",
        "install and update contracts for other people's chargers, until stopped",
        "Over HTTP, in the JSON form of OCPP 2.0.1; set charger.provisioning-url in a bench file to its address.",
        (
            DIRECTORY,
            Argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)"),
            Argument("--port", type=PORT, default=8561, help="TCP port (default 8561)"),
            Argument("--emaid", action="append", metavar="E", help="contracts for each vehicle (repeatable)"),
            Argument(
                "--key-transport",
                default="strict-guess",
                metavar="PROFILE",
                help="ISO 15118-20: how a contract's key is sealed, as 'wwcp, aad=whole' (docs/pnc.md)",
            ),
            Argument(
                "--signed-info",
                choices=("common", "xmldsig"),
                default="common",
                help="ISO 15118-20: the grammar of SignedInfo",
            ),
            Argument(
                "--answer",
                metavar="OUTCOME",
                default="normal",
                help="to test a charger: failed, silence, http-error, not-json, not-exi, other-message, unsigned,"
                " bad-signature, ongoing, or a ResponseCode",
            ),
            Argument("--times", type=COUNT, metavar="N", help="answer only the first N requests like this"),
            Argument(
                "--refusals",
                choices=("status", "response"),
                default="status",
                help="a vehicle that gets no contract receives status Failed, or a response with the ResponseCode",
            ),
        ),
    ),
    Command(
        "crl",
        "status.crl",
        "write the revocation lists of the authorities into crl/ (DER and PEM)",
        "",
        (
            DIRECTORY,
            NAMES("authorities (default: all that have their keys)"),
            Argument("--days", type=ANY, default=7.0, help="how many days they are valid (default 7)"),
            _at("thisUpdate"),
            SUITE,
        ),
    ),
    Command(
        "variants",
        "other.variants",
        "make deliberately invalid copies for negative tests: expired, wrong root, broken signature, revoked, ...",
        "They go into variants/<variant>/ beside the good ones.",
        (
            DIRECTORY,
            NAMES("which ones (default: all; --list shows them)", metavar="VARIANT"),
            ROLE("only of these leaves; may be repeated", choices=LEAVES, action="append"),
            Argument("--list", action="store_true", help="list the variants and exit"),
            _at("time at which they must be wrong"),
            SUITE,
            SEED,
            FORCE,
        ),
    ),
    Command(
        "export",
        "other.export",
        "write an entry as PKCS#12, PEM or DER, or the whole PKI in another stack's layout",
        "OUT ends in .p12 or .pfx (certificate, key, sub-CAs), .pem (the chain), .der or .key.",
        (
            DIRECTORY,
            Argument("name", nargs="?", metavar="NAME", help="the entry; leave it out with --layout"),
            Argument("out", metavar="OUT", type=Path),
            Argument("--layout", choices=("josev",), help="lay the PKI out for another stack, in directory OUT"),
            PASSWORD("protects files with keys (default: none)", default=""),
            SUITE,
            FORCE,
        ),
    ),
    Command(
        "import",
        "other.import_",
        "take over a PKI made elsewhere: any directory of certificates and keys",
        "Roles are recognised from the certificates, and keys by the certificates they belong to.",
        (
            Argument("source", metavar="SOURCE", type=Path),
            DIRECTORY("new directory, in our layout"),
            PASSWORD("of encrypted keys; *.txt files beside the keys are tried too"),
            SUITE(f"{LIKE}; guessed from the keys"),
            FORCE,
        ),
    ),
)


def add(commands: Any) -> None:
    top = commands.add_parser(
        "pki",
        help="make, show, check and revoke the certificates of a test PKI",
        description="A test PKI for Plug & Charge and TLS. Keys are stored in files: for benches, never for the field.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        parser = kinds.add_parser(
            command.name,
            help=command.text,
            description=f"{command.text[0].upper()}{command.text[1:]}. {command.more}".strip(),
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for argument in command.arguments:
            parser.add_argument(*argument.names, **argument.how)
        parser.set_defaults(run="plugfest.tasks.pki:run", work=command.work)
