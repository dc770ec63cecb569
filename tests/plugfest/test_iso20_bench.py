"""What the keys and actions of ISO 15118-20 do to a session: services, mobility needs, power wanted."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from plugfest.cli import main
from plugfest.traces.entries import Recording
from plugfest.traces.recording import load
from plugfest.traces.series import energies, series
from v2g.terms import Terms

BASE = "slac: false\nprotocol: iso20\nany-transport: true\nseed: 1\n"


class Run:
    """A bench file's session in virtual time."""

    def __init__(self, directory: Path, text: str) -> None:
        file, self.trace = directory / "bench.yaml", directory / "trace.jsonl"
        file.write_text(BASE + textwrap.dedent(text))
        self.code = main(["run", str(file), "--fast", "--quiet", "--trace", str(self.trace)])
        self.recording: Recording = load(self.trace)

    def terms(self, until: float = 1e9) -> dict[str, Any]:
        """What was agreed at a time after the loop began, s."""
        terms, began = Terms(), None
        for entry in self.recording.messages:
            if entry.name.endswith("ChargeLoopReq") and began is None:
                began = entry.time
            if began is not None and entry.time - began > until:
                break
            terms.note(entry.body, entry.time)
        return terms.digest(entry.time)

    def notes(self, layer: str) -> list[str]:
        return [entry.note for entry in self.recording.layer(layer)]

    def telemetry(self) -> list[dict[str, Any]]:
        return [json.loads(note) for note in self.notes("plant")]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return lambda text: Run(tmp_path, text)


@pytest.mark.parametrize("ac", [False, True])
def test_needs_change_at_either_side_in_mid_session(run: Any, ac: bool) -> None:
    """The last one to change them counts, wherever it was said; the other side learns of it."""
    loop = "AC_ChargeLoopReq" if ac else "DC_ChargeLoopReq"
    done = run(
        f"""
        ac: {str(ac).lower()}
        dynamic: true
        bpt: true
        vehicle: {{duration: 12, departure: 7200, minimum: 15, target: 90}}
        charger: {{test-seconds: 1, needs: {{}}, target-power: 5}}
        timeline:
        - {{at: {loop}, after: 3, do: needs, by: charger, departure: 1800, minimum: 30, target: 70}}
        - {{at: {loop}, after: 6, do: needs, target: 60}}
        - {{at: {loop}, after: 9, do: needs, by: charger, target: 50}}
        """
    )
    assert done.code == 0, done.notes("error")
    told = [done.terms(second) for second in (2.0, 5.0, 8.0, 11.0)]
    assert [(t["minimum_soc"], t["target_soc"]) for t in told] == [(15, 90), (30, 70), (30, 60), (30, 50)]
    assert [t["departure"] > 7000 for t in told] == [True, False, False, False]
    assert 1780 < told[1]["departure"] <= 1800
    taken = [note for note in done.notes("state") if "adopted from the charger" in note]
    assert len(taken) == 2
    assert taken[0].endswith("departure in 1800 s, target 70 %, at least 30 %")


def test_a_car_may_keep_its_own_needs(run: Any) -> None:
    done = run(
        """
        dynamic: true
        vehicle: {duration: 3, target: 90, follows-needs: false}
        charger: {test-seconds: 1, needs: {target: 40, departure: 600}}
        """
    )
    assert done.code == 0
    assert "the charger's mobility needs are ignored" in done.notes("state")
    shown = [e.body.DisplayParameters.TargetSOC for e in done.recording.messages if e.name == "DC_ChargeLoopReq"]
    assert set(shown) == {90}


def test_needs_that_contradict_each_other_are_refused(run: Any) -> None:
    done = run(
        "dynamic: true\nvehicle: {duration: 2}\ncharger: {test-seconds: 1}\n"
        "timeline:\n- {at: 2, do: needs, minimum: 85}\n"
    )
    assert done.code == 0
    assert any("not possible: a minimum of 85 % is above the target" in note for note in done.notes("bench"))


