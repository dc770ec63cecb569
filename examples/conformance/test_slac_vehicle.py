"""SLAC at a vehicle: a CM_SLAC_MATCH.CNF of another run is not an answer, so it asks again, once."""

from slac.frames import CM_SLAC_MATCH_REQ


async def test_confirm_of_another_run(slac_evcc_sut):
    post = slac_evcc_sut.post
    await post.reach("MATCHREQ")
    for _ in range(2):
        await post.confirm(run_id=bytes(8))
        await post.wanted(within=0.3)
    await post.quiet(0.3, CM_SLAC_MATCH_REQ)
