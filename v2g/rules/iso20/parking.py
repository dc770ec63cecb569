"""Parking (value added service 66): check-in and check-out of a vehicle, on a stream beside the main one."""

from __future__ import annotations

from typing import Any

from v2g import energy, stamps
from v2g.reading import stamp_of
from v2g.rules.facts import Facts
from v2g.rules.rule import COMMON20, EVCC, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

COMMON = (COMMON20,)
IN_STEPS = ("CheckIn", "Processing", "Completed")
OUT_STEPS = ("CheckOut", "Processing", "Completed")
"""EVCheckInStatus and EVCheckOutStatus in their order."""
YEARS = 10 * 365 * 86400.0
"""s by which a planned departure and the clock of its message may differ: more is another unit or another clock."""


@rule("parking-unselected", "a vehicle checks in and out only if it has selected the parking service", EVCC,
      "VehicleCheckInReq", "VehicleCheckOutReq", code="FAILED_SequenceError", only=COMMON)  # fmt: skip
def parking_unselected(facts: Facts, body: Any) -> str:
    if facts.iso20.added is None or energy.PARKING in facts.iso20.added:
        return ""
    return f"{type(body).__name__}, but the vehicle has not selected service {energy.PARKING}"


@rule("parking-order", "a check-in or check-out goes on to Processing and Completed, and not back", EVCC,
      "VehicleCheckInReq", "VehicleCheckOutReq", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def parking_order(facts: Facts, body: Any) -> str:
    arrives = type(body).__name__ == "VehicleCheckInReq"
    steps, field = (IN_STEPS, "EVCheckInStatus") if arrives else (OUT_STEPS, "EVCheckOutStatus")
    now, before = str(getattr(body, field)), facts.iso20.checked_in if arrives else facts.iso20.checked_out
    if not facts.iso20.added or (before and steps.index(now) >= steps.index(before)):
        return ""  # where the beginning is not known, nobody knows what came before
    if not before:
        return f"{field} begins with {now}, not with {steps[0]}" if now != steps[0] else ""
    return f"{field} is {now} after {before}"


@rule("check-out-time", "CheckOutTime is by the clock of the message", EVCC, "VehicleCheckOutReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def check_out_time(facts: Facts, body: Any) -> str:
    planned, sent = stamps.seconds(body.CheckOutTime), stamps.seconds(stamp_of(body))
    if planned is None or sent is None or abs(planned - sent) <= YEARS:
        return ""
    return f"CheckOutTime is {stamps.text(body.CheckOutTime)}, but TimeStamp is {stamps.text(stamp_of(body))}"


@rule("check-out-undone", "a check-out that is completed stays so", SECC, "VehicleCheckOutRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def check_out_undone(facts: Facts, body: Any) -> str:
    if facts.iso20.let_out and body.EVSECheckOutStatus != "Completed":
        return f"EVSECheckOutStatus is {body.EVSECheckOutStatus} after Completed"
    return ""
