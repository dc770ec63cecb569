"""Each action answers truly, to a button, a command and a timeline alike: it is done, or why there is nothing to do."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from evcc.vehicle import OnboardCharger, Vehicle
from plugfest.cli import main
from plugfest.config.actions import (
    Action,
    Authorize,
    EmergencyStop,
    Inject,
    Limit,
    Pause,
    Plug,
    Renegotiate,
    Repair,
    Standby,
    Stop,
    Unplug,
    Wake,
)
from plugfest.controls import Controls
from plugfest.parts import NotPossible
from plugfest.under_way import UnderWay
from secc.authorizer import CardReader, Customer, Decision
from secc.charger import simulated_dc
from slac.pilot import State
from slac.pilots import SimulatedPilot
from v2g.terms import Terms

BASE = "role: both\nslac: false\nfast: true\nvehicle: {duration: 3}\ncharger: {test-seconds: 1}\n"
LOOP = "at: CurrentDemandReq, occurrence: 3"
NEW_LOOP = "at: DC_ChargeLoopReq, occurrence: 3"


def told(tmp_path: Path, bench: str) -> list[str]:
    """What the actions of a bench's timeline say."""
    (tmp_path / "bench.yaml").write_text(textwrap.dedent(bench))
    main(["run", str(tmp_path / "bench.yaml"), "--quiet", "--trace", str(tmp_path / "trace.jsonl")])
    lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    return [line["note"] for line in lines if line.get("layer") == "bench"]


@pytest.mark.parametrize(
    ("protocol", "steps", "said"),
    [
        ("iso2", ["{%s, do: plug}"], "the connector is plugged in already"),
        ("iso2", ["{%s, do: wake}"], "the vehicle is not asleep"),
        ("iso2", ["{%s, do: wake, by: charger}"], "no vehicle sleeps at this charger"),
        ("iso2", ["{at: WeldingDetectionReq, do: stop}"], "the session is ending already: charging time is over"),
        ("iso2", ["{at: WeldingDetectionReq, do: pause}"], "the session is ending already: charging time is over"),
        ("iso2", ["{at: PreChargeReq, do: stop}", "{at: 'error:ended', do: stop}"],
         "the session is ending already: stopped by the driver before charging"),
        ("iso2", ["{at: PreChargeReq, do: pause}"] * 2, "the vehicle has been asked already"),
        ("iso2", ["{%s, do: stop, by: charger, max-delay: 60}"] * 2, "the charger has asked for it already"),
        ("iso2", ["{%s, do: stop, by: charger, max-delay: 60}", "{%s, do: stop, by: charger}"], ""),
        ("iso2", ["{%s, do: stop, by: charger, max-delay: 60}", "{%s, do: renegotiate}"],
         "the charger has asked the vehicle to stop already"),
        ("iso2", ["{%s, do: standby}"], "ISO 15118-2 has no standby"),
        ("iso2", ["{%s, do: another-service}"], "ISO 15118-2 has no change of the service"),
        ("iso2", ["{%s, do: pause, by: charger}"], "ISO 15118-2 has no request to pause"),
        ("din", ["{%s, do: pause}"], "DIN SPEC 70121 has no pause"),
        ("din", ["{%s, do: renegotiate}"], "DIN SPEC 70121 has no renegotiation"),
        ("iso20", ["{%s, do: standby, over: true}"], "the vehicle is not in standby"),
        ("iso20", ["{%s, do: standby, over: true, by: charger}"], "the vehicle is not in standby"),
        ("iso20", ["{%s, do: pause, by: charger}"],
         "in scheduled mode the vehicle's power profile decides on pauses"),
        ("iso2", ["{%s, do: repair}"], "nothing is broken"),
        ("iso2", ["{%s, do: repair, fault: welded}"], "there is no fault welded to repair"),
        ("iso2", ["{%s, do: fault, fault: welded}"] * 2, "the fault welded is there already"),
        ("iso2", ["{%s, do: fault, fault: welded}", "{%s, do: repair}", "{%s, do: repair}"], "nothing is broken"),
        ("iso2", ["{%s, do: fault, fault: insulation}", "{%s, do: repair, fault: insulation-warning}"],
         "there is no fault insulation-warning to repair"),
        ("iso2", ["{%s, do: emergency-stop}"] * 2, "the charger is in an emergency already"),
        ("iso2", ["{%s, do: emergency-stop, by: vehicle}"] * 2,
         "the vehicle is stopping already: emergency stop in the vehicle"),
    ],
)  # fmt: skip
def test_a_session_says_why_an_action_has_no_effect(protocol: str, steps: list[str], said: str, tmp_path: Path) -> None:
    """The last action of each row has none, unless the row has no reason; those before it are done."""
    loop = NEW_LOOP if protocol == "iso20" else LOOP
    lines = [step.replace("%s", loop) for step in steps]
    open_link = "any-transport: true\n" if protocol == "iso20" else ""
    notes = told(
        tmp_path, f"protocol: {protocol}\n{open_link}{BASE}timeline:\n" + "".join(f"- {line}\n" for line in lines)
    )
    assert notes[-1] == f"not possible: {said}" if said else "not possible" not in notes[-1]
    assert len(notes) == len(steps)
    assert not [note for note in notes[:-1] if "not possible" in note]


