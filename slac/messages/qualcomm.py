"""Messages of Qualcomm's (Atheros') modems: QCA7000, QCA7005, AR7420 and their kin.

Sent with header version 0; newer firmware also knows version 1, for some messages with another layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from slac.layout import Cursor, Field, counted, raw, records, rest, text, u8, u16, u32, zeros
from slac.mme import DIRECTIONS, Message, message

QUALCOMM = bytes.fromhex("00b052")
NUM_GROUPS = 58

DEVICES = {
    0x01: "INT6000", 0x02: "INT6300", 0x03: "INT6400", 0x04: "AR7400", 0x05: "AR6405", 0x06: "INT6450",
    0x20: "QCA7420", 0x21: "QCA6410", 0x22: "QCA7000", 0x30: "QCA7500",
}  # fmt: skip
"""Device ids of VS_SW_VER.CNF."""


class _Qualcomm(Message):
    __slots__ = ()
    OUI = QUALCOMM
    MMV = 0


@message
class VS_SW_VER_REQ(_Qualcomm):
    """What are you?"""

    CODE = 0xA000


@message
class VS_SW_VER_CNF(_Qualcomm):
    """Chip and firmware. ``status`` 0 is good."""

    CODE = 0xA001
    LAYOUT = (u8("status"), u8("device"), counted("version_bytes"))

    status: int
    device: int
    version_bytes: bytes

    @property
    def version(self) -> str:
        """Like ``MAC-QCA7000-1.1.0.727-02-20130826-FINAL``."""
        return self.version_bytes.partition(b"\0")[0].decode("ascii", "replace")


@message
class VS_RS_DEV_REQ(_Qualcomm):
    """Restart."""

    CODE = 0xA01C


@message
class VS_RS_DEV_CNF(_Qualcomm):
    """Restarting, if ``status`` is 0."""

    CODE = 0xA01D
    LAYOUT = (u8("status"),)

    status: int = 0


@message
class VS_RD_MOD_REQ(_Qualcomm):
    """Read a part of a module: 1 firmware, 2 PIB, 0x10 soft loader."""

    CODE = 0xA024
    LAYOUT = (u8("module"), u8("access"), u16("length"), u32("offset"))

    module: int
    length: int
    offset: int
    access: int = 0


@message
class VS_RD_MOD_CNF(_Qualcomm):
    """That part."""

    CODE = 0xA025
    LAYOUT = (
        u8("status"), zeros(3), u8("module"), zeros(1), u16("length"), u32("offset"), raw("checksum", 4), rest("data"),
    )  # fmt: skip

    status: int
    module: int
    length: int
    offset: int
    checksum: bytes
    data: bytes


@message
class VS_LNK_STATS_REQ(_Qualcomm):
    """Counters of a link; ``lid`` 0xFC is all."""

    CODE = 0xA030
    LAYOUT = (u8("control"), u8("direction"), u8("lid"), raw("mac", 6))

    mac: bytes = bytes(6)
    control: int = 0
    direction: int = 2
    lid: int = 0xFC


@message
class VS_LNK_STATS_CNF(_Qualcomm):
    """The counters, as they are."""

    CODE = 0xA031
    LAYOUT = (u8("status"), u8("direction"), u8("lid"), rest("counters"))

    status: int
    direction: int
    lid: int
    counters: bytes


@message
class VS_SNIFFER_REQ(_Qualcomm):
    """Sniffer mode on (1) or off (0)."""

    CODE = 0xA034
    LAYOUT = (u8("control"),)

    control: int


# ---------------------------------------------------------------------------------------------------------------
# Networks


@message
class VS_NW_INFO_REQ(_Qualcomm):
    """Which networks are you in, with whom?"""

    CODE = 0xA038


@dataclass(frozen=True, slots=True)
class Member:
    """A station of a network, with average PHY rates in Mbit/s."""

    mac: bytes
    tei: int
    bridged_mac: bytes
    tx: int
    rx: int
    reserved: bytes = bytes(3)
    coupling: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """A network that the modem has joined. ``role``: 0 station, 1 proxy coordinator, 2 coordinator."""

    nid: bytes
    snid: int
    tei: int
    role: int
    cco_mac: bytes
    cco_tei: int
    members: tuple[Member, ...] = ()


_MEMBER = (raw("mac", 6), u8("tei"), raw("bridged_mac", 6), u8("tx"), u8("rx"))


@message
class VS_NW_INFO_CNF(_Qualcomm):
    """Networks and stations, header version 0."""

    CODE = 0xA039
    LAYOUT = (
        records(
            "networks", Joined,
            (
                raw("nid", 7), u8("snid"), u8("tei"), u8("role"), raw("cco_mac", 6), u8("cco_tei"),
                records("members", Member, _MEMBER),
            ),
        ),
    )  # fmt: skip

    networks: tuple[Joined, ...] = ()


_MEMBER_V1 = (
    raw("mac", 6), u8("tei"), zeros(3), raw("bridged_mac", 6), u16("tx"), u8("coupling"), zeros(1), u16("rx"), zeros(2),
)  # fmt: skip


def _members_v1(name: str) -> Field:
    """Number of stations, five reserved bytes, the stations."""
    inner = records(name, Member, _MEMBER_V1)

    def read(cursor: Cursor) -> tuple[Member, ...]:
        head = cursor.take(6, "number of stations")
        rest_of = Cursor(head[:1] + cursor.data[cursor.place :], 0)
        found: tuple[Member, ...] = inner.read(rest_of)
        cursor.take(rest_of.place - 1, name)
        return found

    def write(value: tuple[Member, ...]) -> bytes:
        data = inner.write(value)
        return data[:1] + bytes(5) + data[1:]

    return Field(name, read, write)


@message
class VS_NW_INFO_V1_CNF(_Qualcomm):
    """Networks and stations, header version 1."""

    CODE = 0xA039
    MMV = 1
    ONLY_MMV = 1
    LAYOUT = (
        u8("sub_version"), zeros(1), u16("length"), zeros(1),
        records(
            "networks", Joined,
            (
                raw("nid", 7), zeros(2), u8("snid"), u8("tei"), zeros(4), u8("role"), raw("cco_mac", 6), u8("cco_tei"),
                zeros(3), _members_v1("members"),
            ),
        ),
    )  # fmt: skip

    networks: tuple[Joined, ...] = ()
    sub_version: int = 0
    length: int = 2

    @property
    def name(self) -> str:
        return "VS_NW_INFO.CNF"


@message
class VS_SET_KEY_REQ(_Qualcomm):
    """Qualcomm's own way to set a key; ``peks`` 0x0F for the local modem."""

    CODE = 0xA050
    LAYOUT = (u8("eks"), raw("nmk", 16), u8("peks"), raw("rda", 6), raw("dak", 16))

    nmk: bytes
    eks: int = 1
    peks: int = 0x0F
    rda: bytes = bytes(6)
    dak: bytes = bytes(16)


