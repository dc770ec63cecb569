"""``plugfest explain``: pages of the tables, for people and as JSON, and one line for unknown names."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from boundary.console import STAND_INS
from plugfest.cli import main
from plugfest.explain import line, protocols, slac_messages
from plugfest.explain.page import folded
from slac.connector import CONNECTORS
from slac.frames import CM_SLAC_MATCH_CNF
from slac.mme import Frame, build
from slac.pilot import current_of, duty_of
from v2g.protocols import PROTOCOLS

PAGES = [
    ("cp", "C      +6 V   5 to 7 V                882  ready to take energy"),
    ("pp", "220  150 to 330              32          32"),
    ("duty", "53.3  up to 32 A for each phase"),
    ("duty 53.3", "53.3  up to 32 A for each phase"),
    ("duty 32A", "53.3  up to 32 A for each phase"),
    ("duty 5%", "charging only as agreed by messages"),
    ("connector", "(DC+/L1) (DC-/L2) (PE) (CP) (PP)"),
    ("connector ccs2", "200 to 920 V (standard: 1000 V), 500 A, 350 kW"),
    ("connector nacs", "1 × 80 A, 100 to 277 V, 22.2 kW"),
    ("connector type1", "1 × 80 A, 120 to 240 V, 19.2 kW"),
    ("connector type2", "3 × 63 A, 230 to 400 V, 43.6 kW"),
    ("sequence DIN", "while the answer is Ongoing: ContractAuthenticationReq or SessionStopReq"),
    ("sequence din", "while the answer is Ongoing: ContractAuthenticationReq or SessionStopReq"),
    ("sequence iso20", "(0x8101)"),
    ("timer", "TT_match_join"),
    ("timer EVCC_Ongoing", "EVCC_Ongoing_Timeout      ISO 15118-20    60 s   vehicle"),
    ("timer V2G_SECC_Sequence_Timeout", "SECC_Sequence_Timeout      ISO 15118-20    60 s   charger"),
    ("message AuthorizationReq", "PnC_AReqAuthorizationMode     PnC_AReqAuthorizationModeType  one of them"),
    ("message CurrentDemandRes", "the charger answers within 0.025 s, the vehicle waits 0.25 s"),
    ("message CM_SLAC_MATCH.CNF", "evse_id           17 bytes  must be all zero"),
    ("message VS_SW_VER.CNF", "MMTYPE 0xA001, Qualcomm (00:b0:52)"),
    ("message cm_atten_char.ind", "aag               variable"),
    ("message prechargereq", "comes after: CableCheckReq, PreChargeReq"),
    ("message supportedAppProtocolReq", "AppProtocol  AppProtocolType  1 to 20"),
    ("message MeteringReceiptReq", "not used: it has no place in the order of messages"),
    ("code failed_sequenceerror", "the charger expected another request"),
    ("code Failed_NoNegotiation", "the charger speaks none of the protocols that the vehicle offers\nthe session ends"),
    ("sequence din", "├─▶ while the answer is Ongoing: CableCheckReq"),
    ("code WARNING_ChallengeInvalid", "ISO 15118-20      10  AuthorizationRes"),
    ("code FAILED_SequenceError", "any response"),
]


@pytest.mark.parametrize(("words", "text"), PAGES, ids=[words for words, _ in PAGES])
def test_a_page_for_people_and_for_programs(words: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words.split()]) == 0
    shown = capsys.readouterr().out
    assert text in shown
    assert main(["explain", *words.split(), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["title"] == shown.splitlines()[0]
    assert data["content"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("duty 120", "a duty is 0 to 100 %"),
        ("duty 3A", "only 6 to 80 A"),
        ("duty much", "use a percentage (53.3) or a current (32A)"),
        ("connector schuko", "unknown connector 'schuko'; choose from CCS1"),
        ("sequence iso22", "unknown protocol 'iso22'; did you mean iso2"),
        ("timer Nothing_Timeout_Of_All", "unknown timer 'Nothing_Timeout_Of_All'"),
        ("code foo", "unknown ResponseCode 'foo'; choose from FAILED, FAILED_AssociationError, "),
        ("message AuthorisationReq", "did you mean AuthorizationReq"),
        ("message ServiceType", "unknown message 'ServiceType'"),
        ("code FAILED_SequenceErr", "did you mean FAILED_SequenceError"),
    ],
)
def test_what_nobody_knows_is_one_line(words: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words.split()]) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


def test_every_message_and_code_has_its_page() -> None:
    for own in PROTOCOLS.values():
        names = {name for module in own.modules.values() for name in vars(module) if name.endswith(("Req", "Res"))}
        for name in sorted(names):
            assert own.title in "\n".join(protocols.message(name).lines)
        for name in protocols._known(own):
            assert own.title in "\n".join(protocols.code(name).lines)


def test_every_message_of_slac_has_its_page() -> None:
    for name, kind in slac_messages.names().items():
        assert f"0x{kind.CODE:04X}" in protocols.message(name).lines[0]


def test_lengths_are_those_on_the_wire() -> None:
    content: Any = protocols.message("CM_SLAC_MATCH.CNF").data
    lengths = [int(one["length"].split()[0]) for one in content["fields"]]
    frame = Frame(bytes(6), bytes(6), CM_SLAC_MATCH_CNF(bytes(8), bytes(6), bytes(6), bytes(7), bytes(16)))
    assert sum(lengths) == len(build(frame)) - 19


def test_an_order_is_drawn_as_a_tree() -> None:
    drawn = [line for line in protocols.sequence("iso20").lines if "─▶" in line or not line.strip().count(" ")]
    for one, after in itertools.pairwise(drawn):
        if "─▶" in one:
            assert ("├" in one) == ("─▶" in after)


def test_every_condition_of_an_order_is_worded() -> None:
    orders = [order for own in PROTOCOLS.values() for order in (own.order, *(side.order for side in own.side.values()))]
    names = {step.when.__name__.strip("_") for order in orders for step in order if step.when is not None}
    assert names <= protocols.CONDITIONS.keys()


def test_numbers_are_those_of_the_tables() -> None:
    data: Any = line.duty().data
    for one in data:
        if one["offer"] == "current":
            assert one["amperes"] == pytest.approx(current_of(one["duty"]), abs=0.02)
    data = line.duty("32A").data
    assert data[0]["duty"] == pytest.approx(duty_of(32), abs=0.01)
    data = line.connectors().data
    assert {one["name"] for one in data} == set(CONNECTORS)


@pytest.mark.parametrize("words", [words for words, _ in PAGES])
def test_columns_stay_aligned_on_an_ascii_terminal(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands there for another character is as wide."""
    assert main(["explain", *words.split()]) == 0
    assert {c for c in capsys.readouterr().out if not c.isascii() and len(STAND_INS[c]) != 1} == set()


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("make", [line.cp, line.pp, line.duty, line.connectors, protocols.timer])
def test_a_page_fits_a_narrow_terminal(make: Any, width: int) -> None:
    """Only what cannot be broken sticks out, and nothing is lost."""
    lines = make().lines
    shown = list(folded(lines, width))
    assert all(len(one) <= width or not one[4:].strip().count(" ") for one in shown if "┐" not in one)
    assert " ".join(" ".join(shown).split()) == " ".join(" ".join(lines).split())


def test_a_long_line_goes_on_under_its_last_column() -> None:
    row = "F      -12 V  charger not available, and a long explanation of it"
    assert list(folded([row], 40)) == [
        "F      -12 V  charger not available, and",
        "              a long explanation of it",
    ]
