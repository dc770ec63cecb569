"""Wireshark's extcap protocol: what there is, how it is set up, and packets into a pipe."""

from __future__ import annotations

import argparse
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from boundary.console import complain, say, say_all
from boundary.write import write
from plugfest.errors import UserError
from plugfest.traces.errors import RecordingError
from plugfest.traces.follow import follow

INTERFACE = "plugfest"
FOLDER = Path("~/.local/lib/wireshark/extcap")
"""Of a user's own programs, from Wireshark 4.2 on; before, it was ~/.config/wireshark/extcap."""


def run(args: argparse.Namespace) -> int:
    if args.install is not None:
        return _install(Path(args.install) if args.install else FOLDER.expanduser())
    if args.extcap_interfaces:
        say_all([
            f"extcap {{version={version('plugfest')}}}{{help=file:///}}",
            f"interface {{value={INTERFACE}}}{{display=plugfest: a running session, decoded}}",
        ])  # fmt: skip
    elif args.extcap_dlts:
        say("dlt {number=1}{name=EN10MB}{display=Ethernet}")
    elif args.extcap_config:
        say(
            "arg {number=0}{call=--trace}{display=Trace file}{type=fileselect}{mustexist=true}{required=true}"
            "{tooltip=what a session command writes with --trace FILE}"
        )
    elif args.capture:
        if args.fifo is None or args.trace is None:
            raise UserError("--capture needs --fifo and --trace")
        try:
            follow(args.trace, args.fifo)
        except RecordingError as why:
            raise UserError(str(why)) from why
    else:
        raise UserError("Wireshark calls this; plugfest extcap --install puts it where Wireshark looks")
    return 0


def _install(folder: Path) -> int:
    """Writes the script that Wireshark starts."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "plugfest"
    write(script, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m plugfest extcap "$@"\n', public=True)
    script.chmod(0o755)
    complain(f"{script}: an interface plugfest is in Wireshark's list after its next start")
    return 0
