"""A PICS file by looking: what our own vehicle shows of itself is declared."""

from __future__ import annotations

import pytest

from plugfest.conformance import virtual
from plugfest.conformance.campaign import probe
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.sut import certificates
from plugfest.conformance.sut.own import OwnCharger, OwnVehicle
from v2g.protocols import DIN, ISO2, ISO20


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


def test_a_charger_shows_its_services_of_iso20() -> None:
    """Both directions, prices, payment by contract and its installation, and the parking service are declared."""
    bench = certificates.in_memory(ISO20)
    pics = Pics(
        {
            "PICS_CMN_ISO20_BPT": True,
            "PICS_CMN_CMN_IdentificationMode": "pnC",
            "PIXIT_SECC_CMN_PaymentOption": "contract",
            "PIXIT_SECC_CMN_CertificateHandling": "certInstall",
            "PIXIT_SECC_ISO20_Pricing": "levels",
            "PIXIT_SECC_ISO20_ParkingStatus": True,
        }
    )
    system = OwnCharger(pics, (ISO20,), tls=certificates.context(bench, "server"))

    async def look() -> tuple[Pics, list[str]]:
        async with system.open():
            return await probe.charger(system, None, (certificates.context(bench, "client"), bench))

    found, notes = virtual.run(look())
    assert {name: found[name] for name in pics.declared} == dict(pics.declared)
    assert "DC (2): 3 parameter sets, dynamic and scheduled" in notes
    assert "DC_BPT (6): 3 parameter sets, dynamic and scheduled" in notes
