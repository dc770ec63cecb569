"""The slac commands on a simulated power line: matching, modems, doctor, watching; and every mistake in one line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from powerline import AVAILABLE, REASON, Lab, lab
from processes import CEILING
from sampling import sampled

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]


@pytest.fixture(scope="module")
def cables() -> Iterator[Lab]:
    with lab("plfcmd") as made:
        yield made


@pytest.fixture
def bench(cables: Lab) -> Iterator[Lab]:
    with cables.line():
        yield cables


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only line of an error; notes on patience that this command has no use for may go before."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("plugfest: ")
    return lines[0]


def test_vehicle_charger_and_a_bystander_see_the_same_matching(bench: Lab) -> None:
    """ev and evse report all steps of one matching, watch judges it too, and the modems report their network."""
    watcher = bench.start("evcc", "slac", "watch", bench.interface("evcc"), until="watching")
    charger = bench.start("secc", "slac", "evse", "-i", bench.interface("secc"), "--count", "1", until="waits for")
    vehicle = bench.start("evcc", "slac", "ev", "-i", bench.interface("evcc"), "--stay", until="matched with")
    told = bench.run("secc", "slac", "modem", "-i", bench.interface("secc"), "--role", "evse")
    vehicle.terminate()
    vehicle.communicate()
    wrong = bench.run("evcc", "slac", "modem", "-i", bench.interface("evcc"), "--role", "evse")
    # The vehicle's modem keeps its key when the vehicle is killed; the doctor's matching replaces both.
    found = bench.run("evcc", "slac", "doctor", "-i", bench.interface("evcc"), "--role", "ev", "--within", "2")
    charger.kill()
    charger.communicate()
    watcher.terminate()
    seen, _ = watcher.communicate(timeout=CEILING)
    assert "link      up" in told.stdout
    assert "fits, as far as it reports: EVSE" in told.stdout
    assert (wrong.returncode, "SLAC mode is PEV" in wrong.stdout) == (1, True)
    assert "CM_MNBC_SOUND.IND" in seen
    assert "=> matched with" in seen
    assert "mean 19." in seen
    assert found.returncode == 1  # that charger has its vehicle, and answers nobody


def test_the_doctor_finds_nothing_wrong(bench: Lab) -> None:
    """Interface, modem, role, matching and IPv6 are each reported."""
    charger = bench.start("secc", "slac", "evse", "-i", bench.interface("secc"), "--count", "1", until="waits for")
    done = bench.run("evcc", "slac", "doctor", "-i", bench.interface("evcc"), "--role", "ev")
    output, _ = charger.communicate(timeout=CEILING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line[:2] for line in done.stdout.splitlines()].count("ok") == 5
    assert "PROBLEM" not in done.stdout
    assert "dB per group of carriers" in done.stdout
    assert "attenuation profiles of modem" in output
    assert charger.returncode == 0


def test_the_doctor_names_step_and_cause(bench: Lab) -> None:
    """No charger: the step is the request; the wrong role: the modem's, before any matching."""
    alone = bench.run(
        "evcc", "slac", "doctor", "-i", bench.interface("evcc"), "--role", "ev", "--slac-timer",
        "TT_matching_repetition=0.5",
    )  # fmt: skip
    assert alone.returncode == 1
    assert "stopped while looking for chargers (CM_SLAC_PARM)" in alone.stdout
    assert "likely: no charger is listening yet" in alone.stdout
    wrong = bench.run("evcc", "slac", "doctor", "-i", bench.interface("evcc"), "--role", "evse", "--within", "1")
    assert wrong.returncode == 1
    assert "PROBLEM  wrong modem role: EVSE is needed" in wrong.stdout
    assert "no vehicle asked" in wrong.stdout


