"""The local modem: its identity, key, network and link.

    modem = await detect(host)                     # ModemError if nothing answers
    await modem.set_key(nid, nmk)
    up = await modem.wait_linked(nid, within=12)

A host talks to its own modem at a fixed address; the source of the answer is the modem's own. `slac.modem_families`
lists the requests for each family. `NoModem` replaces a missing modem, as between two programs on a virtual cable.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from slac import modem_families as families
from slac.errors import ModemError, ModemMissing
from slac.frames import (
    BROADCAST,
    CC_DISCOVER_LIST_CNF,
    CC_DISCOVER_LIST_REQ,
    CM_GET_KEY_CNF,
    CM_GET_KEY_REQ,
    CM_NW_INFO_CNF,
    CM_NW_INFO_REQ,
    CM_NW_STATS_CNF,
    CM_NW_STATS_REQ,
    DEVICES,
    LOCAL_MODEM,
    NSCM_GET_D_LINK_STATUS_CNF,
    NSCM_GET_D_LINK_STATUS_REQ,
    NSCM_GET_VERSION_CNF,
    NSCM_RESET_DEVICE_REQ,
    VS_NW_INFO_CNF,
    VS_NW_INFO_REQ,
    VS_NW_INFO_V1_CNF,
    VS_PL_LNK_STATUS_CNF,
    VS_PL_LNK_STATUS_REQ,
    VS_RD_MOD_CNF,
    VS_RD_MOD_REQ,
    VS_RS_DEV_CNF,
    VS_RS_DEV_REQ,
    VS_SW_VER_CNF,
    Frame,
    Message,
    mac_text,
)
from slac.host import Host
from slac.modem_families import LinkQuery
from slac.modem_key import WHO, KeyedModem
from slac.timing import STANDARD, Timing

ROLES = {0: "station", 1: "proxy coordinator", 2: "coordinator"}
SLAC_MODES = {0: "off", 1: "PEV", 2: "EVSE"}

_PIB = 2  # module id
_PIB_SLAC_MODE = 0x1653


@dataclass(frozen=True)
class Peer:
    """Another station in the network: its modem, and, if known, the host behind it and PHY rates in Mbit/s."""

    mac: bytes
    bridged_mac: bytes = b""
    tx: int = 0
    rx: int = 0


@dataclass(frozen=True)
class NetworkState:
    """A network that the modem has joined. ``role`` is a key of `ROLES`."""

    nid: bytes
    role: int
    tei: int
    cco_mac: bytes
    peers: tuple[Peer, ...] = ()


@dataclass
class Modem(KeyedModem):
    """The modem on our own cable; see `slac.modem_key.KeyedModem` for its attributes and its key."""

    _query: LinkQuery | None = field(default=None, repr=False)  # the one that this modem has answered

    # -- the link -------------------------------------------------------------------------------------------------

    async def linked(self, nid: bytes) -> bool | None:
        """Whether the link of the network is up; None if the modem does not report it."""
        for query in self.family.link if self._query is None else (self._query,):
            known = await self._looked(query, nid)
            if known is not None:
                self._query = query
                return known
        return None

    async def _looked(self, query: LinkQuery, nid: bytes) -> bool | None:
        soon = self.timing.TT_polling_pause  # a modem that is present answers within a few ms
        match query:
            case LinkQuery.STATUS:
                status = await self._message(VS_PL_LNK_STATUS_REQ(), VS_PL_LNK_STATUS_CNF, within=soon)
                return status.link == 1 if status is not None and status.status == 0 else None
            case LinkQuery.D_LINK:
                d_link = await self._message(NSCM_GET_D_LINK_STATUS_REQ(), NSCM_GET_D_LINK_STATUS_CNF, within=soon)
                return d_link.link == 1 if d_link is not None else None
            case LinkQuery.NETWORK:
                networks = await self._qualcomm_networks(soon)
                return None if networks is None else any(n.nid == nid and n.peers for n in networks)
            case LinkQuery.KEY:
                # One or no answer does not mean "down": the modem may still be unresponsive, or not know the message.
                return True if await self.modems_with(nid) > 1 else None if self._query is None else False
            case LinkQuery.DISCOVER:
                heard = await self._message(CC_DISCOVER_LIST_REQ(), CC_DISCOVER_LIST_CNF, within=soon)
                return any(s.same_network for s in heard.stations) if heard is not None else None
            case LinkQuery.NONE:
                return True

    async def wait_linked(self, nid: bytes, within: float) -> bool:
        """Waits up to ``within`` seconds for the link; False if it does not come up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        try:
            async with asyncio.timeout_at(end):
                while True:
                    asked = loop.time()
                    if await self.linked(nid):
                        return True
                    await asyncio.sleep(max(0.0, asked + self.timing.TT_polling_pause - loop.time()))
        except TimeoutError:
            return False

    async def modems_with(self, nid: bytes) -> int:
        """Number of modems, including ours, that report being in the network (CM_GET_KEY to all)."""
        found: set[bytes] = set()
        loop = asyncio.get_running_loop()
        end = loop.time() + 2 * self.timing.TT_polling_pause  # the other modem's answer crosses the line

        def wanted(frame: Frame) -> bool:
            return isinstance(frame.message, CM_GET_KEY_CNF) and frame.message.nid == nid

        with self.host.listen(wanted) as box:
            await self.host.send(CM_GET_KEY_REQ(nid, self.rng.randbytes(4)), BROADCAST)
            while len(found) < 2 and (frame := await box.get(end - loop.time())):
                found.add(frame.source)
        return len(found)

    # -- the network ----------------------------------------------------------------------------------------------

    async def networks(self) -> tuple[NetworkState, ...] | None:
        """Networks that the modem has joined, empty if it is alone; None if it does not report them."""
        if self.family.key in _QUALCOMM_KEYS and (found := await self._qualcomm_networks()) is not None:
            return found
        info = await self._message(CM_NW_INFO_REQ(), CM_NW_INFO_CNF)
        if info is None:
            return None
        stats = await self._message(CM_NW_STATS_REQ(), CM_NW_STATS_CNF) if info.networks else None
        peers = tuple(Peer(s.mac, tx=s.tx, rx=s.rx) for s in stats.stations) if stats is not None else ()
        return tuple(NetworkState(n.nid, n.role, n.tei, n.cco_mac, peers) for n in info.networks)

    async def _joined(self, within: float) -> bytes | None:
        networks = await self._qualcomm_networks(within) if self.family.key in _QUALCOMM_KEYS else None
        return networks[0].nid if networks else None

    async def _qualcomm_networks(self, within: float | None = None) -> tuple[NetworkState, ...] | None:
        found = await self._message(VS_NW_INFO_REQ(), VS_NW_INFO_CNF, within=within)
        networks = found.networks if found is not None else ()
        if not networks:  # some firmware fills the list of the newer form only
            newer = await self._message(VS_NW_INFO_REQ(), VS_NW_INFO_V1_CNF, mmv=1, within=within)
            if newer is None and found is None:
                return None
            networks = newer.networks if newer is not None else ()
        return tuple(
            NetworkState(
                n.nid, n.role, n.tei, n.cco_mac, tuple(Peer(m.mac, m.bridged_mac, m.tx, m.rx) for m in n.members)
            )
            for n in networks
        )

    async def slac_mode(self) -> str | None:
        """``PEV``, ``EVSE`` or ``off``, as the modem is configured (Qualcomm); None if it does not report it."""
        if self.family.key not in _QUALCOMM_KEYS:
            return None
        part = await self._message(VS_RD_MOD_REQ(_PIB, 4, _PIB_SLAC_MODE), VS_RD_MOD_CNF)
        if part is None or part.status != 0 or not part.data:
            return None
        return SLAC_MODES.get(part.data[0])

    async def role_problem(self, wanted: str) -> str:
        """Why the modem does not suit the role (``EV`` or ``EVSE``); "" if it seems to."""
        mode = await self.slac_mode()
        right = "EVSE" if wanted == "EVSE" else "PEV"
        if mode in ("PEV", "EVSE", "off") and mode != right:
            return f"{wanted} is needed, but the modem's SLAC mode is {mode}; set byte 1653 of its PIB"
        networks = await self.networks()
        roles = {n.role for n in networks or ()}
        if wanted == "EV" and 2 in roles:
            return "a vehicle's modem is needed, but this one is coordinator of its network, like a charger's"
        if wanted == "EVSE" and roles and 2 not in roles:
            return "a charger's modem is needed, but this one is a station of its network, like a vehicle's"
        return ""

    async def restart(self) -> None:
        """Restarts the modem, if its family supports it. Raises ModemError: it does not, or does not answer."""
        if self.family is families.CG5317:
            await self.host.send(NSCM_RESET_DEVICE_REQ(), LOCAL_MODEM)
        elif self.family.key in _QUALCOMM_KEYS:
            if await self.ask(VS_RS_DEV_REQ(), VS_RS_DEV_CNF, times=self.timing.modem_requests) is None:
                raise ModemError("the modem did not answer VS_RS_DEV.REQ")
        else:
            raise ModemError(f"this modem ({self.family.title}) cannot be restarted by message; power-cycle it")


