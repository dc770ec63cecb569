"""Our messages as scapy layers, for users of scapy. Importing this module registers them.

    from scapy.layers.l2 import Ether
    from scapy.sendrecv import sniff, srp1
    from slac.scapy_layers import CM_SLAC_PARM_REQ, VS_SW_VER_REQ, HomePlug

    frame = Ether(src=mac) / HomePlug() / CM_SLAC_PARM_REQ(run_id=b"12345678")     # padded, header filled in
    version = srp1(Ether(src=mac, dst="00:b0:52:00:00:01") / HomePlug() / VS_SW_VER_REQ(), iface="plc0", timeout=1)
    sniff(iface="plc0", prn=lambda p: p.summary(), lfilter=lambda p: HomePlug in p)

Each message class of `slac.frames` has a layer with its name and fields; version, code and OUI in the header follow
from it. `slac.frames.parse(bytes(packet))` converts back to our messages. If scapy's own HomePlug layers are loaded
too, these replace them, in whatever order they are loaded.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from scapy.config import conf
from scapy.fields import ByteField, ConditionalField, LEShortEnumField, StrFixedLenField
from scapy.fields import Field as ScapyField
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Padding, Raw, bind_layers

from slac import frames, layout
from slac.frames import ETHERTYPE, MINIMUM, Message, kinds

_ETHER_HEADER = 14
_VENDOR = 0xA000  # from here on, the header ends with an OUI


def _name(kind: type[Message]) -> str:
    stem, _, direction = kind.__name__.rpartition("_")
    return f"{stem}.{direction}"


class HomePlug(Packet):
    """The header of a management message. Omitted fields follow from the message after it."""

    name = "HomePlug"
    fields_desc = [  # noqa: RUF012 - scapy's way
        ByteField("mmv", 1),
        LEShortEnumField("code", 0, {kind.CODE: _name(kind) for kind in kinds()}),
        ConditionalField(StrFixedLenField("fmi", bytes(2), 2), lambda pkt: pkt.mmv != 0),
        ConditionalField(StrFixedLenField("oui", frames.QUALCOMM, 3), lambda pkt: pkt.code >= _VENDOR),
    ]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        oui = self.oui if self.code >= _VENDOR else None
        return _BY_HEADER.get((self.code, oui, self.mmv)) or _BY_HEADER.get((self.code, oui, None)) or Raw

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        whole = pkt + pay
        if Padding in self.payload or not isinstance(self.underlayer, Ether):
            return whole
        return whole.ljust(MINIMUM - _ETHER_HEADER, b"\0")

    def hashret(self) -> bytes:
        return int(self.code & ~1).to_bytes(2, "big")

    def answers(self, other: Packet) -> int:
        """A CNF answers its REQ, an RSP its IND."""
        return int(isinstance(other, HomePlug) and self.code == other.code + 1 and bool(self.code & 1))

    def mysummary(self) -> str:
        return self.sprintf("HomePlug %code%")


class OurField(ScapyField[Any, Any]):
    """A field of a message, read and written as in `slac.layout`."""

    __slots__ = ("entry",)

    def __init__(self, entry: layout.Field, default: Any) -> None:
        self.entry = entry
        super().__init__(entry.name, default, "s")

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        if isinstance(x, str) and isinstance(getattr(self, "default", None), bytes):
            return bytes.fromhex(x.replace(":", ""))
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        if not isinstance(x, bytes):
            return repr(x)
        return x.hex(":") if len(x) == 6 else x.hex()

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return s + self.entry.write(self.default if val is None else val)

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        cursor = layout.Cursor(s, 0)
        value = self.entry.read(cursor)
        return s[cursor.place :], value

    def i2len(self, pkt: Packet, x: Any) -> int:
        return len(self.entry.write(x))


class _Mme(Packet):
    """Base of the messages' layers."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes | None]:
        return b"", s

    def mysummary(self) -> str:
        return str(self.name)


def _zero(entry: layout.Field) -> Any:
    """The value read from no bytes, or else from a field of zeros: the default of fields without one."""
    try:
        return entry.read(layout.Cursor(b"", 0))
    except layout.FrameError:
        return entry.read(layout.Cursor(bytes(1024), 0))


def _layer(kind: type[Message]) -> type[Packet]:
    defaults = {
        f.name: f.default
        for f in dataclasses.fields(kind)  # type: ignore[arg-type]  # every message is a dataclass
        if f.default is not dataclasses.MISSING
    }
    described = []
    for number, entry in enumerate(kind.LAYOUT):
        named = dataclasses.replace(entry, name=entry.name or f"reserved_{number}")
        described.append(OurField(named, defaults.get(entry.name, _zero(entry))))
    header = {"code": kind.CODE, "mmv": kind.MMV} | ({"oui": kind.OUI} if kind.OUI else {})
    metaclass: Any = type(Packet)
    layer: type[Packet] = metaclass(
        kind.__name__,
        (_Mme,),
        {
            "__module__": __name__,
            "__doc__": kind.__doc__,
            "name": _name(kind),
            "fields_desc": described,
            "overload_fields": {HomePlug: header},
        },
    )
    return layer


LAYERS: dict[str, type[Packet]] = {kind.__name__: _layer(kind) for kind in kinds()}
"""The layers, by the names of their message classes."""

_BY_HEADER = {(kind.CODE, kind.OUI, kind.ONLY_MMV): LAYERS[kind.__name__] for kind in kinds()}


def __getattr__(name: str) -> type[Packet]:
    try:
        return LAYERS[name]
    except KeyError:
        raise AttributeError(f"no layer {name}") from None


# Our layers come before others bound to this EtherType, and are tried first.
Ether.payload_guess = [(match, layer) for match, layer in Ether.payload_guess if match.get("type") != ETHERTYPE]
bind_layers(Ether, HomePlug, type=ETHERTYPE)
Ether.payload_guess.insert(0, Ether.payload_guess.pop())
# Broadcast unless specified; scapy would look for a router.
conf.neighbor.register_l3(Ether, HomePlug, lambda l2, l3: "ff:ff:ff:ff:ff:ff")
