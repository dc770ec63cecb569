"""Which modems are on the cable: firmware, role, key state, link."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator

from boundary.console import say
from plugfest import pilots
from slac.frames import CC_DISCOVER_LIST_CNF, CC_DISCOVER_LIST_REQ, mac_text
from slac.host import Host
from slac.keys import nid_of, nmk_of
from slac.link import open_link
from slac.modem import ROLES, Modem, detect


def run(args: argparse.Namespace) -> int:
    with pilots.user_errors():
        return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    link = open_link(args.interface)
    try:
        async with Host(link) as host:
            modem = await detect(host)
            async for line in describe(modem):
                say(line, flush=True)
            wanted = {"ev": "EV", "evse": "EVSE"}.get(args.role or "")
            if wanted:
                problem = await modem.role_problem(wanted)
                say(f"role      {problem or f'fits, as far as it reports: {wanted}'}")
                return 1 if problem else 0
    finally:
        link.close()
    return 0


async def describe(modem: Modem) -> AsyncIterator[str]:
    """Lines about a modem."""
    yield f"modem     {modem.device or modem.family.title}, {mac_text(modem.mac)}"
    yield f"firmware  {modem.firmware or 'not reported'}"
    for other in modem.others:
        yield (
            f"warning   {mac_text(other)} also answers as the local modem: two modems on one cable,"
            " or a switch in between"
        )
    mode = await modem.slac_mode()
    if mode is not None:
        yield f"SLAC mode {mode} (as configured)"
    networks = await modem.networks()
    if networks is None:
        yield "network   not reported"
    elif not networks:
        yield "network   none joined"
    for network in networks or ():
        known = " (factory key)" if network.nid == nid_of(nmk_of("HomePlugAV")) else ""
        role = ROLES.get(network.role, f"role {network.role}")
        yield f"network   {network.nid.hex()}{known}, {role}, coordinator {mac_text(network.cco_mac)}"
        link = await modem.linked(network.nid)
        yield f"link      {'not reported' if link is None else 'up' if link else 'down'}"
        for peer in network.peers:
            behind = f", for {mac_text(peer.bridged_mac)}" if any(peer.bridged_mac) else ""
            rates = f", {peer.tx} Mbit/s to it, {peer.rx} from it" if peer.tx or peer.rx else ""
            yield f"station   {mac_text(peer.mac)}{behind}{rates}"
    frame = await modem.ask(CC_DISCOVER_LIST_REQ(), CC_DISCOVER_LIST_CNF)
    if frame is not None and isinstance(frame.message, CC_DISCOVER_LIST_CNF):
        for heard in frame.message.stations:
            where = "in our network" if heard.same_network else "in another network"
            yield f"hears     {mac_text(heard.mac)}, {where}"
    for lack in modem.lacks:
        yield f"note      {lack}"
