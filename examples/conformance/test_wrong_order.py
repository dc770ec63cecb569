"""A ServiceDiscoveryReq where CableCheckReq is due: FAILED_SequenceError, then the charger closes."""

from v2g.messages import iso2


async def test_service_discovery_during_cable_check(secc_sut):
    await secc_sut.until(iso2.CableCheckReq)
    await secc_sut.refused(iso2.ServiceDiscoveryReq(), "FAILED_SequenceError")