QUICK = {"duration": 10}
WAYS: list[tuple[dict[str, Any], str, float]] = [
    ({"charger": {"target-power": -8}}, "DC_BPT dynamic", 8.0),
    ({"scheduled": True, "vehicle": {"wanted-power": -8, "soc": 50}}, "DC_BPT scheduled", 8.0),
    ({"scheduled": True, "ac": True, "vehicle": {"wanted-power": -8}}, "AC_BPT scheduled", 8.0),
    ({"ac": True, "charger": {"target-power": -8}}, "AC_BPT dynamic", 8.0),
    ({"charger": {"target-power": -8, "max-discharge-power": 3}}, "DC_BPT dynamic", 3.0),
    ({"charger": {"target-power": -8}, "vehicle": {"minimum": 30}}, "DC_BPT dynamic", 0.0),
    ({"charger": {"target-power": -8}, "vehicle": {"max-discharge-power": 2}}, "DC_BPT dynamic", 2.0),
    (
        {
            "charger": {"target-power": -8, "negative-discharge-limits": True},
            "vehicle": {"negative-discharge-limits": True},
        },
        "DC_BPT dynamic",
        8.0,
    ),
    ({"bpt": False, "charger": {"target-power": -8}}, "DC dynamic", 0.0),
    (
        {
            "connector": "mcs",
            "charger": {"power": 1000, "target-power": -40},
            "vehicle": {"battery": "1200V"},
        },
        "MCS_BPT dynamic",
        40.0,
    ),
]


