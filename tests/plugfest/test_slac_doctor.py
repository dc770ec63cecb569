"""The doctor at either end of a simulated line in virtual time: each fault is named, with the right cause."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest

from plugfest.slac_doctor import Role, Settings, examine
from plugfest.tasks.slac_run import Reporter
from slac import ev, evse
from slac.errors import SlacError
from slac.line_faults import FAULTS, LOSABLE, lose
from slac.modem_sim import BEHAVIOURS
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from slac.powerline import Conditions, Powerline, Station
from slac.timing import STANDARD

QUICK = STANDARD.replace(TT_matching_repetition=1.5, TT_match_join=6)
Prepare = Callable[[Powerline, Station, Station], None]


@contextlib.asynccontextmanager
async def _charger(post: Station, modem: bool = True) -> AsyncIterator[None]:
    """A charger that takes one vehicle after another, if its modem lets it."""

    async def serve() -> None:
        with contextlib.suppress(SlacError):
            async with evse.ready(
                post, AssumedChargerPilot(), evse.Options(timing=QUICK), rng=random.Random(2), modem=modem
            ) as charger:
                while True:
                    await charger.until_lost(await charger.match())
                    await charger.leave()

    async with _running(serve()):
        await asyncio.sleep(8)  # its modem may be deaf for so long
        yield


@contextlib.asynccontextmanager
async def _vehicle(car: Station) -> AsyncIterator[None]:
    async def drive() -> None:
        rng = random.Random(3)
        while True:  # one that is not matched is plugged in again
            await asyncio.sleep(2)
            with contextlib.suppress(SlacError):
                await ev.match(car, AssumedVehiclePilot(), ev.Options(timing=QUICK), rng=rng)
                return

    async with _running(drive()):
        yield


@contextlib.asynccontextmanager
async def _running(work: object) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)  # type: ignore[arg-type]  # a coroutine
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def consult(
    role: Role, prepare: Prepare, capsys: pytest.CaptureFixture[str], *, modem: bool = True, loss: float = 0.0
) -> tuple[bool, str]:
    """Whether the doctor finds no fault, and what it prints. ``modem``: the charger has one that it knows of."""
    line = Powerline(random.Random(1), Conditions(loss=loss))
    car, post = line.vehicle(), line.charger()
    line.connect(car, post, 20.0)
    prepare(line, car, post)
    settings = Settings(role=role, within=30, timing=QUICK)
    other = _charger(post, modem) if role == "ev" else _vehicle(car)
    async with other:
        well = await examine(car if role == "ev" else post, settings, Reporter(QUICK))
    return well, capsys.readouterr().out


def causes_in(output: str) -> list[str]:
    return [line.partition(": ")[2] for line in output.splitlines() if line.strip().startswith(("likely:", "or:"))]


async def test_a_good_line_is_good_at_both_ends(capsys: pytest.CaptureFixture[str]) -> None:
    for role in ("ev", "evse"):
        well, output = await consult(role, lambda *_: None, capsys)
        assert well, output
        assert "PROBLEM" not in output
        assert "warning" not in output
        assert "ok       matched, and the link is up in the network that was agreed" in output


# fault -> at the vehicle's end, at the charger's: what the doctor says there; None where all is well.
SAYINGS: dict[str, tuple[str | None, str | None]] = {
    "no-profiles": ("no charger reported an attenuation", "the attenuation profile is missing"),
    "no-groups": (None, "0 groups"),
    "vendor-profiles": (None, "reports the sounds only in its vendor's format (A14E)"),
    "no-key-answer": ("no modem answers CM_SET_KEY", None),
    "refuses-key": ("the vehicle's modem did not take the key: it is in network b0f2e695666b03", "the vehicle's modem"),
    "charger-refuses-key": ("no charger answered", "the modem did not take the key: it is in network b0f2e695666b03"),
    "slow-join": ("the charger's modem does not join", "the vehicle's modem does not join"),
    "vehicle-wrong-role": (
        "PROBLEM  wrong modem role: EV is needed",
        "one direction only: the charger hears the vehicle",
    ),
    "charger-wrong-role": ("no charger's modem on the line", "PROBLEM  wrong modem role: EVSE is needed"),
    "vehicle-no-power": ("no modem answers: it has no power", "no vehicle asked: it is not plugged in"),
    "charger-no-power": ("no charger's modem on the line", "no modem answers: it has no power"),
    "vehicle-loses-power": (
        "the vehicle's modem was silent for 6.0 s after",
        "the vehicle's modem does not join",
    ),
    "charger-loses-power": ("the charger's modem does not join", "the charger's modem stopped answering"),
    "vehicle-unheard": ("one direction only: the vehicle's modem hears the charger's", "no vehicle asked"),
    "charger-unheard": ("no charger's modem on the line", "one direction only: the charger hears the vehicle"),
    "same-mac": ("duplicate address: vehicle and charger have the same MAC", "duplicate address"),
    "long-deaf": (None, None),
    "charger-long-deaf": (None, None),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("role", ["ev", "evse"])
async def test_the_doctor_names_each_fault(fault: str, role: Role, capsys: pytest.CaptureFixture[str]) -> None:
    """At the end where it can be known; at the other, what can be seen of it there."""
    saying = SAYINGS[fault][role == "evse"]
    well, output = await consult(role, FAULTS[fault].make, capsys)
    if saying is None:
        assert well, output
    else:
        assert saying in output, output
    if "PROBLEM" in output:
        assert not well
        assert "     try: " in output


async def test_a_charger_that_trusts_its_modem_is_found_out_by_the_vehicle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It gave its modem no key: the vehicle's took its own, and the charger's is in another network."""
    well, output = await consult("ev", lambda *_: None, capsys, modem=False)
    assert not well
    assert "no link was seen" in output
    assert causes_in(output)[0].startswith("the charger's modem does not join: it has a different key")
    assert "link after 0.00 s" not in output


