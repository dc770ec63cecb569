"""Whether this host is ready for a session."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import msgspec

from boundary.console import say
from boundary.text import counted, dumps
from plugfest import config
from plugfest.config import names
from plugfest.config.model import Bench, Mqtt
from plugfest.doctor import examine
from plugfest.doctor.finding import SIGNS
from plugfest.errors import UserError


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(_bench(args), json=getattr(args, "json", False)))


def _bench(args: argparse.Namespace) -> Bench:
    given: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if name in Bench.__struct_fields__ and name not in ("mqtt", "json")
    }
    if hasattr(args, "mqtt"):
        given["mqtt"] = msgspec.convert(names.broker(args.mqtt), Mqtt)
    bench = config.load(args.file) if args.file is not None else Bench()
    if bench.interface is None and "interface" not in given:
        raise UserError("give an interface: plugfest doctor -i IFACE, or a bench file that names one")
    return msgspec.structs.replace(bench, **given)


async def _run(bench: Bench, *, json: bool) -> int:
    marks = []
    async for finding in examine(bench):
        marks.append(finding.mark)
        if json:
            say(dumps(dataclasses.asdict(finding)), flush=True)
            continue
        say(f"{SIGNS[finding.mark]} {finding.topic:<13}{finding.text}", flush=True)
        if finding.mark != "ok":
            for title, text in (("cause", finding.cause), ("try", finding.remedy)):
                if text:
                    say(f"{'':<15}{title}: {text}", flush=True)
    if not json:
        wrong, warnings = marks.count("wrong"), marks.count("warning")
        words = "ready" if not wrong else f"not ready: {counted(wrong, 'error')}"
        say()
        say(f"{words}, {counted(warnings, 'warning')}" if warnings else words)
    return 1 if "wrong" in marks else 0
