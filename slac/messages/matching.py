"""The messages of matching: between the hosts of vehicle and charger, and the attenuation profile a modem adds.

ISO 15118-3 Annex A.9, HomePlug Green PHY 1.1 section 11.5. A vehicle sends to all until it has chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from slac.layout import counted, groups, raw, u8, u16, upto
from slac.mme import BROADCAST, Message, message, required

ZERO_ID = bytes(17)


NUM_SOUNDS = 10
"""C_EV_match_MNBC."""
TIME_OUT = 6
"""TT_EVSE_match_MNBC in units of 100 ms."""
NUM_GROUPS = 58

_TYPES = (u8("application_type"), u8("security_type"))
_PROPER = required(application_type=0, security_type=0)


@dataclass(frozen=True, slots=True)
class _Typed(Message):
    """What nearly all of them have, always 0: pairing of a vehicle with a charger, unsecured."""

    REQUIRED = _PROPER

    application_type: int = field(default=0, kw_only=True)
    security_type: int = field(default=0, kw_only=True)


@message
class CM_SLAC_PARM_REQ(_Typed):
    """Vehicle to all: who is there?"""

    CODE = 0x6064
    LAYOUT = (*_TYPES, raw("run_id", 8))

    run_id: bytes


@message
class CM_SLAC_PARM_CNF(_Typed):
    """Charger to vehicle: I am; this is how to sound."""

    CODE = 0x6065
    LAYOUT = (
        raw("m_sound_target", 6), u8("num_sounds"), u8("time_out"), u8("resp_type"), raw("forwarding_sta", 6),
        *_TYPES, raw("run_id", 8),
    )  # fmt: skip
    REQUIRED = required(**_PROPER, m_sound_target=BROADCAST, resp_type=1)

    run_id: bytes
    forwarding_sta: bytes
    m_sound_target: bytes = BROADCAST
    num_sounds: int = NUM_SOUNDS
    time_out: int = TIME_OUT
    resp_type: int = 1


@message
class CM_START_ATTEN_CHAR_IND(_Typed):
    """Vehicle to all: sounds follow."""

    CODE = 0x606A
    LAYOUT = (
        *_TYPES, u8("num_sounds"), u8("time_out"), u8("resp_type"), raw("forwarding_sta", 6), raw("run_id", 8),
    )  # fmt: skip
    REQUIRED = required(**_PROPER, resp_type=1)

    run_id: bytes
    forwarding_sta: bytes
    num_sounds: int = NUM_SOUNDS
    time_out: int = TIME_OUT
    resp_type: int = 1


@message
class CM_MNBC_SOUND_IND(_Typed):
    """Vehicle to all: one sound; ``cnt`` more follow."""

    CODE = 0x6076
    LAYOUT = (*_TYPES, raw("sender_id", 17), u8("cnt"), raw("run_id", 8), raw("reserved", 8), upto("rnd", 16))

    run_id: bytes
    cnt: int
    rnd: bytes = bytes(16)
    sender_id: bytes = ZERO_ID
    reserved: bytes = bytes(8)


@message
class CM_ATTEN_PROFILE_IND(Message):
    """Modem to its own host: how a sound of ``pev_mac`` was received, dB per carrier group."""

    CODE = 0x6086
    LAYOUT = (raw("pev_mac", 6), groups("aag"))

    pev_mac: bytes
    aag: bytes


@message
class CM_ATTEN_CHAR_IND(_Typed):
    """Charger to vehicle: averages of the profiles, dB per carrier group. ``aag`` empty for a modem without groups."""

    CODE = 0x606E
    LAYOUT = (
        *_TYPES, raw("source_address", 6), raw("run_id", 8), raw("source_id", 17), raw("resp_id", 17), u8("num_sounds"),
        counted("aag"),
    )  # fmt: skip
    REQUIRED = required(**_PROPER, source_id=ZERO_ID, resp_id=ZERO_ID)

    source_address: bytes
    run_id: bytes
    aag: bytes
    num_sounds: int = NUM_SOUNDS
    source_id: bytes = ZERO_ID
    resp_id: bytes = ZERO_ID


@message
class CM_ATTEN_CHAR_RSP(_Typed):
    """Vehicle to charger: got it."""

    CODE = 0x606F
    LAYOUT = (
        *_TYPES, raw("source_address", 6), raw("run_id", 8), raw("source_id", 17), raw("resp_id", 17), u8("result"),
    )  # fmt: skip
    REQUIRED = required(**_PROPER, result=0, source_id=ZERO_ID, resp_id=ZERO_ID)

    source_address: bytes
    run_id: bytes
    result: int = 0
    source_id: bytes = ZERO_ID
    resp_id: bytes = ZERO_ID


@message
class CM_VALIDATE_REQ(Message):
    """Vehicle to charger: watch my pilot toggle, for ``(timer + 1) * 100`` ms."""

    CODE = 0x6078
    LAYOUT = (u8("signal_type"), u8("timer"), u8("result"))
    REQUIRED = required(signal_type=0)

    timer: int = 0
    result: int = 1
    signal_type: int = 0


@message
class CM_VALIDATE_CNF(Message):
    """Charger to vehicle: this many toggles. ``result`` is one of `Validation`."""

    CODE = 0x6079
    LAYOUT = (u8("signal_type"), u8("toggle_num"), u8("result"))
    REQUIRED = required(signal_type=0)

    toggle_num: int = 0
    result: int = 0
    signal_type: int = 0


class Validation:
    """Results in CM_VALIDATE.CNF."""

    NOT_READY, READY, SUCCESS, FAILURE, NOT_REQUIRED = range(5)
    WORDS = ("not ready", "ready", "success", "failure", "not required")


_PAIR = (raw("pev_id", 17), raw("pev_mac", 6), raw("evse_id", 17), raw("evse_mac", 6), raw("run_id", 8))
MVF_REQ, MVF_CNF = 0x3E, 0x56


@message
class CM_SLAC_MATCH_REQ(_Typed):
    """Vehicle to the charger it chose."""

    CODE = 0x607C
    LAYOUT = (*_TYPES, u16("mvf_length"), *_PAIR, raw("reserved", 8))
    REQUIRED = required(**_PROPER, mvf_length=MVF_REQ, pev_id=ZERO_ID, evse_id=ZERO_ID)

    run_id: bytes
    pev_mac: bytes
    evse_mac: bytes
    mvf_length: int = MVF_REQ
    pev_id: bytes = ZERO_ID
    evse_id: bytes = ZERO_ID
    reserved: bytes = bytes(8)


@message
class CM_SLAC_MATCH_CNF(_Typed):
    """Charger to vehicle: the key of our network."""

    CODE = 0x607D
    LAYOUT = (
        *_TYPES, u16("mvf_length"), *_PAIR, raw("reserved", 8), raw("nid", 7), raw("reserved2", 1), raw("nmk", 16),
    )  # fmt: skip
    REQUIRED = required(**_PROPER, mvf_length=MVF_CNF, pev_id=ZERO_ID, evse_id=ZERO_ID)

    run_id: bytes
    pev_mac: bytes
    evse_mac: bytes
    nid: bytes
    nmk: bytes = field(repr=False)
    mvf_length: int = MVF_CNF
    pev_id: bytes = ZERO_ID
    evse_id: bytes = ZERO_ID
    reserved: bytes = bytes(8)
    reserved2: bytes = bytes(1)
