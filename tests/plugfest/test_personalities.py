"""Ready cars and stations: each runs, does what is claimed for it, and looks like the recording that it imitates."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from captures import SHARED, recording, sessions

import exi
from plugfest.cli import main
from plugfest.config import personalities
from v2g.messages import appproto, schema
from v2g.protocols import APPPROTO, DIN, ISO2

# Name -> exit code of a short session with our own counterpart.
# vw-id ends in C with SessionStopReq: the PWM goes off under it.
CARS = {"audi-q4": 0, "vw-id": 7, "vw-id-patient": 0, "hyundai-ioniq": 0, "pyplc": 0, "tester": 0,
        "simulator-20-dc": 0, "simulator-20-ac": 0}  # fmt: skip
STATIONS = {"everest-dev": 0, "compleo-50": 0, "tester": 0, "pyplc": 0, "tester-20": 0}

# (car, station) -> recording of just these, messages that are too few or too special to compare, by name.
RECORDED: dict[tuple[str, str], tuple[str, set[str]]] = {
    ("audi-q4", "everest-dev"): ("audi-dc-iso2.pcap", set()),
    ("vw-id", "everest-dev"): ("vw-ac-iso2.pcap", {"SessionStopReq", "SessionStopRes"}),
    # The charger answers its parameters with Ongoing first, and an emergency ends the precharge.
    ("pyplc", "compleo-50"): ("2022-12-13_compleo_with_bulb.pcapng", set()),
    # The charger has an empty SASchedules.
    ("hyundai-ioniq", "pyplc"): (
        "2023-04-16_at_home_Ioniq_in_currentDemandLoop.pcapng",
        {"ChargeParameterDiscoveryRes"},
    ),
    ("tester", "tester"): ("ISO-2_DC_DS5366.pcapng", set()),
    ("simulator-20-dc", "tester-20"): (
        "ISO-20_TLS13_DC_DS5366_Josev.pcapng",
        {"SessionStopReq"},  # ours says why it stops
    ),
    # Two schedules with every part that a price schedule can have.
    ("simulator-20-ac", "tester-20"): (
        "ISO-20_BPT_AC_DS5366_Josev.pcapng",
        {"ScheduleExchangeRes", "SessionStopReq"},
    ),
}
# Optional parts that come and go in a recording, and that our side has or has not.
ALWAYS_DIFFERENT = {"EVSEEnergyToBeDelivered", "duration"}


def run(tmp_path: Path, text: str) -> tuple[int, list[dict[str, Any]]]:
    file, trace = tmp_path / "bench.yaml", tmp_path / "trace.jsonl"
    file.write_text(text)
    code = main(["run", str(file), "--fast", "--quiet", "--trace", str(trace)])
    return code, [json.loads(line) for line in trace.read_text().splitlines()]


def test_each_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "cars"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(lines) == len(CARS) + len(STATIONS)
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in lines)
    assert set(personalities.known("cars")) == set(CARS)
    assert set(personalities.known("stations")) == set(STATIONS)


@pytest.mark.parametrize("name", CARS)
def test_each_car_does_what_it_is_said_to(name: str, tmp_path: Path) -> None:
    code, lines = run(tmp_path, f"vehicle: {{car: {name}, duration: 3}}\n")
    assert code == CARS[name]
    assert not [line["note"] for line in lines if line.get("layer") == "bench" and "not possible" in line["note"]]


@pytest.mark.parametrize("name", STATIONS)
def test_each_station_does_what_it_is_said_to(name: str, tmp_path: Path) -> None:
    code, lines = run(tmp_path, f"charger: {{station: {name}}}\nvehicle: {{duration: 3}}\n")
    assert code == STATIONS[name]
    assert not [line["note"] for line in lines if line.get("layer") == "bench" and "not possible" in line["note"]]


def test_keys_of_the_file_count_more_and_deviations_of_both_apply(tmp_path: Path) -> None:
    text = """
        vehicle: {car: audi-q4, soc: 77, duration: 1}
        deviations:
        - {message: ChargeParameterDiscoveryReq, set: {MaxEntriesSAScheduleTuple: 7}}
        - {message: CurrentDemandReq, set: {DC_EVStatus.EVRESSSOC: 1}}
    """
    _, lines = run(tmp_path, text)
    found = {line["name"]: line["message"] for line in lines if line.get("layer") == "message"}
    request = found["ChargeParameterDiscoveryReq"]["V2G_Message"]["Body"]["ChargeParameterDiscoveryReq"]
    assert request["MaxEntriesSAScheduleTuple"] == 7
    assert request["DC_EVChargeParameter"]["DC_EVStatus"]["EVRESSSOC"] == 77
    assert "FullSOC" not in request["DC_EVChargeParameter"]
    demand = found["CurrentDemandReq"]["V2G_Message"]["Body"]["CurrentDemandReq"]
    assert demand["DC_EVStatus"]["EVRESSSOC"] == 1
    assert "EVMaximumPowerLimit" not in demand


def test_a_file_of_ones_own_is_a_car_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("vehicle: {soc: 66}\n")
    _, lines = run(tmp_path, "vehicle: {car: mine.yaml, duration: 1}\n")
    assert any('"EVRESSSOC": 66' in json.dumps(line) for line in lines)


# ---------------------------------------------------------------------------------------------------------------
# Against the recordings


def recorded(name: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """Time and content of each message of a recording's only session."""
    if name.startswith("ISO-20"):
        for entry in recording(SHARED / "captures" / name).messages:
            yield entry.time, exi.to_json(schema(entry.schema), entry.message)
        return
    protocol, offered = APPPROTO, {}
    (frames,) = sessions(SHARED / "captures" / name)
    for frame in frames:
        document = exi.decode(protocol.schema, frame.payload)
        content = exi.to_json(protocol.schema, document)
        yield frame.time, content
        if isinstance(document, appproto.supportedAppProtocolReq):
            offered = {entry.SchemaID: entry.ProtocolNamespace for entry in document.AppProtocol}
        if isinstance(document, appproto.supportedAppProtocolRes):
            chosen = offered[document.SchemaID or 0]
            protocol = next(p for p in (DIN, ISO2) if p.namespace == chosen)


