"""Chargers and vehicles that match in another way, and right."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import slac.pilot
from legal.variant import charger, vehicle
from slac.amp_map import full_power
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    MINIMUM,
    Frame,
    Message,
    build,
)
from slac.modem_sim import BEHAVIOURS, Behaviour

Adjust = Callable[[Any], None]
_S, _E = "TC_SECC_CMN_VTB_", "TC_EVCC_CMN_VTB_"
CHARGER = (
    f"{_S}CmSlacMatch_001",
    f"{_S}CmSlacParm_001",
    f"{_S}AttenuationCharacterization_001",
    f"{_S}AttenuationCharacterization_002",
    f"{_S}AttenuationCharacterization_003",
    f"{_S}AttenuationCharacterization_004",
    f"{_S}AttenuationCharacterization_013",
    f"{_S}CmSlacMatch_005",
    f"{_S}PLCLinkStatus_001",
    f"{_S}PLCLinkStatus_002",
    f"{_S}PLCLinkStatus_004",
    *(f"PF_SECC_SLAC_Losses#{number}" for number in range(1, 6)),
    "PF_SECC_SLAC_TwoVehicles#1",
    "PF_SECC_SLAC_TwoVehicles#2",
    "PF_SECC_SLAC_Average#1",
    "PF_SECC_SLAC_NoLink",
    "PF_SECC_SLAC_NewKey",
)
VALIDATING = (f"{_S}CmValidate_001", f"{_S}CmValidate_002", f"{_S}CmValidate_009", f"{_S}CmSlacMatch_002")
VEHICLE = (
    f"{_E}CmSlacMatch_001",
    f"{_E}CmSlacParm_001",
    f"{_E}CmSlacParm_002",
    f"{_E}CmSlacParm_010",
    f"{_E}AttenuationCharacterization_001",
    f"{_E}AttenuationCharacterization_002",
    f"{_E}AttenuationCharacterization_005",
    f"{_E}CmSlacMatch_003",
    f"{_E}CmSlacMatch_012",
    *(f"PF_EVCC_SLAC_Losses#{number}" for number in range(1, 4)),
    *(f"PF_EVCC_SLAC_Nearest#{number}" for number in range(1, 5)),
    "PF_EVCC_SLAC_OutOfReach#1",
    "PF_EVCC_SLAC_OutOfReach#2",
    "PF_EVCC_SLAC_OddNid",
    "PF_EVCC_SLAC_NoLink",
    f"{_E}PLCLinkStatus_002",
    f"{_E}PLCLinkStatus_001",
)
TOGGLING = (f"{_E}CmValidate_001", f"{_E}CmValidate_002", f"{_E}CmSlacMatch_002")

STRICT = (f"{_E}CmSlacParm_006", "TC_EVCC_AC_VTB_AttenuationCharacterization_001", f"{_E}CmValidate_019",
          f"{_E}AttenuationCharacterization_007")  # fmt: skip
"""Runs in which the vehicle is to say nothing for a while, or meets several chargers."""


# Ways to be different


def late(kind: type[Message], seconds: float) -> Adjust:
    """A message comes later."""

    async def rewrite(frame: Frame) -> Frame:
        await asyncio.sleep(seconds)
        return frame

    def adjust(system: Any) -> None:
        system.rewrite[kind] = rewrite

    return adjust


def saying(kind: type[Message], **fields: Any) -> Adjust:
    """A message with other values."""

    def adjust(system: Any) -> None:
        system.rewrite[kind] = lambda frame: dataclasses.replace(
            frame, message=dataclasses.replace(frame.message, **fields)
        )

    return adjust


def longer(kind: type[Message], length: int) -> Adjust:
    """Something behind the last field."""

    def adjust(system: Any) -> None:
        system.rewrite[kind] = lambda frame: build(frame).ljust(length, b"\xa5")

    return adjust


def unpadded(kind: type[Message], length: int) -> Adjust:
    """No padding up to the shortest Ethernet frame."""
    assert length < MINIMUM

    def adjust(system: Any) -> None:
        system.rewrite[kind] = lambda frame: build(frame)[:length]

    return adjust


def options(**changes: Any) -> Adjust:
    """Options of the role."""

    def adjust(system: Any) -> None:
        system.options = dataclasses.replace(system.options, **changes)

    return adjust


def timing(**timers: float) -> Adjust:
    """Timers of the role."""

    def adjust(system: Any) -> None:
        system.options = dataclasses.replace(system.options, timing=system.options.timing.replace(**timers))

    return adjust


def modem(behaviour: Callable[[], Behaviour]) -> Adjust:
    """The modem of the role."""

    def adjust(system: Any) -> None:
        station = system.post if hasattr(system, "reader") else system.car
        station.modem.behaviour = behaviour()

    return adjust


def address(mac: str) -> Adjust:
    """The address of the role's host."""

    def adjust(system: Any) -> None:
        station = system.post if hasattr(system, "reader") else system.car
        station.mac = bytes.fromhex(mac)

    return adjust


