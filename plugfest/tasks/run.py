"""Runs the bench that a file describes."""

from __future__ import annotations

import argparse

from boundary.console import complain_all
from boundary.text import dumps
from plugfest import config
from plugfest.config import effect, names
from plugfest.tasks import demo, evcc, secc


def run(args: argparse.Namespace) -> int:
    given = {name: getattr(args, name) for name in ("fast", "quiet", "all", "json", "plain") if getattr(args, name)}
    settings = dict.fromkeys(given, "true")
    for name in ("interface", "trace", "pcapng", "report"):
        if getattr(args, name) is not None:
            settings[name] = str(getattr(args, name))
    if getattr(args, "web", None) is not None:
        settings["web"] = dumps(args.web)
    bench = config.load(args.file, settings={**names.settings(args.set), **settings})
    complain_all(f"note: {line}" for line in effect.without_effect(bench))
    if bench.role == "both":
        return demo.start(bench, args.file.name)
    return evcc.start(bench) if bench.role == "evcc" else secc.start(bench)