@message
class VS_SET_KEY_CNF(_Qualcomm):
    """Taken, if ``status`` is 0."""

    CODE = 0xA051
    LAYOUT = (u8("status"),)

    status: int = 0


@message
class VS_HOST_ACTION_IND(_Qualcomm):
    """The modem wants something of its host: firmware, a restart..."""

    CODE = 0xA062
    LAYOUT = (u8("action"),)

    action: int


@message
class VS_OP_ATTRIBUTES_REQ(_Qualcomm):
    """What are you, in detail?"""

    CODE = 0xA068
    LAYOUT = (raw("cookie", 4), u8("report_type"))

    cookie: bytes = bytes(4)
    report_type: int = 0


@message
class VS_OP_ATTRIBUTES_CNF(_Qualcomm):
    """Hardware and software of the modem. ``status`` 0 is good."""

    CODE = 0xA069
    LAYOUT = (
        u16("status"), raw("cookie", 4), u8("report_type"), u16("length"), text("hardware", 16), text("software", 16),
        u32("major"), u32("minor"), u32("pib_version"), u32("build"), u32("reserved"), text("build_date", 8),
        text("build_type", 12),
    )  # fmt: skip

    status: int = 0
    cookie: bytes = bytes(4)
    report_type: int = 0
    length: int = 0x76
    hardware: str = ""
    software: str = ""
    major: int = 0
    minor: int = 0
    pib_version: int = 0
    build: int = 0
    reserved: int = 0
    build_date: str = ""
    build_type: str = ""


