"""The ``plugfest`` command line."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from pkgutil import resolve_name

from boundary import console
from boundary.console import complain, complain_all, say
from boundary.errors import InputError, OutputError
from plugfest.arguments import Parser
from plugfest.errors import UserError

COMMANDS = (
    "demo",
    "lab",
    "evcc",
    "secc",
    "run",
    "config",
    "doctor",
    "slac",
    "trace",
    "report",
    "explain",
    "extcap",
    "exi",
    "conformance",
    "pki",
    "completion",
)
"""Modules of :mod:`plugfest.commands`, in the order of the help."""

USER_ERROR = 2
"""Exit code when the command could not start because of its arguments or environment."""

ELSEWHERE = (
    "exi", "explain", "trace", "report", "pki", "config", "conformance list", "conformance show", "conformance judge"
)  # fmt: skip
"""Commands that run on any system."""

_LINUX = ("fcntl", "termios", "resource", "pwd", "grp")
"""Modules of the standard library that Windows lacks; code that needs one needs Linux."""

STOPPED = 7
"""Exit code after Ctrl-C, as of `v2g.outcome.Cause.ABORTED`, which is not imported for ``--help``."""

_EPILOG = """\
exit codes of evcc, secc and demo:
  0  the session was completed          4  no protocol in common
  1  the session ended with an error    5  the peer refused (FAILED_...) or broke the protocol
  2  wrong arguments or surroundings,   6  a time-out of the standard expired
     or a file could not be written
  3  no peer found, or no connection    7  aborted by the user, the control pilot or a fault
                                        8  vehicle and charger do not fit together
"""


def parser(*names: str) -> argparse.ArgumentParser:
    """The whole command line; docs and shell completion can be made from it.

    Args:
        names: only these commands. A started command does not need the others, and their modules take time to load.
    """
    top = Parser(
        prog="plugfest",
        description="Lab bench for EV charging communication: both ends of a CCS or NACS session.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(metavar="COMMAND")
    for name in names or COMMANDS:
        import_module(f"plugfest.commands.{name}").add(commands)
    return top


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """`kill` and a closed terminal end a command as Ctrl-C does: properly, with nothing left energised.

    They still do if Ctrl-C is ignored, as in the background of a script.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ends)}
    if before[signal.SIGINT] is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ends:
        if before[number] is signal.SIG_DFL:  # nohup wants SIGHUP ignored
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    console.prepare()
    given = sys.argv[1:] if arguments is None else list(arguments)
    if arguments is None and "_ARGCOMPLETE" in os.environ:  # a shell asks what may follow
        from argcomplete import autocomplete  # an extra; without it, no shell asks

        from plugfest.completing import attach  # only then

        whole = parser()
        attach(whole)
        autocomplete(whole)
    top = parser(*given[:1]) if given and given[0] in COMMANDS else parser()
    args = top.parse_args(given)
    if args.version:
        from importlib.metadata import version  # takes time to load

        say(f"plugfest {version('plugfest')}")
        return 0
    if not hasattr(args, "run"):
        top.print_help()
        return USER_ERROR
    try:
        with _ended_in_order():
            run = resolve_name(args.run) if isinstance(args.run, str) else args.run  # a task, by its name
            code: int = run(args)
        return _checked(code)
    except UserError as why:
        first, *more = why.lines
        complain_all([f"plugfest: {first}", *more])
        return USER_ERROR
    except (InputError, OutputError) as why:
        console.finish()
        complain(f"plugfest: {why}")
        return USER_ERROR
    except ModuleNotFoundError as why:
        if why.name not in _LINUX:
            raise
        named = " ".join(itertools.takewhile(lambda word: not word.startswith("-"), given[:2]))
        complain(f"plugfest: {named} needs Linux (no {why.name} here); {', '.join(ELSEWHERE)} run anywhere")
        return USER_ERROR
    except BrokenPipeError:  # the reader of our output has gone, as `plugfest ... | head` does
        console.give_up()
        return 0
    except KeyboardInterrupt:
        complain("plugfest: stopped")
        return STOPPED


def _checked(code: int) -> int:
    """The exit code, which also reports that standard output could not be written."""
    try:
        console.check()
    except BrokenPipeError:  # the command had finished its work
        console.give_up()
    except OutputError as why:
        console.finish()
        complain(f"plugfest: {why}")
        return code or USER_ERROR
    return code


if __name__ == "__main__":
    sys.exit(main())
