"""What the keys of a bench file do to a session: every action of a timeline, every deviation, every choice."""

from __future__ import annotations

import json
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from plugfest.cli import main
from plugfest.config.actions import Inject, Stop
from plugfest.controls import Controls
from plugfest.parts import NotPossible
from plugfest.timeline import Timeline
from plugfest.traces.checks import judge
from plugfest.traces.recording import load
from secc.charger import Evse
from secc.power import Limits
from secc.simulated import SimulatedPowerSource
from slac.pilot import State
from slac.pilot_board import PilotError
from slac.pilots import AssumedChargerPilot
from v2g.trace import Event


class Run:
    """A bench file's session in virtual time."""

    def __init__(self, directory: Path, text: str) -> None:
        file, trace = directory / "bench.yaml", directory / "trace.jsonl"
        file.write_text(textwrap.dedent(text))
        self.code = main(["run", str(file), "--fast", "--quiet", "--trace", str(trace)])
        self.lines = [json.loads(line) for line in trace.read_text().splitlines()]

    def names(self, layer: str = "message") -> list[str]:
        return [line["name"] for line in self.lines if line.get("layer") == layer]

    def notes(self, layer: str) -> list[str]:
        return [line.get("note", "") for line in self.lines if line.get("layer") == layer]

    def bodies(self, name: str) -> list[dict[str, Any]]:
        found = [line["message"] for line in self.lines if line.get("layer") == "message" and line["name"] == name]
        return [m["V2G_Message"]["Body"][name] if "V2G_Message" in m else m[name] for m in found]

    def times(self, name: str) -> list[float]:
        return [line["t"] for line in self.lines if line.get("layer") == "message" and line["name"] == name]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return lambda text: Run(tmp_path, text)


BASE = "slac: false\ncharger: {test-seconds: 1}\nvehicle: {duration: 3}\n"


# ---------------------------------------------------------------------------------------------------------------
# Timeline


@pytest.mark.parametrize(
    ("protocol", "do", "result", "words"),
    [
        ("din", "{at: PowerDeliveryReq, do: limit, by: vehicle, max-voltage: 2}", "warnings", ""),
        ("iso2", "{at: CurrentDemandReq, occurrence: 5, do: limit, by: vehicle, max-voltage: 2}", "passed", ""),
        ("din", "{at: CableCheckReq, do: stop, by: charger}", "warnings", "reported EVSE_Shutdown"),
        ("iso2", "{at: PreChargeReq, do: stop, by: charger}", "warnings", "reported EVSE_Shutdown"),
    ],
)
def test_nobody_broke_a_rule_where_a_side_asked_for_less(
    protocol: str, do: str, result: str, words: str, tmp_path: Path
) -> None:
    """A limit below the battery's own voltage, which no charger can lower, and a charger that asks for an end."""
    bench = tmp_path / "bench.yaml"
    bench.write_text(f"protocol: {protocol}\n{BASE}timeline:\n- {do}\n")
    main(["run", str(bench), "--fast", "--quiet", "--pcapng", str(tmp_path / "made.pcapng")])
    judged = judge(load(tmp_path / "made.pcapng"))
    assert [str(finding) for finding in judged.findings if finding.severity == "violation"] == []
    assert judged.verdict.result == result
    assert words in judged.verdict.sentence


def at_loop(do: str) -> str:
    return f"timeline:\n- {{at: CurrentDemandReq, occurrence: 10, do: {do}}}\n"


