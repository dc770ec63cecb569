"""Frames with their times, from an interface as they pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from plugfest.errors import UserError

_ALL = 3  # ETH_P_ALL


async def of_interface(name: str) -> AsyncGenerator[tuple[float, bytes] | None, None]:
    """Time (loop) and bytes of each frame on an interface, sent ones too; None at first and each half second.

    Raises:
        UserError: missing interface, interface down, missing rights; says what to do.
    """
    import asyncio

    from slac.errors import LinkError
    from slac.link import RawLink

    try:
        link = RawLink(name, ethertype=_ALL, promiscuous=True, outgoing=True)
    except LinkError as why:
        raise UserError(str(why)) from why
    loop = asyncio.get_running_loop()
    try:
        yield None  # open
        while True:
            try:
                async with asyncio.timeout(0.5):
                    data = await link.receive()
            except TimeoutError:
                yield None
                continue
            yield loop.time(), data
    except LinkError as why:
        raise UserError(str(why)) from why
    finally:
        link.close()