def duty(percent: float) -> Adjust:
    """What the charger shows for 5 %."""

    def adjust(system: Any) -> None:
        drive = system.wire._drive
        system.wire._drive = lambda shown: drive(percent if shown == slac.pilot.DIGITAL else shown)

    return adjust


# Chargers

charger("slac-whole-window", "reports at the end of TT_EVSE_match_MNBC only", CHARGER, options(whole_window=True))
charger("slac-parm-90-ms", "CM_SLAC_PARM.CNF comes after 90 ms", CHARGER, late(CM_SLAC_PARM_CNF, 0.09))
charger("slac-match-90-ms", "CM_SLAC_MATCH.CNF comes after 90 ms", CHARGER, late(CM_SLAC_MATCH_CNF, 0.09))
charger("slac-report-90-ms", "CM_ATTEN_CHAR.IND comes 90 ms later", CHARGER, late(CM_ATTEN_CHAR_IND, 0.08))
charger("slac-path", "its path to the modem adds 6 dB, which it does not take off", CHARGER, options(adjustment=-6))
charger("slac-path-off", "5 dB are taken off each group", CHARGER, options(adjustment=5))
charger(
    "slac-no-groups",
    "its modem reports sounds without groups; a slope is reported",
    tuple(name for name in CHARGER if "Average" not in name and "TwoVehicles" not in name),
    modem(lambda: Behaviour(groups=0)),
)
charger("slac-vendor-profiles", "its modem reports in the maker's messages", CHARGER,
        modem(lambda: Behaviour(profiles=False, double=True)))  # fmt: skip
for _name in BEHAVIOURS:
    if _name != "qca7420":
        charger(f"slac-modem-{_name}", f"a modem of the kind {_name}", CHARGER, modem(BEHAVIOURS[_name]))
charger("slac-slow-join", "its modem joins after 5 s", CHARGER, modem(lambda: Behaviour(join=5.0)))
charger("slac-oui", "an address of another maker", CHARGER, address("0001870a0b0c"))
charger("slac-long-report", "CM_ATTEN_CHAR.IND has room for 255 groups, 58 are told", CHARGER,
        longer(CM_ATTEN_CHAR_IND, 326))  # fmt: skip
charger("slac-unpadded", "frames are not padded", CHARGER, unpadded(CM_SLAC_PARM_CNF, 44))
charger("slac-duty-low", "5 % is 4.6 %", CHARGER, duty(4.6))
charger("slac-duty-high", "5 % is 5.4 %", CHARGER, duty(5.4))
charger("slac-init-21-s", "TT_EVSE_SLAC_init is 21 s", (f"{_S}CmSlacParm_004", *CHARGER),
        timing(TT_EVSE_SLAC_init=21.0))  # fmt: skip
charger("slac-init-49-s", "TT_EVSE_SLAC_init is 49 s", (f"{_S}CmSlacParm_004", *CHARGER),
        timing(TT_EVSE_SLAC_init=49.0))  # fmt: skip
charger("slac-ef-7-s", "E or F takes 7 s", ("TC_SECC_AC_VTB_CmSlacParm_002", *CHARGER), timing(T_step_EF=7.0))
charger("slac-validation-failure", "it cannot validate, and says so", CHARGER, options(validation="failure"))
charger(
    "slac-validation-needless",
    "it needs no validation, and says so",
    (f"{_S}CmValidate_011", f"{_S}CmValidate_012"),
    options(validation="not required"),
)
charger("slac-validation-90-ms", "both steps of a validation are answered after 90 ms", VALIDATING,
        late(CM_VALIDATE_CNF, 0.09))  # fmt: skip


