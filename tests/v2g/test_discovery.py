"""SDP over a real link between two namespaces: multicast, unicast, retries, and the messages to the user."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import veth
from netns import AVAILABLE, REASON, Link, link
from processes import CEILING

from v2g import interfaces
from v2g.errors import SetupError

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]

# Runs in the charger's namespace: answers the requests listed on the command line, None stands for garbage first.
_CHARGER = """
import asyncio, sys
from v2g import discovery, interfaces, sdp
async def main():
    interface = interfaces.find(sys.argv[1])
    policy = sdp.TlsPolicy(sys.argv[2])
    skip = [int(sys.argv[3])]
    def answer(request):
        skip[0] -= 1
        security = sdp.answer(request, policy)
        return None if skip[0] >= 0 or security is None else sdp.Response(interface.address, 50000, security)
    async with discovery.answering(interface, answer):
        print("READY", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""

_VEHICLE = """
import asyncio, json, sys
from ipaddress import IPv6Address
from v2g import discovery, interfaces, sdp
from v2g.errors import NothingFound
from v2g.timing import ISO2
events = []
async def main():
    interface = interfaces.find(sys.argv[1])
    to = IPv6Address(sys.argv[3]) if len(sys.argv) > 3 else None
    timing = ISO2.replace({"SDP_Max_Requests": 12})
    try:
        wanted = {"security": int(sys.argv[2]), "timing": timing, "to": to, "observe": events.append}
        found = await discovery.discover(interface, **wanted)
        result = [str(found.address), found.port, found.security]
    except NothingFound as why:
        result = str(why)
    requests = [e.time for e in events if e.name == "SDPRequest"]
    print(json.dumps({"result": result, "requests": len(requests), "took": requests[-1] - requests[0]}))
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def cable() -> Iterator[Link]:
    with link("pfsdp") as made:
        yield made


def address(cable: Link) -> str:
    show = subprocess.run(
        cable.command("secc", "ip", "-6", "-j", "addr", "show", "dev", cable.secc_if, "scope", "link"),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: str = json.loads(show.stdout)[0]["addr_info"][0]["local"]
    return found


def search(cable: Link, policy: str, skip: int, security: int, *to: str) -> dict[str, object]:
    charger = subprocess.Popen(
        cable.command("secc", sys.executable, "-c", _CHARGER, cable.secc_if, policy, str(skip)),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert charger.stdout is not None
        assert charger.stdout.readline() == "READY\n"
        vehicle = subprocess.run(
            cable.command("evcc", sys.executable, "-c", _VEHICLE, cable.evcc_if, str(security), *to),
            check=True, capture_output=True, text=True, timeout=CEILING,
        )  # fmt: skip
        result: dict[str, object] = json.loads(vehicle.stdout)
        return result
    finally:
        charger.kill()
        charger.communicate()


def test_multicast_request_gets_the_address_of_the_interface(cable: Link) -> None:
    found = search(cable, "none", 0, 0x10)
    assert found["result"] == [address(cable), 50000, 0x10]


def test_tls_request_is_answered_by_policy(cable: Link) -> None:
    assert search(cable, "required", 0, 0x00)["result"] == [address(cable), 50000, 0x00]
    assert search(cable, "none", 0, 0x00)["result"] == [address(cable), 50000, 0x10]


def test_unanswered_requests_are_repeated(cable: Link) -> None:
    found = search(cable, "none", 4, 0x10)
    assert int(str(found["requests"])) >= 5
    assert float(str(found["took"])) >= 0.9


def test_unicast_reaches_a_charger_without_multicast(cable: Link) -> None:
    assert search(cable, "none", 0, 0x10, address(cable))["result"] == [address(cable), 50000, 0x10]


def test_search_gives_up_after_its_requests(cable: Link) -> None:
    """Fifty by the standard; twelve here, to save time."""
    found = search(cable, "none", 100, 0x10)
    assert found["requests"] == 12
    assert "no charger answered 12 SDP requests" in str(found["result"])


def test_interfaces_that_cannot_be_used_are_explained(cable: Link) -> None:
    with pytest.raises(SetupError, match=r"no interface pfnone; choose from .*lo"):
        interfaces.find("pfnone")
    with pytest.raises(SetupError, match="lo is the loopback interface"):
        interfaces.find("lo")
    with veth.cable("pfdn", up=False) as (end, _):
        with pytest.raises(SetupError, match=f"{end} is down; try: ip link set {end} up"):
            interfaces.find(end)
