"""A recording as a sequence chart in text: time, vehicle, charger, and the messages between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from boundary.text import visible
from plugfest.traces import slac, text
from plugfest.traces.entries import EVCC, Entry, Recording
from plugfest.traces.findings import Finding
from plugfest.traces.measure import Measure
from slac.pilot import event_told
from v2g import naming
from v2g.status import of_charger, of_vehicle
from v2g.v2gtp import PAYLOAD_TYPES

WIDTH = 44
"""Characters between the two life lines."""

_QUIET = {"response-time", "finished"}
_TLS = {"ClientHello", "HelloRetryRequest", "ServerHello", "certificates", "handshake", "alert", "remark",
        "handshake-failed", "deviation"}  # fmt: skip
_WITHIN = {"MeteringReceipt", "MeteringConfirmation"}
_SPOKEN = {"message", "sdp"}


@dataclass
class Row:
    """A line of a chart, or the number of omitted entries.

    Attributes:
        entry: what happened; None for a gap.
        text: what is written on the right. hidden: number of omitted entries.
        late: this message missed a limit.
        findings: what the check found here.
    """

    entry: Entry | None
    text: str = ""
    hidden: int = 0
    late: bool = False
    findings: list[Finding] = field(default_factory=list)


def rows(
    recording: Recording,
    findings: Iterable[Finding] = (),
    measures: Iterable[Measure] = (),
    *,
    everything: bool = False,
) -> list[Row]:
    """What a chart shows: loops are folded, frames between a host and its own modem left out.

    Args:
        findings: shown below their entries.
        measures: used to mark response times that missed their limit.
        everything: leave nothing out.
    """
    about: dict[int, list[Finding]] = {}
    for finding in findings:
        about.setdefault(finding.entry, []).append(finding)
    late = {m.entry for m in measures if not m.kept}
    asked: dict[tuple[int, int, str], Entry] = {}
    found: list[Row] = []
    run: list[Row] = []
    kind = ""
    for entry in recording.entries:
        if not _shown(entry, everything):
            continue
        row = Row(entry, _right(entry, asked), late=entry.index in late, findings=about.get(entry.index, []))
        stem = naming.exchange(entry.name) if entry.layer == "message" else ""
        if entry.layer == "slac" and entry.name in ("CM_MNBC_SOUND.IND", "CM_START_ATTEN_CHAR.IND"):
            stem = entry.name
        if (stem in _WITHIN or entry.stream) and kind:
            stem = kind  # neither a receipt nor parallel messages end a loop
        if stem != kind or not stem:
            found += _folded(run, everything)
            run, kind = [], stem
        run.append(row)
    found += _folded(run, everything)
    return found


def _folded(run: list[Row], everything: bool) -> Iterator[Row]:
    """The first and last exchange of a loop, and those with something new."""
    if everything or len(run) <= 6:
        yield from run
        return
    keep = {0, 1, len(run) - 2, len(run) - 1}
    states: dict[str, str] = {}
    for place, row in enumerate(run):
        assert row.entry is not None
        state = _state(row.entry)
        if row.findings or row.entry.stream or states.get(row.entry.name, state) != state:
            keep.add(place)
        states[row.entry.name] = state
    hidden = 0
    for place, row in enumerate(run):
        if place not in keep:
            hidden += 1
            continue
        if hidden:
            yield Row(None, hidden=hidden)
            hidden = 0
        yield row


def _state(entry: Entry) -> str:
    """Values that deserve a separate line when they change."""
    body = entry.body
    words = [str(getattr(body, name, "")) for name in ("ResponseCode", "EVSEProcessing")]
    status = of_charger(body)
    words += [str(getattr(status, name, "")) for name in ("EVSEStatusCode", "EVSENotification")]
    words.append(_direction(body))
    words.append(str(getattr(of_vehicle(body), "EVErrorCode", "")))
    return " ".join(words)


def _direction(body: object) -> str:
    """Which way power flows, by the charger's current (DC) or the power of either side (AC)."""
    mode = getattr(body, "CLReqControlMode", None) or getattr(body, "CLResControlMode", None)
    for block, name in ((body, "EVSEPresentCurrent"), (mode, "EVPresentActivePower"), (mode, "EVSETargetActivePower")):
        found = text.quantity(getattr(block, name, None))
        if found is not None and found[0] < -1.0:
            return "out"
    return ""


def _shown(entry: Entry, everything: bool) -> bool:
    if everything:
        return True
    if entry.layer == "slac":
        return entry.name in slac.MATCHING
    if entry.layer == "tls":
        return entry.name in _TLS
    return entry.layer != "plant" and not (entry.layer == "state" and entry.name in _QUIET)


def _right(entry: Entry, asked: dict[tuple[int, int, str], Entry]) -> str:
    if entry.layer != "message":
        return entry.note
    stem = naming.exchange(entry.name)
    words = text.brief(entry.body) if entry.message is not None else entry.note
    if entry.stream:
        words = f"[{stream_title(entry.stream)}] {words}".rstrip()
    if entry.sender == EVCC:
        asked[entry.connection, entry.stream, stem] = entry
        return words
    request = asked.pop((entry.connection, entry.stream, stem), None)
    took = f"{_milliseconds(entry.time - request.time):>9}  " if request is not None else ""
    return f"{took}{words}"


def stream_title(stream: int) -> str:
    """The common name of a side stream."""
    return PAYLOAD_TYPES.get(stream, f"stream 0x{stream:04X}").removeprefix("ISO 15118-20 ")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.3f} s"


def lines(rows: Iterable[Row], *, width: int = WIDTH) -> Iterator[str]:
    """The chart, line by line."""
    yield f"{'time':>10}  {'vehicle':<{width // 2 + 1}}{'charger':>{width // 2 + 1}}"
    for row in rows:
        entry = row.entry
        if entry is None:
            yield f"{'':>10}  │{f'… {row.hidden} more …':^{width}}│"
            continue
        yield f"{entry.time:10.3f}  {_middle(entry, width)}  {'LATE ' if row.late else ''}{visible(row.text)}".rstrip()
        for finding in row.findings:
            mark = "!" if finding.severity == "violation" else "~"
            yield f"{'':>10}  {mark} {finding.severity}: {visible(finding.full)}"


def _middle(entry: Entry, width: int) -> str:
    bare = entry.layer in _SPOKEN or entry.layer == "slac"
    shown = entry.name if bare else f"{entry.layer} {entry.name}"
    name = visible(event_told(entry.name) if entry.layer == "pilot" else shown)
    name = name[: width - 8]
    if not entry.sender or (entry.layer not in _SPOKEN and entry.layer not in ("slac", "tls")):
        return f"│{f'· {name} ·':^{width}}│"
    rest = width - len(name) - 6
    if entry.sender == EVCC:
        return f"│── {name} {'─' * rest}─▶│"
    return f"│◀─{'─' * rest} {name} ──│"
