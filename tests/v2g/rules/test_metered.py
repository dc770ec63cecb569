"""Power that a meter shows against the power granted: found where it is too much, whatever the meter's manners."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugfest.cli import main
from plugfest.traces.checks import check
from plugfest.traces.entries import Recording
from plugfest.traces.findings import Finding
from plugfest.traces.recording import load
from v2g.messages import iso2
from v2g.rules.facts import Facts
from v2g.rules.metered import Excess, Metered
from v2g.rules.table import hear

GRANTED = 11_000.0


def readings(
    watts: float, *, seconds: float = 3600.0, poll: float, update: float, step: int, start: float
) -> Iterator[tuple[float, float]]:
    """Moments, s, and what a meter says that measures every ``update`` s and counts in ``step`` Wh."""
    now = 0.0
    while now < seconds:
        measured = start + watts * (now // update) * update / 3600.0
        yield now, float(measured // step * step)
        now += poll


def first(watts: float, granted: float | None = GRANTED, **how: Any) -> Excess | None:
    metered = Metered()
    for now, wh in readings(watts, **how):
        found = metered.shows("M", wh, now, lambda seconds: granted, lambda most: most * 1.1)
        if found is not None:
            return found
    return None


meters = st.fixed_dictionaries(
    {
        "poll": st.floats(0.5, 60.0),
        "update": st.floats(0.05, 90.0),
        "step": st.sampled_from([1, 10, 100, 1000]),
        "start": st.floats(0.0, 1e6),
    }
)


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0.0, 1.09), how=meters)
def test_what_was_granted_is_never_too_much(share: float, how: dict[str, Any]) -> None:
    assert first(GRANTED * share, seconds=1800.0, **how) is None


@settings(max_examples=25, deadline=None)
@given(share=st.floats(1.5, 4.0), how=meters)
def test_too_much_is_found_within_an_hour(share: float, how: dict[str, Any]) -> None:
    how["step"] = min(how["step"], 100)
    found = first(GRANTED * share, **how)
    assert found is not None
    assert found.granted == GRANTED
    assert found.seconds >= 10.0


def test_nothing_is_too_much_without_a_limit() -> None:
    assert first(50_000.0, None, poll=1.0, update=1.0, step=1, start=0.0) is None


def test_another_meter_or_one_that_runs_backwards_starts_over() -> None:
    metered = Metered()
    for second in range(100):
        meter, wh = ("A", 6.0 * second) if second % 8 else ("B", 1e6)
        assert metered.shows(meter, wh, float(second), lambda seconds: GRANTED, lambda most: most) is None


# ---------------------------------------------------------------------------------------------------------------
# In sessions


def run(folder: Path, *more: str) -> Recording:
    capture = folder / "session.pcapng"
    bench = folder / "bench.yaml"
    bench.write_text(
        "role: both\nvehicle: {duration: 80}\ncharger:\n  schedule: [{start: 0, power: 11}, {start: 40, power: 5}]\n"
    )
    sets = [part for one in (f"pcapng={capture}", *more) for part in ("--set", one)]
    assert main(["run", str(bench), "--fast", "--quiet", *sets]) == 0
    return load(capture)


def found(recording: Recording) -> list[Finding]:
    return [one for one in check(recording) if one.rule in ("line-current", "metered-power")]


@pytest.fixture(scope="module")
def ac(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return run(tmp_path_factory.mktemp("ac"), "ac=true", "protocol=iso2")


def test_our_own_sessions_keep_what_was_granted(ac: Recording, tmp_path: Path) -> None:
    """A schedule that becomes smaller while power flows, in AC and DC."""
    assert [e.body.MeterInfo.MeterReading for e in ac.messages if e.name == "ChargingStatusRes"][-1] > 50
    assert found(ac) == []
    assert found(run(tmp_path, "protocol=iso2")) == []
    assert found(run(tmp_path, "protocol=din")) == []


def hold(recording: Recording, change: Any) -> list[str]:
    """The breaches of a recording whose loop responses are changed."""
    facts, texts = Facts(secure=False), []
    for entry in recording.messages:
        body = change(entry.body, entry.time) if entry.name == "ChargingStatusRes" else entry.body
        for breach in hear(facts, body, protocol=entry.schema, now=entry.time, session_id=entry.session_id):
            if breach.rule.name in ("line-current", "metered-power"):
                texts.append(f"{breach.rule.name}|{breach.rule.side}|{breach.text}")
    return texts


def test_a_current_above_what_was_granted_is_the_chargers(ac: Recording) -> None:
    amps = iso2.PhysicalValueType(Multiplier=0, Unit="A", Value=32)
    texts = hold(ac, lambda body, _: msgspec.structs.replace(body, EVSEMaxCurrent=amps))
    assert texts[0] == (
        "line-current|secc|EVSEMaxCurrent is 32 A on 3 phases of 230 V: 22.1 kW,"
        " but schedule and profile allow only 11.0 kW"
    )
    assert texts[-1].endswith("allow only 5.0 kW")


def test_a_meter_at_twice_the_power_is_reported_without_blame(ac: Recording) -> None:
    start = next(e.time for e in ac.messages if e.name == "ChargingStatusRes")

    def faster(body: Any, now: float) -> Any:
        info = msgspec.structs.replace(body.MeterInfo, MeterReading=int(21_000.0 * (now - start) / 3600.0))
        return msgspec.structs.replace(body, MeterInfo=info)

    texts = hold(ac, faster)
    assert texts[0].startswith("metered-power||the charger's meter shows 2")
    assert (
        "but schedule and profile allow only 11.0 kW: the vehicle draws more than was agreed, and the charger"
        in texts[0]
    )
