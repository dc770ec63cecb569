"""Options that the session commands share, and what becomes of them."""

from __future__ import annotations

import argparse
import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from plugfest.errors import UserError

if TYPE_CHECKING:
    from slac.connector import Connector
    from v2g.protocols import Protocol
    from v2g.trace import Observe

PROTOCOLS = {"iso2": "iso2", "iso15118-2": "iso2", "din": "din70121", "din70121": "din70121"}
"""Names on the command line -> schema sets."""


def add_session(parser: argparse.ArgumentParser) -> None:
    """Options of every command that runs a session."""
    parser.add_argument(
        "--protocol",
        metavar="P[,P]",
        default="iso2,din",
        help="protocols to speak, preferred first: iso2, din (default iso2,din)",
    )
    parser.add_argument("--ac", action="store_true", help="charge with AC (ISO 15118-2 only) instead of DC")
    parser.add_argument("--connector", default="ccs2", help="ccs1, ccs2, nacs, type1 or type2 (default ccs2)")
    parser.add_argument("--strict", action="store_true", help="refuse what the standard forbids, tolerate nothing")
    parser.add_argument("--trace", metavar="FILE", type=Path, help="write the session as JSON lines")
    parser.add_argument(
        "--timer",
        metavar="NAME=S",
        action="append",
        default=[],
        help="change a timer of the standard, e.g. V2G_EVCC_CableCheck_Timeout=60 (repeatable)",
    )
    parser.add_argument("--seed", type=int, help="seed of session ids, ports and noise, for repeatable runs")


def add_interface(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the peer")
    parser.add_argument("--key-log", metavar="FILE", type=Path, help="append TLS session secrets, for Wireshark")
    parser.add_argument("--quiet", action="store_true", help="do not print a line per message")


def add_vehicle(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("vehicle")
    group.add_argument("--battery", metavar="NAME", default="400V", help="pack: 28kWh, 400V or 800V (default 400V)")
    group.add_argument(
        "--soc", type=float, default=20.0, metavar="PERCENT", help="state of charge at the start (default 20)"
    )
    group.add_argument("--target", type=float, default=80.0, metavar="PERCENT", help="where charging ends (default 80)")
    group.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds of charging")
    group.add_argument("--departure", type=int, metavar="S", help="seconds until departure, told to the charger")
    group.add_argument(
        "--loop-delay", type=float, default=0.1, metavar="S", help="pause between messages (default 0.1)"
    )


def add_charger(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("charger")
    group.add_argument("--power", type=float, default=150, metavar="KW", help="power class, 50 to 900 (default 150)")
    group.add_argument("--evse-id", default="DE*PLF*E00001", metavar="ID", help="EVSEID (default DE*PLF*E00001)")
    group.add_argument(
        "--authorize-after", type=float, default=0.0, metavar="S", help="authorization takes so long (default 0)"
    )


def protocols(args: argparse.Namespace) -> list[Protocol]:
    """The protocols of ``--protocol``; AC leaves DIN out, which has none."""
    from v2g.protocols import PROTOCOLS as KNOWN

    chosen = []
    for word in args.protocol.split(","):
        name = PROTOCOLS.get(word.strip().lower())
        if name is None:
            raise UserError(f"no protocol {word!r}; there are iso2 and din")
        chosen.append(KNOWN[name])
    if args.ac:
        chosen = [p for p in chosen if p.name != "din70121"]
        if not chosen:
            raise UserError("DIN SPEC 70121 has no AC; use --protocol iso2")
    return list(dict.fromkeys(chosen))


def timers(args: argparse.Namespace) -> dict[str, float]:
    """The changes of ``--timer``."""
    changes = {}
    for text in args.timer:
        name, equals, value = text.partition("=")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"--timer {text}: NAME=SECONDS is needed") from None
        if not equals:
            raise UserError(f"--timer {text}: NAME=SECONDS is needed")
    from v2g.errors import SetupError
    from v2g.timing import ISO2

    try:
        ISO2.replace(changes)
    except SetupError as why:
        raise UserError(f"--timer: {why}") from why
    return changes


def connector(args: argparse.Namespace) -> Connector:
    from slac.connector import connector as find

    try:
        return find(args.connector)
    except (ValueError, KeyError, LookupError) as why:
        raise UserError(str(why)) from why


@contextlib.contextmanager
def tracing(path: Path | None, role: str, now: datetime.datetime | None) -> Iterator[Observe]:
    """The observer that writes ``--trace``, or one that does nothing."""
    from v2g.trace import JsonLines, ignore

    if path is None:
        yield ignore
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as why:
        raise UserError(f"cannot write {path}: {why.strerror}") from why
    with file:
        yield JsonLines(file, epoch=now.timestamp() if now else 0.0, role=role)