@pytest.mark.parametrize(
    ("do", "code", "words"),
    [
        ("stop", 0, "stopped by the driver"),
        ("stop, by: charger, max-delay: 2", 0, "the charger reports EVSE_Shutdown"),
        ("pause", 0, "paused by the driver"),
        ("renegotiate", 0, "the charger asked to renegotiate"),
        ("renegotiate, by: vehicle", 0, "the driver asked to renegotiate"),
        ("unplug", 7, "pilot went to A"),
        ("emergency-stop", 7, "EVSE_EmergencyShutdown"),
        ("emergency-stop, by: vehicle", 7, "emergency stop in the vehicle"),
        ("soc, percent: 80", 0, "charging complete"),
        ("target, percent: 20", 0, "charging complete"),
        ("fault, fault: emergency", 7, "EVSE_EmergencyShutdown"),
        ("fault, fault: malfunction", 7, "EVSE_Malfunction"),
        ("fault, fault: shutdown", 0, "EVSE_Shutdown"),
        ("fault, fault: utility-interrupt", 7, "EVSE_UtilityInterruptEvent"),
        ("fault, fault: insulation", 7, "isolation fault"),
        ("fault, fault: output", 7, "EVSE_Malfunction"),
        ("fault, fault: pilot-e", 7, "pilot went to E"),
        ("fault, fault: pilot-f", 7, "pilot went to F"),
        ("fault, fault: pilot-short", 7, "pilot went to E"),
        ("fault, fault: welded", 0, "is a contactor welded"),
    ],
)
def test_an_action_ends_the_session_as_required(run: Any, do: str, code: int, words: str) -> None:
    done = run(BASE.replace("3}", "30}") + at_loop(do))
    assert done.code == code
    assert any(words in note for note in done.notes("error") + done.notes("state")), done.notes("error")
    assert done.notes("bench")[0].startswith(do.split(",")[0])


def test_limits_are_followed_from_the_very_next_answer(run: Any) -> None:
    done = run(
        BASE
        + """
        timeline:
        - {at: CurrentDemandReq, occurrence: 10, do: limit, max-current: 50, max-power: 20}
        - {at: CurrentDemandReq, occurrence: 20, do: limit, by: vehicle, max-current: 7}
        - {at: CurrentDemandReq, occurrence: 25, do: limit, max-current: 60, max-voltage: 500}
        """.replace("\n        ", "\n")
    )
    told = [body["EVSEMaximumCurrentLimit"] for body in done.bodies("CurrentDemandRes")]
    amps = [limit["Value"] * 10.0 ** limit["Multiplier"] for limit in told]
    assert amps[8] == 350
    assert set(amps[9:24]) == {50}
    assert set(amps[24:28]) == {60}
    asked = [body["EVTargetCurrent"]["Value"] * 10 ** body["EVTargetCurrent"]["Multiplier"] for body in
             done.bodies("CurrentDemandReq")]  # fmt: skip
    assert asked[12] == pytest.approx(50)
    assert asked[22] == pytest.approx(7)


def test_the_charger_names_no_limit_below_the_least_that_it_can_give(run: Any) -> None:
    done = run(BASE + at_loop("limit, max-voltage: 0.79"))
    assert done.code == 0
    expected = "not possible: max-voltage 0.79 V is below 150 V, the lowest output voltage"
    assert done.notes("bench")[-1] == expected


DYNAMIC = "slac: false\nprotocol: iso20\nany-transport: true\nseed: 1\n"


def test_the_energy_manager_follows_its_curve_and_then_the_timeline(run: Any, tmp_path: Path) -> None:
    """Seconds since power first flows; what the timeline asks for counts until it is withdrawn."""
    (tmp_path / "curve.csv").write_text("s;kW\n0;8\n6;2,5\n")
    made = run(
        DYNAMIC + "dynamic: true\nvehicle: {duration: 18}\n"
        "charger: {test-seconds: 1, target-power: curve.csv}\n"
        "timeline:\n- {at: DC_ChargeLoopReq, after: 10, do: power, power: [[0, 4], [2, 6]]}\n"
        "- {at: DC_ChargeLoopReq, after: 16, do: power}\n"
    )
    assert made.code == 0, made.notes("error")
    began = made.times("DC_ChargeLoopReq")[0]
    loop = list(zip(made.times("DC_ChargeLoopRes"), made.bodies("DC_ChargeLoopRes"), strict=True))

    def kilowatts(second: float) -> float:
        body = next(body for time, body in loop if time - began >= second)
        parts = (body["EVSEPresentVoltage"], body["EVSEPresentCurrent"])
        volts, amps = (part["Value"] * 10.0 ** part["Exponent"] for part in parts)
        return float(volts * amps / 1000.0)

    found = [kilowatts(second) for second in (5.5, 9.5, 11.8, 15.5, 17.5)]
    assert found == pytest.approx([8.0, 2.5, 4.0, 6.0, 2.5], abs=0.3)


