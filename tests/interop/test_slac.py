"""SLAC against independent implementations over a simulated power line: pyslac (charger), plc-utils (both roles).

``make interop`` installs pyslac into an environment of its own. The programs ``pev`` and ``evse`` are used where the
system has them (Debian: plc-utils-extra).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import veth

from slac import ev, evse
from slac.link import Link, open_link
from slac.modem_sim import Behaviour
from slac.pilots import AssumedVehiclePilot, SimulatedPilot
from slac.powerline import Powerline, Station
from slac.powerline_veth import attached
from slac.timing import Timing

PYSLAC = os.environ.get("PLUGFEST_PYSLAC_VENV", "")
PEER = Path(__file__).with_name("slac_peer.py")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.real_time,
    pytest.mark.skipif(not veth.AVAILABLE, reason=veth.REASON),
]
needs_pyslac = pytest.mark.skipif(not PYSLAC, reason="needs PLUGFEST_PYSLAC_VENV (make interop sets it up)")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program} (Debian: plc-utils-extra)")


class World:
    """A vehicle and a charger on one power line, each behind a virtual cable."""

    def __init__(self, car: tuple[str, str], post: tuple[str, str]) -> None:
        self.interfaces = {"car": car, "post": post}
        self.line = Powerline(random.Random(1))
        self.car = self.line.vehicle(behaviour=Behaviour(deaf=0.1, join=0.2))
        self.post = self.line.charger(behaviour=Behaviour(deaf=0.1, join=0.2))
        self.line.connect(self.car, self.post, 21.0)
        self.pilot = SimulatedPilot(plugged=True)

    @contextlib.asynccontextmanager
    async def running(self, ours: str) -> AsyncIterator[Link]:
        """The line, and our link on the host's end of ``car`` or ``post``."""
        ends: dict[Station, str] = {self.car: self.interfaces["car"][1], self.post: self.interfaces["post"][1]}
        async with attached(self.line, ends):
            link = open_link(self.interfaces[ours][0])
            try:
                yield link
            finally:
                link.close()


@pytest.fixture
def world() -> Iterator[World]:
    with veth.cable("plfic") as car, veth.cable("plfip") as post:
        yield World(car, post)


@contextlib.asynccontextmanager
async def program(*words: str, cwd: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=cwd
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process, start: str) -> str:
    """The next line that starts so; its log is passed over."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(start):
                return line.strip()
    raise AssertionError(f"it ended without a line {start}...")


@needs_pyslac
@pytest.mark.parametrize("patient", [True, False])
async def test_our_vehicle_and_their_charger(world: World, patient: bool) -> None:
    """Our vehicle matches with pyslac's charger: same RunID, key and network, and the link comes up."""
    async with world.running("car") as link:
        async with program(f"{PYSLAC}/bin/python", str(PEER), world.interfaces["post"][0]) as charger:
            assert await line_of(charger, "ready")
            async with asyncio.timeout(15):
                found = await ev.match(link, AssumedVehiclePilot(), ev.Options(patient=patient, direct=30.0))
            theirs: dict[str, Any] = json.loads(await line_of(charger, "{"))
    assert theirs["nmk"] == found.nmk.hex()
    assert theirs["nid"] == found.nid.hex()
    assert theirs["run_id"] == found.run_id.hex()
    assert theirs["pev_mac"] == link.mac.hex()
    assert (theirs["sounds"], bytes.fromhex(theirs["aag"])) == (10, found.aag)
    assert found.attenuation == pytest.approx(21, abs=1)
    assert world.line.linked(world.car, world.post)


_EVSE_INI = """\
[default]
time to sound = 6
number of sounds = 10
response type = 1
station identifier = 0000000000000000000000000000000000
network membership key = B59319D7E8157BA001B018669CCEE30D
network identifier = 026BCBA5354E08
settle time = 1
charge time = 1
"""
_PEV_INI = """\
[default]
vehicle identifier = 0000000000000000000000000000000000
network membership key = 50D3E4933F855B7040784DF815AA8DB7
network identifier = B0F2E695666B03
attenuation threshold = 40
msound pause = 20
settle time = 1
charge time = 1
"""


@needs("evse")
async def test_our_vehicle_and_plc_utils_charger(world: World, tmp_path: Path) -> None:
    """Our vehicle matches with the ``evse`` of plc-utils."""
    (tmp_path / "evse.ini").write_text(_EVSE_INI)
    async with world.running("car") as link:
        async with program("evse", "-i", world.interfaces["post"][0], "-p", "evse.ini", cwd=tmp_path):
            await asyncio.sleep(2.5)  # it sets its key and waits the settle time
            async with asyncio.timeout(15):
                found = await ev.match(link, AssumedVehiclePilot())
    assert found.nmk.hex().upper() == "B59319D7E8157BA001B018669CCEE30D"
    assert found.attenuation == pytest.approx(21, abs=1)
    assert world.line.linked(world.car, world.post)


@needs("pev")
async def test_our_charger_and_plc_utils_vehicle(world: World, tmp_path: Path) -> None:
    """Our charger matches with the ``pev`` of plc-utils."""
    (tmp_path / "pev.ini").write_text(_PEV_INI)
    options = evse.Options(timing=Timing().replace(TT_EVSE_SLAC_init=20))
    async with world.running("post") as link:
        async with evse.ready(link, world.pilot.evse, options) as charger:
            waiting = asyncio.create_task(charger.match())
            async with program("pev", "-i", world.interfaces["car"][0], "-p", "pev.ini", cwd=tmp_path):
                async with asyncio.timeout(20):
                    found = await waiting
    assert found.attenuation == pytest.approx(21, abs=1)
    assert world.car.modem.nmk == found.nmk
