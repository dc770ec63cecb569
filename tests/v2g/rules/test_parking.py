"""Content rules of the parking stream: selected, in order, by the clock of the message."""

from __future__ import annotations

from typing import Any

import pytest

from v2g.messages.iso20 import common, types
from v2g.protocols.iso20 import PARKING
from v2g.rules.facts import Facts
from v2g.rules.table import hear

ENERGY = common.SelectedServiceType(ServiceID=2, ParameterSetID=1)
NOW = 1_700_000_000


def selection(*added: int) -> common.ServiceSelectionReq:
    chosen = [common.SelectedServiceType(ServiceID=one, ParameterSetID=1) for one in added]
    vas = common.SelectedServiceListType(SelectedService=chosen) if chosen else None
    return common.ServiceSelectionReq(SelectedEnergyTransferService=ENERGY, SelectedVASList=vas)


def check_in(status: Any) -> common.VehicleCheckInReq:
    return common.VehicleCheckInReq(EVCheckInStatus=status, ParkingMethod="Manual")


def check_out(status: Any, planned: int = NOW) -> common.VehicleCheckOutReq:
    header = types.MessageHeaderType(SessionID=bytes(8), TimeStamp=NOW)
    return common.VehicleCheckOutReq(Header=header, EVCheckOutStatus=status, CheckOutTime=planned)


def broken(*messages: Any, selected: tuple[int, ...] | None = (66,)) -> list[str]:
    """Names of the rules that messages of the parking stream break, in order."""
    facts = Facts()
    if selected is not None:
        for message in (selection(*selected), common.ServiceSelectionRes(ResponseCode="OK")):
            hear(facts, message, protocol="iso20-common", now=0.0)
    found = []
    for message in messages:
        found += hear(facts, message, protocol="iso20-common", now=1.0, stream=PARKING)
    return [breach.rule.name for breach in found]


@pytest.mark.parametrize(
    ("statuses", "rules"),
    [
        (("CheckIn", "Processing", "Processing", "Completed"), []),
        (("CheckIn", "Completed"), []),
        (("Processing",), ["parking-order"]),
        (("CheckIn", "Processing", "CheckIn"), ["parking-order"]),
        (("CheckIn", "Completed", "Processing"), ["parking-order"]),
    ],
)
def test_a_check_in_goes_forward(statuses: tuple[str, ...], rules: list[str]) -> None:
    assert broken(*map(check_in, statuses)) == rules
    assert broken(*map(check_in, statuses), selected=None) == []  # nobody knows what came before


def test_only_who_has_selected_parking_checks_in_and_out() -> None:
    assert broken(check_in("CheckIn"), check_out("CheckOut"), selected=()) == ["parking-unselected"] * 2
    assert broken(check_in("CheckIn"), check_out("CheckOut")) == []


@pytest.mark.parametrize(
    ("planned", "rules"),
    [(NOW + 600, []), (0, []), (600, ["check-out-time"]), ((NOW + 600) * 1_000_000, []), (NOW * 3, ["check-out-time"])],
)
def test_a_planned_departure_is_by_the_clock_of_its_message(planned: int, rules: list[str]) -> None:
    """0 means now, and the unit shows in its size."""
    assert broken(check_out("CheckOut", planned)) == rules


@pytest.mark.parametrize(
    ("answers", "rules"),
    [
        (("Scheduled", "Scheduled", "Completed", "Completed"), []),
        (("Completed",), []),
        (("Completed", "Scheduled"), ["check-out-undone"]),
    ],
)
def test_a_completed_check_out_stays_so(answers: tuple[Any, ...], rules: list[str]) -> None:
    messages = [common.VehicleCheckOutRes(ResponseCode="OK", EVSECheckOutStatus=one) for one in answers]
    assert broken(*messages) == rules
