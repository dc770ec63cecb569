"""Side streams are read by their state: the bytes of one schema set may be a message of another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import exi
from plugfest.traces import dialogue
from secc.minimal import minimal
from v2g.beside import SideState
from v2g.messages import schema
from v2g.messages.iso20 import ac, common, dc, types
from v2g.protocols import ISO20
from v2g.protocols.iso20 import PARKING, RENEGOTIATION
from v2g.sequence import Sequence, after

ID = bytes(range(8))


def octets(message: Any, signature: Any = None) -> bytes:
    return exi.encode(schema(ISO20.set_of(type(message))), ISO20.wrap(message, ID, signature, 1_700_000_000))


def made(kind: type[Any], **given: Any) -> Any:
    return minimal(ISO20.schema_of(kind), kind, **given)


def renegotiation(energy: str) -> list[Any]:
    """A good renegotiation, with one Ongoing, twice."""
    module: Any = {"AC": ac, "DC": dc}[energy]
    parameters = [made(getattr(module, f"{energy}_ChargeParameterDiscovery{end}")) for end in ("Req", "Res")]
    once = [
        *parameters,
        made(common.ScheduleExchangeReq),
        made(common.ScheduleExchangeRes, EVSEProcessing="Ongoing"),
        made(common.ScheduleExchangeReq),
        made(common.ScheduleExchangeRes, EVSEProcessing="Finished"),
        made(common.PowerDeliveryReq, ChargeProgress="Start", EVProcessing="Finished"),
        made(common.PowerDeliveryRes),
    ]
    return once * 2


@pytest.mark.parametrize("energy", ["AC", "DC"])
def test_every_message_of_a_renegotiation_is_read_as_what_it_is(energy: str) -> None:
    """By the roles and by recordings."""
    state = SideState(ISO20, ISO20.side[RENEGOTIATION])
    messages = renegotiation(energy)
    assert [type(state.read(octets(message)).body) for message in messages] == [type(message) for message in messages]
    read = dialogue.read([dialogue.Payload(RENEGOTIATION, octets(message)) for message in messages])
    assert [type(found.body) for found in read.messages] == [type(message) for message in messages]


def test_bytes_of_two_sets_are_read_as_what_is_due() -> None:
    """The numbers of root elements overlap; where bytes are messages of two sets, the state of the stream decides."""
    for kind in (ac.AC_ChargeParameterDiscoveryReq, dc.DC_ChargeParameterDiscoveryReq):
        for value, exponent in itertools.product((0, 1, 11_000, 32_767), (-3, 0, 3)):
            amount = types.RationalNumberType(Exponent=exponent, Value=value)
            block = made(kind, dc=kind is dc.DC_ChargeParameterDiscoveryReq)
            mode = next(v for name in block.__struct_fields__ if "Mode" in name and (v := getattr(block, name)))
            for name in mode.__struct_fields__:
                if isinstance(getattr(mode, name), types.RationalNumberType):
                    setattr(mode, name, amount)
            data = octets(block)
            state = SideState(ISO20, ISO20.side[RENEGOTIATION])
            assert type(state.read(data).body) is kind


def test_message_that_is_not_due_is_read_all_the_same() -> None:
    """Its order is judged by others."""
    state = SideState(ISO20, ISO20.side[PARKING])
    assert isinstance(state.read(octets(common.SessionStopReq(ChargingSession="Pause"))).body, common.SessionStopReq)


@pytest.mark.parametrize("kind", [ac.AC_ChargeLoopReq, dc.DC_ChargeLoopReq, dc.DC_CableCheckReq])
def test_message_out_of_place_is_read_under_the_set_that_takes_all_of_it(kind: type[Any]) -> None:
    """The beginning of one may be a shorter message of another set."""
    state = SideState(ISO20, ISO20.side[RENEGOTIATION])
    assert type(state.read(octets(made(kind))).body) is kind


def test_garbage_is_not_a_message_and_leaves_the_state() -> None:
    state = SideState(ISO20, ISO20.side[RENEGOTIATION])
    assert not state.read(bytes.fromhex("80ffffffff")).is_message
    assert isinstance(
        state.read(octets(made(ac.AC_ChargeParameterDiscoveryReq))).body, ac.AC_ChargeParameterDiscoveryReq
    )


def test_frame_of_the_wrong_stream_is_reported_with_its_stream() -> None:
    """A recording says what the payload type stands for."""
    found = dialogue.read([dialogue.Payload(PARKING, bytes.fromhex("80ffffffff"))]).messages[0]
    assert not found.is_message


def test_parking_ends_with_the_check_out() -> None:
    """Check-in is repeated until the vehicle has parked, check-out until the charger agrees that it is over."""
    order = Sequence(ISO20.side[PARKING].order)

    def step(kind: Any, response: Any, **given: Any) -> None:
        request = made(kind, **given)
        assert order.verdict(request) == "legal"
        order.advance(request, response)

    for status in ("CheckIn", "Processing", "Completed"):
        step(common.VehicleCheckInReq, made(common.VehicleCheckInRes), EVCheckInStatus=status)
    assert order.verdict(made(common.VehicleCheckInReq)) == "illegal"
    for status, answer in (("CheckOut", "Scheduled"), ("Completed", "Scheduled"), ("Completed", "Completed")):
        answered = made(common.VehicleCheckOutRes, EVSECheckOutStatus=answer)
        step(common.VehicleCheckOutReq, answered, EVCheckOutStatus=status)
    assert order.allowed == ()


def test_side_orders_know_their_own_messages_only() -> None:
    """What starts a stream leads to nothing of another one."""
    for side in ISO20.side.values():
        names = after(side.order, "")
        kinds = [kind for name in names if (kind := ISO20.message(name)) is not None]
        assert len(kinds) == len(names)
        assert {ISO20.set_of(kind) for kind in kinds} <= set(side.sets)
