"""Contract payment: a challenge that the charger did not issue."""

import pytest

from v2g.messages import iso2


@pytest.mark.sut(payment="contract")
async def test_wrong_challenge(secc_sut):
    await secc_sut.until(iso2.AuthorizationReq)
    request = secc_sut.make(iso2.AuthorizationReq, GenChallenge=bytes(16))
    await secc_sut.refused(request, "FAILED_ChallengeInvalid")
