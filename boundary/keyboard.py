"""Reads the keyboard of a terminal, one line at a time, while something else draws on its screen.

Typed text is not echoed; the drawing code shows it. The terminal is read only while we are in its foreground: reading
would stop a background job.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Callable, Iterator

LONGEST = 500
"""Characters of a line; anything typed beyond that is ignored."""
_BACKSPACE, _ERASE, _ENTER = ("\x08", "\x7f"), "\x15", ("\n", "\r")


@contextlib.contextmanager
def lines(take: Callable[[str], object], typed: Callable[[str], object]) -> Iterator[bool]:
    """While the context is open, calls ``take`` with each line, and ``typed`` with what has been typed of the next one.

    Yields:
        True if there is a keyboard to read.
    """
    number = _terminal()
    if number is None:
        yield False
        return
    before = termios.tcgetattr(number)
    quiet = list(before)
    quiet[3] &= ~(termios.ICANON | termios.ECHO)
    reader = _Reader(number, take, typed)
    loop = asyncio.get_running_loop()
    termios.tcsetattr(number, termios.TCSADRAIN, quiet)
    loop.add_reader(number, reader.read)
    try:
        yield True
    finally:
        loop.remove_reader(number)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)


def _terminal() -> int | None:
    try:
        number = sys.stdin.fileno()
        mine = os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # closed, or replaced by something that is not a file
        return None
    return number if mine else None


class _Reader:
    """Characters as lines."""

    def __init__(self, number: int, take: Callable[[str], object], typed: Callable[[str], object]) -> None:
        self._number = number
        self._take, self._typed = take, typed
        self._line = ""

    def read(self) -> None:
        try:
            data = os.read(self._number, 4096)
        except OSError:
            data = b""
        if not data:  # the terminal has gone
            asyncio.get_running_loop().remove_reader(self._number)
            return
        text = data.decode("utf-8", "ignore")
        for sign in "" if text.startswith("\x1b") else text:  # arrows and the like
            self._sign(sign)
        self._typed(self._line)

    def _sign(self, sign: str) -> None:
        if sign in _ENTER:
            line, self._line = self._line.strip(), ""
            if line:
                self._take(line)
        elif sign in _BACKSPACE:
            self._line = self._line[:-1]
        elif sign == _ERASE:
            self._line = ""
        elif sign.isprintable() and len(self._line) < LONGEST:
            self._line += sign
