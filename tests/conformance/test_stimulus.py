"""What cases leave open is drawn by seed: legal, repeatable, and reported."""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faults.fault import Fault, answering, deep, sending
from faults.runs import caught, one
from hypothesis import given
from hypothesis import strategies as st

from plugfest.cli import main
from plugfest.conformance.campaign.execute import execute
from plugfest.conformance.catalogue import Run, phrases, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.fields import found
from plugfest.conformance.randomness import follows, hardly_random, other_octets
from plugfest.conformance.secc import profiles
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.offered import Offered
from plugfest.conformance.stimulus import ChargerStimulus, VehicleStimulus, restated, source
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Inconclusive, Verdict
from plugfest.conformance.virtual import VirtualLoop
from v2g.messages import iso2
from v2g.physical import number
from v2g.protocols import DIN, ISO2
from v2g.trace import Event

BY_ID = {run.id: run for run in runs()}
SEEDS = range(40)


def events(run: Run, seed: int) -> list[Event]:
    """What the tester sends in a run."""
    import asyncio

    sent: list[Event] = []

    def observe(event: Event) -> None:
        if event.direction == "tx":
            sent.append(event)

    async def session() -> None:
        pics = satisfying(run.case, Pics(FAST))
        bench = bench_for(run, pics, observe)
        bench.seed = seed
        async with own_system(run, pics) as system:
            result = await execute(run, system, bench)
        assert (result.verdict, result.seed) == (Verdict.PASS, seed), result.reason

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(session())
    return sent


def octets(run: Run, seed: int) -> list[bytes]:
    """The bytes of it."""
    return [bytes(event.data) for event in events(run, seed) if event.data]


BROKEN = {"secc": phrases.BROKEN_REQUESTS, "evcc": phrases.BROKEN_RESPONSES}
WORDED = [
    pytest.param(run, words, id=run.id)
    for run in BY_ID.values()
    if "_BrokenRule" in run.id
    for words in [BROKEN[run.case.sut].get(str(run.variant.get("rule")), "")]
    if re.search(r"with EV\w+ (in [VAW]|-?\d+ k?[VAW])$", words)
]
"""Runs that break a rule by a value or a unit, and the phrase that says which."""


@pytest.mark.parametrize(("run", "words"), WORDED)
def test_a_phrase_says_the_value_that_is_sent(run: Run, words: str) -> None:
    """Words and messages stand in two modules: neither changes alone."""
    name, _, field, *value = words.split()
    message = next(one.message for one in reversed(events(run, 1)) if one.name == name)
    sent = found(message, field)
    if value[0] == "in":
        assert sent.Unit == value[1]
    else:
        assert number(sent) == float(value[0]) * (1000.0 if value[1].startswith("k") else 1.0)


@pytest.mark.parametrize(
    "name", ["TC_SECC_DC_VTB_SessionStop_001", "PF_SECC_DIN_SessionStop_OK", "PF_EVCC_DIN_SessionStop"]
)
def test_the_same_seed_gives_the_same_octets(name: str) -> None:
    """And another seed gives others."""
    assert octets(BY_ID[name], 5) == octets(BY_ID[name], 5) != octets(BY_ID[name], 6)


def test_each_run_has_draws_of_its_own() -> None:
    """They do not depend on what else is run."""
    assert source(1, "A").random() != source(1, "B").random() != source(2, "B").random()


@pytest.mark.parametrize("seed", SEEDS)
def test_offers_are_legal(seed: int) -> None:
    """Priorities from 1 without gaps, SchemaIDs unique, the session's protocol once."""
    drawn = VehicleStimulus.of(source(seed, "offers"))
    for protocol in (ISO2, DIN):
        offers = drawn.offer(protocol)
        assert sorted(entry.Priority for entry in offers) == list(range(1, len(offers) + 1))
        assert len({entry.SchemaID for entry in offers}) == len(offers)
        assert [entry.SchemaID for entry in offers if entry.ProtocolNamespace == protocol.namespace] == [
            drawn.schema_id
        ]


