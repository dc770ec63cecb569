"""The view of a session: the board kept from its events, its drawing, and which view is taken when."""

from __future__ import annotations

import asyncio
import fcntl
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from bench import Bench
from processes import CEILING
from rich.console import Console

from plugfest.board import Board
from plugfest.cli import main
from plugfest.config.model import Bench as Configured
from plugfest.controls import Controls
from plugfest.lines import LEGEND
from plugfest.live import LiveView, sparkline
from plugfest.stage import Stage
from plugfest.tasks.evcc import Trip
from plugfest.view import View
from slac.pilot import LEGEND as PILOT
from v2g.energy import ParameterSet
from v2g.terms import Needs, Offer, Steps
from v2g.trace import Event, ignore

QUICK = "charger: {test-seconds: 0.1, volts-per-second: 5000}\nvehicle: {duration: 1}\n"


def message(time: float, name: str, direction: str = "tx") -> Event:
    return Event(time, "message", name, direction, message=object())


def test_a_pause_leaves_the_pilot_as_it_is() -> None:
    """Falling asleep and waking up are events of the pilot's layer, but not its states."""
    board = Board()
    board.begin(0.0)
    board.observe(Event(1.0, "pilot", "B1"))
    board.observe(Event(1.1, "pilot", "asleep"))
    assert (board.pilot, board.links["vehicle"]) == ("B1 (9 V)", "asleep")
    board.observe(Event(9.0, "pilot", "awake", note="the charger offers power again"))
    assert (board.pilot, board.links.get("vehicle")) == ("B1 (9 V)", None)


def test_the_board_follows_the_events() -> None:
    board = Board()
    board.begin(1.0)
    for event in (
        Event(1.0, "slac", "step", note="SOUNDING"),
        Event(1.5, "slac", "matched", note="02:00:00:00:00:01, 12.3 dB"),
        Event(2.0, "sdp", "SDPResponse", "rx"),
        Event(2.1, "tcp", "connected", note="[fe80::1]:50000 TLSv1.2 ECDHE-ECDSA-AES128-SHA256"),
        Event(2.1, "tls", "alert", "rx", note="close_notify"),
        Event(2.1, "tls", "alert", "rx", note="unknown_ca"),
        Event(2.2, "state", "protocol", note="ISO 15118-2"),
        message(3.0, "CurrentDemandReq"),
        message(3.1, "CurrentDemandRes", "rx"),
        Event(3.1, "state", "response-time", note="CurrentDemandReq 0.1000"),
        message(4.0, "CurrentDemandReq"),
        message(4.1, "CurrentDemandRes", "rx"),
        Event(4.1, "state", "response-time", note="CurrentDemandReq 0.0200"),
        Event(4.2, "plant", "telemetry", note=json.dumps({"volts": 400.0, "amps": 10.0, "soc": 33.0, "pilot": "C2"})),
        Event(4.3, "tolerance", "facet", note="one"),
        Event(4.4, "tolerance", "facet", note="one"),
        Event(4.5, "bench", "action", note="stop"),
        Event(4.6, "bench", "action", note="not possible: no"),
    ):
        board.observe(event)
    assert board.links == {
        "SLAC": "matched 12.3 dB", "SDP": "answered", "TCP": "[fe80::1]:50000",
        "TLS": "TLSv1.2 ECDHE-ECDSA-AES128-SHA256", "pilot": "C2",
    }  # fmt: skip
    assert (board.protocol, board.state, board.since) == ("ISO 15118-2", "CurrentDemand", 3.0)
    assert board.messages == 4
    assert board.response == (0.02, 0.1, "CurrentDemandReq")
    assert [text for _, mark, text in board.recent if mark in "<>"] == ["CurrentDemandReq  x2", "CurrentDemandRes  x2"]
    assert [text for _, text in board.warnings] == [
        "TLS alert unknown_ca received", "tolerated facet: one", "not possible: no",
    ]  # fmt: skip
    assert list(board.series["volts"]) == [400.0]
    board.end("vehicle: completed")
    assert (board.state, board.ended) == ("", "vehicle: completed")
    board.begin(9.0)
    assert (board.messages, board.sessions, board.ended) == (0, 2, "")
    assert "TCP" not in board.links


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([0, 0], "▁▁"), ([0, 50, 100], "▁▅█"), ([-50, 100], "▅█"), (range(20), "▅▅▅▆▆▇▇▇██")],
)
def test_the_sparkline_goes_from_zero_to_the_largest(values: list[float], line: str) -> None:
    assert sparkline(values, 10) == line


