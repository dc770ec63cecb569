"""A vehicle whose request is refused, or answered by another message, gives up."""

import pytest

from v2g.messages import iso2


@pytest.mark.parametrize("code", ["FAILED", "FAILED_SequenceError", "FAILED_UnknownSession"])
async def test_refusal(evcc_sut, code):
    await evcc_sut.until(iso2.ServiceDiscoveryReq)
    await evcc_sut.reply(code=code)
    await evcc_sut.gives_up()


async def test_another_response(evcc_sut):
    await evcc_sut.until(iso2.CableCheckReq)
    await evcc_sut.reply(iso2.SessionSetupRes)
    await evcc_sut.gives_up()
