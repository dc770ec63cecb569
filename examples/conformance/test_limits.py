"""A negative current limit is refused; a limit of one ampere is not."""

import pytest

from v2g.messages import iso2


async def test_negative_limit(secc_sut):
    await secc_sut.until(iso2.ChargeParameterDiscoveryReq)
    request = secc_sut.make(iso2.ChargeParameterDiscoveryReq, EVMaximumCurrentLimit=-100)
    await secc_sut.refused(request, "FAILED_WrongChargeParameter")


@pytest.mark.parametrize("amps", [1.0, 400.0])
async def test_unusual_limit(secc_sut, amps):
    await secc_sut.until(iso2.ChargeParameterDiscoveryReq)
    request = secc_sut.make(iso2.ChargeParameterDiscoveryReq, EVMaximumCurrentLimit=amps)
    assert (await secc_sut.send(request)).ResponseCode == "OK"
