"""Messages of Lumissil's CG5317. The layout comes from published source code; no recording has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from slac.layout import u8, u16, u32, zeros
from slac.mme import Message, message

LUMISSIL = bytes.fromhex("0016e8")


@dataclass(frozen=True, slots=True)
class _Lumissil(Message):
    """What all of them have: a header behind the OUI."""

    OUI = LUMISSIL
    MMV = 0

    version: int = field(default=0, kw_only=True)
    reserved: int = field(default=0, kw_only=True)
    request_id: int = field(default=0, kw_only=True)


_HEADER = (u16("version"), u32("reserved"), u8("request_id"), zeros(12))


@message
class NSCM_RESET_DEVICE_REQ(_Lumissil):
    """Restart; there is no answer."""

    CODE = 0xAC70
    LAYOUT = (*_HEADER, u8("mode"))

    mode: int = 0


@message
class NSCM_GET_VERSION_REQ(_Lumissil):
    """What are you?"""

    CODE = 0xAC6C
    LAYOUT = _HEADER


@message
class NSCM_GET_VERSION_CNF(_Lumissil):
    """Firmware version."""

    CODE = 0xAC6D
    LAYOUT = (*_HEADER, u16("major"), u16("minor"), u16("patch"), u16("build"))

    major: int = 0
    minor: int = 0
    patch: int = 0
    build: int = 0


@message
class NSCM_GET_D_LINK_STATUS_REQ(_Lumissil):
    """Is the link up?"""

    CODE = 0xAC9C
    LAYOUT = _HEADER


@message
class NSCM_GET_D_LINK_STATUS_CNF(_Lumissil):
    """``link`` 1 is up."""

    CODE = 0xAC9D
    LAYOUT = (*_HEADER, u8("link"))

    link: int = 0
