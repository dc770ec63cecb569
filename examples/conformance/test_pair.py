"""Both of our own roles, one of them altered: how a charger reacts to a vehicle that skips a message."""

from v2g.messages import iso2


async def test_message_replaced_in_flight(bench):
    bench.ev.rewrite[iso2.PreChargeReq] = lambda message: iso2.ServiceDiscoveryReq()
    trace = await bench.run()
    assert trace.last(iso2.ServiceDiscoveryRes).ResponseCode == "FAILED_SequenceError"
    assert not bench.evse.energised


async def test_good_case(bench):
    trace = await bench.run()
    assert trace.names[-1] == "SessionStopRes"
    assert bench.vehicle.contactors.mishaps == []
