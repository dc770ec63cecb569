"""`plugfest lab`: both ends in namespaces of this host, and what is left of them afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from netns import AVAILABLE, REASON, link
from processes import PATIENT, PLUGFEST, run, started
from sampling import sampled

from boundary import namespaces
from plugfest import cli
from plugfest.defaults import READY_AFTER
from plugfest.lab import both, network, peer, words
from v2g import interfaces
from v2g.discovery import answering
from v2g.errors import SetupError

EXAMPLES = Path(__file__).parents[2] / "examples"
BRISK = ["--set", "charger.test-seconds=0.2", "--set", "charger.volts-per-second=5000", "--loop-delay", "0.02"]
QUICK = ["--set", "charger.amps-per-second=1000"]
NAME = f"t{os.getpid()}"

needs_namespaces = pytest.mark.skipif(not AVAILABLE, reason=REASON)


def lab(*words: str) -> list[str]:
    return [*PLUGFEST, "lab", "--name", NAME, *BRISK, *PATIENT, *words]


def left() -> list[str]:
    """Namespaces of this test's lab."""
    return [name for name in network.Network(NAME).namespaces if namespaces.exists(name)]


def telemetry(output: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [json.loads(line["note"]) for line in lines if line.get("layer") == "plant"]


@pytest.mark.netns
@needs_namespaces
def test_both_ends_share_battery_and_pilot_over_real_sockets() -> None:
    """Over the power line, with what an earlier lab has left: the charger sees the battery's voltage and its limit."""
    subprocess.run(["ip", "netns", "add", network.Network(NAME).namespace("vehicle")], check=True)
    done = run(lab("--json", "--duration", "3", "--sessions", "1", "--attenuation", "15", "--power", "350", *QUICK))
    assert done.returncode == 0, done.stderr
    assert "had left behind" in done.stderr
    charging = [numbers for numbers in telemetry(done.stdout) if numbers["state"] == "CurrentDemand"]
    assert charging
    assert all(330 < numbers["volts"] < 370 for numbers in charging), charging  # the open battery has 341 V
    assert 100e3 < max(numbers["watts"] for numbers in charging) <= 126e3  # the battery takes 125 of 350 kW
    assert max(numbers["amps"] for numbers in charging) <= 350.0
    outcomes = [json.loads(line) for line in done.stdout.splitlines() if '"outcome"' in line]
    assert {each["role"]: each["ok"] for each in outcomes} == {"vehicle": True, "charger": True}
    assert left() == []


@pytest.mark.netns
@needs_namespaces
def test_ctrl_c_ends_charging_and_takes_everything_away() -> None:
    """A second lab of the same name is refused meanwhile."""
    with started(lab("--no-slac", "--plain"), until="CurrentDemandRes") as running:
        second = run(lab("--no-slac"))
        assert (second.returncode, "is already running" in second.stderr) == (2, True), second.stderr
        running.process.send_signal(2)
        said = running.end()
    assert "vehicle: session completed" in said
    assert "SessionStopRes" in said
    assert running.process.returncode == 0
    assert left() == []


@pytest.mark.netns
@needs_namespaces
@pytest.mark.parametrize("end", sampled(["vehicle", "charger"], 2))
def test_a_program_takes_the_place_of_an_end(end: str) -> None:
    """Here the program is ours; it gets the interface of its end, and the lab ends with it."""
    role = {"vehicle": ["evcc", "--duration", "1"], "charger": ["secc", "--sessions", "1"]}[end]
    command = [*PLUGFEST, role[0], "-i", "$PLUGFEST_INTERFACE", "--no-slac", *role[1:], *PATIENT]
    own = ["--duration", "1"] if end == "charger" else []
    done = run(lab("--no-slac", "--peer-end", end, *own, "--peer", " ".join(command)))
    assert done.returncode == 0, done.stdout + done.stderr
    for role_name in ("vehicle", "charger"):
        assert f"{role_name}: session completed" in done.stdout
    assert left() == []


@pytest.mark.slow
@pytest.mark.netns
@needs_namespaces
def test_the_vehicle_comes_as_often_as_it_is_told_to() -> None:
    """A program that is the charger serves several sessions; when it ends, its exit code counts."""
    command = [*PLUGFEST, "secc", "-i", "plc0", "--no-slac", "--quiet", "--sessions", "2", *PATIENT]
    own = ["--sessions", "9", "--duration", "1"]
    done = run(lab("--no-slac", "--peer-end", "charger", *own, "--peer", f"{' '.join(command)}; exit 5"))
    assert done.returncode == 5, done.stdout + done.stderr
    assert done.stdout.count("vehicle: session completed") == 2
    assert left() == []


@pytest.mark.netns
@needs_namespaces
def test_the_exit_code_is_that_of_the_program() -> None:
    """So that a test program can report failures."""
    assert run(lab("--no-slac", "--peer", "exit 5")).returncode == 5
    assert run(lab("--no-slac", "--peer", "kill -INT $$")).returncode == 130  # as a shell gives it
    assert left() == []


@pytest.mark.netns
@needs_namespaces
def test_a_program_ends_by_itself_after_ctrl_c() -> None:
    """The terminal has told it too, and it may have something to write before."""
    program = "trap 'sleep 1; echo written; exit' INT; while :; do echo at work; sleep 0.1; done"
    with started(lab("--no-slac", "--peer", program), until="charger ready", start_new_session=True) as running:
        running.until("at work")
        os.killpg(running.process.pid, signal.SIGINT)
        assert "written" in running.end()
    assert left() == []


@pytest.mark.netns
@needs_namespaces
def test_a_vehicle_does_not_come_to_a_charger_that_has_ended() -> None:
    """It is not waited for either; the exit code is the program's, or that of a vehicle without a charger."""
    for program, ended, code in (("exit 5", 5, 5), ("true", 0, 3)):
        done = run(lab("--no-slac", "--peer-end", "charger", "--ready-after", "100000", "--peer", program))
        assert done.returncode == code, done.stderr
        assert f"--peer {program}: ended with exit code {ended}, before our vehicle came" in done.stderr
    assert left() == []


@pytest.mark.netns
@needs_namespaces
def test_a_second_charger_on_an_interface_is_refused() -> None:
    """With and without SLAC, while the first one is ours; the interface is named from outside its namespace."""
    with link("pflab") as made:
        where = f"{made.secc}/{made.secc_if}"
        with started([*PLUGFEST, "secc", "-i", where, "--no-slac", "--plain"], until="charger ready") as first:
            assert any("pilot: A 12 V no vehicle, B 9 V connected" in line for line in first.lines)  # a legend
            for more in ([], ["--no-slac"]):
                second = run([*PLUGFEST, "secc", "-i", where, *more])
                assert second.returncode == 2
                assert second.stderr.startswith(f"plugfest: another charger runs on {where}")
        with interfaces.claimed(where):  # the kernel has let go of it
            pass


@pytest.mark.netns
@needs_namespaces
@pytest.mark.real_time
async def test_two_programs_do_not_answer_on_one_interface() -> None:
    """Whichever program the other one is; on two interfaces of one host they do."""
    with link("pfsdp") as made:
        one = interfaces.find(f"{made.secc}/{made.secc_if}")
        async with answering(one, lambda request: None):
            with pytest.raises(SetupError, match="another charger"):
                async with answering(one, lambda request: None):
                    pass
            async with answering(interfaces.find(f"{made.evcc}/{made.evcc_if}"), lambda request: None):
                await asyncio.sleep(0)


@pytest.mark.skipif(not Path("/proc/self/ns/net").exists(), reason="needs network namespaces")
def test_a_namespace_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """For SLAC and without."""
    for more in ([], ["--no-slac"]):
        assert cli.main(["evcc", "-i", "nowhere/plc0", *more]) == 2
        assert re.match(r"plugfest: unknown network namespace 'nowhere'; `ip netns", capsys.readouterr().err)


@pytest.mark.parametrize("words", [["--name", "a/b"], ["--name", "x" * 21]])
def test_wrong_arguments_make_nothing(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line, which names the argument."""
    assert cli.main(["lab", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("./nosuch --x", "--peer ./nosuch: there is no such file, seen from {here}"),
        ("nosuch", "--peer nosuch: not found in PATH (sudo has its own); give its path, such as /path/to/nosuch"),
        ("my-car", "--peer my-car: not found in PATH (sudo has its own); give its path, such as ./my-car"),
        ("./my-car", "--peer ./my-car: not executable; `chmod +x ./my-car`, or name its interpreter first"),
        ("  ", "--peer is empty: give a program and its arguments, such as --peer bash"),
        ("echo 'a", "--peer echo 'a: Syntax error: Unterminated quoted string"),
    ],
)
def test_a_program_that_cannot_start_is_one_line_and_makes_nothing(
    command: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line says what to do."""
    monkeypatch.chdir(tmp_path)
    Path("my-car").touch(mode=0o644)
    assert cli.main(["lab", "--name", NAME, "--no-slac", "--peer", command]) == 2
    assert capfd.readouterr().err == f"plugfest: {text.format(here=tmp_path)}\n"


@pytest.mark.parametrize(
    "command", ["exit 5", "sleep 1 | cat", "A=1 nosuch", "$HOME/x", "(true)", "/bin/sh", "if true; then :; fi"]
)
def test_what_only_the_shell_can_tell_is_left_to_it(command: str) -> None:
    """Builtins, pipes, variables and the like."""
    peer.check(command)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--no-slac", "--attenuation", "30"], "--attenuation is for the simulated power line, and without SLAC"),
        (["--no-slac", "--loss", "0"], "--loss is for the simulated power line, and without SLAC there is none"),
        (["--peer", "true", "--ready-after", "3"], "--ready-after is for a charger's program: add --peer-end charger"),
        (["--ready-after", "3"], "--ready-after is for the program of --peer COMMAND, which is missing"),
    ],
)
def test_an_option_without_effect_is_refused(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", "--name", NAME, *words]) == 2
    assert text in capsys.readouterr().err


def test_the_help_names_the_defaults_that_are_used() -> None:
    """Of the cable, and of a charger's program."""
    for command in (["lab"], ["slac", "line"]):
        text = " ".join(run([*PLUGFEST, *command, "--help"]).stdout.split())
        assert f"--attenuation DB of the cable (default {both.Cable().attenuation:g})" in text
        assert command[0] == "slac" or f"takes to start (default {READY_AFTER:g})" in text


def test_what_to_type_next_names_the_lab() -> None:
    """Commands that can be copied as they are."""
    lines = list(words.next_steps(network.Network("mine"), hands=True))
    assert any("ip netns exec plugfest-mine-vehicle tcpdump -i plc0" in line for line in lines)
    assert any("plugfest lab --name mine-test --no-slac --peer" in line for line in lines)  # mine still runs
    assert not any("slac modem" in line for line in words.next_steps(network.Network("mine", line=False), hands=False))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
def test_the_unit_of_a_charger_is_right(tmp_path: Path) -> None:
    """systemd accepts it, once the program is where the unit says."""
    text = (EXAMPLES / "plugfest-charger.service").read_text()
    unit = tmp_path / "plugfest-charger.service"
    unit.write_text(text.replace("/opt/plugfest/bin/plugfest", sys.executable))
    assert sys.executable in unit.read_text()
    done = run(["systemd-analyze", "verify", "--man=no", str(unit)])
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "plugfest-charger" in line]
    assert (done.returncode, ours) == (0, [])
