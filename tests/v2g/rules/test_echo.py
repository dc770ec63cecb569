"""What has to be sent back goes back with its bits, also where it breaks its facets, or is refused at once.

The table has every field that a side tells and the other one has to say again: ids of sessions, protocols, services,
parameter sets and schedules, meter readings, challenges. Each gets the value that its bits can carry and its facets
do not allow, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from bench import Bench
from pnc import PncBench

from secc.minimal import minimal
from v2g.errors import RemoteError
from v2g.messages import appproto, iso2
from v2g.outcome import Cause
from v2g.session import Session
from v2g.trace import Event

Change = Callable[[Any], Any]


def within(path: str, value: Any) -> Change:
    """A change of one field, by names and places in lists."""

    def change(part: Any, names: list[str]) -> Any:
        if not names:
            return value
        first, rest = names[0], names[1:]
        if isinstance(part, list):
            return [change(one, rest) if place == int(first) else one for place, one in enumerate(part)]
        return msgspec.structs.replace(part, **{first: change(getattr(part, first), rest)})

    return lambda message: change(message, path.split("."))


@dataclass(frozen=True)
class Echo:
    """A field that comes back.

    Attributes:
        mode: of the bench.
        told: message of the charger that tells it, and what is changed there.
        again: message of the vehicle that says it again, and the field.
        value: as it has to come back.
    """

    mode: str
    told: str
    change: Change
    again: str
    field: str
    value: Any

    def __str__(self) -> str:
        return f"{self.mode} {self.again}.{self.field} {self.value}"


SETS = "ServiceParameterList.ParameterSet"
TUPLES = "SASchedules.SAScheduleTuple.0.SAScheduleTupleID"
TUPLES_20 = "Scheduled_SEResControlMode.ScheduleTuple.0.ScheduleTupleID"

ECHOES = (
    Echo("din", "ServiceDiscoveryRes", within("ChargeService.ServiceTag.ServiceID", 70_000),
         "ServicePaymentSelectionReq", "SelectedServiceList.SelectedService.0.ServiceID", 70_000),
    Echo("din", "ChargeParameterDiscoveryRes", within(TUPLES, 40_000), "PowerDeliveryReq",
         "ChargingProfile.SAScheduleTupleID", 40_000),
    Echo("iso2-dc", "ServiceDiscoveryRes", within("ChargeService.ServiceID", 70_000),
         "PaymentServiceSelectionReq", "SelectedServiceList.SelectedService.0.ServiceID", 70_000),
    Echo("iso2-dc", "ChargeParameterDiscoveryRes", within(TUPLES, 256), "PowerDeliveryReq", "SAScheduleTupleID", 256),
    Echo("iso2-ac", "ChargeParameterDiscoveryRes", within(TUPLES, 256), "PowerDeliveryReq", "SAScheduleTupleID", 256),
    Echo("iso20-dc", "ServiceDiscoveryRes", within("EnergyTransferServiceList.Service.0.ServiceID", 70_000),
         "ServiceDetailReq", "ServiceID", 70_000),
    Echo("iso20-dc", "ServiceDetailRes", within(f"{SETS}.0.ParameterSetID", 70_000),
         "ServiceSelectionReq", "SelectedEnergyTransferService.ParameterSetID", 70_000),
    Echo("iso20-dc", "ScheduleExchangeRes", within(TUPLES_20, 0), "PowerDeliveryReq",
         "EVPowerProfile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID", 0),
    Echo("iso20-ac", "ScheduleExchangeRes", within(TUPLES_20, 2**32), "PowerDeliveryReq",
         "EVPowerProfile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID", 2**32),
)  # fmt: skip


def sent(bench: Bench, name: str) -> list[Event]:
    return [e for e in bench.events["ev"] if e.layer == "message" and e.name == name and e.direction == "tx"]


def body(event: Event) -> Any:
    return event.message.Body.BodyElement if hasattr(event.message, "Body") else event.message


def place(message: Any, path: str) -> Any:
    for name in path.split("."):
        message = message[int(name)] if isinstance(message, list) else getattr(message, name)
    return message


def after(bench: Bench, name: str) -> set[str]:
    """What the vehicle sent after a message of the charger, besides what ends a session."""
    events = [e for e in bench.events["ev"] if e.layer == "message"]
    told = next(i for i, e in enumerate(events) if e.name == name)
    later = {e.name for e in events[told:] if e.direction == "tx"}
    return later - {"SessionStopReq", "PowerDeliveryReq"}


EACH = [
    (echo, tolerant)
    for echo in ECHOES
    for tolerant in (True, False)
    if tolerant or not echo.mode.startswith("iso20")  # a strict vehicle speaks it over TLS alone
]


@pytest.mark.parametrize(("echo", "tolerant"), EACH, ids=str)
async def test_a_field_goes_back_with_its_bits_or_is_refused_at_once(echo: Echo, tolerant: bool) -> None:
    """A vehicle that takes it can send it; one that cannot ends before it goes on, not seconds later under voltage."""
    bench = Bench(echo.mode, duration=0.5, test_seconds=0.2)
    bench.ev.control = "scheduled"
    bench.ev.tolerant = tolerant
    told = bench.protocol.message(echo.told)
    assert told is not None
    bench.se.rewrite[told] = echo.change
    vehicle, _ = await bench.run()
    assert bench.safe
    assert "we cannot send" not in vehicle.reason
    if after(bench, echo.told):  # it went on
        assert place(body(sent(bench, echo.again)[0]), echo.field) == echo.value
        assert "facet" in vehicle.tolerances
    else:
        assert not vehicle.ok


@pytest.mark.parametrize("mode", ["din", "iso2-dc", "iso20-dc"])
@pytest.mark.parametrize("session_id", [bytes(range(1, 9)), b"\x01", bytes(7) + b"\x01", bytes(range(1, 10)), b""])
async def test_a_session_id_goes_back_byte_for_byte_or_is_refused_at_once(mode: str, session_id: bytes) -> None:
    """Of whatever length: nobody pads or cuts it [V2G2-460]."""
    bench = Bench(mode, duration=0.5, test_seconds=0.2)
    charger, driving = await bench.vehicle_alone()
    session = Session(charger)
    await session.receive()
    await session.send(appproto.supportedAppProtocolRes(ResponseCode="OK_SuccessfulNegotiation", SchemaID=1))
    session.protocol = bench.protocol
    await session.receive()
    session.id = session_id
    kind = bench.protocol.message("SessionSetupRes")
    assert kind is not None
    session.tolerances.append("facet")  # ids that break their facets are sent anyway
    answer = minimal(bench.protocol.schema_of(kind), kind, ResponseCode="OK_NewSessionEstablished")
    await session.send(answer)
    try:
        received = await session.receive()
    except RemoteError:
        assert len(session_id) not in range(1, 9) or (mode == "iso20-dc" and len(session_id) != 8)
        driving.cancel()
        return
    # a header of ISO 15118-20 always has an id: zeros where there is none yet
    assert received.session_id == (session_id or bytes(8 if mode == "iso20-dc" else 0))
    await session.close()
    outcome = await driving
    assert outcome.cause is not Cause.COMPLETE


@pytest.mark.parametrize("schema_id", [0, 1, 127, 255])
async def test_a_schema_id_goes_back_as_it_was_offered(schema_id: int) -> None:
    """0 is an id like any other."""
    bench = Bench("iso2-dc", duration=0.5, test_seconds=0.2)
    bench.ev.rewrite[appproto.supportedAppProtocolReq] = within("AppProtocol.0.SchemaID", schema_id)
    vehicle, _ = await bench.run()
    events = [e.message for e in bench.events["se"] if e.layer == "message"]
    assert events[1].SchemaID == schema_id
    assert vehicle.ok or "SchemaID" in vehicle.reason


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
async def test_a_charger_names_the_schedule_that_was_chosen(mode: str) -> None:
    bench = Bench(mode, duration=0.5, test_seconds=0.2)
    await bench.run()
    chosen = body(sent(bench, "PowerDeliveryReq")[0]).SAScheduleTupleID
    loop = "CurrentDemandRes" if mode == "iso2-dc" else "ChargingStatusRes"
    answers = [body(e) for e in bench.events["ev"] if e.layer == "message" and e.name == loop]
    setup = next(body(e) for e in bench.events["ev"] if e.name == "SessionSetupRes")
    assert {(a.SAScheduleTupleID, a.EVSEID) for a in answers} == {(chosen, setup.EVSEID)}


async def test_a_strict_vehicle_ends_at_once() -> None:
    bench = Bench("iso2-dc", duration=0.5, test_seconds=0.2)
    bench.ev.tolerant = False
    bench.se.rewrite[iso2.ChargeParameterDiscoveryRes] = within(TUPLES, 256)
    vehicle, _ = await bench.run()
    assert vehicle.reason.startswith("facet")


@pytest.mark.parametrize("meter_id", ["M1", "M" * 40])
async def test_a_meter_reading_goes_back_in_the_receipt_as_it_was_told(meter_id: str) -> None:
    """Also with an id longer than the 32 characters of the schema."""
    bench = PncBench("iso2-dc", duration=3.0, test_seconds=0.2)
    bench.contracts.receipt_every = 1.0

    def other(message: iso2.CurrentDemandRes) -> iso2.CurrentDemandRes:
        return message if message.MeterInfo is None else within("MeterInfo.MeterID", meter_id)(message)

    bench.se.rewrite[iso2.CurrentDemandRes] = other
    await bench.run()
    assert [body(e).MeterInfo.MeterID for e in sent(bench, "MeteringReceiptReq")][:1] == [meter_id]