def test_derating_and_its_end(run: Any) -> None:
    text = """
    timeline:
    - {at: CurrentDemandReq, occurrence: 5, do: derate, percent: 10}
    - {at: CurrentDemandReq, occurrence: 10, do: derate, percent: 100}
    """
    done = run(BASE + textwrap.dedent(text))
    limits = [b["EVSEMaximumCurrentLimit"] for b in done.bodies("CurrentDemandRes")]
    amps = [limit["Value"] * 10.0 ** limit["Multiplier"] for limit in limits]
    assert (amps[3], amps[4], amps[9]) == (350, 35, 350)


def test_faults_can_be_repaired(run: Any) -> None:
    done = run(
        BASE
        + "timeline:\n- {at: 0, do: fault, fault: error, code: FAILED_EVShiftPosition}\n"
        + "- {at: ServiceDiscoveryReq, do: repair}\n"
    )
    assert done.code == 0
    codes = {body["DC_EVStatus"]["EVErrorCode"] for body in done.bodies("CableCheckReq")}
    assert codes == {"NO_ERROR"}
    broken = run(BASE + "timeline:\n- {at: 0, do: fault, fault: error, code: FAILED_EVShiftPosition}\n")
    assert broken.code == 5
    assert any("FAILED_EVShiftPosition" in str(body) for body in broken.bodies("CableCheckReq"))


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [("rcd", 7, "RCD has tripped"), ("contactor", 0, ""), ("meter", 0, "")],
)
def test_faults_of_an_ac_outlet(run: Any, fault: str, code: int, words: str) -> None:
    text = f"ac: true\nconnector: type2\nvehicle: {{duration: 3}}\ntimeline:\n- {{at: 2, do: fault, fault: {fault}}}\n"
    done = run(text)
    assert done.code == code
    assert any(words in note for note in [*done.notes("error"), ""])


def test_an_action_happens_at_its_time_and_only_once_per_session(run: Any) -> None:
    text = """
    timeline:
    - {at: 2.5, do: limit, max-current: 50}
    - {at: PowerDeliveryReq, after: 1.5, do: limit, max-current: 60}
    - {at: 1000, do: stop}
    """
    done = run(BASE + textwrap.dedent(text))
    actions = [(line["t"], line["note"]) for line in done.lines if line.get("layer") == "bench"]
    started = done.times("PowerDeliveryReq")[0]
    assert [t for t, _ in actions] == [2.5, started + 1.5, done.times("PowerDeliveryReq")[1] + 1.5][: len(actions)]
    assert [note for _, note in actions] == ["limit max-current=50", "limit max-current=60"]


def test_an_action_can_happen_while_the_modems_match(run: Any) -> None:
    done = run("vehicle: {duration: 1}\ntimeline:\n- {at: 'slac:CM_SLAC_MATCH.CNF', do: limit, max-current: 50}\n")
    assert done.code == 0
    first = next(n for n, line in enumerate(done.lines) if line.get("layer") == "bench")
    assert not [line for line in done.lines[:first] if line.get("layer") == "message"]


@pytest.mark.parametrize(
    ("step", "code", "reason"),
    [
        ("at: 'slac:CM_MNBC_SOUND.IND', occurrence: 4, do: unplug", 7, "the control pilot went to A1"),
        ("at: 'pilot:B2', after: 0.3, do: unplug", 7, "the control pilot went to A1"),
        ("at: 'slac:matched', do: unplug", 7, "the control pilot went to A1"),
        ("at: 'slac:CM_SET_KEY.REQ', do: fault, fault: pilot-f", 7, "the control pilot went to F"),
        ("at: 'slac:CM_SLAC_PARM.CNF', do: emergency-stop, by: vehicle", 7, "emergency stop in the vehicle"),
        ("at: 'slac:CM_ATTEN_CHAR.IND', do: stop", 7, "stopped by the driver"),
        ("at: 'slac:matched', do: stop", 7, "stopped by the driver"),
    ],
)
def test_an_action_can_end_the_matching(run: Any, capsys: Any, step: str, code: int, reason: str) -> None:
    """Unplugged, at fault, or stopped before the session: none begins, and the reason is said."""
    done = run(f"vehicle: {{duration: 1}}\ntimeline:\n- {{{step}}}\n")
    assert done.code == code
    assert not done.names()
    assert f"vehicle: session not completed (aborted): {reason}" in capsys.readouterr().out


