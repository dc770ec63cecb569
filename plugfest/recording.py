"""Frames with their times: from a capture file, or from an interface as they pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

from plugfest.errors import UserError

_ETHERNET = 1
_ALL = 3  # ETH_P_ALL


def of_file(path: Path) -> Iterator[tuple[float, bytes]]:
    """Time (seconds) and bytes of each frame of a pcap or pcapng file, or of SLAC's frames in a trace of plugfest.

    Raises:
        UserError: no such file, no capture, or not of Ethernet.
    """
    try:
        with path.open("rb") as file:
            traced = file.read(12) == b'{"plugfest":'
    except OSError as why:
        raise UserError(f"cannot read {path}: {why.strerror}") from why
    yield from _of_trace(path) if traced else _of_capture(path)


def _of_trace(path: Path) -> Iterator[tuple[float, bytes]]:
    from v2g.trace import read

    try:
        for event in read(path):
            if event.get("layer") == "slac" and isinstance(event.get("hex"), str):
                yield float(event["t"]), bytes.fromhex(event["hex"])
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        raise UserError(f"{path} is no trace: {why}") from why


def _of_capture(path: Path) -> Iterator[tuple[float, bytes]]:
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapReader

    try:
        reader = RawPcapReader(str(path))
    except OSError as why:
        raise UserError(f"cannot read {path}: {why.strerror}") from why
    except (Scapy_Exception, EOFError) as why:
        raise UserError(f"{path} is no pcap or pcapng file") from why
    with reader:
        try:
            for data, meta in reader:
                link = getattr(meta, "linktype", None) or getattr(reader, "linktype", _ETHERNET)
                if link != _ETHERNET:
                    raise UserError(f"{path} holds link type {link}, not Ethernet; capture on the interface itself")
                yield _time(meta), data
        except (Scapy_Exception, EOFError) as why:
            raise UserError(f"{path} breaks off: {why}") from why


def _time(meta: Any) -> float:
    if hasattr(meta, "tshigh"):
        return float(((meta.tshigh or 0) << 32 | (meta.tslow or 0)) / (meta.tsresol or 1_000_000))
    return float(meta.sec + meta.usec / 1e6)


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
