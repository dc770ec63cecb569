"""``plugfest trace``: look into recorded sessions, ours and any capture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from plugfest.arguments import ANY, COUNT

_FILES = """\
FILE is a trace of ours (--trace, JSON lines) or any pcap or pcapng file. TLS is opened with the secrets that a pcapng
file holds, and with --key-log.
"""


def add(commands: Any) -> None:
    top = commands.add_parser("trace", help="show, check, compare and convert recorded sessions")
    kinds = top.add_subparsers(metavar="show|decode|check|stats|diff|export|wireshark-profile", required=True)

    def command(name: str, text: str, more: str = "") -> Any:
        parser = kinds.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_FILES + more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.add_argument("file", metavar="FILE", type=Path, help="trace, pcap or pcapng")
        if name == "diff":
            parser.add_argument("other", metavar="OTHER", type=Path, help="the session to compare with")
        parser.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
        if name in ("show", "check"):
            parser.add_argument(
                "--roots", metavar="PATH", type=Path, action="append", default=[],
                help="trusted roots: a file or a PKI directory (repeatable)",
            )  # fmt: skip
        parser.set_defaults(run=f"plugfest.tasks.trace:{name}")
        return parser

    parser = command("show", "print the session like a sequence chart")
    parser.add_argument("--all", action="store_true", help="leave nothing out: every round of the loops, every frame")
    parser.add_argument("--from", dest="begin", type=ANY, metavar="S", help="start at this time")
    parser.add_argument("--to", dest="end", type=ANY, metavar="S", help="end at this time")

    parser = command("decode", "print messages in full")
    parser.add_argument("--name", metavar="PATTERN", help="only these messages, e.g. 'CurrentDemand*'")
    parser.add_argument("--at", type=COUNT, metavar="N", help="only the message with this number, as show --all counts")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--xml", action="store_true", help="as XML")
    group.add_argument("--json", action="store_true", help="as JSON, one object per line")
    group.add_argument("--hex", action="store_true", help="as EXI in hexadecimal, one message per line")

    parser = command("check", "check order, content and times against the standard",
        "exit code: 0 passed, 1 something violates the standard (or, with --strict, is a warning), 2 no such file\n",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="warnings count too")
    parser.add_argument("--quiet", action="store_true", help="no notes")
    parser.add_argument("--json", action="store_true", help="findings as JSON, one object per line")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML too")

    parser = command("stats", "count messages, and measure every time against its limit")
    parser.add_argument("--json", action="store_true", help="as JSON")

    parser = command("diff", "compare two sessions by meaning: phases, fields, response times",
        "exit code: 0 no difference, 1 differences, 2 no such file\n",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="differences as JSON, one object per line")

    parser = command("export", "write the session in another form")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--format", metavar="F", help="pcapng, jsonl, csv, xml, json, hex, keylog; default: FILE's extension"
    )

    text = "write a Wireshark profile: columns, filters and colours based on the packet comments"
    parser = kinds.add_parser(
        "wireshark-profile", help=text, description=f"W{text[1:]}.",
        epilog="Wireshark looks for profiles in ~/.config/wireshark/profiles; `wireshark -C NAME` starts with one.",
    )  # fmt: skip
    parser.add_argument("directory", metavar="DIR", type=Path, help="a new directory, named like the profile")
    parser.set_defaults(run="plugfest.tasks.wireshark_profile:run")