def test_a_matching_that_fails_is_reported(run: Any, capsys: Any) -> None:
    """A modem that needs longer than TT_match_join: the step, and no session."""
    done = run("slac-timer: {TT_match_join: 0.2, TT_matching_repetition: 1}\n")
    assert done.code == 3
    assert "no charger was matched while waiting for the power line link" in capsys.readouterr().out


def test_times_count_from_the_session_and_not_from_plug_in(run: Any) -> None:
    """SLAC takes seconds; an action at 0.01 s is still after its end."""
    done = run("vehicle: {duration: 1}\ntimeline:\n- {at: 0.01, do: limit, max-current: 50}\n")
    (acted,) = [line["t"] for line in done.lines if line.get("layer") == "bench"]
    assert acted == pytest.approx(done.times("supportedAppProtocolReq")[0] + 0.01, abs=0.01)


def test_each_plug_in_counts_its_events_from_zero() -> None:
    """A charger whose vehicle leaves before the session: the next one meets the same timeline."""
    acted: list[Any] = []
    timeline = Timeline([Stop(at="slac:CM_SLAC_PARM.REQ")], acted.append)
    for name in ("pilot:B1", "slac:CM_SLAC_PARM.REQ", "slac:CM_SLAC_PARM.REQ", "pilot:A2") * 2:
        layer, _, word = name.partition(":")
        timeline.observe(Event(0.0, layer, word))
    assert len(acted) == 2


def test_what_is_impossible_is_said_and_nothing_else_happens(run: Any) -> None:
    done = run(BASE + at_loop("fault, fault: rcd"))
    assert done.code == 0
    assert done.notes("bench") == ["not possible: the charger has no AC side"]


def test_a_card_can_be_shown(run: Any) -> None:
    base = "slac: false\ncharger: {test-seconds: 1, authorization: customer}\nvehicle: {duration: 1}\n"
    done = run(base + "timeline:\n- {at: 5, do: authorize}\n")
    assert done.code == 0
    assert done.times("AuthorizationRes")[-1] == pytest.approx(5, abs=0.2)
    assert run(base).code == 5


# ---------------------------------------------------------------------------------------------------------------
# Deviations


def deviation(text: str) -> str:
    return f"{BASE}deviations:\n- {{{text}}}\n"


def test_fields_are_set_by_dotted_name_and_only_where_asked(run: Any) -> None:
    done = run(
        deviation("message: CurrentDemandReq, occurrence: 2-3, set: {DC_EVStatus.EVRESSSOC: 99, EVTargetVoltage: 333}")
    )
    bodies = done.bodies("CurrentDemandReq")
    assert [b["DC_EVStatus"]["EVRESSSOC"] for b in bodies[:5]] == [20, 99, 99, 20, 20]
    target = bodies[1]["EVTargetVoltage"]
    assert (target["Value"] * 10 ** target["Multiplier"], target["Unit"]) == (333, "V")


def test_fields_are_removed_and_groups_filled(run: Any) -> None:
    done = run(
        deviation("message: CurrentDemandReq, set: {EVMaximumPowerLimit: null, BulkChargingComplete: true}")
        + "- {message: CurrentDemandRes, set: {MeterInfo: {MeterID: other}}}\n"
        + "- {message: ServiceDiscoveryReq, set: {ServiceScope: here}}\n"
    )
    body = done.bodies("CurrentDemandReq")[0]
    assert "EVMaximumPowerLimit" not in body
    assert body["BulkChargingComplete"] is True
    assert done.bodies("CurrentDemandRes")[0]["MeterInfo"]["MeterID"] == "other"
    assert done.bodies("ServiceDiscoveryReq")[0]["ServiceScope"] == "here"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("message: PreChargeReq, occurrence: 1, replace: ServiceDiscoveryReq", 5, "ServiceDiscoveryRes in answer"),
        ("message: AuthorizationRes, set: {ResponseCode: FAILED}", 5, "AuthorizationRes FAILED"),
        ("message: ServiceDiscoveryRes, drop: true", 6, "V2G_EVCC_Msg_Timeout"),
        ("message: ServiceDiscoveryRes, delay: 2.5", 6, "V2G_EVCC_Msg_Timeout"),
        ("message: SessionSetupReq, exi: '80'", 5, "the peer closed"),
        ("message: ServiceDiscoveryReq, truncate: 1", 5, "the peer closed"),
        ("message: SessionSetupReq, frame: 01fe800100000000", 5, "the peer closed"),
        ("message: SessionSetupReq, frame: ffff800100000000", 5, "the peer closed"),
    ],
)
def test_a_wrong_message_is_answered_as_the_standard_requires(run: Any, text: str, code: int, words: str) -> None:
    done = run(deviation(text))
    assert done.code == code
    assert any(words in note for note in done.notes("error"))
    assert len(done.notes("bench")) == 1


