"""The watch blames what breaks physics, and no correct device."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults import FAULTS, Fault, iso20_power, physics
from faults.fault import deep, sending
from faults.physics import _echo
from faults.runs import RUNS, one

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.output import current_limit, power_limit
from plugfest.conformance.watch.plausible import precharge_wrong
from plugfest.conformance.watch.table import JUDGEMENTS
from plugfest.conformance.watch.terms import Terms
from plugfest.conformance.watch.vehicle import stop_ignored
from v2g.protocols import DIN, ISO2
from v2g.status import STOPS

AMPS = "EVSEPresentCurrent"
CHANGING = {ISO2: "PF_SECC_ISO2_PowerFlow#1", DIN: "PF_SECC_DIN_PowerFlow#1"}


def run(name: str, adjust: Callable[[Any], None] = lambda system: None, **declared: Any) -> Result:
    sut = RUNS[name].case.sut
    return one(RUNS[name], Fault("", "", sut, (), adjust), **declared)


def unmeasured(system: Any) -> None:
    system.measured = lambda: None


def test_judgements_have_names_of_their_own() -> None:
    """Each judges messages, measurements, answers or the pilot, and has a unique name."""
    assert len({one.name for one in JUDGEMENTS}) == len(JUDGEMENTS)
    assert all(sum(how is not None for how in (one.speaks, one.shows, one.hears, one.sees)) == 1 for one in JUDGEMENTS)
    assert all(bool(one.stages) is (one.speaks is not None) for one in JUDGEMENTS)


def dynamics(**changes: float) -> Callable[[Any], None]:
    def adjust(system: Any) -> None:
        system.power._dynamics = replace(system.power._dynamics, **changes)

    return adjust


@pytest.mark.parametrize("protocol", CHANGING, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("plant", [lambda system: None, unmeasured], ids=["measured", "unmeasured"])
def test_a_fast_charger_is_not_taken_for_an_echo(protocol: Any, plant: Callable[[Any], None]) -> None:
    """An output that is at its target at once passes, whether somebody measures it or not."""

    def adjust(system: Any) -> None:
        dynamics(volts_per_second=1e5, amps_per_second=1e5)(system)
        plant(system)

    result = run(CHANGING[protocol], adjust, PIXIT_SECC_DC_PresentValues="measured")
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", [])


def test_a_slow_ramp_passes_where_it_is_declared() -> None:
    """30 A/s is slower than a charger has to be: it passes only if declared."""
    slow = dynamics(amps_per_second=30.0)
    assert run(CHANGING[ISO2], slow).verdict is Verdict.FAIL
    declared = run(CHANGING[ISO2], slow, PIXIT_SECC_DC_CurrentFall=25.0)
    assert (declared.verdict, declared.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("fall", "seconds", "asked", "ignored"),
    [
        (100.0, 12.0, 0.0, False),  # 300 A take 3 s, beside the 10 s to stop in
        (100.0, 14.0, 0.0, True),
        (20.0, 14.0, 0.0, False),  # and 15 s at this charger
        (20.0, 26.0, 0.0, True),
        (20.0, 14.0, 300.0, True),  # who asks for more does not ramp down
    ],
)
def test_a_vehicle_that_ramps_down_has_the_time_that_the_charger_needs(
    fall: float, seconds: float, asked: float, ignored: bool
) -> None:
    """From the current that flowed when it was asked to stop, at the pace that the PIXIT declares."""
    flow = Flow(Terms.of(Pics({"PIXIT_SECC_DC_CurrentFall": fall})))
    flow.note(Said("CurrentDemandRes", Stage.LOOP, request=False, code="OK", volts=700.0, amps=300.0, wish=STOPS[0]))
    flow.now = seconds
    text = stop_ignored(flow, Said("CurrentDemandReq", Stage.LOOP, request=True, target_amps=asked))
    assert bool(text) is ignored


@pytest.mark.parametrize(
    ("present", "verdict", "findings"),
    [("measured", Verdict.FAIL, 0), ("unknown", Verdict.PASS, 1), ("simulated", Verdict.PASS, 0)],
)
def test_an_echo_is_seen_without_a_plant(present: str, verdict: Verdict, findings: int) -> None:
    """Present values that repeat pairs of changing targets: as grave as what is declared of them."""

    def adjust(system: Any) -> None:
        _echo("iso2")(system)
        unmeasured(system)

    result = run(CHANGING[ISO2], adjust, PIXIT_SECC_DC_PresentValues=present)
    assert (result.verdict, len(result.findings)) == (verdict, findings)
    assert findings == 0 or "repeats the targets" in str(result.findings[0])


def test_a_violation_says_all_in_one_sentence() -> None:
    """What was done, what came since when, what was allowed, and which rule says so; the cause is a value."""
    fault = next(one for one in FAULTS if one.name == "output-blind-iso2")
    result = one(RUNS["PF_SECC_ISO2_PowerFlow#4"], fault)
    assert result.cause is Cause.LIMIT_EXCEEDED
    assert result.judged is not None
    assert "for 0.50 s" in result.judged.what
    assert (result.judged.expected, result.judged.rule) == (
        "an output delivers no more current than requested",
        "IEC 61851-23",
    )
    assert result.judged.did.startswith("Power flow")


@pytest.mark.parametrize(
    ("name", "message", "module", "more", "limit"),
    [
        ("PF_SECC_ISO2_PowerFlow#2", "CurrentDemandRes", "iso2", physics.scaled("iso2", AMPS, 1.5, "A"),
         "EVMaximumCurrentLimit"),
        ("PF_SECC_ISO20_PowerFlow_DC_dynamic#1", "DC_ChargeLoopRes", "iso20-dc", iso20_power.scaled(AMPS, 1.5),
         "EVMaximumChargeCurrent"),
    ],
)  # fmt: skip
def test_an_output_is_blamed_for_what_the_vehicle_named(
    name: str, message: str, module: str, more: Callable[[Any], Any], limit: str
) -> None:
    """By the field's name in the protocol spoken; where the charger decides on power, nothing was requested."""

    def adjust(system: Any) -> None:
        sending(message, more, module)(system)
        unmeasured(system)

    blamed = run(name, adjust).reason
    assert re.search(rf"where {limit} is \d+ A", blamed), blamed
    assert "requested" not in blamed


