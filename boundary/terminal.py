"""The user's terminal: whether there is one, and the lines typed at it."""

from __future__ import annotations

import asyncio
import os
import sys

LONGEST = 4096
"""Bytes read of one line."""


class Ended(EOFError):
    """The user has ended the input (Ctrl-D), or the terminal is gone."""


def attended() -> bool:
    """Whether a user can read the output and answer."""
    return bool(sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty())


_typed = bytearray()
"""Typed input that nothing has read yet."""


async def typed(within: float | None = None) -> str | None:
    """The next typed line, without its line end; None if there was none within this many seconds.

    Raises:
        Ended: there will be no more input.
    """
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    number = sys.stdin.fileno()
    loop.add_reader(number, ready.set)
    try:
        async with asyncio.timeout(within):
            while b"\n" not in _typed:
                await ready.wait()
                ready.clear()
                try:
                    data = os.read(number, LONGEST)
                except OSError:
                    data = b""
                if not data:
                    raise Ended
                _typed.extend(data[: LONGEST - len(_typed)])
                if len(_typed) >= LONGEST:
                    _typed[-1:] = b"\n"
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(number)
    line, _, rest = bytes(_typed).partition(b"\n")
    _typed[:] = rest
    return line.decode("utf-8", "replace").strip()


def forget() -> None:
    """Drops what was typed before the question."""
    _typed.clear()