def body(content: dict[str, Any]) -> tuple[str, Any]:
    inner = content["V2G_Message"]["Body"] if "V2G_Message" in content else content
    ((name, value),) = inner.items()
    return name, value


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Dotted names of everything in a message."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ALWAYS_DIFFERENT:
                yield from leaves(inner, f"{path}.{key}")
        if not value:
            yield path
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from leaves(inner, path)
    else:
        yield path


def shapes(messages: list[tuple[float, dict[str, Any]]]) -> dict[str, set[str]]:
    """What the first message of each name holds."""
    found: dict[str, set[str]] = {}
    for _, content in messages:
        name, value = body(content)
        found.setdefault(name, set(leaves(value)))
    return found


def gaps(messages: list[tuple[float, dict[str, Any]]]) -> dict[str, float]:
    """Median of the time before each message, by name."""
    found: dict[str, list[float]] = {}
    for (before, _), (time, content) in pairwise(messages):
        found.setdefault(body(content)[0], []).append(time - before)
    return {name: statistics.median(times) for name, times in found.items()}


@pytest.mark.parametrize("pair", RECORDED, ids="-".join)
def test_the_session_looks_like_the_recorded_one(pair: tuple[str, str], tmp_path: Path) -> None:
    """Every message has the same elements as the recorded one, and comes after about the same time."""
    name, special = RECORDED[pair]
    if not (SHARED / "captures" / name).is_file():
        pytest.skip(f"no recordings in {SHARED / 'captures'} (set PLUGFEST_SHARED to a directory that has them)")
    car, station = pair
    ac = "ac: true\n" if car == "vw-id" else ""
    _, lines = run(tmp_path, f"{ac}vehicle: {{car: {car}, duration: 5}}\ncharger: {{station: {station}}}\n")
    ours = [(line["t"], line["message"]) for line in lines if line.get("layer") == "message"]
    theirs = list(recorded(name))
    made, real = shapes(ours), shapes(theirs)
    wrong = {n: (sorted(made[n] - real[n]), sorted(real[n] - made[n])) for n in made.keys() & real.keys() - special}
    assert {n: both for n, both in wrong.items() if both != ([], [])} == {}
    mine, true = gaps(ours), gaps(theirs)
    off = {n: (mine[n], true[n]) for n in mine.keys() & true.keys() - special - {"supportedAppProtocolRes"}}
    # In AC our charger answers once it sees C, to which our vehicle goes 50 ms after its request.
    waits = {"PowerDeliveryRes": 0.05} if ac or car.endswith("-ac") else {}
    late = {n: one - waits.get(n, 0.0) - other for n, (one, other) in off.items()}
    assert {n: off[n] for n, by in late.items() if abs(by) > max(0.03, off[n][1] * 0.2)} == {}