@pytest.mark.parametrize(
    ("fault", "step", "cause", "seen_by_charger"),
    sampled(
        [
            ("no-profiles", "collecting attenuations", "the attenuation profile is missing", True),
            ("no-key-answer", "setting the network key", "no modem answers CM_SET_KEY", False),
            ("refuses-key", "waiting for the power line link", "modem did not take the key", False),
        ],
        3,
    ),
)
def test_the_doctor_finds_what_is_broken(cables: Lab, fault: str, step: str, cause: str, seen_by_charger: bool) -> None:
    """Each fault of a modem is found at its step, with its cause among the likely ones."""
    quick = ["--slac-timer", "TT_matching_repetition=0.5", "--slac-timer", "TT_match_join=1.5"]
    with cables.line("--fault", fault):
        kind, most = (
            (["doctor", "--role", "evse", "--within", "120"], "at most") if seen_by_charger else (["evse"], "waits")
        )
        charger = cables.start("secc", "slac", *kind, "-i", cables.interface("secc"), *quick, until=most)
        done = cables.run("evcc", "slac", "doctor", "-i", cables.interface("evcc"), "--role", "ev", *quick)
        if not seen_by_charger:
            charger.kill()
        output, _ = charger.communicate(timeout=CEILING)
    assert done.returncode == 1
    assert f"stopped while {step}" in done.stdout
    assert cause in done.stdout
    if seen_by_charger:
        assert f"stopped while {step}" in output


@pytest.mark.parametrize(
    ("option", "text"),
    sampled(
        [
            (
                ["--fault", "charger-refuses-key"],
                "PROBLEM  the modem did not take the key: it is in network b0f2e695666b03",
            ),
            (["--fault", "charger-wrong-role"], "PROBLEM  wrong modem role: EVSE is needed"),
            (["--power", "charger=0-"], "PROBLEM  no modem answers"),
        ],
        3,
    ),
)
def test_the_doctor_at_the_charger_reads_its_modem_back(cables: Lab, option: list[str], text: str) -> None:
    """The doctor names what the line was set to break, without a vehicle."""
    with cables.line(*option):
        done = cables.run("secc", "slac", "doctor", "-i", cables.interface("secc"), "--role", "evse", "--within", "12")
    assert done.returncode == 1
    assert text in done.stdout, done.stdout
    assert "matched, and the link is up" not in done.stdout


def test_equal_addresses_are_a_problem_though_the_link_comes_up(cables: Lab) -> None:
    with cables.line("--fault", "same-mac", "--vehicle-modem", "cg5317", "--lose", "CM_MNBC_SOUND.IND=2"):
        charger = cables.start("secc", "slac", "evse", "-i", cables.interface("secc"), "--count", "1", until="waits")
        done = cables.run("evcc", "slac", "doctor", "-i", cables.interface("evcc"), "--role", "ev")
        charger.kill()
        charger.communicate()
    assert done.returncode == 1
    assert "PROBLEM  duplicate address: vehicle and charger have the same MAC" in done.stdout, done.stdout
    assert re.search(r"heard [1-8] of 10 sounds", done.stdout), done.stdout
    assert "modem     CG5317" in done.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--fault", "gremlins"], "--fault: unknown fault 'gremlins'; choose from no-profiles, "),
        (["--lose", "CM_SET_KEY.CNF"], "--lose: unknown message 'CM_SET_KEY.CNF'; did you mean "),
        (["--lose", "CM_MNBC_SOUND.IND=x"], "give a number of frames after ="),
        (["--power", "charger=9-3"], "--power charger=9-3: write vehicle=FROM-TO or charger=FROM-TO"),
        (["--charger-modem", "acme"], "unknown modem 'acme'; choose from qca7000, "),
    ],
)
def test_mistakes_of_a_line_are_one_line(words: list[str], text: str) -> None:
    command = [sys.executable, "-m", "plugfest", "slac", "line", "lo", "lo2", *words]
    assert text in one_line(subprocess.run(command, capture_output=True, text=True, timeout=CEILING))


QUICK = ["--slac-timer", "TT_matching_repetition=0.5", "--slac-timer", "TT_match_join=1.5"]