@message
class VS_PL_LNK_STATUS_REQ(_Qualcomm):
    """Is the power line link up?"""

    CODE = 0xA0B8


@message
class VS_PL_LNK_STATUS_CNF(_Qualcomm):
    """``link`` 1 is up; ``status`` 0 is good."""

    CODE = 0xA0B9
    LAYOUT = (u8("status"), u8("link"))

    status: int = 0
    link: int = 0


# ---------------------------------------------------------------------------------------------------------------
# Known by name only


@dataclass(frozen=True, slots=True)
class _Opaque(_Qualcomm):
    """A message that is recognised by its name and kept as it is: ``data`` is all behind the OUI."""

    LAYOUT = (rest("data"),)

    data: bytes = b""


def _opaque(stem: str, text: str, *codes: int) -> tuple[type[_Opaque], ...]:
    """Message classes with one stem; the code's lowest bits say which of the directions each is."""

    def made(code: int) -> type[_Opaque]:
        body = {"__module__": __name__, "__doc__": text, "CODE": code}
        return message(type(f"{stem}_{DIRECTIONS[code & 3]}", (_Opaque,), body))

    return tuple(map(made, codes))


VS_WR_MOD_REQ, VS_WR_MOD_CNF = _opaque("VS_WR_MOD", "Writing a module, the older way.", 0xA020, 0xA021)
VS_MOD_NVM_REQ, VS_MOD_NVM_CNF = _opaque("VS_MOD_NVM", "Committing a module to flash.", 0xA028, 0xA029)
VS_SNIFFER_CNF, VS_SNIFFER_IND = _opaque(
    "VS_SNIFFER", "Beacons and frame control that a modem in sniffer mode passes on.", 0xA035, 0xA036
)
VS_HOST_ACTION_REQ, VS_HOST_ACTION_CNF, VS_HOST_ACTION_RSP = _opaque(
    "VS_HOST_ACTION", "Answers to what the modem wants, and the modem's to those.", 0xA060, 0xA061, 0xA063
)
VS_TONE_MAP_CHAR_REQ, VS_TONE_MAP_CHAR_CNF = _opaque("VS_TONE_MAP_CHAR", "Tone map of a link, sending.", 0xA070, 0xA071)
VS_RX_TONE_MAP_CHAR_REQ, VS_RX_TONE_MAP_CHAR_CNF = _opaque(
    "VS_RX_TONE_MAP_CHAR", "Tone map of a link, receiving.", 0xA090, 0xA091
)
VS_MODULE_OPERATION_REQ, VS_MODULE_OPERATION_CNF = _opaque(
    "VS_MODULE_OPERATION", "Reading and writing modules, the newer way.", 0xA0B0, 0xA0B1
)
VS_GET_PROPERTY_REQ, VS_GET_PROPERTY_CNF = _opaque("VS_GET_PROPERTY", "Properties of the modem.", 0xA0F8, 0xA0F9)


# ---------------------------------------------------------------------------------------------------------------
# Attenuation, the other way


class _AttenuationCharacteristics(Message):
    __slots__ = ()
    CODE = 0xA14E
    MMV = 0
    LAYOUT = (raw("pev_mac", 6), u8("num_groups"), u8("reserved"), u8("carriers"), raw("reserved2", 7), rest("profile"))

    @property
    def name(self) -> str:
        return "VS_ATTENUATION_CHARACTERISTICS.IND"


@message
class VS_ATTENUATION_CHARACTERISTICS_IND(_AttenuationCharacteristics):
    """Qualcomm's double of CM_ATTEN_PROFILE.IND; of use only where that never comes."""

    OUI = QUALCOMM

    pev_mac: bytes
    profile: bytes
    num_groups: int = NUM_GROUPS
    reserved: int = 0
    carriers: int = 16
    reserved2: bytes = bytes(7)

    @property
    def aag(self) -> bytes:
        """dB per group."""
        return self.profile[: self.num_groups]


@message
class VS_ATTENUATION_CHARACTERISTICS_0_IND(VS_ATTENUATION_CHARACTERISTICS_IND):
    """The same with an OUI of zeros, as some firmware sends it."""

    OUI = bytes(3)
