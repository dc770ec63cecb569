"""SLAC rounds of recordings: proof of a link, deviating fields, others on the line, copies, one RunID forever."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from rounds import (
    ANSWERED,
    ASKED,
    CHOSEN,
    CONFIRMED,
    EV,
    EV_MODEM,
    EVSE,
    EVSE_MODEM,
    KEYED,
    LINKED,
    NID,
    NMK,
    OTHER,
    REPORTED,
    RUN,
    SOUNDED,
    Sent,
)

from plugfest.traces import slac
from plugfest.traces.checks import check
from plugfest.traces.recording import load
from slac.errors import Step
from slac.frames import (
    BROADCAST,
    CC_DISCOVER_LIST_CNF,
    CM_AMP_MAP_REQ,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_GET_KEY_CNF,
    CM_MNBC_SOUND_IND,
    CM_NW_INFO_CNF,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    LOCAL_MODEM,
    NSCM_GET_D_LINK_STATUS_CNF,
    VS_PL_LNK_STATUS_CNF,
    VS_SW_VER_CNF,
    Frame,
    Heard,
    Message,
    Network,
    build,
    parse,
)
from slac.rounds import End, Round, rounds

REPORTS = Path(__file__).parent.parent / "data" / "reports"
MULTICAST = bytes.fromhex("333300000001")


def framed(sent: list[Sent], *, vlan: int | None = None, later: float = 0.0) -> list[tuple[float, bytes]]:
    tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
    made = [(time, build(Frame(to, source, message))) for time, source, to, message in sent]
    return [(time + later, data[:12] + tag + data[12:]) for time, data in made]


def ipv6(time: float, source: bytes, to: bytes) -> tuple[float, bytes]:
    return time, to + source + b"\x86\xdd" + bytes(60)


def only(frames: list[tuple[float, bytes]], until: float = 60.0) -> Round:
    (one,) = rounds(sorted(frames), until=until)
    return one


def summary(found: list[Round]) -> list[tuple[bytes, bytes, Step, str]]:
    return [(one.ev, one.evse, one.reached, one.verdict.text) for one in found]


# -- reports from the field ----------------------------------------------------------------------------------------


def test_a_link_that_the_modem_of_the_charger_told_is_a_link() -> None:
    """A CG5317 says it in its maker's message, and only at the charger."""
    (one,) = slac.rounds(load(REPORTS / "cg5317-link.pcap"))
    assert one.reached is Step.MATCHED
    assert one.seen.link_by == "NSCM_GET_D_LINK_STATUS"
    assert one.seen.link_at == 2.0


@pytest.mark.parametrize(
    ("name", "side", "message", "field"),
    [
        ("runid-not-echoed", "secc", "CM_SLAC_PARM.CNF", "RunID 0211111111010000, expected a1a2a3a4a5a6a7a8"),
        ("start-timeout-10", "evcc", "CM_START_ATTEN_CHAR.IND", "Time_Out 10, expected 6"),
    ],
)
def test_the_side_that_deviates_is_blamed_not_the_one_that_stops(
    name: str, side: str, message: str, field: str
) -> None:
    """Check and watch say the same: the field, both values, and whose message it was."""
    recording = load(REPORTS / f"{name}.pcap")
    (finding,) = [found for found in check(recording) if found.severity == "violation"]
    assert (finding.side, finding.rule) == (side, "slac-match")
    (one,) = slac.rounds(recording)
    assert one.due is not None
    assert (slac.SIDES[one.due.end], one.due.message) == (side, message)
    assert field in one.verdict.text
    assert one.verdict.text in finding.text


def test_a_report_to_all_is_nobodys() -> None:
    """One program sends debug text as CM_ATTEN_CHAR.IND to all: a note, and no time is measured from it."""
    found = check(load(REPORTS / "foreign-atten-char.pcap"))
    assert [(one.severity, one.rule) for one in found] == [("note", "slac-foreign")]


def test_a_new_key_in_mid_session_is_reported_and_a_match_of_others_is_not() -> None:
    """The vehicle takes a key that a charger gave to another vehicle, while it charges."""
    recording = load(REPORTS / "foreign-match-cnf-and-new-key.pcap")
    found = {one.rule: one for one in check(recording)}
    assert (found["slac-key"].severity, found["slac-key"].side) == ("violation", "evcc")
    assert "02:55:55:55:55:01 had given to another vehicle) in the middle of a session" in found["slac-key"].text
    assert found["slac-foreign"].severity == "note"
    assert "slac-count" not in found
    (one,) = slac.rounds(recording)
    assert one.new_key is not None
    assert one.verdict.text.endswith("which ends the link")


# -- proof of a link -----------------------------------------------------------------------------------------------

