"""A simulated modem: its answers to its host, the messages it passes on, when it is unresponsive, when its link is up.

It does not know the medium: `slac.powerline` moves frames between modems and queries them. Families behave as
`slac.modem_families` describes, so that every kind of query is exercised.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from slac.frames import (
    CC_DISCOVER_LIST_CNF,
    CC_DISCOVER_LIST_REQ,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_GET_KEY_CNF,
    CM_GET_KEY_REQ,
    CM_MNBC_SOUND_IND,
    CM_NW_INFO_CNF,
    CM_NW_INFO_REQ,
    CM_NW_STATS_CNF,
    CM_NW_STATS_REQ,
    CM_SET_KEY_CNF,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    NSCM_GET_D_LINK_STATUS_CNF,
    NSCM_GET_D_LINK_STATUS_REQ,
    NSCM_GET_VERSION_CNF,
    NSCM_GET_VERSION_REQ,
    NSCM_RESET_DEVICE_REQ,
    VS_NW_INFO_CNF,
    VS_NW_INFO_REQ,
    VS_NW_INFO_V1_CNF,
    VS_OP_ATTRIBUTES_CNF,
    VS_OP_ATTRIBUTES_REQ,
    VS_PL_LNK_STATUS_CNF,
    VS_PL_LNK_STATUS_REQ,
    VS_RD_MOD_CNF,
    VS_RD_MOD_REQ,
    VS_RS_DEV_CNF,
    VS_RS_DEV_REQ,
    VS_SW_VER_CNF,
    VS_SW_VER_REQ,
    Frame,
    Heard,
    Joined,
    Member,
    Message,
    Network,
    Rate,
)
from slac.keys import nid_of, nmk_of

DEFAULT_NMK = nmk_of("HomePlugAV")
"""The key of a modem that has never been given one."""

TO_CHARGERS = (
    CM_SLAC_PARM_REQ, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ, CM_SLAC_MATCH_REQ,
)  # fmt: skip
TO_VEHICLES = (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND, CM_VALIDATE_CNF, CM_SLAC_MATCH_CNF)
"""Matching messages by the role whose modem passes them on to its host."""

_VERSIONS = {
    "qca7000": (0x22, "MAC-QCA7000-1.2.5.3207-00-20190806-CS"),
    "qca7420": (0x20, "MAC-QCA7420-1.4.0.20-00-20171027-CS"),
    "qualcomm": (0x30, "MAC-QCA7500-2.7.0.10-00-20170101-CS"),
}
_QUALCOMM = tuple(_VERSIONS)


@dataclass
class Behaviour:
    """How a simulated modem behaves; times in seconds.

    Attributes:
        family: ``qca7000``, ``qca7420``, ``qualcomm``, ``cg5317``, or ``generic`` (no maker's messages).
        deaf: time without response after a change of key or a restart.
        join: time that two modems with the same key need until their link is up.
        answer: time that it takes to answer its host.
        groups: number of attenuation groups it reports; 0 like the QCA7420.
        profiles: whether it reports sounds at all.
        double: whether it also reports each sound in the vendor's form (A14E); with ``profiles`` off, only there.
        key_result: result in CM_SET_KEY.CNF; None for no answer.
        takes_key: whether it accepts keys.
    """

    family: str = "qca7000"
    deaf: float = 0.3
    join: float = 0.5
    answer: float = 0.002
    groups: int = 58
    profiles: bool = True
    double: bool = False
    key_result: int | None = 1
    takes_key: bool = True


BEHAVIOURS: dict[str, Callable[[], Behaviour]] = {
    "qca7000": Behaviour,
    "qca7420": lambda: Behaviour("qca7420", deaf=3.0, join=2.0, groups=0),
    "qualcomm": lambda: Behaviour("qualcomm", deaf=1.0, join=1.0),
    "cg5317": lambda: Behaviour("cg5317", key_result=0),
    "generic": lambda: Behaviour("generic", key_result=0),
}


@dataclass
class SimulatedModem:
    """A modem.

    Attributes:
        mac: its address.
        charger: whether it is configured as a charger's modem (coordinator), else as a vehicle's.
        nmk, nid: its key.
        deaf_until: loop time until which it does not respond.
        keyed: loop time of the last change of key.
    """

    mac: bytes
    charger: bool
    rng: random.Random
    behaviour: Behaviour = field(default_factory=Behaviour)
    nmk: bytes = DEFAULT_NMK
    nid: bytes = field(default_factory=lambda: nid_of(DEFAULT_NMK))
    deaf_until: float = 0.0
    keyed: float = float("-inf")

    def hears(self, now: float) -> bool:
        """Whether it responds, that is, is not restarting."""
        return now >= self.deaf_until

    def passes(self, message: Message) -> bool:
        """Whether it passes a message from the line on to its host: those for its role."""
        if isinstance(message, TO_CHARGERS + TO_VEHICLES):
            return isinstance(message, TO_CHARGERS if self.charger else TO_VEHICLES)
        return True

    def answers(
        self, frame: Frame, now: float, peers: tuple[tuple[bytes, bytes], ...], noticed: tuple[bytes, ...] = ()
    ) -> Message | None:
        """The answer to a request of its host; None for none.

        Args:
            frame: the host's request.
            now: loop time, s.
            peers: linked stations in its network: modem and host addresses.
            noticed: other modems that it hears on the line.
        """
        if not self.hears(now):
            return None
        request = frame.message
        match request:
            case CM_SET_KEY_REQ():
                return self._set_key(request, now)
            case CM_GET_KEY_REQ():
                asked = request.nid in (bytes(7), self.nid)
                nonce = self.rng.randbytes(4)
                return CM_GET_KEY_CNF(0 if asked else 1, self.nid, self.nmk, nonce, request.my_nonce)
            case CM_NW_INFO_REQ():
                return CM_NW_INFO_CNF((Network(self.nid, 5, 1, self._role, self._cco(peers)),) if peers else ())
            case CM_NW_STATS_REQ():
                return CM_NW_STATS_CNF(tuple(Rate(mac, 9, 10) for mac, _ in peers))
            case CC_DISCOVER_LIST_REQ():
                linked = [mac for mac, _ in peers]
                strangers = tuple(Heard(mac, 0, 0, 0, 0x10, 0, 0) for mac in noticed if mac not in linked)
                return CC_DISCOVER_LIST_CNF((*(Heard(mac, 2, 1, 5, 0x10, 0, 0) for mac in linked), *strangers))
        if self.behaviour.family in _QUALCOMM:
            return self._qualcomm(frame, now, peers)
        if self.behaviour.family == "cg5317":
            match request:
                case NSCM_GET_VERSION_REQ():
                    return NSCM_GET_VERSION_CNF(1, 4, 2, 77, request_id=request.request_id)
                case NSCM_GET_D_LINK_STATUS_REQ():
                    return NSCM_GET_D_LINK_STATUS_CNF(1 if peers else 0, request_id=request.request_id)
                case NSCM_RESET_DEVICE_REQ():
                    self.deaf_until = now + self.behaviour.deaf
        return None

    def remote_answer(self, request: Message, now: float) -> Message | None:
        """The answer to a request that came over the line from another host."""
        if isinstance(request, CM_GET_KEY_REQ) and self.hears(now):
            return CM_GET_KEY_CNF(1, self.nid, bytes(16), self.rng.randbytes(4), request.my_nonce)
        return None

    def _set_key(self, request: CM_SET_KEY_REQ, now: float) -> Message | None:
        behaviour = self.behaviour
        if behaviour.takes_key and (request.new_key, request.nid) != (self.nmk, self.nid):
            self.nmk, self.nid = request.new_key, request.nid
            self.deaf_until, self.keyed = now + behaviour.deaf, now
        if behaviour.key_result is None:
            return None
        return CM_SET_KEY_CNF(behaviour.key_result, self.rng.randbytes(4), request.my_nonce)

    def _qualcomm(self, frame: Frame, now: float, peers: tuple[tuple[bytes, bytes], ...]) -> Message | None:
        family = self.behaviour.family
        device, version = _VERSIONS[family]
        request = frame.message
        match request:
            case VS_SW_VER_REQ():
                return VS_SW_VER_CNF(0, device, version.encode() + b"\0")
            case VS_OP_ATTRIBUTES_REQ():
                hardware = version.split("-")[1]
                return VS_OP_ATTRIBUTES_CNF(0, request.cookie, hardware=hardware, software=version[4:20])
            case VS_PL_LNK_STATUS_REQ() if family == "qca7000":
                return VS_PL_LNK_STATUS_CNF(0, 1 if peers else 0)
            case VS_NW_INFO_REQ():
                members = tuple(Member(mac, 2, host, 9, 10) for mac, host in peers)
                joined = (Joined(self.nid, 5, 1, self._role, self._cco(peers), 1, members),) if peers else ()
                if frame.mmv == 1:
                    return VS_NW_INFO_V1_CNF(joined)
                return VS_NW_INFO_CNF(() if family == "qca7420" else joined)
            case VS_RD_MOD_REQ():
                mode = bytes([2 if self.charger else 1])
                data = mode if request.offset == 0x1653 else b"\0"
                return VS_RD_MOD_CNF(
                    0, request.module, request.length, request.offset, bytes(4), data.ljust(request.length, b"\0")
                )
            case VS_RS_DEV_REQ():
                self.deaf_until = now + self.behaviour.deaf
                return VS_RS_DEV_CNF(0)
        return None

    @property
    def _role(self) -> int:
        return 2 if self.charger else 0

    def _cco(self, peers: tuple[tuple[bytes, bytes], ...]) -> bytes:
        return self.mac if self.charger else peers[0][0]
