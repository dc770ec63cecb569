"""What commands print: one harmless line at a time.

Nothing else prints, so no text of a peer can reach a terminal as it is. A reader that has gone, as with
``plugfest ... | head``, is a BrokenPipeError, which ends the command. When standard output cannot be written for
another reason (a full disk), a session goes on without it, and the command ends with one line and an exit code
(:func:`check`).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import IO

from boundary.errors import OutputError
from boundary.text import visible


def say(line: object = "", *, file: IO[str] | None = None, flush: bool = False) -> None:
    """A line for the user.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: a ``file`` other than standard output cannot be written.
    """
    raw(visible(line) + "\n", file=file, flush=flush)


def say_all(lines: Iterable[object], *, file: IO[str] | None = None) -> None:
    """Several lines. Raises as :func:`say` does."""
    for line in lines:
        say(line, file=file)


def complain(line: object) -> None:
    """A line on standard error. Whatever becomes of it, the command goes on."""
    with contextlib.suppress(OSError, ValueError):
        say(line, file=sys.stderr, flush=True)


def complain_all(lines: Iterable[object]) -> None:
    """Several lines on standard error, as :func:`complain`."""
    for line in lines:
        complain(line)


def raw(text: str, *, file: IO[str] | None = None, flush: bool = False) -> None:
    """Text of our own as it is, with line breaks or control sequences; what others wrote in it is escaped already.

    Raises as :func:`say` does.
    """
    target = sys.stdout if file is None else file
    ours = target is sys.stdout
    if target is None or (ours and _lost):  # None: standard output was closed before we began
        return
    try:
        target.write(text)
        if flush:
            target.flush()
    except BrokenPipeError:
        raise
    except OSError as why:
        if not ours:
            raise OutputError(getattr(target, "name", "the output"), why) from why
        _lost.append(OutputError("standard output", why))


_lost: list[OutputError] = []
"""Why standard output takes no more."""


class Output:
    """Standard output as a file of records, for `v2g.trace.JsonLines`."""

    def write(self, text: str, /) -> int:
        raw(text)
        return len(text)

    def flush(self) -> None:
        raw("", flush=True)


def flush() -> None:
    """Hands what was said to the system. Raises BrokenPipeError: nobody reads any more."""
    raw("", flush=True)


def check() -> None:
    """Sees that everything said is out.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: some of it could not be written.
    """
    flush()
    if _lost:
        raise _lost[0]


def prepare() -> None:
    """Begins anew; standard output and error spell what their encoding has not, instead of failing."""
    _lost.clear()
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")


def finish() -> None:
    """What was said is out, or lost without a further complaint: after a failure that is reported anyway."""
    with contextlib.suppress(OSError):
        flush()
    if _lost:
        give_up()


def give_up() -> None:
    """Standard output leads nowhere from here on, so that nothing fails once more when the program ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
