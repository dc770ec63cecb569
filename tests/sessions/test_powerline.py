"""From plug-in to the end of a session, both commands on a simulated power line between two network namespaces."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from powerline import AVAILABLE, REASON, Lab, lab
from processes import CEILING

from secc.charger import Evse
from secc.nominal import serve_nominal
from secc.supply import AcSupply
from slac.pilot import State
from slac.pilot_shared import hosted
from v2g.outcome import Outcome

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]


@pytest.fixture(scope="module")
def bench() -> Iterator[Lab]:
    with lab("plfses") as made, made.line():
        yield made


def events(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.read_text().splitlines()[1:]]


def place(trace: list[dict[str, Any]], layer: str, name: str) -> int:
    return next(n for n, event in enumerate(trace) if (event["layer"], event["name"]) == (layer, name))


def test_plug_in_starts_slac_and_unplugging_ends_the_session(bench: Lab, tmp_path: Path) -> None:
    """Pilot, SLAC, SDP, TCP, session, in this order; the plug is pulled once; the next vehicle is served."""
    pilot = f"sim:{tmp_path / 'wire'}"
    traces = [tmp_path / f"{n}.jsonl" for n in range(2)]
    charger = bench.start(
        "secc", "secc", "-i", bench.interface("secc"), "--pilot", pilot, "--ac", "--sessions", "2", "--slac-timer",
        "T_step_X1=0.5", until="charger waits for a vehicle",
    )  # fmt: skip
    words = ["evcc", "-i", bench.interface("evcc"), "--pilot", pilot, "--ac", "--loop-delay", "0.05"]
    try:
        vehicle = bench.start("evcc", *words, "--trace", str(traces[0]), until="ChargingStatusRes")
        vehicle.kill()  # which pulls the plug, as its pilot is simulated
        vehicle.communicate()
        capture = tmp_path / "second.pcapng"
        again = bench.run("evcc", *words, "--duration", "1", "--trace", str(traces[1]), "--pcapng", str(capture))
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert again.returncode == 0, again.stdout + again.stderr + output
    assert "matched with" in again.stdout
    assert output.count("matched with") == 2
    assert "pilot A" in output
    assert "charger: session not completed" in output  # by the pilot or the closed connection, whichever came first
    assert charger.returncode != 0  # the first session was cut off
    for trace in traces:
        seen = events(trace)
        order = [
            place(seen, "slac", "CM_SLAC_PARM.REQ"),
            place(seen, "slac", "CM_SLAC_MATCH.CNF"),
            place(seen, "slac", "matched"),
            place(seen, "sdp", "SDPResponse"),
            place(seen, "tcp", "connected"),
            place(seen, "message", "supportedAppProtocolReq"),
        ]
        assert order == sorted(order)
    # The network is left, and what was recorded on the way is judged as matched.
    assert place(events(traces[1]), "slac", "left") > place(events(traces[1]), "message", "SessionStopRes")
    for recorded in (capture, traces[1]):
        watched = bench.run("evcc", "slac", "watch", str(recorded))
        assert watched.returncode == 0, watched.stdout + watched.stderr
        assert "1 attempt of 1 vehicle, 0 failed" in watched.stdout


def test_a_vehicle_without_slac_gets_the_nominal_duty(bench: Lab, tmp_path: Path) -> None:
    """Nobody asks: F and 5 % again, then X1 and the nominal duty; the vehicle charges without a message."""
    pilot, traces = f"sim:{tmp_path / 'wire'}", [tmp_path / "post.jsonl", tmp_path / "car.jsonl"]
    timers = ("TT_EVSE_SLAC_init=0.4", "C_sequ_retry=1", "T_step_EF=0.3", "T_step_X1=0.3")
    charger = bench.start(
        "secc", "secc", "-i", bench.interface("secc"), "--pilot", pilot, "--ac", "--sessions", "1", "--trace",
        str(traces[0]), *(word for timer in timers for word in ("--slac-timer", timer)),
        until="charger waits for a vehicle",
    )  # fmt: skip
    try:
        words = ["evcc", "-i", bench.interface("evcc"), "--pilot", pilot, "--ac", "--basic", "--duration", "2"]
        done = bench.run("evcc", *words, "--trace", str(traces[1]))
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert done.returncode == 0, done.stdout + done.stderr + output
    assert "vehicle: session completed" in done.stdout
    assert "without messages" in done.stdout
    assert charger.returncode == 0, output
    assert "no vehicle was matched" in output
    assert "charger: session completed" in output
    post, car = (events(trace) for trace in traces)
    labels = [event["name"] for event in post if event["layer"] == "pilot"]
    assert labels.count("F") == 1
    assert labels.index("C2") > len(labels) - 1 - labels[::-1].index("F")
    assert labels[-1].startswith(("A", "B"))
    assert not [event for event in post + car if event["layer"] == "message"]
    amperes = [json.loads(e["note"])["amps"] for e in post if e["layer"] == "plant"]
    assert 16.0 in amperes  # of the 32 A offered, what the vehicle takes
    assert json.loads([e["note"] for e in car if e["layer"] == "plant"][-1])["energy"] > 0


@pytest.mark.real_time
async def test_a_charger_without_slac_charges_the_vehicle_at_its_duty(bench: Lab, tmp_path: Path) -> None:
    """The vehicle asks, nobody answers, and the duty is a nominal one: it charges at that."""
    path = tmp_path / "wire"
    async with hosted(path) as pilot:
        evse = Evse(pilot, ac=AcSupply(max_current=10.0))
        charger = asyncio.create_task(_as_soon_as_plugged(evse))
        command = bench.command(
            "evcc", "evcc", "-i", bench.interface("evcc"), "--pilot", f"sim:{path}", "--ac", "--duration", "1",
            "--slac-timer", "TT_matching_repetition=0.5",
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output = (await process.communicate())[0].decode()
        post = await asyncio.wait_for(charger, CEILING)
    assert process.returncode == 0, output
    assert "charging at the nominal duty" in output
    assert "no charger was matched while looking for chargers" in output
    assert post.ok
    assert post.energy_wh > 0


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_vehicle_whose_slac_fails_waits_for_the_nominal_duty(bench: Lab, tmp_path: Path) -> None:
    """At 5 % nobody answers; the charger goes through F to its nominal duty, and the vehicle charges at that."""
    path = tmp_path / "wire"
    async with hosted(path) as pilot:
        evse = Evse(pilot, ac=AcSupply(max_current=10.0))
        pilot.offer(5.0)
        command = bench.command(
            "evcc", "evcc", "-i", bench.interface("evcc"), "--pilot", f"sim:{path}", "--ac", "--duration", "1",
            "--slac-timer", "TT_matching_repetition=0.3",
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        output = ""
        while "waiting for a nominal duty" not in output:
            line = await process.stdout.readline()
            assert line, output
            output += line.decode()
        post = asyncio.create_task(serve_nominal(evse, step_ef=0.2, step_x1=0.2))
        output += (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        assert "charging at the nominal duty" in output
        assert (await asyncio.wait_for(post, CEILING)).energy_wh > 0


def test_a_card_at_the_charger_makes_the_duty_nominal_for_the_session(bench: Lab, tmp_path: Path) -> None:
    """Shown when the vehicle has plugged in: the duty becomes nominal while SLAC runs, and stays in the session."""
    pilot, file, trace = f"sim:{tmp_path / 'wire'}", tmp_path / "bench.yaml", tmp_path / "post.jsonl"
    file.write_text(
        f"role: secc\ninterface: {bench.interface('secc')}\npilot: {pilot}\nac: true\nquiet: true\nsessions: 1\n"
        "charger: {authorization: reader}\nslac-timer: {T_step_X1: 0.5, T_step_EF: 0.5}\n"
        "timeline:\n- {at: 'pilot:B2', do: authorize}\n"
    )
    charger = bench.start("secc", "run", str(file), "--trace", str(trace), until="charger waits for a vehicle")
    words = ["evcc", "-i", bench.interface("evcc"), "--pilot", pilot, "--ac", "--duration", "1"]
    try:
        done = bench.run("evcc", *words)
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert done.returncode == 0, done.stdout + done.stderr + output
    assert charger.returncode == 0, output
    seen = events(trace)
    before = seen[: place(seen, "message", "SessionStopRes")]
    duties = [event["note"] for event in before if event["layer"] == "pilot" and event.get("note")]
    assert (duties[0], duties[-1]) == ("5 % (by messages)", "53.3 % (32 A)")
    assert duties.index("53.3 % (32 A)") < len(duties) - 1  # C2 at that duty, too


async def _as_soon_as_plugged(evse: Evse) -> Outcome:
    await evse.pilot.wait(State.B, within=None)
    return await serve_nominal(evse, step_ef=0.2, step_x1=0.2)


@pytest.mark.slow
def test_a_step_without_power_is_slept_through(bench: Lab, tmp_path: Path) -> None:
    """The schedule gives nothing for a while: both sleep, the vehicle wakes the charger, the old session goes on."""
    pilot, traces = f"sim:{tmp_path / 'wire'}", [tmp_path / "post.jsonl", tmp_path / "car.jsonl"]
    schedule = "[{start: 0, power: 11}, {start: 5, power: 0}, {start: 10, power: 11}]"
    charger = bench.start(
        "secc", "secc", "-i", bench.interface("secc"), "--pilot", pilot, "--ac", "--sessions", "2", "--trace",
        str(traces[0]), "--set", f"charger.schedule={schedule}", until="charger waits for a vehicle",
    )  # fmt: skip
    try:
        words = ["evcc", "-i", bench.interface("evcc"), "--pilot", pilot, "--ac", "--loop-delay", "0.05"]
        words += ["--sleep-without-power", "2", "--duration", "7"]
        done = bench.run("evcc", *words, "--trace", str(traces[1]))
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert done.returncode == 0, done.stdout + done.stderr + output
    assert "awake: the vehicle woke up" in done.stdout
    assert "awake, and the link is back" in output
    assert charger.returncode == 0, output
    assert done.stdout.count("matched with") == output.count("matched with") == 1
    post, car = (events(trace) for trace in traces)
    assert "OK_OldSessionJoined" in traces[0].read_text()
    assert place(post, "pilot", "wake-up") > place(post, "message", "SessionStopRes")
    assert place(car, "pilot", "asleep") < place(car, "pilot", "wake-up")


def test_no_charger_on_the_line_is_reported_with_the_step(bench: Lab) -> None:
    """The vehicle's exit code is that of no peer, and its reason names the step and the doctor."""
    done = bench.run(
        "evcc", "evcc", "-i", bench.interface("evcc"), "--slac-timer", "TT_matching_repetition=1", "--quiet"
    )
    assert done.returncode == 3
    assert "looking for chargers (CM_SLAC_PARM): no charger answered" in done.stdout
    assert "plugfest slac doctor" in done.stdout