def _letters(system: Any) -> None:
    """Keys of 16 letters and digits, as some makers have them."""

    class Letters:
        def randbytes(self, length: int) -> bytes:
            return bytes(rng.choice(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(length))

        def __getattr__(self, name: str) -> Any:
            return getattr(rng, name)

    rng, system.rng = system.rng, Letters()


charger("slac-letters", "keys of 16 letters and digits", CHARGER, _letters)
charger(
    "slac-map",
    "it sends its amplitude map once the link is up",
    (f"{_S}CmSlacMatch_001", f"{_S}PLCLinkStatus_001", f"{_S}PLCLinkStatus_004", f"{_S}PLCLinkStatus_002"),
    options(amplitude_map=full_power()),
)

# Vehicles

vehicle("slac-20-ms", "sounds are 20 ms apart", VEHICLE, timing(TP_EV_batch_msg_interval=0.02))
vehicle("slac-50-ms", "sounds are 50 ms apart", VEHICLE, timing(TP_EV_batch_msg_interval=0.05))
vehicle("slac-parm-twice", "each CM_SLAC_PARM.REQ comes twice, 10 ms apart", (*VEHICLE, *TOGGLING, *STRICT),
        options(twice=True))  # fmt: skip
vehicle("slac-hurry", "goes on as soon as all chargers that answered have reported", VEHICLE, options(patient=False))
vehicle("slac-rnd", "Rnd is FF in all sounds", VEHICLE, saying(CM_MNBC_SOUND_IND, rnd=b"\xff" * 16))
vehicle("slac-rsp-90-ms", "CM_ATTEN_CHAR.RSP comes after 90 ms", VEHICLE, late(CM_ATTEN_CHAR_RSP, 0.08))
vehicle("slac-rate", "1.5 s between two attempts", VEHICLE, timing(TT_matching_rate=1.5))
vehicle("slac-start-90-ms", "the first START comes 80 ms after the answer", VEHICLE,
        late(CM_START_ATTEN_CHAR_IND, 0.005))  # fmt: skip
for _name in BEHAVIOURS:
    vehicle(f"slac-ev-modem-{_name}", f"a modem of the kind {_name}", VEHICLE, modem(BEHAVIOURS[_name]))
vehicle("slac-ev-slow-join", "its modem joins after 5 s", VEHICLE, modem(lambda: Behaviour(join=5.0)))
vehicle("slac-ev-oui", "an address of another maker", VEHICLE, address("0001870d0e0f"))
vehicle("slac-ev-unpadded", "frames are not padded", VEHICLE, unpadded(CM_SLAC_PARM_REQ, 29))
vehicle("slac-ev-near", "it takes nothing beyond 45 dB", VEHICLE, options(indirect=45.0))


def _slow_start(system: Any) -> None:
    """Nothing for 9 s after the duty, within TP_EV_SLAC_init."""
    right = system._match

    async def match() -> None:
        await slac.pilot.until(system.wire.ev, lambda reading: reading.duty == slac.pilot.DIGITAL, None)
        await asyncio.sleep(9.0)
        await right()

    system._match = match


vehicle("slac-slow-start", "matching begins 9 s after the duty", VEHICLE, _slow_start)


def _counts_from_ten(system: Any) -> None:
    system.rewrite[CM_MNBC_SOUND_IND] = lambda frame: dataclasses.replace(
        frame, message=dataclasses.replace(frame.message, cnt=frame.message.cnt + 1)
    )


vehicle("slac-counts-from-10", "the sounds count 10 down to 1", VEHICLE, _counts_from_ten)


def _own_run_ids(system: Any) -> None:
    """RunIDs of its address and a number."""

    class Numbers:
        number = 0

        def randbytes(self, length: int) -> bytes:
            Numbers.number += 1
            return system.car.mac + Numbers.number.to_bytes(2, "big") if length == 8 else bytes(length)

        def __getattr__(self, name: str) -> Any:
            return getattr(rng, name)

    rng, system.rng = system.rng, Numbers()


vehicle("slac-numbered-runs", "a RunID is the address and a number", VEHICLE, _own_run_ids)
for _count in (1, 2, 3):
    vehicle(
        f"slac-toggles-{_count}",
        f"at most {_count} toggles in a validation",
        TOGGLING,
        timing(C_EV_vald_nb_toggles=_count),
    )
vehicle("slac-toggles-short", "0.21 s for each state of a toggle", TOGGLING, timing(TP_EV_vald_state_duration=0.21))
vehicle("slac-toggles-long", "0.39 s for each state of a toggle", TOGGLING, timing(TP_EV_vald_state_duration=0.39))
vehicle("slac-toggle-window", "3.4 s for all toggles", TOGGLING, timing(TP_EV_vald_toggle=3.4))
vehicle(
    "slac-ev-map",
    "it sends its amplitude map once the link is up",
    (f"{_E}CmSlacMatch_001", f"{_E}PLCLinkStatus_001", f"{_E}PLCLinkStatus_002"),
    options(amplitude_map=full_power()),
)
