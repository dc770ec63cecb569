"""``plugfest conformance``: the catalogue of test cases, and campaigns with it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugfest.arguments import FROM_ZERO, PORT
from plugfest.commands import options

if TYPE_CHECKING:
    pass


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "conformance",
        help="test a charger or a vehicle against the catalogue of conformance cases",
        description="Lists, shows and runs conformance cases against a charger (secc) or a vehicle (evcc).",
    )
    inner = parser.add_subparsers(metavar="ACTION", required=True)
    listing = inner.add_parser("list", help="the cases, one per line")
    add_filters(listing)
    listing.add_argument("--count", action="store_true", help="only count them, by file")
    listing.set_defaults(run="plugfest.tasks.cases:list_cases")
    show = inner.add_parser("show", help="everything about one case")
    show.add_argument("id", metavar="ID", help="id of a case")
    show.set_defaults(run="plugfest.tasks.cases:show_case")
    _add_run(inner)
    merging = inner.add_parser("report", help="summary, JUnit XML and zip of a campaign; merges several folders")
    merging.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of campaigns or shards")
    merging.add_argument("--out", metavar="DIR", type=Path, help="merge into this folder (default: the first one)")
    merging.set_defaults(run="plugfest.tasks.conformance:report_folders")
    _add_pics(inner)
    _add_judge(inner)


def _add_judge(inner: Any) -> None:
    parser = inner.add_parser(
        "judge",
        help="judge a charger or a vehicle by a recording alone, rule by rule",
        description="Judges one side of a recorded session: every rule that a recording can prove, with its verdict and"
        " requirement. The first sentence is the overall verdict.",
        epilog="exit codes: 0 nothing failed, 1 a rule is broken or nothing could be judged, 2 wrong arguments or file",
    )
    parser.add_argument("file", metavar="CAPTURE", type=Path, help="pcap, pcapng or plugfest trace")
    parser.add_argument("--sut", choices=("secc", "evcc"), required=True, help="the side to judge")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
    parser.add_argument(
        "--roots", metavar="PATH", type=Path, action="append", default=[],
        help="trusted roots: a file or a PKI directory (repeatable)",
    )  # fmt: skip
    parser.set_defaults(run="plugfest.tasks.judge:judge_recording")


def _add_run(inner: Any) -> None:
    parser = inner.add_parser(
        "run",
        help="run cases against a charger or a vehicle, and leave the evidence in a folder",
        description="Runs cases and writes a report. Without -i, against this program's own role in memory, in virtual"
        " time. After Ctrl-C, the same command continues where it stopped.",
        epilog="exit codes: 0 nothing failed and nothing was found that concerns safety or security, 1 a run failed or"
        " ended with an error, 2 wrong arguments or surroundings, 3 most runs could not reach their"
        " point, 7 interrupted",
    )
    add_filters(parser)
    _add_reach(parser)
    parser.add_argument(
        "--pics", metavar="FILE", type=Path, help="PICS file: what the system declares; see plugfest conformance pics"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder for the evidence (default conformance-SUT)")
    parser.add_argument("--rerun-failed", action="store_true", help="run again all cases that did not pass")
    parser.add_argument("--fresh", action="store_true", help="discard earlier results in the folder")
    parser.add_argument(
        "--seed", metavar="N", type=int,
        help="draw what the cases leave open (ids, priorities, multipliers, offers, targets) from N, to repeat a"
        " campaign (default: a new seed for each)",
    )  # fmt: skip
    parser.add_argument("--shard", metavar="I/N", help="run only part I of N; results merge in one folder")
    parser.add_argument("--name", metavar="TEXT", help="name of the system, for the report")
    options.add_web(parser)
    group = parser.add_argument_group("the system under test")
    group.add_argument("--command", metavar="CMD", help="start this program at plug-in, end it after each case")
    group.add_argument(
        "--ready-after", metavar="S", type=FROM_ZERO, default=1.0, help="seconds until the command is ready"
    )
    group.add_argument("--ready-when", metavar="TEXT", help="the command is ready when it prints this")
    group.add_argument(
        "--action", metavar="NAME=CMD", action="append", default=[],
        help="command that does what a person would do: stop, authorise, refuse, pause ... (repeatable)",
    )  # fmt: skip
    group.add_argument("--reset-command", metavar="CMD", help="run this when the system no longer answers")
    group.add_argument("--pause", metavar="S", type=FROM_ZERO, help="seconds between cases (default: as declared)")
    group.add_argument("--longest", metavar="S", type=FROM_ZERO, help="abort a case after this many seconds")
    group.add_argument("--pki", metavar="DIR", type=Path, help="certificates for TLS and contracts")
    group = parser.add_argument_group("a real pair (--sut pair); -i IFACE[,IFACE] is where the line is recorded")
    group.add_argument(
        "--guide", action="store_true", help="guide a person through it, who then hands in the recordings"
    )
    group.add_argument("--play", choices=("evcc", "secc"), help="plugfest is this end, on -i IFACE; the other is real")
    group.add_argument("--answers", metavar="FILE", type=Path, help="what was done and seen, instead of a dialogue")
    group.add_argument("--write-answers", metavar="FILE", type=Path, help="keep the answers of the dialogue here")
    group.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
    parser.set_defaults(run="plugfest.tasks.conformance:run_campaign")


def _add_reach(parser: argparse.ArgumentParser) -> None:
    """Where the system under test is."""
    parser.add_argument("-i", "--interface", metavar="IFACE", help="network interface to the system under test")
    group = parser.add_argument_group("how it is reached")
    group.add_argument("--slac", action="store_true", help="match the modems (SLAC) at the beginning of each case")
    group.add_argument(
        "--pilot", metavar="P", default="assumed",
        help="control pilot: assumed (default), sim, serial:DEVICE, tcp:HOST:PORT or mqtt://HOST/BASE (docs/pilot.md)",
    )  # fmt: skip
    group.add_argument("--no-modem", dest="modem", action="store_false", help="SLAC without a modem, on a plain cable")
    group.add_argument("--address", metavar="ADDRESS", help="the charger's address, to skip SDP (with --port)")
    group.add_argument("--port", metavar="PORT", type=PORT, help="the charger's TCP port; for a vehicle, the tester's")


def _add_pics(inner: Any) -> None:
    parser = inner.add_parser(
        "pics",
        help="make a PICS file, by questions or by probing",
        description="Writes a PICS file: asks on the terminal, or probes the system under test with -i.",
    )
    parser.add_argument("out", metavar="FILE", type=Path, help="to write")
    parser.add_argument("--sut", choices=("secc", "evcc"), default="secc", help="what is tested")
    _add_reach(parser)
    parser.add_argument("--force", action="store_true", help="replace a file that exists")
    parser.add_argument("--defaults", action="store_true", help="ask nothing: use the default of every value")
    parser.add_argument("--command", metavar="CMD", help="start this program at plug-in")
    parser.add_argument(
        "--ready-after", metavar="S", type=FROM_ZERO, default=1.0, help="seconds until the command is ready"
    )
    parser.add_argument("--pki", metavar="DIR", type=Path, help="certificates for TLS")
    parser.set_defaults(run="plugfest.tasks.conformance:make_pics")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Options that choose among the cases."""
    parser.add_argument(
        "--sut", choices=("secc", "evcc", "pair"), help="system under test: a charger, a vehicle, or both"
    )
    parser.add_argument("--protocol", metavar="P[,P]", help="iso2, din, iso20, slac")
    parser.add_argument("-k", dest="words", metavar="EXPR", help="words in id, title, tags: 'SessionSetup and not 004'")