HEARD = Heard(EV_MODEM, 2, 1, 4, 0, 0, 0)
PROOFS: dict[str, list[Sent]] = {
    "status of the vehicle's modem": [(5.0, EV_MODEM, EV, VS_PL_LNK_STATUS_CNF(0, 1))],
    "status of the charger's modem": [(5.0, EVSE_MODEM, EVSE, NSCM_GET_D_LINK_STATUS_CNF(1))],
    "list of the charger's modem": [
        (5.0, EVSE_MODEM, EVSE, CC_DISCOVER_LIST_CNF((Heard(EV_MODEM, 2, 1, 4, 0, 0, 0),)))
    ],
    "a station of the network": [(5.0, EV_MODEM, EV, CM_NW_INFO_CNF((Network(NID, 5, 2, 0, EVSE_MODEM),)))],
    "key of the other modem": [(5.0, EVSE_MODEM, EV, CM_GET_KEY_CNF(1, NID, bytes(16), b"1234", b"5678"))],
    "amplitude map": [(5.0, EVSE, EV, CM_AMP_MAP_REQ(1, b"\0"))],
    "any word of the other modem": [(5.0, EVSE_MODEM, EV, VS_SW_VER_CNF(0, 0x22, b"x\0"))],
}


@pytest.mark.parametrize("proof", PROOFS)
def test_any_sign_of_the_other_end_or_its_modem_proves_the_link(proof: str) -> None:
    assert only(framed([*KEYED, *PROOFS[proof]])).linked


@pytest.mark.parametrize(
    ("source", "to", "linked"),
    [
        (EVSE, EV, True),
        (EV, EVSE, True),
        (EVSE, MULTICAST, True),  # recorded at the vehicle: its modem is in it
        (OTHER, EV, True),  # the charger's stack has another address
        (EV, MULTICAST, False),  # what the vehicle's own host sends says nothing
        (EV_MODEM, EV, False),
    ],
)
def test_ordinary_frames_prove_the_link_where_they_came_over_it(source: bytes, to: bytes, linked: bool) -> None:
    at_the_vehicle = [one for one in KEYED if one[1] != EVSE_MODEM]  # no profiles: they stay at the charger
    assert only([*framed(at_the_vehicle), ipv6(6.0, source, to)]).linked is linked


def test_a_modem_that_never_left_its_old_network_proves_nothing() -> None:
    """It said "up" before the match and goes on; once it was down, its "up" counts."""
    up: Message = VS_PL_LNK_STATUS_CNF(0, 1)
    old: list[Sent] = [*CONFIRMED, (1.5, EVSE_MODEM, EVSE, up), (2.4, EVSE_MODEM, EVSE, up)]
    assert not only(framed(old)).linked
    assert only(framed([*old, (3.0, EVSE_MODEM, EVSE, VS_PL_LNK_STATUS_CNF(0, 0)), (6.0, EVSE_MODEM, EVSE, up)])).linked


def test_a_modem_that_is_read_back_in_another_network_is_the_cause() -> None:
    """Its CM_SET_KEY.CNF was fine; its network says otherwise."""
    one = only(framed([*KEYED, (4.0, EV_MODEM, EV, CM_NW_INFO_CNF((Network(b"\1" * 7, 5, 2, 0, EV_MODEM),)))]))
    assert one.reached is Step.LINK
    assert one.verdict.blamed is End.VEHICLE
    assert one.cause is not None
    assert one.cause.cause.startswith("the vehicle's modem did not take the key: it is in network 01010101010101")
    one = only(framed([*KEYED, (4.0, EVSE_MODEM, EVSE, CM_NW_INFO_CNF((Network(b"\2" * 7, 5, 2, 2, EVSE_MODEM),)))]))
    assert one.verdict.blamed is End.CHARGER


# -- others on the line --------------------------------------------------------------------------------------------


def swapped(sent: list[Sent], run_id: bytes, **macs: bytes) -> list[Sent]:
    """The same matching between other ends."""
    names = {EV: macs["ev"], EVSE: macs["evse"], EV_MODEM: b"\x02" + bytes(4) + b"\x81", EVSE_MODEM: b"\x02" * 6}
    changed: list[Sent] = []
    for time, source, to, message in sent:
        data = build(Frame(names.get(to, to), names.get(source, source), message))
        for old, new in (*names.items(), (RUN, run_id)):
            data = data[:12] + data[12:].replace(old, new)
        changed.append((time, names.get(source, source), names.get(to, to), parse(data).message))
    return changed


def test_pairs_that_match_at_the_same_time_are_judged_one_by_one() -> None:
    """Also where both vehicles use the same RunID, as cars of one maker do."""
    second = swapped(LINKED, RUN, ev=b"\x06" * 6, evse=b"\x08" * 6)
    second = [(time + 0.011, *rest) for time, *rest in second]
    both = rounds(sorted([*framed(LINKED), *framed(second)]), until=60.0)
    apart = [*rounds(framed(LINKED), until=60.0), *rounds(framed(second), until=60.0)]
    assert [(one.ev, one.reached) for one in both] == [(one.ev, one.reached) for one in apart]
    assert [len(one.seen.moves) for one in both] == [len(one.seen.moves) for one in apart]
    assert not any(one.deviations for one in both)


