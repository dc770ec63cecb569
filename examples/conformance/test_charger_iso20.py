"""A charger in ISO 15118-20: the marker sets the service and who decides on the power."""

import pytest

from v2g.messages.iso20 import ac, common, dc


@pytest.mark.sut(protocol="iso20", service="DC_BPT", control="dynamic")
async def test_stranger_in_the_loop(secc_sut):
    await secc_sut.until(dc.DC_ChargeLoopReq)
    await secc_sut.refused(dc.DC_ChargeLoopReq, "FAILED_UnknownSession", session_id=bytes(range(8)))
    assert not secc_sut.energised


@pytest.mark.sut(protocol="iso20", service="AC", control="scheduled")
async def test_profile_that_is_missing(secc_sut):
    await secc_sut.until(common.PowerDeliveryReq)
    request = secc_sut.make(common.PowerDeliveryReq, EVPowerProfile=None)
    await secc_sut.refused(request, "FAILED_EVPowerProfileInvalid")


@pytest.mark.sut(protocol="iso20", service="MCS", control="scheduled")
async def test_voltage_that_cannot_be(secc_sut):
    await secc_sut.until(dc.DC_ChargeParameterDiscoveryReq)
    request = secc_sut.make(dc.DC_ChargeParameterDiscoveryReq, EVMaximumVoltage=-500)
    await secc_sut.refused(request, "FAILED_WrongChargeParameter")


@pytest.mark.sut(protocol="iso20", service="AC_BPT", control="dynamic")
async def test_clock_in_microseconds(secc_sut):
    await secc_sut.until(ac.AC_ChargeLoopReq)
    response = await secc_sut.send(ac.AC_ChargeLoopReq, stamp=1_700_000_000_000_000)
    assert response.ResponseCode == "OK"


@pytest.mark.sut(protocol="iso20", service="DC", payment="contract")
async def test_challenge_that_was_not_sent(secc_sut):
    await secc_sut.until(common.AuthorizationReq)
    request = secc_sut.make(common.AuthorizationReq, GenChallenge=bytes(16))
    assert (await secc_sut.send(request)).ResponseCode == "WARNING_ChallengeInvalid"
