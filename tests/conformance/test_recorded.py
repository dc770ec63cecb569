"""A recording alone: what it proves about a side is listed rule by rule, and never for the wrong side."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from captures import files, recording
from faults import FAULTS, Fault
from faults.runs import RUNS
from legal import VARIANTS, Variant
from made_to_fail import WAYS, WAYS_20, failure
from sampling import sampled
from verdicts import TYPICAL, TYPICAL_20

from plugfest.cli import main
from plugfest.conformance.campaign.execute import execute
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.recorded.answer import Answer
from plugfest.conformance.recorded.judge import Verdict, judge
from plugfest.conformance.recorded.process import PROCESS
from plugfest.conformance.recorded.watching import MATCHING, SESSION
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.virtual import VirtualLoop
from plugfest.conformance.watch.line_watch import RULES as LINE
from plugfest.conformance.watch.table import JUDGEMENTS
from plugfest.traces import pcap
from plugfest.traces.chain.steps import OTHER
from plugfest.traces.checks import RULES
from plugfest.traces.checks import judge as checked
from plugfest.traces.entries import EVCC, SECC, Recording
from plugfest.traces.recording import from_events, load
from v2g.rules.table import RULES as CONTENT
from v2g.trace import Event, fan_out

SIDES = (EVCC, SECC)


@cache
def verdict_on(name: str, side: str) -> Verdict:
    return judge(recording(next(path for path in files() if path.name == name)), side)


FAILED: dict[tuple[str, str], set[str]] = {
    ("ISO-20_BPT_AC_DS5366_Josev.pcapng", SECC): {"tls"},  # both speak ISO 15118-20 over TCP
    ("ISO-20_BPT_AC_DS5366_Josev.pcapng", EVCC): {"tls"},
    ("ISO-20_TLS13_DC_DS5366_Josev.pcapng", SECC): {"tls"},  # no vehicle certificate was asked for
    ("audi-dc-iso2.pcap", SECC): {
        "over-current", "current-unasked", "current-asked", "current-limit", "power-limit", "voltage-limit",
    },  # a sensor that is wrong by far
    ("vw-ac-iso2.pcap", EVCC): {"order"},  # refused by the charger
}  # fmt: skip
"""What was looked at in the recordings: the rules that a side breaks. In all others, no side breaks any."""


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_recordings_are_judged_as_they_were_when_looked_at(path: Path, side: str) -> None:
    """No side of a recording fails a rule but those known; and most rules are judged."""
    found = verdict_on(path.name, side)
    wanted = FAILED.get((path.name, side), set())
    assert {one.rule for one in found.of(Answer.FAIL)} == wanted, found.sentence
    assert found.ok is not bool(wanted)
    assert len(found.of(Answer.PASS)) > 40


PAGE = Path(__file__).parents[2] / "docs" / "judge.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not here (tests against the wheel)")
@pytest.mark.parametrize(
    "path", [path for path in files() if path.name == "vw-ac-iso2.pcap"], ids=lambda path: path.name
)
def test_the_sentence_on_the_page_is_what_is_said(path: Path) -> None:
    """With the number of rules that this version judges."""
    assert verdict_on(path.name, EVCC).sentence in " ".join(PAGE.read_text(encoding="utf-8").split())


MADE = {"iso2-dc": (WAYS, TYPICAL[1:5:2]), "iso20-dc": (WAYS_20, TYPICAL_20[1:3])}
"""Mode -> ways to fail, and the messages that they are tried at."""


@pytest.mark.parametrize("mode", MADE)
def test_the_side_that_was_not_made_to_fail_fails_nothing(mode: str, tmp_path: Path) -> None:
    """Whatever one side does wrong, the other one passes, and the culprit gets at least a finding."""
    ways, stems = MADE[mode]
    wrong, made = [], 0
    for way in ways:
        for name in (stem + ("Req" if way.side == EVCC else "Res") for stem in stems):
            one = failure(mode, way, name, way.nth[0], tmp_path / "x.pcapng") if way.fits(name) else None
            if one is None:
                continue  # a message that this way does not fit, or that this session does not have
            made += 1
            innocent, culprit = judge(one.capture, OTHER[way.side]), judge(one.capture, way.side)
            if innocent.of(Answer.FAIL) or culprit.answer not in (Answer.FAIL, Answer.FINDING):
                wrong.append((way.name, name, innocent.sentence, culprit.sentence))
    assert wrong == []
    assert made > len(ways) // 2


def test_each_process_rule_is_one_of_the_checks() -> None:
    """The table names existing rules, and each side has some."""
    assert set(PROCESS) <= set(RULES)
    for side in SIDES:
        assert sum(side in row.sides for row in PROCESS.values()) > 15


REPORTS = Path(__file__).parents[1] / "data" / "reports"


def test_what_is_not_there_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """A matching that nobody answered proves nothing about a charger, and the exit code says so."""
    assert main(["conformance", "judge", str(REPORTS / "one-request-unanswered.pcap"), "--sut", "secc"]) == 1
    assert capsys.readouterr().out.startswith("Not judged: nothing that the charger sent was captured.")


def one_way(path: Path, side: str, copy: Path) -> Path:
    """A capture of what one side sent, as a mirror port of one direction gives it."""
    with path.open("rb") as file:
        packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    own = {packets[entry.packet - 1].data[6:12] for entry in load(path).entries if entry.sender == side}
    with copy.open("wb") as file:
        out = pcap.Writer(file)
        for packet in packets:
            if packet.data[6:12] in own:
                out.packet(packet.ns, packet.data, link=packet.link)
    return copy


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of our own, SLAC included."""
    path = tmp_path_factory.mktemp("captured") / "whole.pcapng"
    assert main(["demo", "--fast", "--duration", "1", "--plain", "--pcapng", str(path)]) == 0
    return path


