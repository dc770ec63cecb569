"""The Python, YAML and JSON of README and docs: each block does what its page says.

`test_docs` and `test_pki` execute some of them; what is here is executed in virtual time, with the objects that the
text around it speaks of.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime
import inspect
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tls_world
from processes import CEILING
from rounds import LINKED, Sent
from test_docs import PAGES

import v2g.channel
from pki import authority
from pki.profiles import SUITES
from plugfest import cli
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.mqtt.commands import Commands
from plugfest.plants import make_charger
from secc.arrivals import Arrivals
from secc.charger import Evse
from secc.supply import AcSupply
from slac import ev, evse
from slac.errors import MatchFailed
from slac.frames import CM_MNBC_SOUND_IND, CM_SLAC_MATCH_CNF, Frame, build
from slac.pilots import AssumedChargerPilot, SimulatedPilot
from slac.powerline import Powerline, Station
from v2g import tls


def blocks(page: str, language: str) -> list[str]:
    path = next(path for path in PAGES if path.stem == page)
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


ELSEWHERE = {
    ("README", "python"): "test_docs executes the script; the first block is executed here",
    ("pki", "python"): "test_pki",
}
HERE = {("benches", "yaml"), ("conformance", "python"), ("mqtt", "json"), ("mqtt", "yaml"), ("pairs", "yaml"),
        ("pnc", "yaml"), ("scripts", "python"), ("slac", "python"), ("tls", "python"), ("tls", "yaml"),
        ("traces", "python")}  # fmt: skip


def test_no_block_is_forgotten() -> None:
    """A page with a kind of block that no test executes fails."""
    found = {(path.stem, kind) for path in PAGES for kind in ("python", "yaml", "json") if blocks(path.stem, kind)}
    assert found == HERE | set(ELSEWHERE)
    assert len(blocks("slac", "python")) == 7


async def execute(block: str, **names: Any) -> dict[str, Any]:
    """Executes a block that may await; the names that it leaves."""
    code = compile(block, "docs", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, names)
    if inspect.isawaitable(waiting):
        await waiting
    return names


# ---------------------------------------------------------------------------------------------------------------
# Python


async def test_a_message_is_decoded(capsys: pytest.CaptureFixture[str]) -> None:
    await execute(blocks("README", "python")[0])
    assert ">9D7799360D2D747C</" in capsys.readouterr().out


def test_scripts_run(tmp_path: Path) -> None:
    """That for SLAC, and that of a campaign."""
    for name, block in {"slac": blocks("scripts", "python")[1], "campaign": blocks("conformance", "python")[0]}.items():
        (tmp_path / f"test_{name}.py").write_text(block, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_slac.py", "test_campaign.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=CEILING)
    passed = re.search(r"(\d+) passed", done.stdout)
    assert done.returncode == 0, done.stdout
    assert passed is not None
    assert int(passed[1]) > 10


def test_a_trace_is_read_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--fast", "--quiet", "--duration", "1", "--trace", "session.jsonl"]) == 0
    asyncio.run(execute(blocks("traces", "python")[0]))
    said = capsys.readouterr().out
    assert re.search(r"\d+\.\d+ \w+ SessionSetupReq SessionSetupReq\(", said), said
    assert "session completed" in said


async def test_tls_is_wrong_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A charger refuses the corrupt Finished."""
    now = datetime.datetime.now(datetime.UTC)
    store = authority.make(SUITES["iso2"], now - datetime.timedelta(days=1))
    (tmp_path / "v2g-root.pem").write_bytes(store["v2g-root"].chain_pem)
    monkeypatch.chdir(tmp_path)
    real, charger = inspect.signature(v2g.channel.connect), tls.of_store("server", (store,), tls.ISO2)

    async def connect(*words: Any, **more: Any) -> Any:
        met = await tls_world.meet(charger, real.bind(*words, **more).arguments["context"])
        raise met.failure

    monkeypatch.setattr(v2g.channel, "connect", connect)
    with pytest.raises(tls.TlsFailure) as why:
        await execute(blocks("tls", "python")[0], address="::1", port=1, interface=None, observe=lambda event: None)
    assert "alert" in str(why.value)


class Place:
    """A charger's and a vehicle's modem on a power line, with a pilot."""

    def __init__(self) -> None:
        self.line = Powerline(random.Random(3))
        self.car, self.post = self.line.vehicle("car"), self.line.charger("post")
        self.line.connect(self.car, self.post, 20.0)
        self.wire = SimulatedPilot()

    async def match(self, **how: Any) -> Any:
        """The vehicle's side."""
        self.wire.plug()
        return await ev.match(self.car, self.wire.ev, rng=random.Random(2), **how)


