"""Judges every matching in a capture, or on an interface as it happens."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from boundary.console import flush, say
from plugfest import matching, recording
from plugfest.errors import UserError
from plugfest.matching import Reports
from plugfest.traces import slac
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load
from slac.diagnosis import over, verdict
from slac.errors import Step
from slac.exchange import Exchange
from slac.judge import Judge

NOTHING_SEEN = 3
FAILED = 1


def run(args: argparse.Namespace) -> int:
    path = Path(args.source)
    if path.exists():
        if args.duration is not None:
            raise UserError("--duration is for an interface; a file is read to its end")
        judge = _of_file(path)
        show = _Show(judge, brief=args.brief)
        for exchange in judge.exchanges:
            show(exchange)
        return _summary(judge, args.source)
    judge = Judge()
    show = _Show(judge, brief=args.brief)
    if "/" in args.source or path.suffix in (".pcap", ".pcapng"):
        raise UserError(f"no such file: {path}")
    try:
        asyncio.run(_interface(args.source, judge, show, args.duration))
    except KeyboardInterrupt:
        say()
    return _summary(judge, args.source)


class _Show:
    """Prints attempts."""

    def __init__(self, judge: Judge, *, brief: bool) -> None:
        self._judge, self._brief, self._reports = judge, brief, Reports()

    def __call__(self, exchange: Exchange) -> None:
        now, start = self._judge.now, self._judge.first or 0.0
        lines = [matching.brief(exchange, now, start=start)] if self._brief else []
        for line in lines or self._reports.lines(exchange, now, start=start):
            say(line)
        flush()


def _of_file(path: Path) -> Judge:
    """A judge that has seen a file: any file that the other commands read, also with sessions over the link.

    Raises:
        UserError: it is not a recording, or cannot be read.
    """

    try:
        recording = load(path)
    except RecordingError as why:
        raise UserError(str(why)) from why
    judge = slac.judge(recording)
    judge.first = 0.0
    return judge


async def _interface(name: str, judge: Judge, show: _Show, duration: float | None) -> None:
    """Shows each attempt once it is decided."""

    loop = asyncio.get_running_loop()
    start = loop.time()
    judge.first = start
    shown: set[int] = set()
    frames = recording.of_interface(name)
    watching = False
    try:
        async for item in frames:
            if not watching:
                say(f"watching {name}; Ctrl-C ends", flush=True)
                watching = True
            if item is not None:
                judge.feed(*item)
            judge.now = loop.time()
            for exchange in judge.exchanges:
                if id(exchange) not in shown and over(exchange, judge.now):
                    shown.add(id(exchange))
                    show(exchange)
            if duration is not None and judge.now - start >= duration:
                break
    finally:
        await frames.aclose()
        for exchange in judge.exchanges:
            if id(exchange) not in shown:
                show(exchange)


def _summary(judge: Judge, source: str) -> int:
    if not judge.exchanges:
        seen = f"{judge.frames} other management messages" if judge.frames else "no management messages"
        say(f"no matching in {source}: {seen}")
        return NOTHING_SEEN
    last = {exchange.ev: exchange for exchange in judge.exchanges}
    failed = sum(not _good(exchange, judge) for exchange in judge.exchanges)
    say(f"{_count(len(judge.exchanges), 'attempt')} of {_count(len(last), 'vehicle')}, {failed} failed")
    if judge.undecodable:
        say(f"{judge.undecodable} management messages could not be read")
    return 0 if all(_good(exchange, judge) for exchange in last.values()) else FAILED


def _good(exchange: Exchange, judge: Judge) -> bool:
    """Whether an attempt was matched; one still open when watching ended was not."""
    return verdict(exchange, judge.now).step is Step.MATCHED


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