@pytest.mark.parametrize("vlan", [None, 7])
@pytest.mark.parametrize("sent", [ANSWERED, SOUNDED, REPORTED, CHOSEN, LINKED])
def test_copies_of_frames_change_nothing(sent: list[Sent], vlan: int | None) -> None:
    """A mirror port or a tagged copy: one round, with the same counts and the same verdict."""
    doubled = sorted([*framed(sent), *framed(sent, vlan=vlan, later=0.001)])
    (one,), (plain,) = rounds(doubled, until=60.0), rounds(framed(sent), until=60.0)
    assert summary([one]) == summary([plain])
    assert len(one.seen.started) == len(plain.seen.started)
    assert one.deviations == plain.deviations == ()
    assert one.seen.copies


def test_a_vehicle_with_one_run_id_has_one_round_each_time() -> None:
    """Minutes later it matches again: nothing is measured from the round before."""
    later = [(time + 100.0, *rest) for time, *rest in LINKED]
    found = rounds(framed([*LINKED, *later]), until=200.0)
    assert [one.reached for one in found] == [Step.MATCHED, Step.MATCHED]
    assert [len(one.seen.started) for one in found] == [3, 3]
    assert not any(one.deviations for one in found)


def test_a_key_that_is_set_after_the_session_is_not_a_violation() -> None:
    """Both leave their network when the vehicle does; that is told as what it is."""
    left: list[Sent] = [*LINKED, (30.0, EV, LOCAL_MODEM, CM_SET_KEY_REQ(nid=b"\3" * 7, new_key=bytes(16)))]
    one = only(framed(left))
    assert one.new_key is not None
    assert not one.new_key.talking
    assert one.ok


def test_a_foreign_report_or_match_does_not_touch_a_round() -> None:
    foreign: list[Sent] = [
        (1.8, OTHER, BROADCAST, CM_ATTEN_CHAR_IND(source_address=BROADCAST, run_id=bytes(8), aag=b"\1" * 58)),
        (2.0, OTHER, b"\x06" * 6, CM_SLAC_MATCH_CNF(bytes(8), b"\x06" * 6, OTHER, nid=b"\1" * 7, nmk=NMK)),
    ]
    one = only(framed([*LINKED, *foreign]))
    assert summary([one]) == summary([only(framed(LINKED))])
    assert set(one.seen.answerers) == {EVSE}


def test_nothing_is_said_of_a_round_that_begins() -> None:
    one = only(framed(ASKED), until=1.01)
    assert one.ok
    assert one.due is not None
    assert (one.due.end, one.due.message, one.due.since) == (End.CHARGER, "CM_SLAC_PARM.CNF", 1.0)


def test_two_vehicles_with_one_address_are_reported() -> None:
    """Runs of one vehicle follow each other; where they overlap there are two."""
    second = [(time + 0.25, *rest) for time, *rest in swapped(LINKED, b"\7" * 8, ev=EV, evse=EVSE)]
    both = rounds(sorted(framed([*CHOSEN, *second])), until=60.0)
    assert any(one.seen.same_vehicle for one in both)
    assert not any(one.seen.same_vehicle for one in rounds(framed(LINKED)))


def test_a_flood_of_chargers_is_bounded() -> None:
    """Thousands of addresses that answer one vehicle take no more room than a few hundred."""
    flood: list[Sent] = [
        (1.7 + n * 1e-4, b"\x02\x09" + n.to_bytes(4, "big"), EV, CM_ATTEN_CHAR_IND(EV, RUN, b"\1" * 58))
        for n in range(3000)
    ]
    one = only(framed([*SOUNDED, *flood]))
    assert len(one.seen.answerers) <= 200
    assert len(one.seen.moves) <= 800


def test_a_link_that_a_modem_tells_to_be_down_is_lost() -> None:
    """In a session it is said; after the vehicle has left it is what happens then."""
    tcp = bytearray(60)
    tcp[6], tcp[53] = 6, 0x10
    session = (6.0, EVSE + EV + b"\x86\xdd" + bytes(tcp))
    up: Sent = (8.5, EV_MODEM, EV, VS_PL_LNK_STATUS_CNF(0, 1))
    down: list[Sent] = [up, (9.0, EV_MODEM, EV, VS_PL_LNK_STATUS_CNF(0, 0))]
    one = only([*framed([*LINKED, *down]), session])
    assert one.lost is not None
    assert one.lost.talking
    text = "4.00 s after the link came up the vehicle's modem reported it down in the middle of a session"
    assert f"{text} (VS_PL_LNK_STATUS)" in one.verdict.text
    assert "is down" not in only(framed([*LINKED, *down])).verdict.text
    assert only([*framed([*LINKED, *down[1:]]), session]).lost is None  # it never said "up" in this message
    left: list[Sent] = [*LINKED, (8.0, EV, LOCAL_MODEM, CM_SET_KEY_REQ(nid=b"\3" * 7, new_key=bytes(16))), *down]
    assert only([*framed(left), session]).lost is None


