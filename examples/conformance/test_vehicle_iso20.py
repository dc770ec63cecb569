"""A vehicle in ISO 15118-20: the marker sets the service and who decides on the power."""

import pytest

from v2g.messages.iso20 import common, dc


@pytest.mark.sut(protocol="iso20", service="DC_BPT", control="dynamic")
async def test_stranger_in_the_loop(evcc_sut):
    await evcc_sut.until(dc.DC_ChargeLoopReq)
    await evcc_sut.reply(session_id=bytes(range(8)))
    await evcc_sut.gives_up()


@pytest.mark.sut(protocol="iso20", service="AC", control="scheduled")
async def test_contactor_that_sticks(evcc_sut):
    await evcc_sut.until(common.PowerDeliveryReq)
    await evcc_sut.reply(code="FAILED_ContactorError")
    await evcc_sut.gives_up()


@pytest.mark.sut(protocol="iso20", service="MCS", control="scheduled")
async def test_clock_in_microseconds(evcc_sut):
    await evcc_sut.until(common.ScheduleExchangeReq)
    await evcc_sut.reply(stamp=1_700_000_000_000_000)
    assert await evcc_sut.next() == "DC_CableCheckReq"


@pytest.mark.sut(protocol="iso20", service="DC", payment="contract")
async def test_contract_that_is_refused(evcc_sut):
    request = await evcc_sut.until(common.AuthorizationReq)
    assert request.SelectedAuthorizationService == "PnC"
    await evcc_sut.reply(code="WARNING_CertificateRevoked")
    assert await evcc_sut.next() != "ServiceDiscoveryReq"


@pytest.mark.sut(protocol="iso20", service="DC", control="scheduled")
async def test_response_on_another_stream(evcc_sut):
    await evcc_sut.until(common.ServiceSelectionReq)
    await evcc_sut.reply(header={"type": 0x8101})
    await evcc_sut.closed(within=7)
