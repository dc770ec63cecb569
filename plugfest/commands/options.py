"""Options that the session commands share, and how they make a bench.

Each option is a key of the bench file under the same name (:mod:`plugfest.config.model`), and has its default there:
an option that is not given is not in the namespace. ``plugfest.config.of_args`` makes a bench of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.console import complain_all
from plugfest.arguments import ANY
from plugfest.config.words import PROTOCOLS

if TYPE_CHECKING:
    from plugfest.config.model import Bench


WEB = "127.0.0.1:8351"
"""Where the panel is, unless told otherwise; on other than this host's loopback interface it wants a token."""


def parser(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    """The parser of a session command; options that are not given leave no trace in the namespace."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, argument_default=argparse.SUPPRESS
    )
    return made


def add_session(parser: argparse.ArgumentParser) -> None:
    """Options of every command that runs a session."""
    parser.add_argument(
        "--protocol", metavar="P[,P]", help="protocols to speak, preferred first: iso20, iso2, din (default iso2,din)"
    )
    parser.add_argument("--ac", action="store_true", help="charge with AC (not in DIN SPEC 70121) instead of DC")
    newest = parser.add_argument_group("ISO 15118-20")
    newest.add_argument("--bpt", action="store_true", help="both directions: the car can give energy back")
    newest.add_argument("--dynamic", action="store_true", help="the charger decides on power (--target-power)")
    newest.add_argument("--scheduled", action="store_true", help="the car decides on power, within schedules")
    newest.add_argument(
        "--service", metavar="S", help="AC, AC_BPT, DC, DC_BPT, MCS or MCS_BPT (default: by --ac and --bpt)"
    )
    newest.add_argument(
        "--any-transport",
        action="store_const",
        const=True,
        help="also over TCP or TLS 1.2, as many test stacks do; each use is reported",
    )
    newest.add_argument(
        "--relaxed", action="store_true", help="give the charge loop the timeouts of other messages, for slow peers"
    )
    parser.add_argument("--connector", help="ccs1, ccs2, nacs, mcs, type1 or type2 (default ccs2)")
    parser.add_argument("--strict", action="store_true", help="refuse what the standard forbids, tolerate nothing")
    parser.add_argument("--trace", metavar="FILE", type=Path, help="write the session as JSON lines")
    parser.add_argument("--pcapng", metavar="FILE", type=Path, help="write the session as a capture for Wireshark")
    parser.add_argument("--report", metavar="FILE", type=Path, help="write a report on the session as HTML")
    parser.add_argument(
        "--timer",
        metavar="NAME=S",
        action="append",
        help="change a timer of the standard, e.g. V2G_EVCC_CableCheck_Timeout=60 (repeatable)",
    )
    parser.add_argument(
        "--pki",
        metavar="DIR",
        type=Path,
        help="a PKI (plugfest pki init): certificates, keys, roots, OCSP",
    )
    parser.add_argument(
        "--payment",
        choices=("auto", "contract", "external"),
        help="contract (needs --pki), external, or whatever both sides support (default)",
    )
    parser.add_argument("--key-log", metavar="FILE", type=Path, help="append TLS session secrets, for Wireshark")
    parser.add_argument("--seed", type=int, help="seed of session ids, ports and noise, for repeatable runs")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        help="any other key of a bench file, e.g. vehicle.max-current=60 (repeatable)",
    )


def add_view(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("view")
    group.add_argument("--quiet", action="store_true", help="do not print the session")
    group.add_argument("--all", action="store_true", help="print every message of the loops too")
    group.add_argument("--json", action="store_true", help="print one JSON object per event, for programs")
    group.add_argument(
        "--mqtt", metavar="URL", help="report to a broker and take commands: mqtt[s]://[USER[:PASSWORD]@]HOST[/TOPIC]"
    )
    add_web(group)
    group.add_argument("--plain", action="store_true", help="plain lines also on a terminal")


def add_web(group: Any) -> None:
    group.add_argument(
        "--web", nargs="?", const=WEB, metavar="ADDRESS:PORT", help=f"show a panel in the browser (default {WEB})"
    )


def add_interface(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the peer")
    group = parser.add_argument_group("power line")
    group.add_argument(
        "--pilot",
        metavar="P",
        help="control pilot: assumed (default), sim, serial:DEVICE, tcp:HOST:PORT or mqtt://HOST/BASE (docs/pilot.md)",
    )
    add_slac(group)
    group.add_argument(
        "--no-modem", dest="modem", action="store_const", const=False, help="SLAC without a modem, on a plain cable"
    )
    group.add_argument(
        "--slac-timer", metavar="NAME=S", action="append", help="change a timer of SLAC, e.g. TT_match_join=20"
    )


def add_slac(parser: Any) -> None:
    parser.add_argument(
        "--no-slac", dest="slac", action="store_const", const=False, help="no SLAC: the link is up, as on a plain cable"
    )


def add_basic(parser: argparse.ArgumentParser) -> None:
    """Charging without messages, which takes a pilot that both ends see: not in memory."""
    parser.add_argument(
        "--basic", action="store_const", const=True, help="with --ac: no SLAC, charge at the nominal duty"
    )


def add_vehicle(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("vehicle")
    group.add_argument("--car", metavar="NAME", help="a ready car: its values and habits (plugfest config cars)")
    group.add_argument("--battery", metavar="NAME", help="pack: 28kWh, 400V, 800V or 1200V (default 400V)")
    group.add_argument("--soc", type=ANY, metavar="PERCENT", help="state of charge at the start (default 20)")
    group.add_argument("--target", type=ANY, metavar="PERCENT", help="where charging ends (default 80)")
    group.add_argument(
        "--minimum", type=ANY, metavar="PERCENT", help="with --bpt: do not discharge below this (default 10)"
    )
    group.add_argument("--duration", type=ANY, metavar="S", help="stop after this many seconds of charging")
    group.add_argument("--departure", type=int, metavar="S", help="seconds until departure, told to the charger")
    group.add_argument("--contract", metavar="NAME", help="entry of the PKI to pay with; none: install one")
    group.add_argument("--install", action="store_true", help="install a contract even if there is one")
    group.add_argument(
        "--sleep", action="store_const", const=True, help="stay plugged in after a pause, and go on when woken up"
    )
    group.add_argument(
        "--validation", choices=("never", "doubtful", "always"), help="prove the pairing by toggling the pilot"
    )
    group.add_argument(
        "--again", action="store_const", const=True, help="match again after a lost link, E or F instead of ending"
    )
    group.add_argument(
        "--wake-after", type=ANY, metavar="S", help="seconds in a pause after which the car wakes the charger (B-C-B)"
    )
    group.add_argument(
        "--sleep-without-power",
        type=ANY,
        metavar="S",
        help="pause while the schedule gives 0 W for at least this many seconds",
    )
    group.add_argument("--loop-delay", type=ANY, metavar="S", help="pause between messages (default 0.1)")


def number_or_file(text: str) -> float | str:
    """A number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text


def add_charger(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("charger")
    group.add_argument("--station", metavar="NAME", help="a ready station (plugfest config cars)")
    group.add_argument(
        "--power", type=ANY, metavar="KW", help="power class of the DC output, kW, 50 to 3750 (default 150)"
    )
    group.add_argument(
        "--target-power",
        type=number_or_file,
        metavar="KW|CSV",
        help="ISO 15118-20, dynamic: power wanted, kW; -10: the car gives 10 kW; or a file with lines of seconds, kW",
    )
    group.add_argument("--evse-id", metavar="ID", help="EVSEID (default DE*PLF*E00001)")
    group.add_argument("--receipts", type=ANY, metavar="S", help="ask for a signed meter receipt at this interval")
    group.add_argument("--wake-car-after", type=ANY, metavar="S", help="wake a paused car after this many seconds")
    group.add_argument("--authorize-after", type=ANY, metavar="S", help="seconds that authorization takes (default 0)")


def add_connection(parser: argparse.ArgumentParser, *, tls: str, cert: str, key: str) -> Any:
    """TLS of either role, and the group for what else the role's connection can be told.

    Args:
        tls, cert, key: help of these options.
    """
    group = parser.add_argument_group("connection")
    group.add_argument("--tls", choices=("none", "optional", "required"), help=tls)
    group.add_argument("--cert", metavar="PEM", type=Path, help=cert)
    group.add_argument("--key", metavar="PEM", type=Path, help=key)
    group.add_argument("--password", help="password of the key")
    group.add_argument(
        "--crl", metavar="FILE", action="append", help="revocation list for the peer's certificates (repeatable)"
    )
    return group


def implied(args: argparse.Namespace, role: str) -> dict[str, Any]:
    """Keys that follow from the options given, where they are not given themselves."""
    found: dict[str, Any] = secured(args)
    if str(getattr(args, "service", "")).startswith("MCS") or str(getattr(args, "connector", "")).lower() == "mcs":
        found |= {"connector": "mcs"}
        found |= {"battery": MEGAWATT_PACK} if role != "secc" else {}
        found |= {"power": MEGAWATT} if role != "evcc" else {}
    return found


MEGAWATT, MEGAWATT_PACK = 1000.0, "1200V"
"""kW of the power class, and the battery, with the connector of megawatt charging."""


def told(bench: Bench) -> Bench:
    """The bench itself; options that do nothing on it are pointed out."""
    from plugfest.config.effect import without_effect

    complain_all(f"note: {line}" for line in without_effect(bench))
    return bench


def secured(args: argparse.Namespace) -> dict[str, str]:
    """TLS where it is not given: with a contract or ISO 15118-20 it is required, with a PKI it is possible."""
    if hasattr(args, "tls"):
        return {}
    spoken = [PROTOCOLS.get(word.strip().lower()) for word in str(getattr(args, "protocol", "")).split(",")]
    if "iso20" in spoken and not hasattr(args, "any_transport"):
        return {"tls": "required" if "din70121" not in spoken else "optional"}
    if getattr(args, "payment", "") == "contract":
        return {"tls": "required"}
    return {"tls": "optional"} if hasattr(args, "pki") and getattr(args, "payment", "") != "external" else {}
