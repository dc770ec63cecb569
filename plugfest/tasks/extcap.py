"""Wireshark's extcap protocol: lists interfaces and options, and writes packets into a pipe."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from boundary.console import complain, say, say_all
from boundary.errors import OutputError
from boundary.write import write
from plugfest.errors import UserError
from plugfest.traces.errors import RecordingError
from plugfest.traces.follow import follow

INTERFACE = "plugfest"
FOLDER = Path("~/.local/lib/wireshark/extcap")
"""Directory of a user's own programs, from Wireshark 4.2 on; before, it was ~/.config/wireshark/extcap."""


def run(args: argparse.Namespace) -> int:
    if args.install is not None:
        return _install(Path(args.install) if args.install else FOLDER.expanduser())
    if args.extcap_interfaces:
        say_all([
            f"extcap {{version={version('plugfest')}}}",
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
        if args.fifo is None:
            raise UserError("--capture needs --fifo")
        try:
            _capture(args.trace, args.fifo)
        except UserError as why:
            complain(f"plugfest: {why}")  # first: once the pipe is closed, Wireshark ends this program
            _close(args.fifo)
            return 2
    else:
        raise UserError("Wireshark calls this; plugfest extcap --install puts it where Wireshark looks")
    return 0


def _capture(trace: Path | None, pipe: Path) -> None:
    """Follows a trace until Wireshark ends the capture.

    Raises:
        UserError: there is no trace; says what to do.
    """
    if trace is None:
        how = f"in the interface's options, or with tshark -o extcap.{INTERFACE}.trace:FILE"
        raise UserError(f"choose the trace file to follow, {how}")
    try:
        follow(trace, pipe)
    except RecordingError as why:
        raise UserError(str(why)) from why
    except OutputError as why:
        if why.errno != errno.EPIPE:  # this is how a capture ends
            raise


def _close(pipe: Path) -> None:
    """Ends a capture that has not started: Wireshark waits until its pipe is opened."""
    with contextlib.suppress(OSError):
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def _install(folder: Path) -> int:
    """Writes the script that Wireshark starts."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "plugfest"
    write(script, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m plugfest extcap "$@"\n', public=True)
    script.chmod(0o755)
    complain(f"{script}: the interface plugfest appears in Wireshark after its next start")
    return 0