def test_a_current_that_flows_back_is_named_with_its_value() -> None:
    """As the charger's response has it."""

    def adjust(system: Any) -> None:
        sending("CurrentDemandRes", physics.scaled("iso2", AMPS, -1.0, "A"), "iso2")(system)
        unmeasured(system)

    result = run("PF_SECC_ISO2_CurrentDemand_Faults#1", adjust)
    text = " ".join([result.reason, *(found.text for found in result.findings)])
    assert re.search(r"CurrentDemandRes OK with EVSEPresentCurrent -[1-9]\d*(\.\d+)? A", text), text


def test_a_lowered_limit_is_named_as_it_was_sent() -> None:
    """Not by the value to which the output may have come down so far; watts are whole."""
    flow = Flow(Terms.of(Pics({})))
    for bound, high, low in ((flow.vehicle.amps, 116.0, 12.7), (flow.vehicle.watts, 50e3, 5e3)):
        bound.set(high, 0.0)
        bound.set(low, 10.0)
    said = Said("CurrentDemandRes", Stage.LOOP, request=False, code="OK", volts=500.0, amps=140.0)
    texts = []
    for flow.now in (11.4, 12.0, 30.0):
        texts.append((current_limit(flow, said), power_limit(flow, said)))
    falling = "while the output comes down to it"
    assert re.search(rf" is 12.7 A \((\d+\.\d) A with tolerance, {falling}\)$", texts[1][0]), texts[1]
    assert re.search(r"reports 70000 W for .* is 5000 W \((\d+) W with tolerance", texts[1][1]), texts[1]
    assert re.search(r" is 12.7 A \((\d+\.\d) A with tolerance\)$", texts[2][0]), texts[2]