def test_the_doctor_at_a_charger_reports_that_a_neighbour_wins(cables: Lab) -> None:
    """The vehicle hears another charger better: the one that lost learns of it, and with the levels it had itself."""
    with cables.line("--neighbour", "9"):
        words = ["slac", "doctor", "--role", "evse", "--within", "120", "-i", cables.interface("secc")]
        words += ["--slac-timer", "TT_EVSE_match_session=4"]
        charger = cables.start("secc", *words, until="at most")
        patient = ["--slac-timer", "TT_EV_atten_results=4"]
        vehicle = cables.run("evcc", "slac", "ev", "-i", cables.interface("evcc"), *patient)
        output, _ = charger.communicate(timeout=CEILING)
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr
    assert "stopped while choosing a charger" in output
    assert "likely: a neighbour wins" in output
    assert "PROBLEM  not matched" in output
    assert charger.returncode == 1
    # At the vehicle both are seen, and the nearer one was right.
    assert vehicle.stdout.count("CM_ATTEN_CHAR.IND of") == 2
    assert "=> matched with 02:50:4c:00:00:03" in vehicle.stdout


def test_the_doctor_suspects_the_settling_modem(cables: Lab) -> None:
    """A modem deaf for long after its key: the first attempt stops at the link, the next one finds nobody."""
    with cables.line("--fault", "long-deaf"):
        words = ["slac", "evse", "-i", cables.interface("secc"), *QUICK]
        charger = cables.start("secc", *words, until="waits")
        done = cables.run(
            "evcc", "slac", "doctor", "-i", cables.interface("evcc"), "--role", "ev", "--slac-timer",
            "TT_matching_repetition=4", "--slac-timer", "TT_match_join=1", "--slac-timer", "TT_match_response=0.2",
        )  # fmt: skip
        charger.kill()
        charger.communicate()
    assert done.returncode == 1
    first, _, second = done.stdout.partition("stopped while waiting for the power line link")
    assert "CM_SLAC_MATCH.CNF" in first
    assert "stopped while looking for chargers" in second
    assert "likely: settle time: a modem was given a key" in second


def test_the_doctor_finds_the_validation_that_fails(cables: Lab) -> None:
    """Attenuation in the doubtful range makes the vehicle validate, with a charger that cannot read its pilot."""
    with cables.line("--attenuation", "60"):
        words = ["slac", "evse", "-i", cables.interface("secc"), *QUICK]
        charger = cables.start("secc", *words, until="waits")
        done = cables.run("evcc", "slac", "doctor", "-i", cables.interface("evcc"), "--role", "ev", *QUICK)
        charger.kill()
        charger.communicate()
    assert done.returncode == 1
    assert "stopped while validating (CM_VALIDATE)" in done.stdout
    assert "answered CM_VALIDATE with failure" in done.stdout
    assert "likely: validation: the charger did not see the toggles" in done.stdout


WRONG_KEY = """
import asyncio, dataclasses, sys
from slac import ev
from slac.errors import MatchFailed
from slac.frames import CM_SET_KEY_REQ
from slac.link import open_link
from slac.pilots import AssumedVehiclePilot
from slac.timing import STANDARD

def other(frame):
    return dataclasses.replace(frame, message=dataclasses.replace(frame.message, new_key=bytes(16)))

async def main():
    timing = STANDARD.replace(TT_match_join=1.0, TT_matching_repetition=0.5)
    link = open_link(sys.argv[1])
    try:
        await ev.match(link, AssumedVehiclePilot(), ev.Options(timing=timing), rewrite={CM_SET_KEY_REQ: other})
    except MatchFailed as why:
        print(why)

asyncio.run(main())
"""


def test_the_doctor_sees_a_wrong_key(bench: Lab) -> None:
    """A vehicle that gives its modem another key than it got: who watches it learns so, and no link comes up."""
    interface = bench.interface("evcc")
    charger = bench.start("secc", "slac", "evse", "-i", bench.interface("secc"), *QUICK, until="waits")
    doctor = bench.start("evcc", "slac", "doctor", "-i", interface, "--within", "120", until="at most")
    command = [*bench.command("evcc")[:5], "-c", WRONG_KEY, interface]
    vehicle = subprocess.run(command, capture_output=True, text=True, timeout=CEILING)
    output, _ = doctor.communicate(timeout=CEILING)
    charger.kill()
    charger.communicate()
    assert "waiting for the power line link: it did not come up" in vehicle.stdout, vehicle.stderr
    assert "stopped while setting the network key" in output
    assert "set a different NMK from the one in CM_SLAC_MATCH.CNF" in output
    assert "likely: wrong key" in output
    assert doctor.returncode == 1