@pytest.mark.parametrize(
    ("do", "ended"),
    [("stop", "stopped by the driver before charging"), ("pause", "paused by the driver")],
)
def test_a_request_at_the_start_of_a_session_holds(do: str, ended: str, tmp_path: Path) -> None:
    """A driver who asks before the first message is obeyed as soon as the session can."""
    (tmp_path / "bench.yaml").write_text(f"{BASE}timeline: [{{do: {do}}}]\n")
    main(["run", str(tmp_path / "bench.yaml"), "--quiet", "--trace", str(tmp_path / "trace.jsonl")])
    assert ended in (tmp_path / "trace.jsonl").read_text()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Stop(), "no session is running"),
        (Stop(by="charger"), "no session is running"),
        (Pause(), "no session is running"),
        (Standby(), "no session is running"),
        (Renegotiate(by="vehicle"), "no session is running"),
        (EmergencyStop(by="vehicle"), "no session is running"),
        (Wake(), "the vehicle is not asleep"),
        (Unplug(), "the connector is not plugged in"),
        (Repair(), "nothing is broken"),
    ],
)
async def test_between_two_sessions_there_is_nothing_to_end(action: Action, said: str) -> None:
    """And no request of that time reaches the next session."""
    wire = SimulatedPilot()
    car = Vehicle(wire.ev)
    controls = Controls(car, simulated_dc(wire.evse), wire, session=UnderWay())
    with pytest.raises(NotPossible, match=said):
        controls.apply(action)
    for request in (car.stop, car.pause, car.standby, car.renegotiate, car.wake):
        assert not request.is_set()
    assert controls.evse is not None
    assert controls.evse.notification.wish.value == "nothing"


async def test_a_charge_without_messages_has_no_pause() -> None:
    """It has an end."""
    wire = SimulatedPilot(plugged=True)
    controls = Controls(Vehicle(wire.ev), None, wire, session=UnderWay(running=True, silent=True))
    with pytest.raises(NotPossible, match="without messages there is no pause"):
        controls.apply(Pause())
    assert controls.apply(Stop()) == "stop"


async def test_a_card_counts_once() -> None:
    """A second one in a session changes nothing; one that is shown after the session counts for the next."""
    wire = SimulatedPilot(plugged=True)
    evse = simulated_dc(wire.evse)
    evse.authorizer = customer = Customer()
    controls = Controls(None, evse, wire, session=UnderWay(running=True))
    controls.apply(Authorize())
    customer.begin()
    for accept in (True, False):
        with pytest.raises(NotPossible, match="the card has been accepted already"):
            controls.apply(Authorize(accept=accept))
    controls.session_over()
    assert customer.decide() is Decision.WAITING_FOR_CUSTOMER
    controls.apply(Authorize())
    customer.begin()
    assert customer.decide() is Decision.ACCEPTED


async def test_a_card_shown_before_plugging_in_outlives_a_session_that_never_asked() -> None:
    """The vehicle comes back, and nobody has to show it again."""
    wire = SimulatedPilot(plugged=True)
    evse = simulated_dc(wire.evse)
    evse.authorizer = customer = Customer()
    controls = Controls(None, evse, wire, session=UnderWay())
    controls.apply(Authorize())
    controls.session_over()
    customer.begin()
    assert customer.decide() is Decision.ACCEPTED


async def test_a_refused_card_can_be_shown_again_at_a_reader() -> None:
    """An accepted one counts until the vehicle leaves."""
    wire = SimulatedPilot(plugged=True)
    evse = simulated_dc(wire.evse)
    evse.authorizer = reader = CardReader(clock=lambda: 0.0)
    controls = Controls(None, evse, wire, session=UnderWay(running=True))
    controls.apply(Authorize(accept=False))
    controls.apply(Authorize())
    controls.session_over()
    with pytest.raises(NotPossible, match="the card has been accepted already"):
        controls.apply(Authorize())
    reader.left()
    assert controls.apply(Authorize()) == "authorize"


async def test_a_lower_limit_of_the_onboard_charger_can_be_raised_again() -> None:
    """Up to what it is built for."""
    wire = SimulatedPilot(plugged=True)
    car = Vehicle(wire.ev, onboard=OnboardCharger(max_current=16.0))
    controls = Controls(car, None, wire)
    for limit, holds in ((8.0, 8.0), (12.0, 12.0), (32.0, 16.0)):
        controls.apply(Limit(by="vehicle", max_current=limit))
        assert car.onboard.max_current == holds


async def test_a_step_of_the_protocol_through_f_is_no_fault() -> None:
    """Only what was injected is repaired: the charger's own state stays."""
    wire = SimulatedPilot(plugged=True)
    evse = simulated_dc(wire.evse)
    controls = Controls(None, evse, wire)
    controls.apply(Inject(fault="pilot-f"))
    assert evse.pilot.reading.label == "F"
    controls.apply(Repair())
    assert evse.pilot.reading.label == "B2"
    evse.pilot.fault(State.F)
    with pytest.raises(NotPossible, match="nothing is broken"):
        controls.apply(Repair())


async def test_plug_and_unplug_change_the_cable_once() -> None:
    """The first press does, the second says so."""
    wire = SimulatedPilot()
    controls = Controls(Vehicle(wire.ev), None, wire, session=UnderWay())
    controls.apply(Plug())
    assert wire.plugged
    with pytest.raises(NotPossible, match="plugged in already"):
        controls.apply(Plug())
    controls.apply(Unplug())
    assert not wire.plugged


def test_a_session_knows_its_terms_only_while_it_runs() -> None:
    """Each starts over."""
    session = UnderWay()
    session.begin(terms := Terms())
    assert session.running
    assert session.terms is terms
    session.end()
    assert not session.running
