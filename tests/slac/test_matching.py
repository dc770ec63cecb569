"""Matching of one vehicle with one charger on a simulated power line: sequence, times, modems, validation, leaving."""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest
from matching import Bench, both

from slac import ev, evse
from slac.frames import CM_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_SLAC_MATCH_CNF
from slac.keys import nid_of
from slac.modem_sim import BEHAVIOURS


async def test_whole_sequence() -> None:
    """Each message in its order, sounds counted down, both ends with one key, and times as the table has them."""
    bench = Bench.of(own=20.0)
    car, post = await both(bench)
    assert (car.nmk, car.nid, car.run_id) == (post.nmk, post.nid, post.run_id)
    assert car.nid == nid_of(car.nmk)
    assert (car.evse_mac, post.ev_mac) == (bench.posts[0].mac, bench.cars[0].mac)
    assert car.attenuation == pytest.approx(20, abs=1)
    assert bench.line.linked(bench.cars[0], bench.posts[0])

    sent = [(time, frame) for time, frame in bench.frames("car0") if frame.message.name.startswith("CM_S") or
            "ATTEN" in frame.name or "MNBC" in frame.name]  # fmt: skip
    names = [frame.name for _, frame in sent]
    assert names == [
        "CM_SLAC_PARM.REQ",
        *["CM_START_ATTEN_CHAR.IND"] * 3,
        *["CM_MNBC_SOUND.IND"] * 10,
        "CM_ATTEN_CHAR.RSP",
        "CM_SLAC_MATCH.REQ",
        "CM_SET_KEY.REQ",
    ]
    sounds = [frame.message for _, frame in sent if isinstance(frame.message, CM_MNBC_SOUND_IND)]
    assert [sound.cnt for sound in sounds] == list(range(9, -1, -1))
    times = [time for time, frame in sent[1:14]]
    assert all(0.02 <= b - a <= 0.05 for a, b in itertools.pairwise(times))

    (parm_cnf,) = [time for time, _ in bench.frames("car0", "rx", "CM_SLAC_PARM.CNF")]
    assert times[0] - parm_cnf <= 0.1  # TP_match_sequence
    ((report, frame),) = bench.frames("post0", "tx", "CM_ATTEN_CHAR.IND")
    assert isinstance(frame.message, CM_ATTEN_CHAR_IND)
    assert (frame.message.num_sounds, len(frame.message.aag)) == (10, 58)
    last_sound = bench.frames("post0", "rx", "CM_MNBC_SOUND.IND")[-1][0]
    assert report - last_sound <= 0.1  # TP_EVSE_avg_atten_calc
    assert car.time - bench.frames("car0", "rx", "CM_SLAC_MATCH.CNF")[0][0] <= 12


@pytest.mark.parametrize("family", sorted(BEHAVIOURS))
async def test_every_modem(family: str) -> None:
    """Every family of modems is recognised and matches, each asked in its own way."""
    bench = Bench.of(car=BEHAVIOURS[family](), post=BEHAVIOURS[family]())
    car, post = await both(bench)
    assert car.nmk == post.nmk
    assert bench.line.linked(bench.cars[0], bench.posts[0])
    if family == "qca7420":
        assert post.attenuation == pytest.approx(17, abs=1)  # invented
        assert any("attenuation groups" in note for note in post.notes)
    if family == "generic":
        assert any("no vendor message" in note for note in car.notes)


async def test_without_modem() -> None:
    """Two hosts without modems match: no key is set, and the link counts as up."""
    bench = Bench.of()
    async with bench.charger(modem=False) as charger:
        waiting = asyncio.create_task(charger.match())
        car = await bench.match_car(modem=False)
        post = await waiting
    assert car.nmk == post.nmk
    assert not bench.frames("car0", "tx", "CM_SET_KEY.REQ")
    assert "no key is set" in car.notes[0]


@pytest.mark.parametrize("patient", [True, False])
async def test_validation_by_toggling(patient: bool) -> None:
    """A vehicle that validates toggles its pilot, and the charger counts what it did."""
    bench = Bench.of(own=50.0)
    car, post = await both(bench, ev.Options(patient=patient))
    assert (car.validated, post.validated) == (True, True)
    assert bench.steps("car0")[-4:] == ["MATCH", "SET_KEY", "LINK", "MATCHED"]
    assert "VALIDATION" in bench.steps("car0")
    first, second = (frame.message for _, frame in bench.frames("car0", "tx", "CM_VALIDATE.REQ"))
    assert (first.timer, second.timer) == (0, 29)
    (said,) = bench.notes("car0", "validation")
    assert re.fullmatch(rf"{bench.posts[0].mac.hex(':')} saw ([123]) of \1 toggles: success", said)


async def test_repeated_match_request() -> None:
    """A repeated CM_SLAC_MATCH.REQ gets the same key again."""
    bench = Bench.of()
    lost = iter([True, True, False])
    bench.line.drop = lambda _s, _t, frame: isinstance(frame.message, CM_SLAC_MATCH_CNF) and next(lost)
    car, post = await both(bench)
    assert car.nmk == post.nmk
    answers = {frame.message for _, frame in bench.frames("post0", "tx", "CM_SLAC_MATCH.CNF")}
    assert len(bench.frames("post0", "tx", "CM_SLAC_MATCH.CNF")) == 3
    assert len(answers) == 1


async def test_charger_options() -> None:
    """The charger may wait for the whole window, correct the attenuation, and always use one key."""
    bench = Bench.of(own=30.0)
    key = bytes(range(16))
    car, _ = await both(bench, post=evse.Options(whole_window=True, adjustment=10, nmk=key))
    assert car.nmk == key
    assert car.attenuation == pytest.approx(20, abs=1)
    first = bench.frames("post0", "rx", "CM_START_ATTEN_CHAR.IND")[0][0]
    assert bench.frames("post0", "tx", "CM_ATTEN_CHAR.IND")[0][0] - first == pytest.approx(0.6, abs=0.001)