def test_a_schedule_is_named_as_it_was_sent() -> None:
    """What a vehicle may take beyond it stands beside it."""
    fault = next(one for one in FAULTS if one.name == "20-schedule-first-step")
    reason = one(RUNS["PF_EVCC_ISO20_PowerFlow_AC#3"], fault).reason
    named = re.search(r"profile and schedule allow (\d+) W \((\d+) W with tolerance\)", reason)
    assert named is not None, reason
    assert int(named[1]) < int(named[2]) <= int(named[1]) + 1000


def test_available_energy_is_compared_with_what_the_vehicle_reports() -> None:
    """The tester's outlet gives no more than that, so its meter tells nothing about the vehicle."""
    fault = next(one for one in FAULTS if one.name == "20-energy-unlimited")
    unseen = replace(fault, adjust=unmeasured)
    reason = one(RUNS["PF_EVCC_ISO20_Grid_AC#2"], unseen).reason
    assert re.search(r"the vehicle has taken \d+ Wh, AvailableEnergy of its schedule is 200 Wh", reason), reason


def soc_jumps(message: str, module: str) -> Callable[[Any], None]:
    """An SoC that alternates between 20 % and 60 %."""
    field = "PresentSOC" if module.startswith("iso20") else "EVRESSSOC"
    socs = itertools.cycle((20, 60))
    return sending(message, lambda one: deep(field, next(socs))(one), module)


@pytest.mark.parametrize(
    ("name", "message", "module", "title"),
    [
        ("PF_EVCC_DIN_PowerFlow#1", "CurrentDemandReq", "din70121", "DIN SPEC 70121"),
        ("PF_EVCC_ISO2_PowerFlow#1", "CurrentDemandReq", "iso2", "ISO 15118-2"),
        ("PF_EVCC_ISO20_PowerFlow_DC#1", "DC_ChargeLoopReq", "iso20-dc", "ISO 15118-20"),
    ],
)
def test_a_violation_names_the_protocol_that_was_spoken(name: str, message: str, module: str, title: str) -> None:
    """What follows from the messages of any protocol is not blamed on another one's standard."""
    result = run(name, soc_jumps(message, module))
    assert result.judged is not None
    assert (result.cause, result.judged.rule) == (Cause.PHYSICS, title)


@pytest.mark.parametrize(
    ("reached", "battery", "startled", "wrong"),
    [
        (398.0, 350.0, False, True),
        (398.0, 390.0, False, False),
        (213.0, 350.0, False, False),  # the charger was still on its way
        (398.0, 350.0, True, False),  # it says what cannot be
    ],
)
def test_a_precharge_is_held_against_the_battery_once_it_was_reached(
    reached: float, battery: float, startled: bool, wrong: bool
) -> None:
    """By the jump of the voltage when contactors close, if that is the battery's."""
    flow = Flow(Terms.of(Pics()))
    flow.note(Said("PreChargeReq", Stage.PRECHARGE, request=True, target_volts=400.0, target_amps=1.0))
    flow.note(Said("PreChargeRes", Stage.PRECHARGE, request=False, code="OK", volts=reached, amps=0.0))
    flow.note(Said("PowerDeliveryReq", Stage.DELIVERY, request=True, progress="Start"))
    flow.note(Said("PowerDeliveryRes", Stage.DELIVERY, request=False, code="OK"))
    flow.note(Said("CurrentDemandRes", Stage.LOOP, request=False, code="OK", volts=battery, amps=0.0))
    flow.startled = startled
    assert bool(precharge_wrong(flow, Said("CurrentDemandReq", Stage.LOOP, request=True, target_amps=0.0))) is wrong
