"""``plugfest trace``: look into recorded sessions, ours and any capture."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.console import complain, say, say_all
from boundary.text import dumps
from boundary.write import write
from plugfest.errors import UserError

if TYPE_CHECKING:
    from plugfest.traces.entries import Entry, Recording

_FILES = """\
FILE is a trace of ours (--trace, JSON lines) or any pcap or pcapng file. TLS is opened with the secrets that a pcapng
file holds, and with --key-log.
"""

DIFFERENT = 1
"""Exit code of diff and check when there is something to say."""


def add(commands: Any) -> None:
    top = commands.add_parser("trace", help="show, check, compare and convert recorded sessions")
    kinds = top.add_subparsers(metavar="show|decode|check|stats|diff|export|wireshark-profile", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, more: str = "") -> Any:
        parser = kinds.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_FILES + more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.add_argument("file", metavar="FILE", type=Path, help="trace, pcap or pcapng")
        if name == "diff":
            parser.add_argument("other", metavar="OTHER", type=Path, help="the session to compare with")
        parser.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
        if name in ("show", "check"):
            parser.add_argument(
                "--roots", metavar="PATH", type=Path, action="append", default=[],
                help="trusted roots: a file or a PKI directory (repeatable)",
            )  # fmt: skip
        parser.set_defaults(run=run)
        return parser

    parser = command("show", show, "print the session like a sequence chart")
    parser.add_argument("--all", action="store_true", help="leave nothing out: every round of the loops, every frame")
    parser.add_argument("--from", dest="begin", type=float, metavar="S", help="start at this time")
    parser.add_argument("--to", dest="end", type=float, metavar="S", help="end at this time")

    parser = command("decode", decode, "print messages in full")
    parser.add_argument("--name", metavar="PATTERN", help="only these messages, e.g. 'CurrentDemand*'")
    parser.add_argument("--at", type=int, metavar="N", help="only the message with this number, as show --all counts")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--xml", action="store_true", help="as XML")
    group.add_argument("--json", action="store_true", help="as JSON, one object a line")
    group.add_argument("--hex", action="store_true", help="as EXI in hexadecimal, one message a line")

    parser = command(
        "check", check, "hold order, content and times against the standard",
        "exit code: 0 passed, 1 something violates the standard (or, with --strict, is a warning), 2 no such file\n",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="warnings count too")
    parser.add_argument("--quiet", action="store_true", help="no notes")
    parser.add_argument("--json", action="store_true", help="findings as JSON, one object a line")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML too")

    parser = command("stats", stats, "count messages, and measure every time against its limit")
    parser.add_argument("--json", action="store_true", help="as JSON")

    parser = command(
        "diff", diff, "compare two sessions by meaning: phases, fields, response times",
        "exit code: 0 no difference, 1 differences, 2 no such file\n",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="differences as JSON, one object a line")

    parser = command("export", export, "write the session in another form")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the file to write")
    parser.add_argument("--format", metavar="F", help="pcapng, jsonl, csv, xml, json, hex, keylog; else FILE's ending")

    text = "write a Wireshark profile: columns, filters and colours by the comments on packets"
    parser = kinds.add_parser(
        "wireshark-profile", help=text, description=f"W{text[1:]}.",
        epilog="Wireshark looks for profiles in ~/.config/wireshark/profiles; `wireshark -C NAME` starts with one.",
    )  # fmt: skip
    parser.add_argument("directory", metavar="DIR", type=Path, help="a new directory, named as the profile shall be")
    parser.set_defaults(run="plugfest.tasks.wireshark_profile:run")


def read(path: Path, key_log: Path | None = None) -> Recording:
    """A recording for a command.

    Raises:
        UserError: it cannot be read.
    """
    from plugfest.traces.errors import RecordingError
    from plugfest.traces.recording import load

    try:
        return load(path, key_log=key_log)
    except RecordingError as why:
        raise UserError(str(why)) from why


def _recording(args: argparse.Namespace) -> Recording:
    return read(args.file, args.key_log)


def headline(recording: Recording) -> list[str]:
    """What a recording is, in a few lines."""
    import datetime

    from plugfest.traces.talks import talks, title

    began = ""
    if recording.epoch > 86400:
        moment = datetime.datetime.fromtimestamp(recording.epoch, datetime.UTC)
        began = f", began {moment:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"{recording.name}: {recording.kind}{began}, {recording.seconds:.3f} s, {len(recording.entries)} entries"]
    for talk in talks(recording):
        kind = title(talk) if talk.protocol else "no protocol agreed on"
        over = "TLS" if talk.secure else "TCP"
        session = f", session id {talk.session_id.hex()}" if talk.session_id else ""
        end = "completed" if talk.completed else "not completed"
        lines.append(f"connection {talk.number}: {kind} over {over}{session}, {len(talk.entries)} messages, {end}")
    return lines + [f"note: {remark}" for remark in recording.remarks]


def show(args: argparse.Namespace) -> int:
    from plugfest.certificates import roots
    from plugfest.traces import chart, proofs
    from plugfest.traces.checks import judge
    from plugfest.traces.measure import measure

    recording, anchors = _recording(args), roots.of(args.roots)
    judged = judge(recording, anchors)
    for line in [judged.verdict.headline, *headline(recording)]:
        say(line)
    for row in proofs.rows(recording, proofs.chains(recording, anchors)):
        say(row)
    say()
    rows = chart.rows(recording, judged.findings, measure(recording), everything=args.all)
    begin, end = args.begin or 0.0, args.end if args.end is not None else float("inf")
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
    import exi
    from plugfest.traces import text
    from plugfest.traces.export import document_xml
    from v2g.messages import schema

    recording = _recording(args)
    found = _chosen(recording, args)
    if not found:
        raise UserError(f"{args.file}: no such message among {len(recording.messages)}")
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


def check(args: argparse.Namespace) -> int:
    from plugfest.certificates import roots
    from plugfest.traces.checks import judge

    recording = _recording(args)
    judged = judge(recording, roots.of(args.roots))
    findings, result = judged.findings, judged.verdict
    if args.junit is not None:
        from plugfest.traces.junit import junit

        write(args.junit, junit(recording, findings), public=True)
    if not args.json:
        say(result.headline)
    for finding in findings:
        if args.quiet and finding.severity == "note":
            continue
        if args.json:
            import dataclasses

            say(dumps(dataclasses.asdict(finding)))
        else:
            say(finding)
    if not args.json:
        say(f"{result.word}: {result.details}")
    return 0 if result.ok and not (args.strict and result.result != "passed") else DIFFERENT


def stats(args: argparse.Namespace) -> int:
    import dataclasses

    from plugfest.traces.measure import measure, paired, rows

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


def diff(args: argparse.Namespace) -> int:
    import dataclasses

    from plugfest.traces.compare import compare

    differences = compare(_recording(args), read(args.other, args.key_log))
    for one in differences:
        say(dumps(dataclasses.asdict(one)) if args.json else one)
    if not differences and not args.json:
        say("no difference in meaning")
    return DIFFERENT if differences else 0


def export(args: argparse.Namespace) -> int:
    from plugfest.traces.errors import RecordingError
    from plugfest.traces.export import export as export_recording

    recording = _recording(args)
    try:
        export_recording(recording, args.file, args.output, args.format or "")
    except RecordingError as why:
        raise UserError(str(why)) from why
    complain(f"{args.output}: {args.output.stat().st_size} bytes")
    return 0