def test_a_request_can_be_late(run: Any) -> None:
    plain = run(BASE)
    late = run(deviation("message: ServiceDiscoveryReq, delay: 1.5"))
    assert late.code == 0
    gap = [done.times("ServiceDiscoveryRes")[0] - done.times("SessionSetupRes")[0] for done in (plain, late)]
    assert gap == [pytest.approx(0), pytest.approx(1.5)]


def test_a_field_that_a_message_lacks_is_reported(run: Any) -> None:
    done = run(
        BASE + "deviations:\n- {message: ChargeParameterDiscoveryReq, set: {EVChargeParameter.EVMaxVoltage: 3}}\n"
    )
    assert done.code == 0
    assert "not possible: DC_EVChargeParameterType has no field EVMaxVoltage" in done.notes("bench")[-1]


def test_din_alone_can_be_meant(run: Any) -> None:
    text = "message: CurrentDemandReq, protocol: din, set: {DC_EVStatus.EVRESSSOC: 99}"
    for protocol, soc in (("din", 99), ("iso2", 20)):
        done = run(f"protocol: {protocol}\n" + deviation(text))
        assert done.bodies("CurrentDemandReq")[0]["DC_EVStatus"]["EVRESSSOC"] == soc


# ---------------------------------------------------------------------------------------------------------------
# Vehicle, charger, timers


def test_what_the_vehicle_is_shows_in_its_messages(run: Any) -> None:
    done = run(
        """
        vehicle:
          battery: {capacity: 50, cells: 100, max-current: 222, max-power: 80}
          soc: 33
          duration: 1
          evccid: 00:7d:fa:01:02:03
          session-id: "00"
          departure: 3600
          energy-request: 12.5
          loop-delay: 0.25
          pauses: {ServiceDiscoveryReq: 0.7}
          max-power: 60
          offer:
          - {namespace: "urn:example", schema-id: 9}
          - {namespace: "urn:iso:15118:2:2013:MsgDef", schema-id: 0, priority: 2}
        """
    )
    assert done.code == 0
    parameter = done.bodies("ChargeParameterDiscoveryReq")[0]["DC_EVChargeParameter"]
    assert parameter["DepartureTime"] == 3599  # 0.7 s of them are over
    assert parameter["DC_EVStatus"]["EVRESSSOC"] == 33
    numbers = {
        k: v["Value"] * 10.0 ** v["Multiplier"] for k, v in parameter.items() if isinstance(v, dict) and "Value" in v
    }
    assert numbers["EVMaximumVoltageLimit"] == pytest.approx(420)
    assert numbers["EVMaximumCurrentLimit"] == 222
    assert numbers["EVMaximumPowerLimit"] == 60_000
    assert numbers["EVEnergyRequest"] == 12_500
    assert numbers["EVEnergyCapacity"] == 50_000
    assert done.bodies("SessionSetupReq")[0]["EVCCID"] == "007DFA010203"
    header = next(line for line in done.lines if line.get("name") == "SessionSetupReq")["message"]
    assert header["V2G_Message"]["Header"]["SessionID"] == "00"
    offers = done.bodies("supportedAppProtocolReq")[0]["AppProtocol"]
    assert (offers[0]["ProtocolNamespace"], offers[0]["SchemaID"]) == ("urn:example", 9)
    assert done.times("ServiceDiscoveryReq")[0] - done.times("SessionSetupRes")[0] == pytest.approx(0.7)
    loop = done.times("CurrentDemandReq")
    assert loop[1] - loop[0] == pytest.approx(0.25)


