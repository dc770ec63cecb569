"""A PICS file by looking: what our own vehicle shows of itself is declared."""

from __future__ import annotations

import pytest

from plugfest.conformance import virtual
from plugfest.conformance.campaign import probe
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.sut import certificates
from plugfest.conformance.sut.own import OwnVehicle
from v2g.protocols import DIN, ISO2


@pytest.mark.parametrize("tls", [False, True])
def test_a_vehicle_shows_whether_it_wants_tls(tls: bool) -> None:
    """Its SDP request says so; the rest is declared as far as the session gets."""
    context = certificates.context(certificates.in_memory(), "client") if tls else None
    system = OwnVehicle(Pics(), (ISO2, DIN), tls=context)

    async def look() -> Pics:
        async with system.open():
            return (await probe.vehicle(system))[0]

    found = virtual.run(look()).declared
    assert found["PIXIT_EVCC_CMN_TLS"] == ("tls" if tls else "none")
    # The tester has no certificates here: what comes after the handshake is not seen, and not declared.
    assert found.get("PIXIT_EVCC_DC_WeldingDetection") == (None if tls else "weldingDetection")
