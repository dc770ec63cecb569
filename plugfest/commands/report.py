"""``plugfest report``: a recorded session as one HTML file, and as JUnit XML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_HELP = """\
FILE is a trace of ours (--trace, JSON lines) or any pcap or pcapng file. The report is one file that needs no network.
exit code: 0 written (with --check: and the session passed), 1 with --check: it did not, 2 no such file
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        help="a recorded session as one HTML file: verdict, plots, chart, messages, times",
        description="Writes a report on a recorded session.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="trace, pcap or pcapng")
    parser.add_argument(
        "-o", "--output", metavar="HTML", type=Path, help="the file to write (default: FILE with .html)"
    )
    parser.add_argument("--junit", metavar="XML", type=Path, help="write JUnit XML too")
    parser.add_argument("--title", help="heading of the report")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the session passed")
    parser.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
    parser.add_argument(
        "--roots", metavar="PATH", type=Path, action="append", default=[],
        help="trusted roots: a file or a PKI directory (repeatable)",
    )  # fmt: skip
    parser.set_defaults(run="plugfest.tasks.report:run")
