"""Shell completion by argcomplete, which asks the program itself what may follow."""

from __future__ import annotations

import argparse

from boundary.console import say_all
from plugfest.errors import UserError


def run(args: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode  # an extra
    except ImportError:
        raise UserError("completion needs argcomplete: pip install 'plugfest[completion]'") from None
    say_all(shellcode(["plugfest"], shell=args.shell).rstrip("\n").split("\n"))
    return 0