def test_when_nobody_reads_any_more_the_session_ends_quietly(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text("vehicle: {duration: 100}\n")
    command = f"{sys.executable} -m plugfest run {file} --fast | head -3"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=CEILING, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("plugfest bench.yaml")


def test_a_full_disk_ends_the_trace_and_not_the_session(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(QUICK)
    words = f"{sys.executable} -m plugfest run {file} --fast --trace"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 20; {words} {tmp_path / 'trace'}"], capture_output=True, text=True, timeout=CEILING
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"plugfest: cannot write {tmp_path / 'trace'}: File too large; it ends at ")
    assert "vehicle: session completed" in done.stdout
    none = subprocess.run([*words.split(), "/dev/full"], capture_output=True, text=True, timeout=CEILING)
    assert none.returncode == 2
    assert none.stderr == "plugfest: cannot write /dev/full: No space left on device\n"


def drawn(title: str, width: int, height: int, colors: str | None = None) -> tuple[LiveView, Callable[[float], str]]:
    """A live view whose session has begun, and what prints its drawing; what was printed so far is returned."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=colors)
    view = LiveView(title, dict, 80.0, console)
    view.board.begin(0.0)

    def draw(now: float) -> str:
        console.print(view.render(now))
        return file.getvalue()

    return view, draw


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_drawing_fits_the_terminal(width: int) -> None:
    view, draw = drawn("secc eth1", width, 24)
    for n in range(60):
        view.observe(message(n, f"Message{n}Req"))
        view.observe(Event(n, "error", "trouble", note=f"number {n} " + "long " * 60))
    view.board.measured({"volts": 401.23, "amps": 12.3, "watts": 4930.0, "soc": 55.5, "energy": 1234.0}, 60.0)
    view.board.links["TLS"] = "very " * 50
    lines = draw(61.0).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "401.2 V" in text
    assert "4.93 kW" in text
    assert "55.5 %" in text
    assert "number 59" in text
    assert "Message58Req" in text or width == 40


def test_the_pilot_is_drawn_with_volts_and_amperes_and_a_legend_where_there_is_room() -> None:
    view, draw = drawn("demo", 200, 30)
    view.observe(Event(0.5, "pilot", "C2", note="53.3 % (32 A)"))
    draw(1.0)
    view.board.measured({"pilot": "B1"}, 2.0)
    text = draw(3.0)
    assert "pilot C2 (6 V) 53.3 % (32 A)" in text
    assert "pilot B1 (9 V) " in text
    assert "pilot B1 (9 V) 53.3" not in text
    assert text.count("> sent  < received  * state") == 2
    assert "C 6 V ready" in text


@pytest.mark.parametrize("width", [40, 80, 110])
def test_the_whole_legend_is_drawn_in_as_many_lines_as_it_takes(width: int) -> None:
    """In no more lines than the terminal has."""
    view, draw = drawn("demo", width, 30)
    for n in range(60):
        view.observe(Event(n / 10.0, "bench", f"number {n}"))
    text = draw(61.0)
    assert len(text.splitlines()) <= 30
    for part in (LEGEND, PILOT):
        assert " ".join(part.split()) in " ".join(text.split())


def test_what_happened_while_the_view_was_opened_has_no_minus_sign() -> None:
    view, draw = drawn("demo", 80, 24)
    view.observe(Event(-0.0001, "pilot", "B1"))
    assert "   0.000 * pilot B1" in draw(1.0)


def test_the_drawing_shows_what_was_agreed_and_power_out_of_the_vehicle() -> None:
    """Given back is another colour; what the two sides agreed on has a line of its own."""
    view, draw = drawn("demo", 160, 30, "standard")
    board = view.board
    board.terms.service, board.terms.chosen = "DC_BPT", ParameterSet(1, dynamic=True)
    board.terms.needs, board.terms.standby, board.terms.wish = Needs(3661.0, 30, 80, "vehicle"), True, "ExitStandby"
    board.terms.offers = {
        4: Offer(
            4, Steps(((0.0, 11e3),), 99.0), Steps(((0.0, -7e3),), 99.0), Steps(((0.0, 0.3),), 99.0), None, "EUR/kWh"
        )
    }
    for second, watts in ((1.0, 5000.0), (2.0, -5000.0)):
        numbers = {"volts": 400.0, "amps": watts / 400.0, "watts": watts, "energy": 10.0, "discharged": 1234.0}
        board.measured({**numbers, "target": -10_000.0}, second)
    text = draw(61.0)
    assert "\x1b[36m█\x1b[0m\x1b[35m█" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    needs = "leaves in 1:00:00   at least 30 %   target 80 %"
    schedule = "schedule 4: -7 to 11 kW   0.3 EUR/kWh"
    wish = "the charger wants standby to end"
    assert f"DC_BPT dynamic   standby   {needs}   {schedule}   {wish}" in plain
    assert re.search(r"wanted\s+-10.00 kW", plain)
    assert re.search(r"given\s+1.234 kWh", plain)
    assert len(plain.splitlines()) <= 30


def test_json_is_one_object_a_line_and_ends_with_the_outcomes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(QUICK)
    assert main(["run", str(file), "--fast", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["plugfest"] == "trace"
    ends = [line for line in lines if line.get("name") == "outcome"]
    assert [(end["role"], end["ok"], end["exit"]) for end in ends] == [("vehicle", True, 0), ("charger", True, 0)]
    assert {"message", "state", "plant"} <= {line.get("layer") for line in lines}


def test_a_terminal_gets_the_live_view_and_a_pipe_plain_lines(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(QUICK)
    words = [sys.executable, "-m", "plugfest", "run", str(file)]
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(words, stdout=slave, stderr=slave, stdin=slave, env=environment) as process:
        os.close(slave)
        seen, deadline = b"", time.monotonic() + CEILING
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                seen += piece
        assert process.wait(timeout=CEILING) == 0
    os.close(master)
    text = seen.decode()
    assert "\x1b[" in text
    assert "CurrentDemand" in text
    assert "messages \x1b" in text or "messages ─" in text
    assert "ended  vehicle: completed; charger: completed" in text
    assert "vehicle: session completed" in text
    piped = subprocess.run(words, capture_output=True, text=True, timeout=CEILING, check=True).stdout
    assert "\x1b[" not in piped
    assert "> CurrentDemandReq" in piped
    assert "messages ───" not in piped


@pytest.mark.real_time
def test_a_terminal_that_closes_ends_the_session_without_a_traceback(tmp_path: Path) -> None:
    """The drawing ends, and so does the trace, with the end of the session."""
    trace, said = tmp_path / "trace.jsonl", tmp_path / "said"
    words = [sys.executable, "-m", "plugfest", "demo", "--no-slac", "--trace", str(trace)]
    master, slave = pty.openpty()
    with (
        said.open("w") as err,
        subprocess.Popen(
            words, stdout=slave, stderr=err, stdin=slave, env={**os.environ, "TERM": "xterm"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        ) as process,
    ):  # fmt: skip
        os.close(slave)
        seen = b""
        while b"PreCharge" not in seen:
            seen += os.read(master, 65536)
        os.close(master)
        assert process.wait(timeout=CEILING) in (2, 7)
    assert said.read_text() in ("plugfest: stopped\n", "plugfest: cannot write standard output: Input/output error\n")
    assert '"closing"' in trace.read_text().splitlines()[-2]


class _Gone:
    """A view whose reader has gone away."""

    def say(self, text: str) -> None:
        raise BrokenPipeError


async def test_ctrl_c_stops_the_vehicle_even_if_nobody_reads_that() -> None:
    """The wish takes effect before it is reported."""
    bench = Bench("iso2-dc")
    trip = Trip(
        cast(Any, None), cast(Any, None), bench.vehicle, bench.ev, cast(Any, None), cast(Any, _Gone()), cast(Any, None)
    )
    with pytest.raises(BrokenPipeError):
        trip._stop()
    assert bench.vehicle.stop.is_set()


async def test_a_reader_that_goes_is_noticed_where_the_session_runs() -> None:
    """Whoever says something goes on; the session is cancelled, once, and its command gets the error."""
    made = View(ignore, cast(Any, _Pipe()))
    controls = Controls()
    stage = Stage(Configured(role="evcc", interface="none", tls="none"), controls, made)
    done: list[str] = []

    async def command() -> None:
        async with stage.running():
            made.say("nobody reads this")
            made.say("nor this")
            try:
                await asyncio.sleep(60.0)
            finally:
                made.say("nor what is said while it ends")
                await asyncio.sleep(1.0)
                done.append("switched off")

    with pytest.raises(BrokenPipeError):
        await command()
    assert done == ["switched off"]


class _Pipe:
    """A pipe that nobody reads."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError
