"""The sequence tables: the normal sessions pass, and everything that no row allows is illegal."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from v2g.messages import din70121, iso2
from v2g.sequence import DIN, ISO2, START, Sequence, Step, after, edges, mermaid, page

DRAWN = Path(__file__).parents[2] / "docs" / "sequence.md"
MODULES = {"iso2": (ISO2, iso2), "din70121": (DIN, din70121)}


def message(module: ModuleType, name: str, **fields: Any) -> Any:
    """A message of which only the fields that the tables look at are there."""
    return bare(getattr(module, name), **fields)


def bare(kind: type[Any], **fields: Any) -> Any:
    """A message with None in all other fields; the tables never look at them."""
    return kind(**{**dict.fromkeys(kind.__struct_fields__), **fields})


DC = bare(iso2.DC_EVChargeParameterType)
AC = bare(iso2.AC_EVChargeParameterType)


def walk(sequence: Sequence, module: ModuleType, steps: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> list[str]:
    """Verdicts of a list of (request name, request fields, response fields)."""
    verdicts = []
    for name, asked, answered in steps:
        request = message(module, name, **asked)
        verdicts.append(sequence.verdict(request))
        sequence.advance(request, message(module, name.removesuffix("Req") + "Res", **answered))
    return verdicts


FINISHED = {"EVSEProcessing": "Finished"}
ONGOING = {"EVSEProcessing": "Ongoing"}
EXTERNAL = {"SelectedPaymentOption": "ExternalPayment"}
ISO_START: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SessionSetupReq", {}, {}),
    ("ServiceDiscoveryReq", {}, {}),
    ("ServiceDetailReq", {}, {}),
    ("PaymentServiceSelectionReq", EXTERNAL, {}),
    ("AuthorizationReq", {}, {"EVSEProcessing": "Ongoing_WaitingForCustomerInteraction"}),
    ("AuthorizationReq", {}, FINISHED),
]
ISO_DC = [
    *ISO_START,
    ("ChargeParameterDiscoveryReq", {"EVChargeParameter": DC}, ONGOING),
    ("ChargeParameterDiscoveryReq", {"EVChargeParameter": DC}, FINISHED),
    ("CableCheckReq", {}, ONGOING),
    ("CableCheckReq", {}, FINISHED),
    ("PreChargeReq", {}, {}),
    ("PreChargeReq", {}, {}),
    ("PowerDeliveryReq", {"ChargeProgress": "Start"}, {}),
    ("CurrentDemandReq", {}, {}),
    ("CurrentDemandReq", {}, {"ReceiptRequired": True}),
    ("MeteringReceiptReq", {}, {}),
    ("CurrentDemandReq", {}, {}),
    ("PowerDeliveryReq", {"ChargeProgress": "Renegotiate"}, {}),
    ("ChargeParameterDiscoveryReq", {"EVChargeParameter": DC}, FINISHED),
    ("CableCheckReq", {}, FINISHED),
    ("PreChargeReq", {}, {}),
    ("PowerDeliveryReq", {"ChargeProgress": "Start"}, {}),
    ("CurrentDemandReq", {}, {}),
    ("PowerDeliveryReq", {"ChargeProgress": "Stop"}, {}),
    ("WeldingDetectionReq", {}, {}),
    ("WeldingDetectionReq", {}, {}),
    ("SessionStopReq", {}, {}),
]
ISO_AC = [
    *ISO_START,
    ("ChargeParameterDiscoveryReq", {"EVChargeParameter": AC}, FINISHED),
    ("PowerDeliveryReq", {"ChargeProgress": "Start"}, {}),
    ("ChargingStatusReq", {}, {}),
    ("ChargingStatusReq", {}, {}),
    ("PowerDeliveryReq", {"ChargeProgress": "Stop"}, {}),
    ("SessionStopReq", {}, {}),
]
CONTRACT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *ISO_START[:3],
    ("PaymentServiceSelectionReq", {"SelectedPaymentOption": "Contract"}, {}),
    ("CertificateInstallationReq", {}, {}),
    ("PaymentDetailsReq", {}, {}),
    ("AuthorizationReq", {}, FINISHED),
]
DIN_DC: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SessionSetupReq", {}, {}),
    ("ServiceDiscoveryReq", {}, {}),
    ("ServicePaymentSelectionReq", EXTERNAL, {}),
    ("ContractAuthenticationReq", {}, ONGOING),
    ("ContractAuthenticationReq", {}, FINISHED),
    ("ChargeParameterDiscoveryReq", {"EVChargeParameter": DC}, FINISHED),
    ("CableCheckReq", {}, ONGOING),
    ("CableCheckReq", {}, FINISHED),
    ("PreChargeReq", {}, {}),
    ("PowerDeliveryReq", {"ReadyToChargeState": True}, {}),
    ("CurrentDemandReq", {}, {}),
    ("CurrentDemandReq", {}, {}),
    ("PowerDeliveryReq", {"ReadyToChargeState": False}, {}),
    ("WeldingDetectionReq", {}, {}),
    ("SessionStopReq", {}, {}),
]


@pytest.mark.parametrize(
    ("name", "steps"),
    [("iso2", ISO_DC), ("iso2", ISO_AC), ("iso2", CONTRACT), ("din70121", DIN_DC)],
    ids=["iso2-dc", "iso2-ac", "iso2-contract", "din"],
)
def test_normal_sessions_are_legal(name: str, steps: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    table, module = MODULES[name]
    assert set(walk(Sequence(table), module, steps)) == {"legal"}


@pytest.mark.parametrize("name", MODULES)
def test_what_no_row_allows_is_illegal_in_every_position(name: str) -> None:
    """Every request of the schema at every point of the normal sessions."""
    table, module = MODULES[name]
    requests = [n for n in vars(module) if n.endswith("Req")]
    assert len(requests) == 17
    for steps in (ISO_DC, ISO_AC, CONTRACT) if name == "iso2" else (DIN_DC,):
        sequence = Sequence(table)
        for step in steps:
            for request in requests:
                verdict = sequence.verdict(message(module, request))
                assert (verdict == "legal") == (request in sequence.allowed)
                assert (verdict == "tolerated") == (request in sequence.tolerated and request not in sequence.allowed)
            walk(sequence, module, [step])


def test_after_session_stop_nothing_is_allowed() -> None:
    for steps, (table, module) in ((ISO_DC, MODULES["iso2"]), (DIN_DC, MODULES["din70121"])):
        sequence = Sequence(table)
        walk(sequence, module, steps)
        assert sequence.allowed == sequence.tolerated == ()
        assert sequence.expected() == "nothing"


@pytest.mark.parametrize(
    ("steps", "name", "asked", "verdict"),
    [
        (ISO_DC[:14], "SessionStopReq", {}, "tolerated"),
        (ISO_DC[:9], "PowerDeliveryReq", {"ChargeProgress": "Stop"}, "tolerated"),
        (ISO_DC[:9], "PowerDeliveryReq", {"ChargeProgress": "Start"}, "illegal"),
        (ISO_DC[:8], "PowerDeliveryReq", {"ChargeProgress": "Stop"}, "legal"),
        (ISO_DC[:7], "CableCheckReq", {}, "illegal"),
        (ISO_DC[:15], "CurrentDemandReq", {}, "illegal"),
        (ISO_AC[:7], "CableCheckReq", {}, "illegal"),
        (ISO_AC[:8], "CurrentDemandReq", {}, "illegal"),
        (CONTRACT[:4], "AuthorizationReq", {}, "illegal"),
    ],
)
def test_special_cases_of_iso2(
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]], name: str, asked: dict[str, Any], verdict: str
) -> None:
    sequence = Sequence(ISO2)
    walk(sequence, iso2, steps)
    assert sequence.verdict(message(iso2, name, **asked)) == verdict


@pytest.mark.parametrize("name", MODULES)
def test_tables_name_only_messages_that_exist(name: str) -> None:
    table, module = MODULES[name]
    for step in table:
        assert step.after == START or hasattr(module, step.after)
        for request in (*step.then.split(), *step.tolerated.split()):
            assert hasattr(module, request.partition(":")[0])


@pytest.mark.parametrize("name", MODULES)
def test_an_unconditional_row_comes_last_of_its_message(name: str) -> None:
    """Else the rows behind it could never count."""
    table, _ = MODULES[name]
    rows: dict[str, list[Step]] = {}
    for step in table:
        rows.setdefault(step.after, []).append(step)
    for steps in rows.values():
        assert [step.when is None for step in steps] == [False] * (len(steps) - 1) + [True]


def test_the_diagram_shows_every_edge() -> None:
    text = mermaid(DIN)
    for source, target, _ in edges(DIN):
        assert f"{source} --> {target.partition(':')[0]}" in text


@pytest.mark.skipif(not DRAWN.exists(), reason="the docs are not here (tests against the wheel)")
def test_the_page_of_the_docs_is_current() -> None:
    assert DRAWN.read_text() == page()


def test_what_can_still_come() -> None:
    """Services are over once payment is selected; a renegotiation leads back to the charge parameters."""
    assert "ServiceDetailReq" in after(ISO2, "ServiceDiscoveryReq")
    assert "ServiceDetailReq" not in after(ISO2, "PaymentServiceSelectionReq")
    assert {"PreChargeReq", "WeldingDetectionReq"} <= after(ISO2, "CurrentDemandReq")
    assert after(DIN, "CurrentDemandReq") == {
        "CurrentDemandReq", "PowerDeliveryReq", "WeldingDetectionReq", "SessionStopReq"
    }  # fmt: skip
    assert after(DIN, "SessionStopReq") == frozenset()
