"""What commands print: one harmless line at a time.

Nothing else prints, so a peer's text never reaches a terminal unescaped. A reader that has gone away, as with
``plugfest ... | head``, raises BrokenPipeError, which ends the command. If standard output cannot be written for
another reason (a full disk), a session continues without it, and the command ends with a one-line error and an exit
code (:func:`check`).
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any

from boundary.errors import OutputError
from boundary.text import visible


def say(line: object = "", *, file: IO[str] | None = None, flush: bool = False) -> None:
    """Prints a line for the user.

    Raises:
        BrokenPipeError: the reader has gone away.
        OutputError: a ``file`` other than standard output cannot be written.
    """
    raw(visible(line) + "\n", file=file, flush=flush)


def say_all(lines: Iterable[object], *, file: IO[str] | None = None) -> None:
    """Prints several lines. Raises the same errors as :func:`say`."""
    for line in lines:
        say(line, file=file)


def complain(line: object) -> None:
    """Prints a line on standard error. The command continues even if that fails."""
    with contextlib.suppress(OSError, ValueError):
        say(line, file=sys.stderr, flush=True)


def complain_all(lines: Iterable[object]) -> None:
    """Prints several lines on standard error, like :func:`complain`."""
    for line in lines:
        complain(line)


def raw(text: str, *, file: IO[str] | None = None, flush: bool = False) -> None:
    """Prints our own text unchanged, with its line breaks and control sequences; foreign text in it is already escaped.

    Raises the same errors as :func:`say`.
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
        if not (ours and _verdicts):
            raise
        give_up()
    except OSError as why:
        if not ours:
            raise OutputError(getattr(target, "name", "the output"), why) from why
        _lost.append(OutputError("standard output", why))


_lost: list[OutputError] = []
"""Why standard output can no longer be written."""
_verdicts: list[None] = []
"""Open :func:`to_the_end` contexts."""


@contextlib.contextmanager
def to_the_end() -> Iterator[None]:
    """While the context is open, a reader that goes away ends the output, but not the command: for commands whose exit
    code is a verdict, which must be the same with ``| head``. Also works as a decorator."""
    _verdicts.append(None)
    try:
        yield
        flush()
    finally:
        _verdicts.pop()


class Output:
    """Standard output as a file of records, for `v2g.trace.JsonLines`."""

    def write(self, text: str, /) -> int:
        raw(text)
        return len(text)

    def flush(self) -> None:
        raw("", flush=True)


class Screen(Output):
    """Standard output for a library that draws on a terminal: a terminal that goes away ends the drawing, but neither
    what is drawn nor the task that draws."""

    def write(self, text: str, /) -> int:
        with contextlib.suppress(BrokenPipeError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            super().flush()

    def __getattr__(self, name: str) -> Any:
        """Whatever else the library asks: whether it is a terminal, its encoding, its number."""
        return getattr(sys.stdout, name)


def flush() -> None:
    """Flushes what was printed. Raises BrokenPipeError: the reader has gone away."""
    raw("", flush=True)


def check() -> None:
    """Makes sure that everything printed has been written.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputError: some of it could not be written.
    """
    flush()
    if _lost:
        raise _lost[0]


def prepare() -> None:
    """Resets the console. Where the encoding of standard output or error lacks a character, nothing fails: `STAND_INS`
    replace our own, and others are escaped."""
    _lost.clear()
    codecs.register_error("plugfest", _without)
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="plugfest")


STAND_INS = {
    **dict.fromkeys("│┤", "|"), "─": "-", **dict.fromkeys("┌┐└┘├", "+"), "▶": ">", "◀": "<", "→": "->",
    "✔": "+", "✘": "x", "·": ".", "×": "x", "–": "-", "…": "...", "≥": ">=", "Ω": "ohm", "²": "^2",
    **dict(zip("▁▂▃▄▅▆▇█░", "__..--=#.", strict=True)),
}  # fmt: skip
"""For each character beyond ASCII that commands print themselves: what an ASCII terminal shows."""


def _without(why: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler of an encoding that lacks a character. JSON gets escapes, so it reads back unchanged."""
    if isinstance(why, UnicodeEncodeError) and not why.object.startswith(("{", "[", '"')):
        lacking = why.object[why.start : why.end]
        return "".join(STAND_INS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking), why.end
    return codecs.backslashreplace_errors(why)


def finish() -> None:
    """Flushes what was printed, or drops it silently: for use after a failure that is reported anyway."""
    with contextlib.suppress(OSError):
        flush()
    if _lost:
        give_up()


def give_up() -> None:
    """Redirects standard output to nowhere, so that nothing fails a second time when the program exits."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
