"""From plug-in to the end of a session, both commands on a simulated power line between two network namespaces."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from powerline import AVAILABLE, REASON, Lab, lab

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
        output, _ = charger.communicate(timeout=20)
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
        assert "1 attempts of 1 vehicles, 0 failed" in watched.stdout


def test_no_charger_on_the_line_is_said_with_the_step(bench: Lab) -> None:
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
        car, _ = vehicle.communicate(timeout=30)
        post, _ = charger.communicate(timeout=30)
    finally:
        charger.kill()
    assert vehicle.returncode == 7
    assert "the power line link is down" in car
    assert charger.returncode != 0
    assert "charger: session not completed" in post