def test_draws_differ() -> None:
    """Forty seeds: a favourite value would show."""
    vehicles = [VehicleStimulus.of(source(seed, "x")) for seed in SEEDS]
    chargers = [ChargerStimulus.of(source(seed, "x")) for seed in SEEDS]
    for few in (
        {(v.schema_id, v.values["par_EVCCID"], v.soc) for v in vehicles},
        {v.place for v in vehicles},
        {c.tuple_ids for c in chargers},
        {c.modes for c in chargers},
    ):
        assert len(few) >= 3
    assert {len(c.modes) for c in chargers} == {0, 1, 2}


@pytest.mark.parametrize("value", [(400, 0), (0, 0), (32767, 3), (-1, -3), (4000, -1), (1, 3)])
def test_a_restated_value_is_the_same(value: tuple[int, int]) -> None:
    """Whatever its multiplier; and every multiplier that carries it comes."""
    given = iso2.PhysicalValueType(Multiplier=value[1], Unit="V", Value=value[0])
    message = iso2.PreChargeRes(ResponseCode="OK", DC_EVSEStatus=None, EVSEPresentVoltage=given)  # type: ignore[arg-type]  # nothing is reached
    rng = random.Random(1)
    found = [restated(message, rng).EVSEPresentVoltage for _ in range(200)]
    assert {number(one) for one in found} == {number(given)}
    fitting = [m for m in range(-3, 4) if abs(v := number(given) / 10.0**m) <= 32767 and v == round(v)]
    assert {one.Multiplier for one in found} == set(fitting)


def test_what_is_declared_is_not_drawn() -> None:
    """A parameter of the PICS file holds as it stands."""

    declared: Any = {"par_EVCCID": "0011223344AA", "par_EVBatteryVoltage": 333.0}
    tester = new_tester(None, Pics(declared), rng=source(3, "x"))  # type: ignore[arg-type]  # nothing is reached
    assert (tester.evccid.hex(), tester.battery_voltage) == ("0011223344aa", 333.0)
    other = new_tester(None, Pics(), rng=source(4, "x"))  # type: ignore[arg-type]  # nothing is reached
    assert tester.pics["par_EVTargetCurrent"] != other.pics["par_EVTargetCurrent"]


def known_vehicles(visit: Any, request: Any, good: Any) -> Any:
    """Only vehicles of one maker are answered."""
    return good() if request.EVCCID[:3] == bytes.fromhex("000187") else None


HARD_CODED = [
    Fault("schema-id-10", "", "secc", ("TC_SECC_CMN_VTB_SupportedAppProtocol_001",),
          sending("supportedAppProtocolRes", deep("SchemaID", 10), "appproto")),
    Fault("evccid-known", "", "secc", ("TC_SECC_CMN_VTB_SessionSetup_001",),
          answering("SessionSetupReq", known_vehicles)),
    Fault("tuple-1", "", "evcc", ("TC_EVCC_AC_VTB_PowerDelivery_001",),
          sending("PowerDeliveryReq", deep("SAScheduleTupleID", 1))),
]  # fmt: skip


@pytest.mark.parametrize("fault", HARD_CODED, ids=lambda fault: fault.name)
def test_a_hard_coded_value_does_not_pass(fault: Fault) -> None:
    """A device that always repeats what the tester used to say is caught."""
    result = one(BY_ID[fault.caught_by[0]], fault)
    assert caught(result, fault) or result.verdict is Verdict.INCONC, result.reason


def test_the_seed_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In results, campaign, page and terminal; the folder's campaign goes on with it and takes no other."""
    run = ["conformance", "run", "--sut", "secc", "--out", str(tmp_path), "-k", "TC_SECC_CMN_VTB_SessionSetup_001"]
    assert main([*run, "--seed", "77"]) == 0
    assert "seed 77;" in capsys.readouterr().out
    assert json.loads((tmp_path / "results.jsonl").read_text().splitlines()[0])["seed"] == 77
    assert "<th>seed</th><td>77</td>" in (tmp_path / "report.html").read_text()
    assert main(run) == 0
    assert "seed 77;" in capsys.readouterr().out
    assert main([*run, "--seed", "78"]) == 2
    assert "started with seed 77" in capsys.readouterr().err
    assert main([*run, "--seed", "78", "--fresh"]) == 0
    assert main([*run, "--seed", "-1", "--fresh"]) == 2