@pytest.mark.parametrize("side", SIDES)
def test_one_direction_alone_blames_nobody(captured: Path, side: str, tmp_path: Path) -> None:
    """The side that was captured breaks nothing that it keeps in the whole recording; the other is not judged."""
    half = load(one_way(captured, side, tmp_path / "half.pcapng"))
    seen, unseen, whole = judge(half, side), judge(half, OTHER[side]), judge(load(captured), side)
    assert not seen.of(Answer.FAIL)
    assert {one.rule for one in seen.of(Answer.FINDING)} <= {one.rule for one in whole.of(Answer.FINDING)}
    assert len(seen.of(Answer.PASS)) > 50
    who = {EVCC: "the vehicle", SECC: "the charger"}[OTHER[side]]
    assert (unseen.answer, unseen.sentence) == (
        Answer.NOT_JUDGED, f"Not judged: nothing that {who} sent was captured."
    )  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("path", [path for path in files() if "DIN" in path.name], ids=lambda path: path.name)
def test_one_direction_of_a_recording_blames_nobody(path: Path, side: str, tmp_path: Path) -> None:
    """The same with real devices."""
    half = load(one_way(path, side, tmp_path / "half.pcapng"))
    assert judge(half, side).answer is Answer.PASS
    assert judge(half, OTHER[side]).answer is Answer.NOT_JUDGED