# message lost -> at the vehicle's end, at the charger's.
LOST = {
    "CM_SLAC_PARM.REQ": ("one direction only: the vehicle's modem hears", "no vehicle asked, though another modem"),
    "CM_SLAC_PARM.CNF": ("no charger answered CM_SLAC_PARM.REQ", "one direction only: the charger hears the vehicle"),
    "CM_START_ATTEN_CHAR.IND": ("no charger reported an attenuation", "frames are lost: sounds arrived, but no"),
    "CM_MNBC_SOUND.IND": ("no charger reported an attenuation", "no sounds are heard"),
    "CM_ATTEN_CHAR.IND": ("no charger reported an attenuation", "the vehicle did not answer CM_ATTEN_CHAR.IND"),
    "CM_ATTEN_CHAR.RSP": ("frames are lost: the charger repeats its report", "did not answer CM_ATTEN_CHAR.IND"),
    "CM_SLAC_MATCH.REQ": ("did not answer CM_SLAC_MATCH.REQ", "CM_SLAC_MATCH.REQ was lost on the way"),
    "CM_SLAC_MATCH.CNF": ("did not answer CM_SLAC_MATCH.REQ", "frames are lost: the vehicle repeats CM_SLAC_MATCH.REQ"),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("role", ["ev", "evse"])
async def test_the_doctor_names_what_is_lost(name: str, role: Role, capsys: pytest.CaptureFixture[str]) -> None:
    """All frames of one kind: the step, and what was seen of it at this end."""
    well, output = await consult(role, lambda line, *_: lose(line, LOSABLE[name]), capsys)
    assert not well
    assert LOST[name][role == "evse"] in output, output


async def test_occasional_frame_losses_are_reported_after_a_successful_match(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def prepare(line: Powerline, car: Station, post: Station) -> None:
        lose(line, LOSABLE["CM_MNBC_SOUND.IND"], 3)
        lose(line, LOSABLE["CM_SLAC_PARM.CNF"], 1)

    well, output = await consult("ev", prepare, capsys)
    assert well
    assert "frames are lost on the line: 1 of 2 requests unanswered, 02:50:4c:00:00:02 heard 7 of 10 sounds" in output


@pytest.mark.parametrize("vehicle", BEHAVIOURS)
@pytest.mark.parametrize("charger", BEHAVIOURS)
async def test_families_may_differ_at_the_ends(vehicle: str, charger: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every pairing of simulated families matches, and the doctor at the vehicle sees its link."""

    def prepare(line: Powerline, car: Station, post: Station) -> None:
        car.modem.behaviour, post.modem.behaviour = BEHAVIOURS[vehicle](), BEHAVIOURS[charger]()

    well, output = await consult("ev", prepare, capsys)
    assert well, output


async def test_a_second_vehicle_is_reported_with_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    """The charger's doctor names both, and which one was matched."""
    started: list[asyncio.Task[object]] = []

    def prepare(line: Powerline, car: Station, post: Station) -> None:
        second = line.vehicle("second")
        line.connect(second, post, 45.0)
        line.connect(second, car, 90.0)
        match = ev.match(second, AssumedVehiclePilot(), ev.Options(timing=QUICK), rng=random.Random(9))
        started.append(asyncio.ensure_future(match))

    _, output = await consult("evse", prepare, capsys)
    for task in started:
        task.cancel()
    await asyncio.gather(*started, return_exceptions=True)
    assert "warning  2 vehicles ask on this line: " in output, output
    assert "44.6 dB" in output, output
