"""The written parts of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from boundary.text import dumps, visible
from pki import loading
from plugfest.traces import text
from plugfest.traces.chain import Step
from plugfest.traces.chart import stream_title
from plugfest.traces.checks import Finding, Judgement
from plugfest.traces.entries import EVCC, Entry, Recording
from plugfest.traces.measure import Measure, paired, rows
from plugfest.traces.proofs import Presented
from plugfest.traces.proofs import rows as rows_of_proofs
from plugfest.traces.report.svg import escape
from v2g import naming

MAX_MESSAGES = 4000
MAX_HEX = 1200
_SIDES = {"evcc": "vehicle", "secc": "charger"}


def _side(side: str) -> str:
    return f'<span class="tag {escape(side)}">{_SIDES[side]}</span>' if side in _SIDES else ""


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _table(head: str, lines: Iterable[str], style: str = "") -> str:
    """A table that scrolls by itself where it is wider than the page, as on a phone."""
    return f'<div class="scroll"><table class="{style}">{head}{"".join(lines)}</table></div>'


def findings(found: list[Finding], recording: Recording) -> str:
    """What was found, worst first."""
    if not found and not recording.messages:
        return '<p class="soft">Nothing: there is no message to judge.</p>'
    if not found:
        return '<p class="soft">Nothing: order, content and times conform to the standard.</p>'
    ranks = {"violation": 0, "warning": 1, "note": 2}
    lines = []
    for one in sorted(found, key=lambda f: (ranks[f.severity], f.time)):
        moment = f"{one.time:.3f}"
        moment = f'<a href="#m{one.entry}">{moment}</a>' if _linked(recording, one.entry) else moment
        lines.append(
            f'<tr><td><span class="tag {one.severity}">{one.severity}</span></td><td class="n">{moment}</td>'
            f"<td>{_side(one.side)}</td><td>{escape(one.text)}{_often(one)}</td>"
            f'<td class="mono">{escape(one.requirement)}</td></tr>'
        )
    head = "<tr><th></th><th class=n>time, s</th><th></th><th>what</th><th>requirement</th></tr>"
    return _table(head, lines)


def _often(one: Finding) -> str:
    return f' <span class="soft">({escape(one.often)})</span>' if one.often else ""


def _step(step: Step) -> str:
    return escape(step.title.removeprefix("the "))


def steps(judged: Judgement) -> str:
    """The chain of steps: which were reached, which side acted last, and what was due where it failed."""
    found = judged.diagnosis
    due = f"{found.due} was due since {found.since:.3f} s" if found.due else ""
    failed = f'<span class="tag violation">failed</span> {escape(due)}'
    lines = []
    for one in judged.steps:
        lines.append(
            f'<tr><td>{_step(one.step)}</td><td class="n">{one.time:.3f}</td><td class="n">{one.when:.3f}</td>'
            f"<td>{_side(one.by)}</td><td>{escape(one.last)}</td>"
            f"<td>{failed if found.failed and one.step is found.step else ''}</td></tr>"
        )
    if found.failed and all(one.step is not found.step for one in judged.steps):
        cells = f"<td>{_step(found.step)}</td><td></td><td></td><td>{_side(found.due_from)}</td><td></td>"
        lines.append(f"<tr>{cells}<td>{failed}</td></tr>")
    if not lines:
        return ""
    head = "<tr><th>step</th><th class=n>from, s</th><th class=n>to, s</th><th></th><th>last</th><th></th></tr>"
    return _table(head, lines)


def times(measures: list[Measure]) -> str:
    """Measured times with their limits."""
    groups = paired(rows(measures))
    if not groups:
        return ""
    lines = []
    for group in groups:
        row = group[0]
        worst = row.low if row.shortest else row.high
        bounds = ("at least " if row.shortest else "") + " / ".join(_time(one.limit) for one in group)
        missed = any(one.missed for one in group)
        count = " / ".join(str(one.missed) for one in group) if missed else "–"
        names = "<br>".join(
            escape(one.timer) + (f" [{escape(one.requirement)}]" if one.requirement else "") for one in group
        )
        style = "n missed" if missed else "n"
        lines.append(
            f'<tr><td>{escape(row.what)}</td><td>{_side(row.side)}</td><td class="n">{row.count}</td>'
            f'<td class="n">{_time(row.median)}</td><td class="n">{_time(row.p95)}</td>'
            f'<td class="{style}">{_time(worst)}</td>'
            f'<td class="n">{bounds}</td><td class="{style}">{count}</td><td class="timer">{names}</td></tr>'
        )
    head = (
        "<tr><th>what</th><th>by</th><th class=n>count</th><th class=n>median</th><th class=n>95 %</th>"
        "<th class=n>worst</th><th class=n>limit</th><th class=n>missed</th><th>timer</th></tr>"
    )
    return _table(head, lines, "times")


def messages(recording: Recording) -> str:
    """Every message, foldable."""
    found = recording.messages
    if not found:
        return ""
    asked: dict[tuple[int, int, str], float] = {}
    parts = ['<input class="filter" id="filter" hidden placeholder="Filter: name, side or value" aria-label="filter">']
    parts.append('<div class="messages">')
    for entry in found[:MAX_MESSAGES]:
        stem = (entry.connection, entry.stream, naming.exchange(entry.name))
        took = ""
        if entry.sender == EVCC:
            asked[stem] = entry.time
        elif stem in asked:
            took = _time(entry.time - asked.pop(stem))
        parts.append(_message(entry, took))
    parts.append("</div>")
    if len(found) > MAX_MESSAGES:
        parts.append(f'<p class="soft">{len(found) - MAX_MESSAGES} further messages are left out.</p>')
    return "".join(parts)


def _message(entry: Entry, took: str) -> str:
    words = text.brief(entry.body) if entry.message is not None else entry.note
    brief = visible(f"[{stream_title(entry.stream)}] {words}".rstrip() if entry.stream else words)
    lines = []
    if entry.message is not None:
        for line in text.lines(entry.message):
            value = f": {escape(line.value)}" if line.value else ""
            lines.append(f'{"  " * line.depth}<span class="k">{escape(line.name)}</span>{value}')
    octets = entry.data.hex()
    octets = octets if len(octets) <= MAX_HEX else octets[:MAX_HEX] + "…"
    where = f", packet {entry.packet}" if entry.packet else ""
    tail = f'<span class="hex">{escape(entry.schema)}, {len(entry.data)} bytes of EXI{where}\n{octets}</span>'
    return (
        f'<details id="m{entry.index}"><summary><span class="t">{entry.time:.3f}</span>'
        f'<span class="tag {escape(entry.sender)}">{"EV" if entry.sender == EVCC else "SE"}</span>'
        f'<span>{escape(entry.name)}</span><span class="d">{took}</span><span class="x">{escape(brief)}</span>'
        f"</summary><pre>{chr(10).join(lines)}{tail}</pre></details>\n"
    )


# ---------------------------------------------------------------------------------------------------------------
# Certificates


def certificates(recording: Recording, presented: Sequence[Presented]) -> str:
    """Every chain once with its verdict: subject, issuer, validity, key."""
    parts = []
    for one in presented:
        cards = "".join(f"<div>{_certificate(der)}</div>" for der in one.ders[:8])
        where = f"{one.place} certificate: {one.field}, {one.entry.time:.3f} s"
        verdict = f'<p class="{"missed" if one.refused else "soft"}">{escape(visible(one.verdict))}</p>'
        parts.append(f'<h3>{escape(where)}</h3>{verdict}<div class="cert">{cards}</div>')
    notes = [e.note for e in recording.layer("tls") if e.name == "certificate-deviation"]
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes))
        parts.append(f"<h3>Deviations from the profile</h3><ul>{items}</ul>")
    return "".join(parts)


def proofs(recording: Recording, presented: Sequence[Presented]) -> str:
    """Which chain was presented where, and whose signatures are valid: one line each."""
    lines = []
    for row in rows_of_proofs(recording, presented):
        moment = f'<a href="#m{row.entry}">{row.time:.3f}</a>' if _linked(recording, row.entry) else f"{row.time:.3f}"
        style = {True: "", False: ' class="missed"', None: ' class="soft"'}[row.ok]
        often = f' <span class="soft">({row.count} times)</span>' if row.count > 1 else ""
        lines.append(
            f'<tr><td class="n">{moment}</td><td>{_side(row.sender)}</td><td>{escape(row.what)}</td>'
            f"<td>{escape(visible(row.by))}</td><td{style}>{escape(visible(row.verdict))}{often}</td></tr>"
        )
    head = "<tr><th class=n>time, s</th><th></th><th>what</th><th>whose</th><th>verdict</th></tr>"
    return _table(head, lines) if lines else ""


def _linked(recording: Recording, index: int) -> bool:
    """Whether an entry has an anchor in the list of messages."""
    return 0 <= index < len(recording.entries) and recording.entries[index].layer == "message"


def _certificate(der: bytes) -> str:
    try:
        found = loading.certificate(der)
    except loading.Unreadable as why:
        text = f"a certificate of {len(der)} bytes that cannot be used: {why.defect}"
        return f'<span class="missed">{escape(visible(text))}</span>'
    subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    public = found.public_key()
    kind = f"EC {public.curve.name}" if isinstance(public, ec.EllipticCurvePublicKey) else type(public).__name__
    own = " (self-signed)" if subject == issuer else ""
    return (
        f"<b>{escape(subject)}</b><br>"
        f'<span class="soft">issued by</span> {escape(issuer)}{own}<br>'
        f'<span class="soft">valid</span> {begins:%Y-%m-%d} to {ends:%Y-%m-%d}<br>'
        f'<span class="soft">key</span> {escape(kind.strip("_"))}, <span class="soft">serial</span> '
        f'<span class="mono">{found.serial_number:x}</span>'
    )


def configuration(recording: Recording) -> str:
    """The configuration of the writer of the trace."""
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td class=mono>{escape(value)}</td></tr>"
        for name, value in _flat(recording.configuration, "")
    )
    return _table("", lines, "config") if lines else ""


def _flat(value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        where = f"{path}.{name}" if path else str(name)
        if isinstance(item, dict) and item:
            yield from _flat(item, where)
        else:
            yield where, item if isinstance(item, str) else dumps(item)
