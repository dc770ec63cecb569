"""State F in the loop is an emergency: the vehicle opens its contactors and leaves."""

import asyncio

from v2g.messages import iso2


async def test_state_f_in_the_loop(evcc_sut):
    await evcc_sut.until(iso2.CurrentDemandReq)
    evcc_sut.pilot("F")
    await evcc_sut.closed(within=5)
    await asyncio.sleep(0.6)
    assert evcc_sut.system.contactors() is False
