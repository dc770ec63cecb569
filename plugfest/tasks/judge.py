"""Judges one side of a recording by the conformance rules; needs neither a campaign nor Linux."""

from __future__ import annotations

import argparse

from boundary.console import say, to_the_end
from boundary.text import dumps
from plugfest.certificates import roots
from plugfest.conformance.recorded.judge import judge
from plugfest.conformance.recorded.page import lines
from plugfest.tasks.trace import read


@to_the_end()
def judge_recording(args: argparse.Namespace) -> int:
    found = judge(read(args.file, args.key_log), args.sut, roots.of(args.roots))
    if args.json:
        say(dumps(found.to_json()))
    else:
        for line in lines(found):
            say(line)
    return 0 if found.ok else 1
