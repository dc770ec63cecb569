"""Prints pages made from the tables."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

from boundary.console import say, say_all
from boundary.text import dumps
from plugfest.explain import line, protocols
from plugfest.explain.page import Page, folded

TOPICS: Mapping[str, Callable[[Any], Page]] = {
    "cp": lambda _: line.cp(),
    "pp": lambda _: line.pp(),
    "duty": line.duty,
    "connector": line.connectors,
    "sequence": protocols.sequence,
    "timer": protocols.timer,
    "message": protocols.message,
    "code": protocols.code,
}
"""The function that makes the page of a topic from its argument."""


def run(args: argparse.Namespace) -> int:
    page = TOPICS[args.topic](getattr(args, "value", None))
    if args.json:
        say(dumps({"title": page.title, "content": page.data}))
        return 0
    lines = [page.title, "", *page.lines]
    say_all(folded(lines, shutil.get_terminal_size().columns) if sys.stdout.isatty() else lines)
    return 0