def test_no_modem_is_one_line(cables: Lab) -> None:
    """A cable without a modem behind it: every command says so, with what to do."""
    for side, words, hint in (("evcc", ["slac", "ev"], "--no-modem"), ("secc", ["secc"], "--no-slac")):
        quick = ["--slac-timer", "modem_requests=1"]
        text = one_line(cables.run(side, *words, "-i", cables.interface(side), *quick))
        assert "no modem answers on" in text
        assert hint in text
    doctor = cables.run("evcc", "slac", "doctor", "-i", cables.interface("evcc"), "--slac-timer", "modem_requests=1")
    assert doctor.returncode == 1
    assert "PROBLEM  no modem answers" in doctor.stdout


def test_without_a_modem_matching_goes_on_if_asked_to(cables: Lab) -> None:
    """--no-modem: the request goes out, and nobody answers it."""
    done = cables.run(
        "evcc", "slac", "ev", "-i", cables.interface("evcc"), "--no-modem", "--slac-timer", "TT_matching_repetition=0.5"
    )
    assert done.returncode == 1
    assert "not matched: looking for chargers" in done.stdout


@pytest.mark.parametrize("words", [["slac", "ev"], ["slac", "doctor"], ["slac", "modem"], ["slac", "evse"], ["evcc"]])
def test_interface_mistakes_are_one_line(cables: Lab, words: list[str]) -> None:
    """Missing and down: one line each with what to do."""
    interface = cables.interface("evcc")
    assert f"no interface nosuch0; choose from lo, {interface}" in one_line(cables.run("evcc", *words, "-i", "nosuch0"))
    subprocess.run(["ip", "-n", cables.namespace("evcc"), "link", "set", interface, "down"], check=True)
    try:
        text = one_line(cables.run("evcc", *words, "-i", interface))
    finally:
        subprocess.run(["ip", "-n", cables.namespace("evcc"), "link", "set", interface, "up"], check=True)
    assert f"{interface} is down; try: ip link set {interface} up" in text


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.parametrize("words", [["slac", "ev", "-i"], ["slac", "watch"], ["secc", "-i"]])
def test_missing_rights_are_one_line(cables: Lab, words: list[str]) -> None:
    """Root without CAP_NET_RAW gets a message about capabilities."""
    command = cables.command("evcc", *words, cables.interface("evcc"))
    dropped = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]
    done = subprocess.run([*command[:4], *dropped, *command[4:]], capture_output=True, text=True, timeout=CEILING)
    assert "need root or CAP_NET_RAW; try sudo, or: sudo setcap cap_net_raw+ep" in one_line(done)


@pytest.mark.real_time
async def test_the_doctor_misses_a_link_local_address(capsys: pytest.CaptureFixture[str]) -> None:
    """An interface without one (here the loopback) is a problem with its remedy."""
    from plugfest.slac_doctor import ipv6

    assert not await ipv6("lo", within=0.0)
    output = capsys.readouterr().out
    assert "PROBLEM  no IPv6 link-local address: lo is the loopback interface" in output
    assert "NetworkManager" in output


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("/nowhere/x.pcap", "no such file: /nowhere/x.pcap"),
        ("{text}", "is neither pcap, pcapng nor a plugfest trace"),
        ("nosuch0", "no interface nosuch0"),
        ("{text} --duration 3", "--duration is for an interface; a file is read to its end"),
    ],
)
def test_watching_what_is_not_there_is_one_line(tmp_path: Path, source: str, text: str) -> None:
    """A missing file, another file, a missing interface; a file, for a while."""
    other = tmp_path / "text"
    other.write_text("no capture")
    words = [sys.executable, "-m", "plugfest", "slac", "watch", *source.format(text=other).split()]
    assert text in one_line(subprocess.run(words, capture_output=True, text=True, timeout=CEILING))
