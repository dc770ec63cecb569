"""A recorded session as one HTML file, and as JUnit XML."""

from __future__ import annotations

import argparse

from boundary.console import complain
from boundary.write import write
from plugfest.certificates import roots
from plugfest.tasks.trace import read
from plugfest.traces.checks import judge
from plugfest.traces.junit import junit
from plugfest.traces.report import render


def run(args: argparse.Namespace) -> int:
    recording = read(args.file, args.key_log)
    anchors = roots.of(args.roots)
    judged = judge(recording, anchors)
    result = judged.verdict
    target = args.output or args.file.with_suffix(".html")
    write(target, render(recording, judged=judged, title=args.title or "", roots=anchors))
    if args.junit is not None:
        write(args.junit, junit(recording, judged.findings), public=True)
    complain(f"{target}: {result.headline} ({result.details})")
    return 1 if args.check and not result.ok else 0