async def test_a_vehicle_matches(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The first block, as a program; the charger is ours."""
    place, programs = Place(), []
    monkeypatch.setattr("slac.link.open_link", lambda name: place.car)
    monkeypatch.setattr("asyncio.run", programs.append)
    await execute(blocks("slac", "python")[0])
    async with evse.ready(place.post, AssumedChargerPilot()) as charger:
        await asyncio.gather(charger.match(), *programs)
    assert place.post.mac.hex(":") in capsys.readouterr().out.splitlines()[-1]


async def test_a_charger_serves_one_vehicle_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place()
    opened = {"evse": evse, "open_link": lambda name: place.post, "pilot": place.wire.evse}
    serving = asyncio.create_task(execute(blocks("slac", "python")[1], **opened))
    for _ in range(2):
        await asyncio.sleep(10)
        assert (await place.match()).evse_mac == place.post.mac
        await asyncio.sleep(5)
        place.wire.unplug()
    await asyncio.sleep(10)
    assert not serving.done(), serving
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    assert capsys.readouterr().out.count("the control pilot went to A") == 2


async def test_arrivals_lead_to_a_link_and_through_its_loss() -> None:
    place = Place()
    plant = Evse(place.wire.evse, ac=AcSupply(max_current=16.0))
    async with evse.ready(place.post, place.wire.evse, evse.Options(repeat_pilot=True)) as charger:
        names = {"Arrivals": Arrivals, "charger": charger, "plant": plant}
        arriving = asyncio.create_task(execute(blocks("slac", "python")[2], **names))
        found = await place.match(options=ev.Options(digital=False))
        await asyncio.sleep(5)
        place.wire.unplug()
        left = await arriving
        assert left["match"].nid == found.nid
        await left["arrivals"].stop()


async def test_timers_are_changed_and_compared_with_the_standard(capsys: pytest.CaptureFixture[str]) -> None:
    await execute(blocks("slac", "python")[3], ev=ev)
    said = capsys.readouterr().out
    assert "TT_match_response 0.3" in said
    assert said.splitlines()[-1] == "('TT_match_response is 0.3, allowed 0.2',)"


async def test_frames_are_rewritten() -> None:
    """Sounds are doubled, and the vehicle does not get into a network that the charger names wrongly."""
    asked: list[dict[Any, Any]] = []

    def take(link: object, pilot: object, rewrite: dict[Any, Any]) -> None:
        asked.append(rewrite)

    names = {"evse": SimpleNamespace(ready=take), "ev": SimpleNamespace(match=take), "asyncio": asyncio}
    await execute(blocks("slac", "python")[4], **names, link=None, pilot=None)
    assert [list(each) for each in asked] == [[CM_SLAC_MATCH_CNF], [CM_MNBC_SOUND_IND]]
    place, heard = Place(), []

    def hear(event: Any) -> None:
        heard.append((event.name, event.note))

    async with evse.ready(place.post, place.wire.evse, rewrite=asked[0], observe=hear) as charger:
        serving = asyncio.create_task(charger.match())
        with pytest.raises(MatchFailed):
            await place.match(rewrite=asked[1])
        serving.cancel()
    assert len([name for name, _ in heard if name == "CM_MNBC_SOUND.IND"]) == 20


async def test_a_power_line_has_two_ends() -> None:
    made = await execute(blocks("slac", "python")[5])
    assert isinstance(made["line"], Powerline)
    for end in (made["car"], made["post"]):
        assert isinstance(end, Station)


def frames(sent: list[Sent]) -> list[tuple[float, bytes]]:
    return [(time, build(Frame(to, source, message))) for time, source, to, message in sent]


async def test_a_recorded_matching_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    await execute(blocks("slac", "python")[6], frames=frames(LINKED))
    assert "MATCHED matched with" in capsys.readouterr().out
    await execute(blocks("slac", "python")[6], frames=frames(LINKED[:3]))
    assert "CM_" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------
# YAML and JSON


@pytest.mark.parametrize(
    ("page", "more"),
    [
        ("benches", ""),
        ("tls", ""),
        ("mqtt", "role: secc\ninterface: eth1\n"),
        ("pnc", "role: both\ntls: required\npayment: contract\npki: test-pki\n"),
    ],
)
def test_a_bench_file_is_whole(
    page: str, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a mistake, and without a key that has no effect."""
    monkeypatch.chdir(tmp_path)
    for name in ("broker-root.pem", "secret.txt"):
        (tmp_path / name).touch()
    (tmp_path / "bench.yaml").write_text(more + blocks(page, "yaml")[0], encoding="utf-8")
    assert cli.main(["config", "check", "bench.yaml"]) == 0
    said = capsys.readouterr()
    assert "no effect" not in said.out + said.err


def test_answers_of_a_pair_are_judged_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time of each act, and a recording; here it is not of that day."""
    monkeypatch.chdir(tmp_path)
    answers = blocks("pairs", "yaml")[0].replace("plug: yes", "plug: '2026-03-01T10:00:00.000+00:00'")
    (tmp_path / "answers.yaml").write_text(answers, encoding="utf-8")
    assert cli.main(["demo", "--fast", "--quiet", "--duration", "1", "--pcapng", "session.pcapng"]) == 0
    words = ["conformance", "run", "--sut", "pair", "--guide", "--answers", "answers.yaml", "--out", "out"]
    assert cli.main(words) == 3
    (line,) = (tmp_path / "out/results.jsonl").read_text().splitlines()
    assert json.loads(line)["case"] == "ITP-01-01-002"


async def test_commands_over_mqtt_are_answered_as_shown() -> None:
    """By a DC charger."""
    bench = Bench(role="secc")
    controls = Controls(evse=make_charger(bench, AssumedChargerPilot(), random.Random(1)))
    commands = Commands("secc", controls.apply, lambda step: None)
    (asked,), answers = (block.splitlines() for block in blocks("mqtt", "json"))
    later = json.dumps({"id": "1700000000-2", "do": "derate", "percent": 50, "at": 60})
    other = json.dumps({"id": "1700000000-3", "do": "reactive-power", "power": 1})
    for payload, answer in zip((asked, later, other), answers, strict=True):
        assert commands.take(payload.encode()) == json.loads(answer)