def test_machines_get_every_rule_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has the sentence, the counts, and each rule with verdict and reason."""
    assert main(["conformance", "judge", str(REPORTS / "cg5317-link.pcap"), "--sut", "evcc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "pass"
    assert found["counts"]["pass"] == sum(one["verdict"] == "pass" for one in found["rules"])
    assert all(one["text"] for one in found["rules"] if one["verdict"] == "not judged")


# ---------------------------------------------------------------------------------------------------------------
# Seen by the watch of a campaign


def test_each_judgement_counts_in_some_way() -> None:
    """The tables name existing judgements, and every row that a judgement refers to exists."""
    names, lines = {(one.side, one.name) for one in JUDGEMENTS}, {(one.side, one.name) for one in LINE}
    assert (set(SESSION) - names, set(MATCHING) - lines) == (set(), set())
    known = {*PROCESS, *(rule.name for rule in CONTENT), "times"}
    referred = {row for how in (*SESSION.values(), *MATCHING.values()) for row in how.same}
    assert referred - known == set()


def recorded(fault: Fault, name: str, **declared: Any) -> Recording:
    """What a recorder sees of a run with our own role under test, which has a fault or is a legal variant."""
    run, heard = RUNS[name], list[Event]()
    pics = satisfying(run.case, Pics(FAST)).with_(**declared)

    async def main() -> None:
        async with own_system(run, pics, adjust=fault.adjust) as system:
            bench = bench_for(run, pics)
            await execute(run, system, replace(bench, observe=fan_out(bench.observe, heard.append)))

    with fault.in_place(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    return from_events(heard, role=OTHER[run.case.sut])


IN_MEMORY = {"tls", "contract-without-tls", "service-without-tls"}
"""Rows that say that there is no TLS, which is so of a channel in memory."""


def blamed(found: Verdict, *answers: Answer) -> set[str]:
    return {one.rule for answer in answers for one in found.of(answer)} - IN_MEMORY


@pytest.mark.parametrize("variant", sampled(VARIANTS, 12), ids=lambda variant: variant.name)
def test_nobody_is_blamed_by_a_recording_for_being_different(variant: Variant) -> None:
    """A legal variant fails no rule; the last of its runs is recorded."""
    found = judge(recorded(variant.as_fault, variant.runs[-1], **variant.declared), variant.sut)
    assert blamed(found, Answer.FAIL) == set(), found.sentence


SEEN = {
    "output-blind-iso2": "current-asked",
    "ev-soc-jump": "soc-jumps",
    "ev-soc-back": "soc-falls",
}
"""Fault -> the judgement of the watch that finds it in a recording; no other rule does."""


@pytest.mark.parametrize("name", SEEN)
def test_a_fault_that_only_the_watch_sees_is_found_in_a_recording(name: str) -> None:
    """It is in the right row, of the right side."""
    fault = next(one for one in FAULTS if one.name == name)
    recording_ = recorded(fault, fault.caught_by[0])
    assert SEEN[name] in blamed(judge(recording_, fault.sut), Answer.FAIL, Answer.FINDING)
    assert SEEN[name] not in {one.rule for one in judge(recording_, OTHER[fault.sut]).rules}


@pytest.mark.parametrize("name", [path.name for path in files() if path.name.endswith("DC_DS5366_Josev.pcapng")])
def test_cases_are_those_of_the_session_that_was_recorded(name: str) -> None:
    """Not those of another energy, payment or control mode, nor of a state in which nothing was sent."""
    found = verdict_on(name, SECC)
    passed = {one.rule.partition("#")[0] for one in found.cases if one.answer is Answer.PASS}
    assert len(passed) > 3
    assert not any(word in one for one in passed for word in ("_AC", "BPT", "PnC", "StopAfter", "scheduled"))


def test_a_capture_without_addresses_blames_nobody_for_them() -> None:
    """A "cooked" capture has no addresses: it does not show where a frame went."""
    found = judge(load(REPORTS / "cooked-capture.pcap"), SECC)
    assert found.of(Answer.FAIL) == []


@pytest.mark.parametrize("path", [path for path in files() if "Ioniq" in path.name], ids=lambda path: path.name)
def test_an_early_close_fails_the_session_and_proves_nothing_against_its_side(path: Path) -> None:
    """`trace check` fails it; the judgement of the side says why it does not."""
    assert not checked(recording(path)).verdict.ok
    found = verdict_on(path.name, SECC)
    assert found.ok
    assert "the charger closed the connection" in found.sentence
    assert found.sentence.endswith("That alone proves nothing against it: its reason may be outside the recording.")
