"""The terminal at which a person sits: whether there is one, and the lines that the person types."""

from __future__ import annotations

import asyncio
import os
import sys

LONGEST = 4096
"""Bytes of a line that are taken."""


class Ended(EOFError):
    """The person has ended the input (Ctrl-D), or the terminal is gone."""


def attended() -> bool:
    """Whether somebody can read what is written, and answer."""
    return bool(sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty())


_typed = bytearray()
"""What was typed and not asked for yet."""


async def typed(within: float | None = None) -> str | None:
    """The next line that is typed, without its end; None: there was none within this many seconds.

    Raises:
        Ended: there will be none any more.
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
    """Drops what was typed before anybody asked."""
    _typed.clear()
