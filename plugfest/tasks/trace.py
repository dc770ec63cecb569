"""Shows, checks, compares and converts recorded sessions, ours and any capture."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import exi
from boundary.choices import unknown
from boundary.console import complain, say, say_all, to_the_end
from boundary.text import counted, dumps
from boundary.write import write
from plugfest.certificates import roots
from plugfest.errors import UserError
from plugfest.traces import chart, proofs, text
from plugfest.traces.checks import judge
from plugfest.traces.compare import compare
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.errors import RecordingError
from plugfest.traces.export import document_xml
from plugfest.traces.export import export as export_recording
from plugfest.traces.junit import junit
from plugfest.traces.measure import measure, paired, rows
from plugfest.traces.recording import load
from plugfest.traces.talks import talks, title
from v2g.messages import schema

DIFFERENT = 1
"""Exit code of diff and check if they find something."""


def read(path: Path, key_log: Path | None = None) -> Recording:
    """A recording for a command.

    Raises:
        UserError: it cannot be read.
    """

    try:
        return load(path, key_log=key_log)
    except RecordingError as why:
        raise UserError(str(why)) from why


def _recording(args: argparse.Namespace) -> Recording:
    return read(args.file, args.key_log)


def headline(recording: Recording) -> list[str]:
    """What a recording is, in a few lines."""
    began = ""
    if recording.epoch > 86400:
        moment = datetime.datetime.fromtimestamp(recording.epoch, datetime.UTC)
        began = f", started {moment:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"{recording.name}: {recording.kind}{began}, {recording.seconds:.3f} s, {len(recording.entries)} entries"]
    for talk in talks(recording):
        kind = title(talk) if talk.protocol else "no protocol agreed on"
        over = "TLS" if talk.secure else "TCP"
        session = f", session id {talk.session_id.hex()}" if talk.session_id else ""
        end = "completed" if talk.completed else "not completed"
        lines.append(f"connection {talk.number}: {kind} over {over}{session}, {len(talk.entries)} messages, {end}")
    return lines + [f"note: {remark}" for remark in recording.remarks]


def show(args: argparse.Namespace) -> int:
    begin, end = args.begin or 0.0, args.end if args.end is not None else float("inf")
    if end < begin:
        raise UserError(f"--to {end:g} is before --from {begin:g}")
    recording, anchors = _recording(args), roots.of(args.roots)
    judged = judge(recording, anchors)
    for line in [judged.verdict.headline, *headline(recording)]:
        say(line)
    for row in proofs.rows(recording, proofs.chains(recording, anchors)):
        say(row)
    say()
    rows = chart.rows(recording, judged.findings, measure(recording), everything=args.all)
    rows = [row for row in rows if row.entry is None or begin <= row.entry.time <= end]
    while rows and rows[0].entry is None:
        rows.pop(0)
    for line in chart.lines(rows):
        say(line)
    return 0


def _chosen(recording: Recording, args: argparse.Namespace) -> list[Entry]:
    return [
        entry
        for number, entry in enumerate(recording.messages, 1)
        if (args.name is None or fnmatchcase(entry.name, args.name)) and (args.at is None or args.at == number)
    ]


def decode(args: argparse.Namespace) -> int:
    recording = _recording(args)
    found = _chosen(recording, args)
    if not found:
        names = dict.fromkeys(entry.name for entry in recording.messages)
        if args.name is not None and not any(fnmatchcase(name, args.name) for name in names):
            raise UserError(f"{args.file}: {unknown('message', args.name, names)}")
        raise UserError(f"{args.file}: none of its {counted(len(recording.messages), 'message')} is chosen")
    for entry in found:
        if args.hex:
            say(entry.data.hex())
        elif args.json:
            line: dict[str, Any] = {"time": entry.time, "sender": entry.sender, "name": entry.name}
            line["schema"], line["hex"] = entry.schema, entry.data.hex()
            if entry.message is not None:
                line["message"] = exi.to_json(schema(entry.schema), entry.message)
            say(dumps(line))
        else:
            say(f"{entry.time:.6f} {entry.sender} {entry.name}, {len(entry.data)} bytes of {entry.schema}")
            if entry.message is None:
                say_all([f"  {entry.note}", f"  {entry.data.hex()}"])
            if args.xml and entry.document is not None:
                say(document_xml(entry))
            elif entry.document is not None:
                for field in text.lines(entry.document):
                    value = f": {field.value}" if field.value else ""
                    say(f"  {'  ' * field.depth}{field.name}{value}")
            say()
    return 0


@to_the_end()
def check(args: argparse.Namespace) -> int:
    recording = _recording(args)
    judged = judge(recording, roots.of(args.roots))
    findings, result = judged.findings, judged.verdict
    if args.junit is not None:
        write(args.junit, junit(recording, findings), public=True)
    if not args.json:
        say(result.headline)
    for finding in findings:
        if args.quiet and finding.severity == "note":
            continue
        if args.json:
            say(dumps(dataclasses.asdict(finding)))
        else:
            say(finding)
    if not args.json:
        say(f"{result.word}: {result.details}")
    return 0 if result.ok and not (args.strict and result.result != "passed") else DIFFERENT


def stats(args: argparse.Namespace) -> int:
    recording = _recording(args)
    counts: dict[tuple[str, str], list[int]] = {}
    for entry in recording.messages:
        counts.setdefault((entry.name, entry.sender), []).append(len(entry.data))
    timing = rows(measure(recording))
    if args.json:
        messages = [
            {"name": name, "sender": sender, "count": len(sizes), "bytes": sum(sizes)}
            for (name, sender), sizes in counts.items()
        ]
        say(dumps({"messages": messages, "times": [dataclasses.asdict(row) for row in timing]}))
        return 0
    for line in headline(recording):
        say(line)
    say()
    say(f"{'message':<32}{'from':<6}{'count':>7}{'bytes':>9}{'mean':>8}")
    for (name, sender), sizes in counts.items():
        say(f"{name:<32}{sender:<6}{len(sizes):>7}{sum(sizes):>9}{sum(sizes) / len(sizes):>8.1f}")
    say()
    say(f"{'what':<46}{'by':<5}{'count':>6}{'median':>10}{'95 %':>10}{'worst':>10}{'limits':>20}{'missed':>8}")
    for group in paired(timing):
        row = group[0]
        worst = row.low if row.shortest else row.high
        bounds = ("≥ " if row.shortest else "") + ", ".join(_time(one.limit) for one in group)
        missed = ", ".join(str(one.missed) for one in group) if any(one.missed for one in group) else "-"
        names = ", ".join(one.timer + (f" [{one.requirement}]" if one.requirement else "") for one in group)
        say(
            f"{row.what:<46}{row.side:<5}{row.count:>6}{_time(row.median):>10}{_time(row.p95):>10}{_time(worst):>10}"
            f"{bounds:>20}{missed:>8}  {names}"
        )
    return 0


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


@to_the_end()
def diff(args: argparse.Namespace) -> int:
    differences = compare(_recording(args), read(args.other, args.key_log))
    for one in differences:
        say(dumps(dataclasses.asdict(one)) if args.json else one)
    if not differences and not args.json:
        say("the two sessions do not differ in meaning")
    return DIFFERENT if differences else 0


def export(args: argparse.Namespace) -> int:
    recording = _recording(args)
    try:
        export_recording(recording, args.file, args.output, args.format or "")
    except RecordingError as why:
        raise UserError(str(why)) from why
    complain(f"{args.output}: {args.output.stat().st_size} bytes")
    return 0
