"""A PICS file by looking: what our own roles show of themselves is declared."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import certificates, probe, virtual
from conformance.own import OwnCharger, OwnVehicle
from conformance.pics import Pics
from v2g.protocols import DIN, ISO2


def seen(sut: str, system: Any) -> Pics:
    async def look() -> Pics:
        async with system.open():
            return (await (probe.charger if sut == "secc" else probe.vehicle)(system))[0]

    return virtual.run(look())


@pytest.mark.parametrize("mode", ["aC", "dC"])
def test_a_charger_shows_its_mode_and_its_services(mode: str) -> None:
    """AC or DC, value-added services and meter readings are seen in its responses."""
    pics = Pics({
        "PICS_CMN_CMN_ChargingMode": mode, "PICS_SECC_CMN_EIMDone": "beforePlugin",
        "PIXIT_SECC_CMN_VAS": "serviceDetail",
    })  # fmt: skip
    found = seen("secc", OwnCharger(pics)).declared
    assert found["PICS_CMN_CMN_ChargingMode"] == mode
    assert found["PIXIT_SECC_CMN_VAS"] == "serviceDetail"
    assert found["PIXIT_SECC_CMN_TLS"] is False


@pytest.mark.parametrize("tls", [False, True])
def test_a_vehicle_shows_whether_it_wants_tls(tls: bool) -> None:
    """Its SDP request says so; the rest is declared as far as the session gets."""
    context = certificates.context(certificates.in_memory(), "client") if tls else None
    found = seen("evcc", OwnVehicle(Pics(), (ISO2, DIN), tls=context)).declared
    assert found["PIXIT_EVCC_CMN_TLS"] == ("tls" if tls else "none")
    # The tester has no certificates here: what comes after the handshake is not seen, and not declared.
    assert found.get("PIXIT_EVCC_DC_WeldingDetection") == (None if tls else "weldingDetection")
