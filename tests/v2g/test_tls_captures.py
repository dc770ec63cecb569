"""Hellos of recorded vehicles at our charger: whatever else they offer, it takes what the standard says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from captures import SHARED
from tls_world import NOW, charger, store

from v2g import tls
from v2g.memory_link import memory_pair
from v2g.tls import extensions as ext
from v2g.tls import messages
from v2g.trace import Event

CAPTURES = SHARED / "captures"
# file -> profile of our charger, suite and group it takes
HELLOS = {
    "ISO-2_DC_PnC_TLS_CertInstallation_DS5366_RiseV2G.pcapng": ("iso2", 0xC023, 23),
    "ISO-20_TLS13_DC_DS5366_Josev.pcapng": ("lab", 0x1302, 23),
}


def recorded_hello(path: Path) -> bytes:
    """The record of the first ClientHello in a capture; it lies in one packet."""
    data = path.read_bytes()
    found = re.search(rb"\x16\x03[\x01\x03](..)\x01\x00..\x03\x03", data, re.DOTALL)
    assert found is not None
    return data[found.start() : found.start() + 5 + int.from_bytes(found[1], "big")]


@pytest.mark.parametrize("name", HELLOS)
async def test_the_hello_of_a_recorded_vehicle_is_answered(name: str) -> None:
    path = CAPTURES / name
    if not path.is_file():
        pytest.skip(f"needs {path} (PLUGFEST_SHARED)")
    profile, suite, group = HELLOS[name]
    events: list[Event] = []
    charger_end, vehicle_end = await memory_pair()
    context = charger(tls.PROFILES[profile].change(timeout=2.0), store("iso2"), now=lambda: NOW)
    serving = asyncio.create_task(charger_end.start_tls(context, events.append))
    await vehicle_end.write(recorded_hello(path))
    with pytest.raises(tls.TlsFailure, match="did not send (Certificate|ClientKeyExchange|Finished)"):
        await serving
    sent = {event.name: event.data[4:] for event in events if event.direction == "tx"}
    answer = messages.ServerHello.parse(sent["ServerHello"])
    assert answer.suite == suite
    if suite == 0xC023:
        assert int.from_bytes(sent["ServerKeyExchange"][1:3], "big") == group
        assert len(messages.parse_status(sent["CertificateStatus"])) == 3  # it asks with status_request_v2
    else:
        assert int.from_bytes(answer.extensions[ext.KEY_SHARE][:2], "big") == group
