"""The same idea in DIN SPEC 70121."""

import pytest

from v2g.messages import din70121 as din


@pytest.mark.sut(protocol="din")
async def test_cable_check_in_state_b(secc_sut):
    await secc_sut.until(din.CableCheckReq)
    secc_sut.pilot("B")
    await secc_sut.refused(din.CableCheckReq, "FAILED")
