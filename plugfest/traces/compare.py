"""Compares two sessions by meaning: what only one of them has, ignoring times, ids and measurement noise.

Compared are protocol and end, the phases in their order, the fields of each kind of message (which values occurred, or
in which range numbers were), and response times.
"""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from plugfest.traces.entries import Recording
from plugfest.traces.talks import Talk, talks
from plugfest.traces.text import quantity, show
from v2g import naming
from v2g.terms import Terms

VOLATILE = {
    "SessionID", "EVSETimeStamp", "TMeter", "TimeStamp", "MeterReading", "GenChallenge", "Signature", "Id", "MeterID",
    "Certificate", "DigestValue", "SignatureValue", "DateTimeNow", "ChargedEnergyReadingWh", "MeterTimestamp",
    "BPT_DischargedEnergyReadingWh", "CapacitiveEnergyReadingVARh", "BPT_InductiveEnergyReadingVARh", "TimeAnchor",
    "EVTargetEnergyRequest", "EVMaximumEnergyRequest", "EVMinimumEnergyRequest",
}  # fmt: skip
"""Fields that differ between sessions without meaning."""

WITHIN = {"MeteringReceipt", "MeteringConfirmation"}
"""Exchanges that occur occasionally in a loop: they are not separate phases."""
NUMBERS_DIFFER = 0.05
"""Fraction by which a range of numbers must differ to be reported."""
TIMES_DIFFER = 2.0
"""Factor by which a median response time must differ, if at least :data:`SHORTEST`."""
SHORTEST = 0.010
"""s: shorter response times are not compared."""
MAX_VALUES = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two sessions.

    Attributes:
        topic: ``session``, ``phases``, ``message`` or ``time``. subject: which message or field.
        first, second: what it is in either session.
    """

    topic: str
    subject: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.topic:8} {self.subject}: {self.first} | {self.second}"


@dataclass
class _Values:
    """The values of a field over a session."""

    words: dict[str, int] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=list)
    unit: str = ""

    def text(self) -> str:
        if self.numbers:
            low, high = min(self.numbers), max(self.numbers)
            span = f"{low:.6g}" if low == high else f"{low:.6g} … {high:.6g}"
            return f"{span} {self.unit}".rstrip()
        words = sorted(self.words)
        return ", ".join(words[:MAX_VALUES]) + (" …" if len(words) > MAX_VALUES else "")

    def differs(self, other: _Values) -> bool:
        if self.numbers and other.numbers:
            scale = max(abs(n) for n in (*self.numbers, *other.numbers)) or 1.0
            return any(abs(pick(self.numbers) - pick(other.numbers)) > NUMBERS_DIFFER * scale for pick in (min, max))
        return set(self.words) != set(other.words) or bool(self.numbers) != bool(other.numbers)


def compare(first: Recording, second: Recording) -> list[Difference]:
    """The differences of two recordings, most significant first."""
    ours, theirs = talks(first), talks(second)
    found: list[Difference] = []
    if len(ours) != len(theirs):
        found.append(Difference("session", "connections with messages", str(len(ours)), str(len(theirs))))
    for a, b in zip(ours, theirs, strict=False):
        found += _session(a, b)
        found += _phases(a, b)
        found += _messages(a, b)
        found += _times(a, b)
    return found


def _session(a: Talk, b: Talk) -> Iterator[Difference]:
    for subject, x, y in (
        ("protocol", a.title, b.title),
        ("energy", "AC" if a.ac else "DC", "AC" if b.ac else "DC"),
        ("service", _service(a), _service(b)),
        ("connection", "TLS" if a.secure else "TCP", "TLS" if b.secure else "TCP"),
        ("end", "completed" if a.completed else "not completed", "completed" if b.completed else "not completed"),
        ("offered", ", ".join(a.offers.values()), ", ".join(b.offers.values())),
    ):
        if x != y:
            yield Difference("session", subject, x, y)


def _service(talk: Talk) -> str:
    """Energy transfer service and control mode of ISO 15118-20, or ""."""
    terms = Terms()
    for entry in talk.entries:
        terms.note(entry.body, entry.time)
    return f"{terms.service} {terms.control}".strip()


def phases(talk: Talk) -> list[tuple[str, int, float]]:
    """Exchanges of one kind in a row: name, how many, seconds."""
    found: list[tuple[str, int, float]] = []
    begin = 0.0
    for exchange in talk.exchanges:
        entry = exchange.request or exchange.response
        assert entry is not None
        name = naming.exchange(exchange.name)
        end = (exchange.response or entry).time
        if found and name in WITHIN:
            continue
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + 1, end - begin)
        else:
            begin = entry.time
            found.append((name, 1, end - begin))
    return found


def _phases(a: Talk, b: Talk) -> Iterator[Difference]:
    x, y = phases(a), phases(b)
    names = [p[0] for p in x], [p[0] for p in y]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if tag != "equal":
            before = names[0][i1 - 1] if i1 else "the start"
            left, right = " ".join(names[0][i1:i2]) or "nothing", " ".join(names[1][j1:j2]) or "nothing"
            yield Difference("phases", f"after {before}", left, right)


def _messages(a: Talk, b: Talk) -> Iterator[Difference]:
    x, y = _fields(a), _fields(b)
    for path in dict.fromkeys([*x, *y]):
        left, right = x.get(path), y.get(path)
        name = path.partition(".")[0]
        if left is None or right is None:
            # The phases already report a message that one session lacks entirely.
            if any(key.startswith(f"{name}.") for key in (y if left is None else x)):
                yield Difference(
                    "message", path, left.text() if left else "absent", right.text() if right else "absent"
                )
        elif left.differs(right):
            yield Difference("message", path, left.text(), right.text())


def _fields(talk: Talk) -> dict[str, _Values]:
    found: dict[str, _Values] = {}
    for entry in talk.entries:
        if entry.message is not None:
            _collect(entry.name, entry.body, found, 0)
    return found


def _collect(path: str, value: Any, found: dict[str, _Values], depth: int) -> None:
    if value is None or depth > 12:
        return
    if isinstance(value, list | tuple):
        for item in value:
            _collect(path, item, found, depth + 1)
        return
    number = quantity(value) if isinstance(value, msgspec.Struct) else None
    if number is not None:
        values = found.setdefault(path, _Values())
        values.numbers.append(number[0])
        values.unit = number[1] or values.unit
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if name not in VOLATILE:
                _collect(f"{path}.{name}", getattr(value, name, None), found, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found.setdefault(path, _Values()).numbers.append(float(value))
    else:
        words = found.setdefault(path, _Values()).words
        words[show(value) or ""] = words.get(show(value) or "", 0) + 1


def _times(a: Talk, b: Talk) -> Iterator[Difference]:
    def medians(talk: Talk) -> dict[str, float]:
        groups: dict[str, list[float]] = {}
        for exchange in talk.exchanges:
            if exchange.seconds is not None:
                groups.setdefault(exchange.name, []).append(exchange.seconds)
        return {name: statistics.median(group) for name, group in groups.items()}

    x, y = medians(a), medians(b)
    for name in x:
        if name not in y:
            continue
        low, high = sorted((x[name], y[name]))
        if high >= SHORTEST and high > TIMES_DIFFER * low:
            yield Difference(
                "time", f"response to {name}, median", f"{x[name] * 1000:.1f} ms", f"{y[name] * 1000:.1f} ms"
            )
