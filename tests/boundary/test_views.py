"""Text of a peer in every field of every message and event, through every view: no control byte, no line more."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from instances import roots, seeded
from rich.console import Console

import exi
from boundary import console
from boundary.text import dumps, xml_line
from plugfest.lines import Lines, Plant
from plugfest.live import LiveView
from plugfest.summary import summary
from plugfest.traces import chart, text, writer
from plugfest.traces.checks import judge
from plugfest.traces.junit import junit
from plugfest.traces.measure import measure
from plugfest.traces.recording import from_events
from plugfest.traces.report import render
from v2g.messages import schema
from v2g.outcome import Cause, Outcome
from v2g.trace import Event, JsonLines

SIGNS = "\x1b\x07\n\r\t\b\x7f\x85\x9b\u200b\u200f\u2028\u2029\u202e\u2066\ufeff\ud800\u0301\u0301\u0301"
HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07", "DE*ABC\n     0.000 < SessionStopRes OK", "\x9b31m", "abc\u202edcba", "a\u2028b",
    "a\ud800b", "[red]markup[/red]", "<script>alert(1)</script>", "x" * 300, "充電" * 90, SIGNS,
    "[[ATTACHMENT|/etc/passwd]]",
]  # fmt: skip
LAYERS = ("sdp", "tcp", "tls", "v2gtp", "state", "tolerance", "error", "slac", "pilot", "bench")
NAMES = ("connected", "handshake", "handshake-failed", "deviation", "modem", "matched", "warning", "link error", "cert")


def spoilt(value: Any, choose: Callable[[], str]) -> Any:
    """A message with another text in each of its text fields."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{name: spoilt(getattr(value, name), choose) for name in value.__struct_fields__}
        )
    if isinstance(value, list):
        return [spoilt(item, choose) for item in value]
    return choose() if isinstance(value, str) else value


def events(seed: int, choose: Callable[[], str]) -> Iterator[Event]:
    """One of every message, and of every other layer, as a peer could cause them."""
    time = 0.0
    for layer in LAYERS:
        for name in (*NAMES, choose()):
            time += 0.01
            yield Event(time, layer, name, "rx", b"", note=f"{choose()} {choose()}, firmware {choose()}")
    for schema_set in ("appproto", "din70121", "iso2"):
        for root in roots(schema_set, fragment=False):
            for number in range(6):
                message = spoilt(seeded(root, (seed, number), full=number == 0).message, choose)
                body = getattr(message, "Body", None)
                name = type(getattr(body, "BodyElement", None) or message).__name__
                time += 0.01
                yield Event(time, "message", name, "rx" if number % 2 else "tx", b"\x80", message, schema_set, choose())


def shown(view: str, given: list[Event]) -> str:
    """What a view makes of events."""
    out = io.StringIO()
    if view == "plain":
        lines = Lines(Plant(), file=out)
        for event in given:
            lines(event)
    elif view == "json":
        write = JsonLines(out, configuration={"title": given[0].note})
        for event in given:
            write(event)
    elif view == "live":
        live = LiveView("bench", dict, None, Console(file=out, width=120, height=40, color_system=None))
        for event in given:
            live.board.observe(event)
            live.console.print(live.render(event.time))
            live.say(event.note)
    elif view == "summary":
        for event in given:
            outcome = Outcome(Cause.PEER, event.note, notes=[event.note], tolerances=[event.note])
            console.say_all(summary(outcome, role="vehicle"), file=out)
    elif view == "comments":
        for event in given:
            out.write(writer._comment(event) + "\n")
    elif view == "fields":
        for event in given:
            console.say_all([text.indented(event.message), text.brief(event.message)][1:], file=out)
            out.write(text.indented(event.message) + "\n")
    else:
        recording = from_events(given, name=given[0].note)
        recording.remarks.append(given[0].note)
        judged = judge(recording)
        if view == "chart":
            rows = chart.rows(recording, judged.findings, measure(recording), everything=True)
            console.say_all(chart.lines(rows), file=out)
            console.say_all([judged.verdict.headline, *judged.findings], file=out)
        else:
            out.write(render(recording, judged=judged) if view == "report" else junit(recording, judged.findings))
    return out.getvalue()


VIEWS = ("plain", "json", "live", "summary", "comments", "fields", "chart", "report", "junit")


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_lets_a_control_character_through_or_adds_a_line(view: str) -> None:
    """Line breaks at the ends of lines are all there is; with harmless text there are as many lines."""
    chosen = random.Random(7)
    hostile = shown(view, list(events(7, lambda: chosen.choice(HOSTILE))))
    assert [line for line in hostile.split("\n") if not line.isprintable()] == []
    assert not set(hostile) & set(SIGNS) - {"\n", "\u0301"}
    assert "\u0301" * 3 not in hostile
    assert view != "junit" or "[[ATTACHMENT" not in hostile
    if view == "report":
        assert "<script>alert" not in hostile
        return
    quiet = shown(view, list(events(7, lambda: "text")))
    if view not in ("chart", "junit"):  # these fold what is alike
        assert hostile.count("\n") == quiet.count("\n")


@pytest.mark.parametrize("schema_set", ["appproto", "din70121", "iso2", "iso20-common"])
def test_messages_as_xml_and_json_are_harmless_and_read_back(schema_set: str) -> None:
    """What `exi decode` prints of any message is one harmless line, with the same meaning."""
    for root in roots(schema_set, fragment=False):
        for seed in range(5):
            chosen = random.Random(seed)
            message = seeded(root, seed, full=True).message
            if not isinstance(message, msgspec.Struct):
                continue
            model = schema(schema_set)
            spoilt_one = spoilt(message, lambda: chosen.choice(HOSTILE))  # noqa: B023 - called at once
            assert dumps(exi.to_json(model, spoilt_one, root=root.name)).isprintable()
            line = xml_line(exi.to_xml(model, message, root=root.name))
            assert line.isprintable()
            assert exi.from_xml(model, line) == message