def shifted(sent: list[Sent], after: float, by: float) -> list[Sent]:
    return [(time + by if time > after else time, *rest) for time, *rest in sent]  # type: ignore[misc]  # a tuple of a fixed length, starred


def altered(sent: list[Sent], kind: type[Message], **fields: object) -> list[Sent]:
    return [
        (time, source, to, dataclasses.replace(m, **fields) if isinstance(m, kind) else m)  # type: ignore[type-var]  # every message is a dataclass
        for time, source, to, m in sent
    ]


REPORT = CM_ATTEN_CHAR_IND(EV, RUN, b"\x14" * 58)
ACKNOWLEDGED = [one for one in CHOSEN if not isinstance(one[3], CM_SLAC_MATCH_REQ)]
STOPS: dict[str, tuple[list[Sent], End, str]] = {
    "the first START too late": (shifted(SOUNDED, 1.03, 0.6), End.VEHICLE, "arrived 640 ms after CM_SLAC_PARM.CNF"),
    "the answer too late": (
        [*ASKED, (1.35, EVSE, EV, CM_SLAC_PARM_CNF(RUN, EV))], End.CHARGER, ("arrived 350 ms after its request,"
            " expected at most 200 ms")
    ),
    "the report too late": ([*SOUNDED, (2.7, EVSE, EV, REPORT)], End.CHARGER, "arrived 1640 ms after the first START"),
    "the choice too late": (
        [*ACKNOWLEDGED, (14.0, EV, EVSE, CM_SLAC_MATCH_REQ(RUN, EV, EVSE))], End.VEHICLE,
        "arrived 12.29 s after CM_ATTEN_CHAR.RSP, expected at most 10.00 s",
    ),
    "the answer to all": (
        [*ASKED, (1.02, EVSE, BROADCAST, CM_SLAC_PARM_CNF(RUN, EV))], End.CHARGER, "destination ff:ff:ff:ff:ff:ff"
    ),
    "no groups": (altered(REPORTED, CM_ATTEN_CHAR_IND, aag=b""), End.CHARGER, "NumGroups 0, expected 58"),
    "no sounds in the report": (altered(REPORTED, CM_ATTEN_CHAR_IND, num_sounds=0), End.CHARGER, "NumSounds 0"),
    "a refusal in the answer to the report": (
        [*altered(ACKNOWLEDGED, CM_ATTEN_CHAR_RSP, result=1), (1.9, EVSE, EV, REPORT)], End.VEHICLE, "Result 1"
    ),
    "two keys": (
        [*CONFIRMED, (2.4, EVSE, EV, CM_SLAC_MATCH_CNF(RUN, EV, EVSE, nid=b"\1" * 7, nmk=bytes(16)))], End.CHARGER, ""
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPS)
def test_who_made_it_stop(name: str) -> None:
    """Whatever was late, misaddressed, empty or refused: its sender is blamed, with what it was."""
    sent, end, text = STOPS[name]
    one = only(framed(sent))
    assert not one.ok
    assert one.verdict.blamed is end
    assert text in one.verdict.text


@pytest.mark.parametrize(
    ("counted", "what"),
    [
        (lambda cnt: cnt + 1, "Cnt 10, expected 9"),
        (lambda cnt: 9 - cnt, "Cnt 1, expected 0"),
        (lambda cnt: 5, "Cnt 5, expected 4"),
    ],
)
def test_sounds_that_do_not_count_down_are_named(counted: Callable[[int], int], what: str) -> None:
    sent = [
        (t, s, to, dataclasses.replace(m, cnt=counted(m.cnt)) if isinstance(m, CM_MNBC_SOUND_IND) else m)
        for t, s, to, m in LINKED
    ]
    one = only(framed(sent))
    assert one.ok
    assert what in [found.what for found in one.deviations]
    assert {found.move.end for found in one.deviations} == {End.VEHICLE}


def test_a_capture_of_any_interface_has_its_rounds() -> None:
    """It keeps no destinations: what a message names says whose it is, and one RunID forever makes two rounds."""
    first, second = slac.rounds(load(REPORTS / "cooked-capture.pcap"))
    assert [first.matched, second.matched] == [True, True]
    assert [len(one.seen.started) for one in (first, second)] == [3, 3]
    assert first.deviations == second.deviations == ()