def test_what_the_charger_is_shows_in_its_messages(run: Any) -> None:
    done = run(
        """
        vehicle: {duration: 1}
        charger:
          power: 77
          max-voltage: 777
          max-current: 111
          min-voltage: 222
          min-current: 3
          ripple: 4
          tolerance: 5
          volts-per-second: 1000
          test-seconds: 3
          insulation: 120
          evse-id: DE*ABC*E1
          authorize-after: 2
          meter-id: M1
          meter-start: 12
          free: false
          schedule: [{start: 0, power: 70}, {start: 600, power: 30}]
          delays: {ServiceDiscoveryReq: 0.5}
        """
    )
    assert done.code == 0
    response = done.bodies("ChargeParameterDiscoveryRes")[0]
    numbers = {
        k: v["Value"] * 10.0 ** v["Multiplier"]
        for k, v in response["DC_EVSEChargeParameter"].items()
        if isinstance(v, dict) and "Value" in v
    }
    assert numbers == {
        "EVSEMaximumCurrentLimit": 111, "EVSEMaximumPowerLimit": 77_000, "EVSEMaximumVoltageLimit": 777,
        "EVSEMinimumCurrentLimit": 3, "EVSEMinimumVoltageLimit": 222, "EVSECurrentRegulationTolerance": 5,
        "EVSEPeakCurrentRipple": 4,
    }  # fmt: skip
    entries = response["SAScheduleList"]["SAScheduleTuple"][0]["PMaxSchedule"]["PMaxScheduleEntry"]
    assert [e["PMax"]["Value"] * 10 ** e["PMax"]["Multiplier"] for e in entries] == [70_000, 30_000]
    assert done.bodies("SessionSetupRes")[0]["EVSEID"] == "DE*ABC*E1"
    assert done.bodies("ServiceDiscoveryRes")[0]["ChargeService"]["FreeService"] is False
    assert done.bodies("CableCheckRes")[-1]["DC_EVSEStatus"]["EVSEIsolationStatus"] == "Warning"
    meter = done.bodies("CurrentDemandRes")[0]["MeterInfo"]
    assert (meter["MeterID"], meter["MeterReading"]) == ("M1", 12_000)
    assert done.times("AuthorizationRes")[-1] - done.times("AuthorizationReq")[0] >= 2
    assert done.times("ServiceDiscoveryRes")[0] - done.times("ServiceDiscoveryReq")[0] == pytest.approx(0.5)
    check = done.times("CableCheckRes")
    assert check[-1] - check[0] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("charger: {authorization: reject}", 5),
        ("charger: {authorization: never}\ntimer: {V2G_EVCC_Ongoing_Timeout: 5}", 6),
        ("charger: {faults: [insulation]}", 5),
        ("charger: {faults: [emergency]}", 5),
        ("charger: {max-voltage: 200, max-current: 100}", 8),
        ("charger: {test-seconds: 39}", 5),
        (
            "charger: {test-seconds: 39}\n"
            "timer: {V2G_EVCC_CableCheck_Timeout: 90, V2G_SECC_CableCheck_Performance_Time: 80}",
            0,
        ),
        ("vehicle: {error-code: FAILED_RESSTemperatureInhibit}", 5),
        ("tls: required", 0),
    ],
)  # fmt: skip
def test_a_bench_ends_as_its_file_says(run: Any, text: str, code: int) -> None:
    assert run(text + ("\nvehicle: {duration: 1}\n" if "vehicle" not in text else "\n")).code == code


def test_telemetry_is_in_the_trace_about_once_a_second(run: Any) -> None:
    done = run(BASE.replace("3}", "10}"))
    points = [(line["t"], json.loads(line["note"])) for line in done.lines if line.get("layer") == "plant"]
    loop = [(t, p) for t, p in points if p["state"] == "CurrentDemand"]
    assert all(b[0] - a[0] >= 1.0 - 1e-6 for a, b in pairwise(loop))
    assert len(loop) >= 10
    last = loop[-1][1]
    assert last["soc"] > 20
    assert last["watts"] == pytest.approx(last["volts"] * last["amps"], rel=1e-3)
    assert last["pilot"] == "C2"


def test_what_a_pilot_cannot_show_is_not_possible() -> None:
    """As a board without E: the session must not end by it."""

    class Board(AssumedChargerPilot):
        def fault(self, state: State) -> None:
            raise PilotError("the board cannot show E")

    controls = Controls(evse=Evse(Board(), power=SimulatedPowerSource(Limits(500.0, 100.0, 50e3))))
    with pytest.raises(NotPossible, match="the board cannot show E"):
        controls.apply(Inject(fault="pilot-e"))
