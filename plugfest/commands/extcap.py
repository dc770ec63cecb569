"""``plugfest extcap``: a running session's messages as an interface in Wireshark's list."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_HELP = """\
Wireshark starts programs in its extcap folder itself: `plugfest extcap --install` puts a script there that starts this
one. The interface follows the file that a session command writes with --trace FILE, while it is written; nothing else
is needed, and TLS does not hinder it.
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "extcap",
        help="an interface in Wireshark that shows a running session, decoded",
        description="Speaks Wireshark's extcap protocol.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--install", metavar="DIR", nargs="?", const="", help="write the script (default: your personal extcap folder)"
    )
    parser.add_argument("--trace", metavar="FILE", type=Path, help="the trace to follow")
    for name in ("--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    for name in ("--extcap-version", "--extcap-interface", "--extcap-capture-filter", "--extcap-control-in",
                 "--extcap-control-out"):  # fmt: skip
        parser.add_argument(name, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--fifo", type=Path, help=argparse.SUPPRESS)
    parser.set_defaults(run="plugfest.tasks.extcap:run")