def test_a_foreign_id_differs_in_one_octet_anywhere() -> None:
    """Some of the runs catch a device that compares only part of an id."""
    right, places = bytes(range(8)), set()
    for seed in range(200):
        given = other_octets(random.Random(seed), right)
        assert len(given) == 8
        (place,) = (at for at, pair in enumerate(zip(right, given, strict=True)) if pair[0] != pair[1])
        places.add(place)
    assert places == set(range(8))


def test_random_octets_are_not_taken_for_a_pattern() -> None:
    rng = random.Random(1)
    drawn = [rng.randbytes(16) for _ in range(400)]
    assert not any(hardly_random(one, other) for one, other in itertools.combinations(drawn, 2))
    assert hardly_random(drawn[0][:2] + bytes(14), drawn[1][:2] + bytes(14))
    counters = [number.to_bytes(16, "big") for number in (1, 2)]
    assert hardly_random(*counters)


def test_session_ids_of_a_counter_or_a_clock_are_told_from_random_ones() -> None:
    rng = random.Random(2)
    drawn = [rng.randbytes(8) for _ in range(400)]
    assert not any(follows(one, other) for one, other in itertools.combinations(drawn, 2))
    assert follows((1_700_000_000).to_bytes(8, "big"), (1_700_000_200).to_bytes(8, "big"))
    assert follows((1_700_000_000).to_bytes(4, "little"), (1_700_000_200).to_bytes(4, "little"))
    assert follows((255).to_bytes(8, "big"), (256).to_bytes(8, "big"))
    # Four zero octets in front are allowed, and a shorter id is another kind of charger.
    assert not follows(bytes(4) + drawn[0][:4], bytes(4) + drawn[1][:4])
    padded = [bytes(4) + rng.randbytes(4) for _ in range(200)]
    assert not any(follows(one, other) for one, other in itertools.combinations(padded, 2))
    assert not follows(drawn[0][:4], drawn[0][:3])


@pytest.mark.parametrize("field", ["SAScheduleTupleID", "ScheduleTupleID"])
def test_any_schedule_is_chosen_and_kept_after_a_pause(field: str) -> None:
    """In each generation: the id of a schedule has another name in ISO 15118-20."""
    tuples = [SimpleNamespace(**{field: number}) for number in (7, 3, 9)]
    fresh = [Offered({}, lambda responses: tuples, choice, None).tuple_id for choice in range(6)]
    assert fresh == [7, 3, 9, 7, 3, 9]
    assert {Offered({}, lambda responses: tuples, choice, 9).tuple_id for choice in range(6)} == {9}


@given(value=st.integers(1, 32767), multiplier=st.integers(-3, 3), factor=st.sampled_from((1, 2)))
def test_a_power_above_the_offer_is_one_that_a_message_can_carry(value: int, multiplier: int, factor: int) -> None:
    """Or the run says that there is none; in DIN SPEC 70121 it is a whole number, in ISO 15118-2 a physical value."""
    for offered in (value, iso2.PhysicalValueType(Multiplier=multiplier, Unit="W", Value=value)):
        try:
            made = profiles._higher(offered, factor)
        except Inconclusive:
            assert value == 32767
            assert isinstance(offered, int) or multiplier == 3
            continue
        if isinstance(offered, int):
            assert offered < made <= 32767
        else:
            assert number(made) > number(offered)
            assert abs(made.Value) <= 32767
            assert -3 <= made.Multiplier <= 3


def test_a_request_that_its_field_cannot_carry_is_not_sent() -> None:
    """The run says so, and blames nobody: DIN SPEC 70121 has powers up to 32767 W."""
    beyond = Fault("", "", "secc", (), patches=((profiles, "_higher", lambda value, factor=1: 40_000),))
    result = one(BY_ID["PF_SECC_DIN_PowerDelivery_BadProfile"], beyond)
    assert (result.verdict, result.findings) == (Verdict.INCONC, [])
    assert "PowerDeliveryReq cannot say what this run asks for" in result.reason
    assert "40000 is more than 32767" in result.reason
