"""A foreign session id in one message only."""

from v2g.messages import iso2


async def test_foreign_session_id(secc_sut):
    await secc_sut.until(iso2.AuthorizationReq)
    await secc_sut.refused(iso2.AuthorizationReq, "FAILED_UnknownSession", session_id=bytes.fromhex("00000000deadbeef"))
