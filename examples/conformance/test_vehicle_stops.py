"""The charger asks to stop: the vehicle stops within the time that it is given, and its pilot goes to B."""

from slac.pilot import State
from v2g.messages import iso2


async def test_stop_notification(evcc_sut):
    evcc_sut.stop_after(3)
    await evcc_sut.until(iso2.SessionStopReq)
    evcc_sut.trace.within(10, iso2.CurrentDemandRes, iso2.PowerDeliveryReq)
    assert evcc_sut.se.pilot_at(evcc_sut.se.now) is State.B
