"""Shell completion by argcomplete, which asks the program itself what may follow."""

from __future__ import annotations

import argparse

from boundary.console import say_all
from plugfest.errors import UserError

BEFORE = {"zsh": ("(( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }",)}
"""What comes first: zsh completes nothing without its `compinit`, which start-up files need not have done."""


def run(args: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode  # an extra
    except ImportError:
        raise UserError("completion needs argcomplete: pip install 'plugfest[completion]'") from None
    code = shellcode(["plugfest"], use_defaults=False, shell=args.shell)  # else files where no name fits
    say_all([*BEFORE.get(args.shell, ()), *code.strip("\n").split("\n")])
    return 0
