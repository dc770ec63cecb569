"""Messages between a host and its own modem that every maker's modem should know (HomePlug Green PHY 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from slac.layout import raw, records, rest, u8, u16
from slac.mme import Message, message

_KEY_HEAD = (u8("pid"), u16("prn"), u8("pmn"))


@message
class CM_SET_KEY_REQ(Message):
    """Host to its modem: join the network of this key."""

    CODE = 0x6008
    LAYOUT = (
        u8("key_type"), raw("my_nonce", 4), raw("your_nonce", 4), *_KEY_HEAD, u8("cco_capability"), raw("nid", 7),
        u8("new_eks"), raw("new_key", 16),
    )  # fmt: skip

    nid: bytes
    new_key: bytes = field(repr=False)
    my_nonce: bytes = bytes(4)
    your_nonce: bytes = bytes(4)
    key_type: int = 1
    pid: int = 4
    prn: int = 0
    pmn: int = 0
    cco_capability: int = 0
    new_eks: int = 1


@message
class CM_SET_KEY_CNF(Message):
    """Modem to host. ``result`` 1 is what Qualcomm's modems say when they took the key; the standard says 0."""

    CODE = 0x6009
    LAYOUT = (u8("result"), raw("my_nonce", 4), raw("your_nonce", 4), *_KEY_HEAD, u8("cco_capability"))

    result: int = 1
    my_nonce: bytes = bytes(4)
    your_nonce: bytes = bytes(4)
    pid: int = 4
    prn: int = 0
    pmn: int = 0xFF
    cco_capability: int = 0


@message
class CM_GET_KEY_REQ(Message):
    """Host to modems: which network are you in? To all, it counts them."""

    CODE = 0x600C
    LAYOUT = (u8("request_type"), u8("key_type"), raw("nid", 7), raw("my_nonce", 4), *_KEY_HEAD)

    nid: bytes = bytes(7)
    my_nonce: bytes = bytes(4)
    request_type: int = 0
    key_type: int = 1
    pid: int = 4
    prn: int = 0
    pmn: int = 0


@message
class CM_GET_KEY_CNF(Message):
    """Modem to host. One's own modem says 0 and the key, a remote one 1, its NID and no key."""

    CODE = 0x600D
    LAYOUT = (
        u8("result"), u8("key_type"), raw("my_nonce", 4), raw("your_nonce", 4), raw("nid", 7), u8("eks"), *_KEY_HEAD,
        raw("key", 16),
    )  # fmt: skip

    result: int
    nid: bytes
    key: bytes = field(default=bytes(16), repr=False)
    my_nonce: bytes = bytes(4)
    your_nonce: bytes = bytes(4)
    key_type: int = 1
    eks: int = 1
    pid: int = 4
    prn: int = 0
    pmn: int = 0xFF


@message
class CM_AMP_MAP_REQ(Message):
    """Either side, link up: limits of the transmit power. One nibble a carrier, the first in the lower half."""

    CODE = 0x601C
    LAYOUT = (u16("amlen"), rest("amdata"))

    amlen: int
    amdata: bytes


@message
class CM_AMP_MAP_CNF(Message):
    """Answer to CM_AMP_MAP.REQ; 0 success, 1 failure."""

    CODE = 0x601D
    LAYOUT = (u8("result"),)

    result: int = 0


@message
class CM_BRG_INFO_REQ(Message):
    """To a modem: which stations are behind you?"""

    CODE = 0x6020


@dataclass(frozen=True, slots=True)
class Bridged:
    """A station behind a modem."""

    mac: bytes


@message
class CM_BRG_INFO_CNF(Message):
    """Modem: the stations behind it, where it bridges (``btf`` 1)."""

    CODE = 0x6021
    LAYOUT = (u8("btf"), u8("tei"), records("stations", Bridged, (raw("mac", 6),)))

    btf: int
    tei: int
    stations: tuple[Bridged, ...] = ()


@message
class CM_NW_INFO_REQ(Message):
    """To a modem: which networks are you in?"""

    CODE = 0x6038


@dataclass(frozen=True, slots=True)
class Network:
    """A network that a modem has joined. ``role``: 0 station, 1 proxy coordinator, 2 coordinator."""

    nid: bytes
    snid: int
    tei: int
    role: int
    cco_mac: bytes
    access: int = 0
    neighbours: int = 0


@message
class CM_NW_INFO_CNF(Message):
    """Modem: networks that it has joined."""

    CODE = 0x6039
    LAYOUT = (
        records(
            "networks", Network,
            (raw("nid", 7), u8("snid"), u8("tei"), u8("role"), raw("cco_mac", 6), u8("access"), u8("neighbours")),
        ),
    )  # fmt: skip

    networks: tuple[Network, ...] = ()


@message
class CM_NW_STATS_REQ(Message):
    """To a modem: how fast are your links?"""

    CODE = 0x6048


@dataclass(frozen=True, slots=True)
class Rate:
    """Average PHY rates to and from a station, Mbit/s."""

    mac: bytes
    tx: int
    rx: int


@message
class CM_NW_STATS_CNF(Message):
    """Modem: rates of its links."""

    CODE = 0x6049
    LAYOUT = (records("stations", Rate, (raw("mac", 6), u8("tx"), u8("rx"))),)

    stations: tuple[Rate, ...] = ()


@message
class CM_ENCRYPTED_PAYLOAD_RSP(Message):
    """Between modems; of no use to a host."""

    CODE = 0x6007
    LAYOUT = (rest("payload"),)

    payload: bytes


@message
class CC_DISCOVER_LIST_REQ(Message):
    """To a modem: whom do you hear?"""

    CODE = 0x0014


@dataclass(frozen=True, slots=True)
class Heard:
    """A station that a modem hears; ``same_network`` 1 where it has joined the modem's own network."""

    mac: bytes
    tei: int
    same_network: int
    snid: int
    status: int
    signal_level: int
    average_ble: int


@dataclass(frozen=True, slots=True)
class HeardNetwork:
    """A network that a modem hears."""

    nid: bytes
    snid: int
    hybrid_mode: int
    slots: int
    coordinating: int
    offset: int


@message
class CC_DISCOVER_LIST_CNF(Message):
    """Modem: stations and networks that it hears."""

    CODE = 0x0015
    LAYOUT = (
        records(
            "stations", Heard,
            (
                raw("mac", 6), u8("tei"), u8("same_network"), u8("snid"), u8("status"), u8("signal_level"),
                u8("average_ble"),
            ),
        ),
        records(
            "networks", HeardNetwork,
            (raw("nid", 7), u8("snid"), u8("hybrid_mode"), u8("slots"), u8("coordinating"), u16("offset")),
        ),
    )  # fmt: skip

    stations: tuple[Heard, ...] = ()
    networks: tuple[HeardNetwork, ...] = ()
