"""The connector is pulled while power flows: the output is off within 100 ms."""

import asyncio

from v2g.messages import iso2


async def test_pulled_out(secc_sut):
    await secc_sut.until(iso2.CurrentDemandReq)
    await secc_sut.send(iso2.CurrentDemandReq)
    secc_sut.pilot("A")
    await asyncio.sleep(0.1)
    assert not secc_sut.energised
