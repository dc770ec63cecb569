"""Below the message: a cut EXI stream, a wrong header, a frame in small segments."""

from v2g.messages import iso2


async def test_cut_exi(secc_sut):
    await secc_sut.until(iso2.ServiceDiscoveryReq)
    await secc_sut.post(iso2.ServiceDiscoveryReq, exi=lambda data: data[: len(data) // 2])
    await secc_sut.closed(within=60)


async def test_wrong_version(secc_sut):
    await secc_sut.until(iso2.SessionSetupReq)
    await secc_sut.post(iso2.SessionSetupReq, header={"version": 0xFF})
    await secc_sut.silent(within=2)


async def test_small_segments(secc_sut):
    await secc_sut.until(iso2.SessionSetupReq)
    response = await secc_sut.send(iso2.SessionSetupReq, segments=(1, 3, 4, 2))
    assert response.ResponseCode == "OK_NewSessionEstablished"
