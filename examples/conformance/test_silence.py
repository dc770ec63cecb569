"""A vehicle falls silent: the charger closes after V2G_SECC_Sequence_Timeout, and its output is off by then."""

import asyncio

from v2g.messages import iso2


async def test_silence_in_the_loop(secc_sut):
    await secc_sut.until(iso2.CurrentDemandReq)
    await asyncio.sleep(60)
    await secc_sut.closed(within=5)
    assert not secc_sut.energised
