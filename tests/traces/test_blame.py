"""Whoever was made to fail is blamed, whatever the way and the message, in the capture and in both traces."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import ISO20_MODES, MODES, Bench
from made_to_fail import CONTROL, WAYS, WAYS_20, Way, failure
from sampling import sampled

from plugfest.traces.chain import Outcome, Step
from plugfest.traces.chain.steps import step_of
from plugfest.traces.checks import judge
from plugfest.traces.entries import EVCC, Recording
from plugfest.virtual import run

_LATE = (Step.STOP, Step.END)
"""What fails there need not end a session: it charged."""


async def _names(mode: str) -> list[str]:
    bench = Bench(mode, duration=1.0)
    bench.ev.control = CONTROL.get(mode, "any")  # type: ignore[assignment]  # a text of the parameters, one of the literals
    await bench.run()
    return list(dict.fromkeys(bench.names()))


@pytest.fixture(scope="module")
def names() -> dict[str, list[str]]:
    """The messages of a whole session, by mode."""
    return {mode: run(_names(mode)) for mode in (*MODES, *ISO20_MODES)}


def wrongly(recording: Recording, way: Way, name: str) -> str:
    """What is wrong with the judgement of a session in which a side was made to fail; "" for nothing."""
    judged = judge(recording)
    found = judged.diagnosis
    others = [f for f in judged.findings if f.severity == "violation" and f.side not in ("", way.side)]
    fine = found.failed and found.side == way.side
    if not fine and found.outcome is Outcome.CHARGED and found.side == "":
        # In ISO 15118-20 the handshake has a payload type of its own, which a session skips.
        fine = step_of(name, "Stop") in _LATE or (way.name == "twice" and name == "supportedAppProtocolReq")
    if fine and not others:
        return ""
    return f"{found.side or 'nobody'} is blamed: {judged.verdict.headline} {[str(f) for f in others]}"


def check(mode: str, way: Way, name: str, nth: int, path: Path) -> list[str]:
    made = failure(mode, way, name, nth, path)
    if made is None:
        return []
    recordings = {"the capture": made.capture, **{f"the trace of {role}": trace for role, trace in made.traces.items()}}
    told = {where: wrongly(recording, way, name) for where, recording in recordings.items()}
    return [f"{name} {nth} in {where}: {text}" for where, text in told.items() if text]


def cases(names: list[str], way: Way) -> list[tuple[str, int]]:
    """The messages at which a side can fail in a way: the first and the second of each name."""
    ending = "Req" if way.side == EVCC else "Res"
    fitting = [name for name in names if name.endswith(ending) and way.fits(name)]
    return [(name, nth) for name in fitting for nth in way.nth]


@pytest.mark.parametrize("way", sampled(WAYS, 2), ids=lambda way: f"{way.side} {way.name}")
def test_who_was_made_to_fail_is_blamed(way: Way, names: dict[str, list[str]], tmp_path: Path) -> None:
    """A sample of all messages that differs from way to way; the whole is for the slow tests."""
    for place, mode in enumerate(MODES):
        possible = cases(names[mode], way)
        for name, nth in possible[(WAYS.index(way) + place) % 5 :: 5]:
            assert check(mode, way, name, nth, tmp_path / "x.pcapng") == []


@pytest.mark.parametrize("way", sampled(WAYS_20, 3), ids=lambda way: f"{way.side} {way.name}")
def test_who_was_made_to_fail_is_blamed_in_iso20(way: Way, names: dict[str, list[str]], tmp_path: Path) -> None:
    """As above: over TLS with both certificates, and with the times of its charge loop."""
    for place, mode in enumerate(ISO20_MODES):
        possible = cases(names[mode], way)
        step = max(1, min(12, len(possible)))
        for name, nth in possible[(WAYS_20.index(way) + place) % step :: step]:
            assert check(mode, way, name, nth, tmp_path / "x.pcapng") == []


WHOLE = [
    *((mode, way) for mode in MODES for way in WAYS),
    *((mode, way) for mode in ISO20_MODES for way in WAYS_20),
]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "way"), WHOLE, ids=lambda each: getattr(each, "name", each))
def test_who_was_made_to_fail_is_blamed_at_every_message(
    way: Way, mode: str, names: dict[str, list[str]], tmp_path: Path
) -> None:
    wrong = [text for name, nth in cases(names[mode], way) for text in check(mode, way, name, nth, tmp_path / "x")]
    assert wrong == []
