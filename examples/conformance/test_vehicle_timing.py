"""A response just in time, and one too late."""

import asyncio

from v2g.messages import iso2


async def test_just_in_time(evcc_sut):
    await evcc_sut.until(iso2.AuthorizationReq)
    await asyncio.sleep(1.75)
    await evcc_sut.reply()
    assert await evcc_sut.next() == "ChargeParameterDiscoveryReq"


async def test_too_late(evcc_sut):
    await evcc_sut.until(iso2.AuthorizationReq)
    await asyncio.sleep(2.0)
    await evcc_sut.gives_up(within=5)