@pytest.mark.parametrize(("keys", "service", "out"), WAYS)
def test_energy_goes_back_as_far_as_both_sides_allow(run: Any, keys: dict[str, Any], service: str, out: float) -> None:
    """In kW, at the outlet, whatever the service; never below the car's minimum."""
    keys = {"bpt": True, "dynamic": "scheduled" not in keys, **keys, "vehicle": QUICK | keys.get("vehicle", {})}
    done = run("".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
    assert done.code == 0, done.notes("error")
    told = done.terms()
    assert f"{told['service']} {told['control']}" == service
    curves = series(done.recording)
    power = [value for _, value in curves["plant_power"].points]
    assert min(power) == pytest.approx(-out, abs=0.5)
    if out and "power" in curves:
        assert energies(curves["power"].points)[1] > out * 8.0 / 3600.0
    assert done.telemetry()[-1].get("discharged", 0.0) == pytest.approx(
        energies(curves["plant_power"].points)[1] * 1000.0, rel=0.35, abs=1.0
    )


def test_the_demo_charges_discharges_and_charges_without_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TLS 1.3 with temporary certificates of both sides; both directions in the text and in the numbers."""
    trace = tmp_path / "trace.jsonl"
    words = f"demo --protocol iso20 --bpt --dynamic --fast --no-slac --trace {trace}"
    assert main(words.split()) == 0
    text = capsys.readouterr().out
    assert "TLS 1.3" in text
    assert " -29.5 A" in text
    assert "0.029 kWh into the vehicle, 0.013 kWh out of it" in text
    assert "-0.0 A" not in text
    power = [value for _, value in series(load(trace))["power"].points]
    signs = [1 if value > 1.0 else -1 if value < -1.0 else 0 for value in power]
    turns = [sign for place, sign in enumerate(signs) if sign and (place == 0 or signs[place - 1] != sign)]
    assert [t for place, t in enumerate(turns) if place == 0 or turns[place - 1] != t] == [1, -1, 1]


def states(done: Run) -> list[str]:
    return [f"{entry.name} {entry.note}".strip() for entry in done.recording.layer("state")]


@pytest.mark.parametrize("ac", [False, True])
def test_standby_is_entered_and_left_by_the_timeline(run: Any, ac: bool) -> None:
    """No power in it, contactors closed; the charger may ask for its end."""
    loop = "AC_ChargeLoopReq" if ac else "DC_ChargeLoopReq"
    done = run(
        f"""
        ac: {str(ac).lower()}
        dynamic: true
        vehicle: {{duration: 20}}
        timeline:
        - {{at: {loop}, after: 2, do: standby}}
        - {{at: {loop}, after: 7, do: standby, over: true}}
        - {{at: {loop}, after: 10, do: standby}}
        - {{at: {loop}, after: 14, do: standby, over: true, by: charger}}
        """
    )
    assert done.code == 0, done.notes("error")
    told = states(done)
    assert told.count("standby begins") == told.count("standby is over") == 2
    assert "the charger asked to leave standby" in done.notes("state")
    resting = [numbers for numbers in done.telemetry() if numbers.get("standby")]
    assert len(resting) >= 5
    assert all(abs(numbers["watts"]) < 100.0 for numbers in resting)


def test_the_service_changes_within_the_session(run: Any) -> None:
    """From charging in scheduled mode to both directions in dynamic mode, and the charger takes energy."""
    done = run(
        """
        bpt: true
        service: DC
        scheduled: true
        vehicle: {duration: 25, soc: 50}
        charger: {test-seconds: 1, target-power: -6}
        timeline:
        - {at: DC_ChargeLoopReq, after: 3, do: another-service, service: DC_BPT, control: dynamic}
        """
    )
    assert done.code == 0, done.notes("error")
    told = done.terms()
    assert (told["service"], told["control"]) == ("DC_BPT", "dynamic")
    stops = [e.body.ChargingSession for e in done.recording.messages if e.name == "SessionStopReq"]
    assert stops == ["ServiceRenegotiation", "Terminate"]
    assert min(value for _, value in series(done.recording)["power"].points) == pytest.approx(-6.0, abs=0.5)


def test_schedule_is_renegotiated_on_its_stream(run: Any) -> None:
    done = run(
        """
        scheduled: true
        vehicle: {duration: 8}
        charger: {test-seconds: 1}
        timeline:
        - {at: DC_ChargeLoopReq, after: 3, do: renegotiate}
        """
    )
    assert done.code == 0, done.notes("error")
    assert any(entry.stream == 0x8101 and entry.name == "PowerDeliveryRes" for entry in done.recording.messages)


def test_plans_with_prices_in_money_are_offered_and_drawn(run: Any) -> None:
    """Fees by time and power, what is paid for energy taken back, taxes and limits of the costs."""
    done = run(
        """
        scheduled: true
        bpt: true
        stamps: us
        vehicle: {duration: 5, soc: 50, sells-at: 0.4}
        charger:
          test-seconds: 1
          plans:
          - schedule: [{start: 0, power: 11}, {start: 3600, power: 22}]
            tolerance: 1
            available: 30
            fees: [{fee: 0.3}, {fee: 0.5, above: 11}, {start: 3600, fee: 0.2}]
            tax: 19
            maximum-cost: 40
            discharge: [{start: 0, power: 10}]
            discharge-fees: [{fee: 0.45}]
        """
    )
    assert done.code == 0, done.notes("error")
    (offered,) = [e.body for e in done.recording.messages if e.name == "ScheduleExchangeRes"]
    charging = offered.Scheduled_SEResControlMode.ScheduleTuple[0].ChargingSchedule
    tariff = charging.AbsolutePriceSchedule
    assert [len(stack.PriceRule) for stack in tariff.PriceRuleStacks.PriceRuleStack] == [2, 1]
    loop = [e.body for e in done.recording.messages if e.name == "DC_ChargeLoopRes"]
    assert loop[-1].MeterInfo.MeterTimestamp > 10**6  # microseconds of virtual time
    told = done.terms()
    assert (told["price"], told["price_unit"], told["scheduled_back_kw"]) == (0.3, "EUR/kWh", -10.0)
    assert min(value for _, value in series(done.recording)["power"].points) < -5.0  # 0.45 is more than it asks


def test_parking_is_checked_in_and_out_alongside_the_loop(run: Any) -> None:
    done = run(
        """
        dynamic: true
        vehicle: {duration: 3, services: {66: null}}
        charger: {test-seconds: 1, services: [parking]}
        """
    )
    assert done.code == 0, done.notes("error")
    streams = {entry.name: entry.stream for entry in done.recording.messages}
    assert streams["VehicleCheckInRes"] == streams["VehicleCheckOutRes"] == 0x8104


def test_reactive_power_is_asked_for_and_given(run: Any) -> None:
    done = run(
        """
        ac: true
        bpt: true
        dynamic: true
        vehicle: {duration: 6}
        charger: {target-power: 5}
        timeline:
        - {at: AC_ChargeLoopReq, after: 2, do: reactive-power, power: 1.5}
        """
    )
    assert done.code == 0, done.notes("error")
    last = [e.body for e in done.recording.messages if e.name == "AC_ChargeLoopReq"][-1]
    assert last.CLReqControlMode.EVPresentReactivePower.Value > 0


def test_a_pause_that_the_charger_asks_for_is_made(run: Any) -> None:
    done = run(
        """
        dynamic: true
        vehicle: {duration: 30}
        charger: {test-seconds: 1}
        timeline:
        - {at: DC_ChargeLoopReq, after: 3, do: pause, by: charger, max-delay: 10}
        """
    )
    assert done.code == 0, done.notes("error")
    stops = [e.body.ChargingSession for e in done.recording.messages if e.name == "SessionStopReq"]
    assert stops == ["Pause"]


def test_both_files_of_a_session_hold_every_message_of_every_stream(run: Any, tmp_path: Path) -> None:
    """Over TLS, where answers of two streams come back to back: as events, and decrypted out of the packets."""
    capture = tmp_path / "session.pcapng"
    done = run(
        f"""
        tls: required
        scheduled: true
        pcapng: {capture}
        vehicle: {{duration: 4, services: {{66: null}}}}
        charger: {{test-seconds: 1, services: [parking]}}
        timeline:
        - {{at: DC_ChargeLoopReq, after: 2, do: renegotiate}}
        """
    )
    assert done.code == 0, done.notes("error")

    def told(recording: Recording) -> list[tuple[str, str, int]]:
        return sorted((entry.sender, entry.name, entry.stream) for entry in recording.messages)

    assert told(done.recording) == told(load(capture))
    assert {0x8101, 0x8104} <= {entry.stream for entry in done.recording.messages}
    data = capture.read_bytes()
    for name in ("VehicleCheckInRes", "VehicleCheckOutRes", "ScheduleExchangeRes", "SessionStopRes"):
        assert data.count(name.encode()) == sum(entry.name == name for entry in done.recording.messages)


def test_a_session_is_resumed_by_the_same_two_certificates(run: Any) -> None:
    """Over TLS with temporary certificates: joined without a tolerance, and the curve of the charger runs on."""
    done = run(
        """
        tls: required
        dynamic: true
        bpt: true
        vehicle: {duration: 12, soc: 50, wake-after: 4}
        charger: {test-seconds: 1, target-power: [[0, 10], [8, -10]]}
        timeline:
        - {at: DC_ChargeLoopReq, after: 3, do: pause, by: charger}
        """
    )
    assert done.code == 0, done.notes("error")
    answers = [e.body.ResponseCode for e in done.recording.messages if e.name == "SessionSetupRes"]
    assert answers == ["OK_NewSessionEstablished", "OK_OldSessionJoined"]
    assert [entry.name for entry in done.recording.layer("tolerance")] == []
    power = [value for _, value in series(done.recording)["power"].points]
    assert min(power) == pytest.approx(-10.0, abs=0.5)


@pytest.mark.parametrize("ac", [False, True])
def test_the_meter_counts_whether_the_car_wants_to_see_it_or_not(
    ac: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recorded cars do not ask for its readings; both sides have counted the same at the end."""
    car = "simulator-20-ac" if ac else "simulator-20-dc"
    file = tmp_path / "bench.yaml"
    file.write_text(f"slac: false\nvehicle: {{car: {car}, duration: 20}}\ncharger: {{station: tester-20}}\n")
    assert main(["run", str(file), "--fast", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    vehicle, charger = (line["energy"] for line in lines if line.get("name") == "outcome")
    assert vehicle == pytest.approx(charger * (0.92 if ac else 1.0), rel=0.05)
    assert charger > 10.0
