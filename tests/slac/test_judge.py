"""Matchings judged from their frames: recorded ones, and made ones that stop at each step."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from captures import SHARED
from hypothesis import given
from hypothesis import strategies as st
from rounds import (
    AGREED,
    ANSWERED,
    ASKED,
    CHOSEN,
    CONFIRMED,
    EV,
    EV_MODEM,
    EVSE,
    KEYED,
    LINKED,
    NID,
    NMK,
    OTHER,
    REPORTED,
    RUN,
    SOUNDED,
    Sent,
    sounds,
)

from plugfest.matching import Reports, report
from slac.diagnosis import over, verdict
from slac.errors import Step
from slac.exchange import End
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_NW_INFO_CNF,
    CM_SET_KEY_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    LOCAL_MODEM,
    Frame,
    Network,
    Validation,
    build,
)
from slac.judge import Judge
from slac.pilot import State
from slac.steps import Mark, rows


def judged(sent: Iterable[Sent], until: float = 60.0) -> Judge:
    judge = Judge()
    for time, source, to, message in sorted(sent, key=lambda one: one[0]):
        judge.feed(time, build(Frame(to, source, message)))
    judge.now = until
    return judge


def failure(sent: Iterable[Sent], until: float = 60.0) -> tuple[Step, str, list[str]]:
    """The step, the text and the causes of the last attempt, which must have failed."""
    judge = judged(sent, until)
    found = verdict(judge.exchanges[-1], judge.now)
    assert not found.ok
    assert all(cause.remedy for cause in found.causes)
    return found.step, found.text, [cause.cause.partition(":")[0] for cause in found.causes]


def test_a_good_matching_has_all_its_steps_in_time() -> None:
    """From request to link: matched, every row ok, and nothing odd."""
    judge = judged(LINKED)
    (x,) = judge.exchanges
    assert verdict(x, judge.now).text == "matched with 02:00:00:00:00:02, link after 2.69 s (CC_DISCOVER_LIST)"
    assert {row.mark for row in rows(x)} == {Mark.OK}
    assert x.odd == []
    took = {row.what: row.took for row in rows(x)}
    assert took["CM_SLAC_PARM.CNF of 02:00:00:00:00:02"] == pytest.approx(0.02)
    assert took["link up"] == pytest.approx(2.69)


@pytest.mark.parametrize(
    ("sent", "step", "cause"),
    [
        (ASKED, Step.PARM, "no charger is listening yet"),
        (ANSWERED, Step.SOUNDING, "the vehicle did not get the answer, or did not accept it"),
        ([*ANSWERED, *sounds(n=0)], Step.SOUNDING, "no sounds are heard"),
        ([*ANSWERED, *sounds(profiles=False)], Step.ATTENUATION, "the attenuation profile is missing"),
        (SOUNDED, Step.ATTENUATION, "the charger has dropped the vehicle"),
        (REPORTED, Step.ATTENUATION, "the vehicle did not get the answer, or did not accept it"),
        (AGREED, Step.DECISION, "a neighbour wins"),
        (CHOSEN, Step.MATCH, "the charger did not get the request, or does not accept it"),
        (KEYED[:-1], Step.SET_KEY, "no modem answers CM_SET_KEY"),
        (KEYED, Step.LINK, "nothing shows whether the link came up"),
        (CONFIRMED, Step.LINK, "the recording does not show the modems"),
    ],
)
def test_each_step_where_it_can_stop(sent: list[Sent], step: Step, cause: str) -> None:
    """A matching cut short after any message is said to have stopped at that step, with its first cause."""
    found, _, causes = failure(sent)
    assert found is step
    assert causes[0] == cause


@pytest.mark.parametrize("sent", [ASKED, ANSWERED, SOUNDED, REPORTED, AGREED, CHOSEN, CONFIRMED, KEYED])
def test_nothing_is_judged_before_its_time(sent: list[Sent]) -> None:
    """Right after its last message an attempt may still go on."""
    judge = judged(sent, until=0.0)
    for time, *_ in sent:
        judge.now = max(judge.now, time)
    (x,) = judge.exchanges
    assert verdict(x, judge.now + 0.05).ok
    assert not over(x, judge.now + 0.05)
    assert over(x, judge.now + 60.0)


@pytest.mark.parametrize("sent", [ANSWERED, SOUNDED, REPORTED, AGREED, CHOSEN])
def test_nobody_is_blamed_while_what_is_due_may_still_come(sent: list[Sent]) -> None:
    """A recording may end right after any message; only one that goes on shows that nothing followed."""
    judge = judged(sent)
    (x,) = judge.exchanges
    assert verdict(x, sent[-1][0] + 0.05).undecided
    assert not verdict(x, judge.now).undecided


def test_a_modem_that_settles_is_the_first_suspect() -> None:
    """A key set shortly before the request: the modem may have been deaf."""
    _, _, causes = failure([(-1.0, EV, LOCAL_MODEM, CM_SET_KEY_REQ(nid=NID, new_key=NMK)), *ASKED])
    assert causes[0] == "settle time"
    _, _, causes = failure([(-9.0, EV, LOCAL_MODEM, CM_SET_KEY_REQ(nid=NID, new_key=NMK)), *ASKED])
    assert "settle time" not in causes


@pytest.mark.parametrize(("host", "role"), [(EV, 2), (EVSE, 0)])
def test_a_modem_in_the_wrong_role_is_named(host: bytes, role: int) -> None:
    """A coordinator at the vehicle or a station at the charger, as the modem itself told."""
    told = CM_NW_INFO_CNF(networks=(Network(NID, 1, 1, role, EV_MODEM),))
    _, _, causes = failure([(0.5, EV_MODEM, host, told), *ASKED])
    assert causes[0] == "wrong modem role"


def test_a_wrong_key_is_named() -> None:
    """The vehicle sets another key than it was given."""
    wrong = [(time, s, d, CM_SET_KEY_REQ(nid=NID, new_key=bytes(16)) if time == 2.32 else m) for time, s, d, m in KEYED]
    step, text, causes = failure(wrong)
    assert step is Step.SET_KEY
    assert "a different NMK" in text
    assert causes == ["wrong key"]


def test_refused_answers_are_suspected_with_the_field() -> None:
    """A CM_SLAC_PARM.CNF with another RunID or FORWARDING_STA is why no sounds came."""
    answer = CM_SLAC_PARM_CNF(run_id=RUN, forwarding_sta=EVSE, num_sounds=9)
    step, text, causes = failure([*ASKED, (1.02, EVSE, EV, answer)])
    assert step is Step.SOUNDING
    assert text == (
        "CM_SLAC_PARM.CNF of the charger 02:00:00:00:00:02 had NUM_SOUNDS 9, expected 10, so the vehicle did not start"
        " sounding"
    )
    assert causes == ["the receiver may refuse it"]


FIRST: list[Sent] = [*AGREED, (2.0, EV, EVSE, CM_VALIDATE_REQ(timer=0))]
READY: list[Sent] = [*FIRST, (2.05, EVSE, EV, CM_VALIDATE_CNF(0, Validation.READY))]
SECOND: list[Sent] = [*READY, (2.1, EV, EVSE, CM_VALIDATE_REQ(timer=29))]


def counted(result: int, toggles: int) -> list[Sent]:
    return [*SECOND, (5.1, EVSE, EV, CM_VALIDATE_CNF(toggles, result))]


@pytest.mark.parametrize(
    ("sent", "until", "blamed", "undecided"),
    [
        (FIRST, 60.0, End.CHARGER, False),
        ([*FIRST, (2.05, EVSE, EV, CM_VALIDATE_CNF(0, Validation.FAILURE))], 60.0, End.CHARGER, False),
        ([*FIRST, (2.05, EVSE, EV, CM_VALIDATE_CNF(0, Validation.NOT_REQUIRED))], 60.0, End.VEHICLE, False),
        ([*FIRST, (2.05, EVSE, EV, CM_VALIDATE_CNF(0, Validation.NOT_READY))], 60.0, None, False),
        (READY, 60.0, End.VEHICLE, False),
        ([*READY, (2.9, EV, EVSE, CM_VALIDATE_REQ(timer=0))], 60.0, End.VEHICLE, False),
        (SECOND, 5.0, End.CHARGER, True),  # it may still count
        (SECOND, 60.0, End.CHARGER, False),
        ([*SECOND, (2.2, EVSE, EV, CM_VALIDATE_CNF(0, Validation.READY))], 60.0, End.CHARGER, False),
        (counted(Validation.FAILURE, 0), 60.0, None, False),
        (counted(Validation.SUCCESS, 2), 60.0, None, False),
        (counted(Validation.SUCCESS, 9), 60.0, End.CHARGER, False),
    ],
    ids=[
        "first unanswered", "cannot count", "not required", "not ready", "ready", "first again", "may count", "silent",
        "ready again", "saw none", "saw some", "saw too many",
    ],
)  # fmt: skip
def test_a_validation_that_leads_nowhere_is_the_fault_of_whose_turn_it_was(
    sent: list[Sent], until: float, blamed: End | None, undecided: bool
) -> None:
    """Only the control pilot could show who is wrong about a possible number of toggles."""
    (exchange,) = judged(sent, until).exchanges
    found = verdict(exchange, until)
    assert (found.step, found.blamed, found.undecided) == (Step.VALIDATION, blamed, undecided)


@pytest.mark.parametrize("asks", [True, False], ids=["in time", "too late"])
def test_a_vehicle_that_asks_after_the_offer_has_lapsed_is_late(asks: bool) -> None:
    """A charger that waited for TT_EVSE_SLAC_init owes no answer."""
    judge = Judge()
    judge.pilot(0.0, State.B, 5.0)
    if not asks:
        judge.pilot(40.0, State.B, 100.0)
    judge.feed(41.0, build(Frame(BROADCAST, EV, CM_SLAC_PARM_REQ(RUN))))
    found = verdict(judge.exchanges[0], 60.0)
    assert (found.step, found.blamed) == (Step.PARM, End.CHARGER if asks else End.VEHICLE)


def test_validation_that_fails_is_its_own_step() -> None:
    """CM_VALIDATE answered with failure, and nothing after."""
    validated: list[Sent] = [
        *AGREED, (2.0, EV, EVSE, CM_VALIDATE_REQ()), (2.05, EVSE, EV, CM_VALIDATE_CNF(result=Validation.FAILURE))
    ]  # fmt: skip
    step, text, _ = failure(validated)
    assert step is Step.VALIDATION
    assert "failure" in text


def test_an_unfavourable_choice_is_odd() -> None:
    """Two chargers answered, and the vehicle chose the one with more attenuation."""
    near: list[Sent] = [
        (1.03, OTHER, EV, CM_SLAC_PARM_CNF(run_id=RUN, forwarding_sta=EV)),
        (1.69, OTHER, EV, CM_ATTEN_CHAR_IND(source_address=EV, run_id=RUN, aag=bytes([10] * 58))),
        (1.72, EV, OTHER, CM_ATTEN_CHAR_RSP(source_address=EV, run_id=RUN)),
    ]
    (x,) = judged([*LINKED, *near]).exchanges
    (row,) = [row for row in rows(x) if row.what.startswith("CM_SLAC_MATCH.REQ")]
    assert row.mark is Mark.ODD
    assert row.note == "02:00:00:00:00:03 has less attenuation"


def test_repeats_belong_to_their_attempt_and_later_requests_do_not() -> None:
    """Requests 200 ms apart are one attempt; a second later a new one begins, also with the same RunID."""
    again = [(at, EV, BROADCAST, CM_SLAC_PARM_REQ(RUN)) for at in (1.2, 1.4, 2.6, 2.8)]
    judge = judged([*ASKED, *again])
    assert [len(x.asked) for x in judge.exchanges] == [3, 2]


@given(st.lists(st.tuples(st.sampled_from(LINKED), st.floats(0, 5)), max_size=30), st.floats(0, 30))
def test_frames_in_any_order_are_judged(frames: list[tuple[Sent, float]], until: float) -> None:
    """Lost, repeated, early and late frames: there is a verdict and a report, whatever came."""
    judge = Judge()
    for (_, source, to, message), time in frames:
        judge.feed(time, build(Frame(to, source, message)))
    for exchange in judge.exchanges:
        assert verdict(exchange, judge.now + until).text
        assert list(report(exchange, judge.now + until))


def test_a_report_reads_like_this() -> None:
    """Steps with limits, a plot of the groups, the verdict; a failure like the one before takes a line."""
    judge = judged(LINKED)
    text = "\n".join(report(judge.exchanges[0], judge.now))
    assert "        CM_ATTEN_CHAR.IND of 02:00:00:00:00:02                 640 ms of 700 ms  20.0 dB, 10 sounds" in text
    assert "mean 20.0, 20 to 20 dB, 58 groups" in text
    assert text.endswith("=> matched with 02:00:00:00:00:02, link after 2.69 s (CC_DISCOVER_LIST)")
    again = [(at, EV, BROADCAST, CM_SLAC_PARM_REQ(RUN)) for at in (10.0, 20.0)]
    judge, reports = judged([*ASKED, *again]), Reports()
    lines = [line for exchange in judge.exchanges for line in reports.lines(exchange, judge.now)]
    assert sum(line.strip().startswith("try:") for line in lines) == 3
    assert lines[-1] == "attempt of vehicle 02:00:00:00:00:01 at 20.000 s: stopped as before"


def test_any_bytes_are_taken() -> None:
    """Frames cut anywhere neither raise nor make up an attempt that was not there."""
    for time, source, to, message in LINKED:
        data = build(Frame(to, source, message))
        judge = Judge()
        for end in range(len(data)):
            judge.feed(time, data[:end])
        assert len(judge.exchanges) <= 1


# Captures -> attempts: the step where each stopped.
RECORDED = {
    "2022-12-13_compleo_with_bulb.pcapng": [Step.PARM, Step.PARM, Step.PARM, Step.MATCHED],
    "2023-04-16_at_home_Ioniq_in_currentDemandLoop.pcapng": [Step.MATCHED],
    "DIN_DC_DS5366_Josev.pcapng": [Step.SOUNDING, Step.MATCHED],
    "ISO-20_BPT_AC_DS5366_Josev.pcapng": [Step.SOUNDING, Step.MATCHED],
    "ISO-20_TLS13_DC_DS5366_Josev.pcapng": [Step.MATCHED],
    "ISO-2_AC_DS5366.pcapng": [Step.MATCHED],
    "ISO-2_DC_DS5366.pcapng": [Step.MATCHED],
    "ISO-2_DC_PnC_TLS_CertInstallation_DS5366_RiseV2G.pcapng": [Step.MATCHED],
    "audi-dc-iso2.pcap": [Step.MATCHED],
    "vw-ac-iso2.pcap": [Step.MATCHED],
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_matchings(name: str) -> None:
    """Every matching of real cars, chargers and testers is found, and the failed ones with their step."""
    from plugfest.traces import slac
    from plugfest.traces.recording import load

    path = SHARED / "captures" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    judge = slac.judge(load(path))
    found = [verdict(x, judge.now) for x in judge.exchanges]
    assert [one.step for one in found] == RECORDED[name]
    assert not any(one.open for one in found)
    assert all(x.link_at for x in judge.exchanges if verdict(x, judge.now).step is Step.MATCHED)
    assert judge.undecodable == 0