def test_a_timeline_can_unplug_while_the_modems_match(bench: Lab, tmp_path: Path) -> None:
    """A vehicle's bench file pulls the plug at a sound: no session, and the charger waits for the next vehicle."""
    interface, file, trace = bench.interface("evcc"), tmp_path / "bench.yaml", tmp_path / "trace.jsonl"
    file.write_text(
        f"role: evcc\ninterface: {interface}\nquiet: true\ntimeline:\n"
        "- {at: 'slac:CM_MNBC_SOUND.IND', occurrence: 3, do: unplug}\n"
    )
    charger = bench.start("secc", "secc", "-i", bench.interface("secc"), until="charger waits for a vehicle")
    try:
        done = bench.run("evcc", "run", str(file), "--trace", str(trace))
    finally:
        charger.kill()
        charger.communicate()
    assert done.returncode == 7, done.stdout + done.stderr
    assert "vehicle: session not completed (aborted): unplugged" in done.stdout
    assert [event["name"] for event in events(trace)].count("CM_MNBC_SOUND.IND") == 3


def test_a_lost_power_line_ends_the_session(bench: Lab, tmp_path: Path) -> None:
    """The charger's modem gets another key while power flows: both sides end the session, and say why."""
    charger = bench.start(
        "secc", "secc", "-i", bench.interface("secc"), "--ac", "--sessions", "1", until="charger waits for a vehicle"
    )
    try:
        words = ["evcc", "-i", bench.interface("evcc"), "--ac", "--loop-delay", "0.05"]
        vehicle = bench.start("evcc", *words, until="ChargingStatusRes")
        rekey = (
            "import asyncio, sys\n"
            "from slac.host import Host\nfrom slac.link import open_link\nfrom slac.modem import detect\n"
            "async def main():\n"
            "    link = open_link(sys.argv[1])\n"
            "    async with Host(link) as host:\n"
            "        await (await detect(host)).forget_key()\n"
            "asyncio.run(main())\n"
        )
        python = bench.command("secc")[4]
        subprocess.run(
            ["ip", "netns", "exec", bench.namespace("secc"), python, "-c", rekey, bench.interface("secc")], check=True
        )
        car, _ = vehicle.communicate(timeout=CEILING)
        post, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert vehicle.returncode == 7
    assert "the power line link is down" in car
    assert charger.returncode != 0
    assert "charger: session not completed" in post