_QUALCOMM_KEYS = frozenset({"qca7000", "qca7420", "qualcomm", "int6400"})


class NoModem(Modem):
    """Replaces a missing modem: accepts every key, and its link is always up."""

    def __init__(self, host: Host, timing: Timing = STANDARD) -> None:
        super().__init__(host, families.NONE, bytes(6), timing=timing)

    def __str__(self) -> str:
        return "no modem"

    async def set_key(self, nid: bytes, nmk: bytes) -> int:
        return 1

    async def take_key(self, nid: bytes, nmk: bytes) -> None:
        """Does nothing: no modem has to accept the key."""

    async def network(self, given: tuple[bytes, bytes] | None = None) -> bytes | None:
        return None

    async def answers(self) -> bool:
        return True

    async def linked(self, nid: bytes) -> bool | None:
        return True

    async def networks(self) -> tuple[NetworkState, ...] | None:
        return None


async def detect(host: Host, *, timing: Timing = STANDARD, rng: random.Random | None = None) -> Modem:
    """Finds out which modem is on the host's own cable.

    Raises:
        ModemMissing: nothing answers.
        LinkError: the link is gone.
    """
    rng = rng or random.Random()
    answers: dict[bytes, dict[type[Message], Message]] = {}
    kinds = tuple(kind for _, kind in WHO.values())

    def wanted(frame: Frame) -> bool:
        return frame.destination == host.mac and isinstance(frame.message, kinds)

    with host.listen(wanted) as box:
        for _ in range(timing.modem_requests):
            for request, _ in WHO.values():
                await host.send(request(), LOCAL_MODEM)
            within = timing.modem_answer
            while frame := await box.get(within):
                answers.setdefault(frame.source, {})[type(frame.message)] = frame.message
                within = 0.1  # for the other answers
            if answers:
                break
    if not answers:
        raise ModemMissing(
            f"no modem answers on {host.link.name}; check its power, its port and the interface"
            " (--no-modem: match without a modem)"
        )
    for _, kind in WHO.values():  # most telling first
        for mac, said in answers.items():
            if kind in said:
                modem = _made(host, mac, said[kind], timing, rng)
                modem.others = tuple(m for m in answers if m != mac)
                host.tell("modem", str(modem))
                if modem.others:
                    also = ", ".join(map(mac_text, modem.others))
                    host.tell("warning", f"more than one modem answers as the local one: {mac_text(mac)} and {also}")
                return modem
    raise AssertionError("unreachable")  # pragma: no cover


def _made(host: Host, mac: bytes, said: Message, timing: Timing, rng: random.Random) -> Modem:
    if isinstance(said, VS_SW_VER_CNF):
        device = DEVICES.get(said.device, f"device {said.device:02X}")
        return Modem(host, families.of_device(said.device), mac, device, said.version, timing=timing, rng=rng)
    if isinstance(said, NSCM_GET_VERSION_CNF):
        version = f"{said.major}.{said.minor}.{said.patch}.{said.build}"
        return Modem(host, families.CG5317, mac, "CG5317", version, timing=timing, rng=rng)
    return Modem(host, families.GENERIC, mac, timing=timing, rng=rng)
