"""``plugfest slac watch``: judges every matching in a capture, or on an interface as it happens."""

from __future__ import annotations

import argparse
from typing import Any

from plugfest.arguments import FROM_ZERO

_DESCRIPTION = """\
Reports each matching: its steps with times against the limits of ISO 15118-3, the attenuation per group of carriers,
where it stopped, the likely cause, and what to try. Exit code 0: the last attempt of each vehicle was matched; 1: not;
3: no matching was seen.
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "watch",
        help="judge every matching in a capture file, or on an interface",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="FILE|IFACE", help="pcap, pcapng or --trace file, or a network interface")
    parser.add_argument("--brief", action="store_true", help="one line per attempt")
    parser.add_argument(
        "--duration", type=FROM_ZERO, metavar="S", help="watch an interface for this long (default: until stopped)"
    )
    parser.set_defaults(run="plugfest.tasks.slac_watch:run")
