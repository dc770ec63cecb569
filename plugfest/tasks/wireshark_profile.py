"""A Wireshark profile, written as a new directory."""

from __future__ import annotations

import argparse
from pathlib import Path

from boundary.console import complain
from boundary.write import write_all
from plugfest.errors import UserError
from plugfest.traces import wireshark


def run(args: argparse.Namespace) -> int:
    directory: Path = args.directory
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(f"{directory} already exists; name a new directory")
    write_all({directory / name: text for name, text in wireshark.files().items()}, public=lambda _: True)
    complain(
        f"{directory}: a profile for Wireshark; start it with wireshark -C {directory.name} once it is in the"
        " profiles folder"
    )
    return 0
