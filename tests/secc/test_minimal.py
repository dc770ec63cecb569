"""The smallest response of every class is one that a strict vehicle can read."""

from __future__ import annotations

from typing import Any

import pytest
from secc_driver import response_classes

import exi
from secc.minimal import minimal
from v2g.protocols import DIN, ISO2, Protocol

CASES = [
    pytest.param(protocol, kind, dc, id=f"{protocol.name}-{kind.__name__}-{'dc' if dc else 'ac'}")
    for protocol in (ISO2, DIN)
    for kind in response_classes(protocol.module)
    for dc in (True, False)
]


@pytest.mark.parametrize(("protocol", "kind", "dc"), CASES)
def test_the_smallest_response_is_legal(protocol: Protocol, kind: type[Any], dc: bool) -> None:
    """It breaks no facet, and decodes to what was encoded."""
    message = minimal(protocol.schema, kind, dc=dc, ResponseCode="FAILED")
    document = protocol.wrap(message, bytes(8))
    data = exi.encode(protocol.schema, document)
    assert exi.decode(protocol.schema, data) == document
    assert exi.examine(protocol.schema, data)[1] == []


@pytest.mark.parametrize("protocol", [ISO2, DIN], ids=lambda p: p.name)
def test_every_response_of_the_protocol_is_there(protocol: Protocol) -> None:
    assert len(response_classes(protocol.module)) == 17


@pytest.mark.parametrize(("protocol", "kind", "dc"), CASES)
def test_a_refusal_promises_nothing(protocol: Protocol, kind: type[Any], dc: bool) -> None:
    """No code that means ready, nothing under way, no power, and the side of the charger that it has."""
    message = minimal(protocol.schema, kind, dc=dc, ResponseCode="FAILED")
    assert getattr(message, "EVSEProcessing", "Finished") == "Finished"
    for name in ("EVSEStatus", "DC_EVSEStatus", "AC_EVSEStatus", "EVSEChargeParameter"):
        part = getattr(message, name, None)
        if part is None:
            continue
        if not name.startswith(("DC", "AC")):
            assert type(part).__name__.startswith("DC_" if dc else "AC_")
        part = getattr(part, "DC_EVSEStatus", getattr(part, "AC_EVSEStatus", part))
        assert getattr(part, "EVSEStatusCode", "EVSE_NotReady") == "EVSE_NotReady"
        assert part.EVSENotification == "None"
        assert part.NotificationMaxDelay == 0
    for name in ("EVSEPresentVoltage", "EVSEPresentCurrent"):
        if (found := getattr(message, name, None)) is not None:
            assert (found.Value, found.Unit) == (0, "V" if name.endswith("Voltage") else "A")
