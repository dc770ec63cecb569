"""Faults of both roles in SLAC."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import slac.amp_map
import slac.ev
import slac.ev_run
import slac.ev_validation
import slac.evse
import slac.evse_reception
from faults.fault import Adjust, async_nothing, charger, vehicle
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_VALIDATE_CNF,
)


def matching(**options: Any) -> Adjust:
    """Options of a role that matches."""

    def adjust(system: Any) -> None:
        timers = options.get("timing")
        changed = {**options, "timing": system.options.timing.replace(**timers)} if timers else options
        system.options = dataclasses.replace(system.options, **changed)

    return adjust


def saying(message: type, **fields: Any) -> Adjust:
    """Fields of a message of a role that matches."""

    def adjust(system: Any) -> None:
        system.rewrite[message] = lambda frame: dataclasses.replace(
            frame, message=dataclasses.replace(frame.message, **fields)
        )

    return adjust


async def _hand_out(self: Any) -> None:
    with self.host.listen(lambda frame: frame.destination in (BROADCAST, self.host.mac)) as box:
        while frame := await box.get():
            await self._hand(frame)


async def _whatever_the_pilot(pilot: Any, work: Any) -> Any:
    return await work


_ranked = slac.ev_run.ranked


async def _for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


async def _validating_all(charger: Any, frame: Any) -> None:
    if run := charger._newest(frame.source, lambda run: run.choosing):
        run.put(frame)


def _once_a_host(right: Any) -> Any:
    async def answer(host: Any, frame: Any) -> None:
        if not getattr(host, "answered", False):
            host.answered = True
            await right(host, frame)

    return answer


_S, _E = "TC_SECC_CMN_VTB_", "TC_EVCC_CMN_VTB_"
charger(
    "slac-unchecked",
    "constants of SLAC messages are not looked at",
    f"{_S}CmSlacMatch_007",
    f"{_S}AttenuationCharacterization_013",
    adjust=matching(strict=False),
)
charger(
    "slac-one-report",
    "the attenuation is reported once only",
    f"{_S}AttenuationCharacterization_004",
    adjust=matching(timing={"C_EV_match_retry": 0}),
)
charger(
    "slac-patient",
    "waits a minute for the choice",
    f"{_S}CmSlacMatch_005",
    adjust=matching(timing={"TT_EVSE_match_session": 60}),
)
charger(
    "slac-late-sounding",
    "waits for sounds as long as it takes",
    f"{_S}AttenuationCharacterization_012",
    adjust=matching(timing={"TT_match_sequence": 30}),
)
charger(
    "slac-forever", "offers 5 % for minutes", f"{_S}CmSlacParm_004", adjust=matching(timing={"TT_EVSE_SLAC_init": 300})
)
charger(
    "slac-sound-target",
    "CM_SLAC_PARM.CNF names one sound target",
    f"{_S}CmSlacParm_001",
    adjust=saying(CM_SLAC_PARM_CNF, m_sound_target=bytes(6)),
)
charger(
    "slac-nid",
    "the network's name does not belong to its key",
    f"{_S}CmSlacMatch_001",
    adjust=saying(CM_SLAC_MATCH_CNF, nid=bytes(7)),
)
charger(
    "slac-toggles",
    "says that it saw two toggles",
    f"{_S}CmValidate_001",
    adjust=saying(CM_VALIDATE_CNF, toggle_num=2),
)
vehicle(
    "slac-vehicle-unchecked",
    "constants of SLAC messages are not looked at",
    f"{_E}CmSlacParm_003",
    f"{_E}CmSlacMatch_006",
    f"{_E}AttenuationCharacterization_008",
    adjust=matching(strict=False),
)
vehicle(
    "slac-asks-once",
    "requests are not repeated",
    f"{_E}CmSlacParm_002",
    f"{_E}CmSlacMatch_003",
    adjust=matching(timing={"C_EV_match_retry": 0}),
)
vehicle(
    "slac-asks-on",
    "requests are repeated five times",
    f"{_E}CmSlacParm_002",
    adjust=matching(timing={"C_EV_match_retry": 5}),
)
vehicle(
    "slac-two-starts",
    "two CM_START_ATTEN_CHAR.IND only",
    f"{_E}AttenuationCharacterization_001",
    adjust=matching(timing={"C_EV_start_atten_char_inds": 2}),
)
vehicle(
    "slac-no-rounds",
    "one round of matching only",
    f"{_E}CmSlacParm_010",
    adjust=matching(timing={"TT_matching_repetition": 0}),
)
vehicle(
    "slac-slow-toggles",
    "a state of a toggle lasts 0.6 s",
    f"{_E}CmValidate_001",
    adjust=matching(timing={"TP_EV_vald_state_duration": 0.6}),
)
vehicle(
    "slac-wrong-length",
    "CM_SLAC_MATCH.REQ with another length",
    f"{_E}CmSlacMatch_002",
    adjust=saying(CM_SLAC_MATCH_REQ, mvf_length=0x56),
)

vehicle(
    "slac-vehicle-link-blind",
    "the end of a link is not noticed",
    f"{_E}PLCLinkStatus_008",
    "TC_EVCC_AC_VTB_PLCLinkStatus_003",
    "TC_EVCC_AC_VTB_PLCLinkStatus_004",
    "TC_EVCC_AC_VTB_PLCLinkStatus_005",
    "TC_EVCC_AC_VTB_PLCLinkStatus_007",
    "TC_EVCC_AC_VTB_PLCLinkStatus_008",
    patches=[(slac.ev.Ev, "until_lost", _for_ever)],
)
vehicle(
    "slac-first-only",
    "where the nearest charger is not validated, no other one is tried",
    f"{_E}CmValidate_007",
    f"{_E}CmValidate_008",
    f"{_E}CmValidate_009",
    f"{_E}CmValidate_010",
    f"{_E}CmValidate_011",
    f"{_E}CmValidate_012",
    f"{_E}CmValidate_013",
    f"{_E}CmValidate_019",
    patches=[(slac.ev_run, "ranked", lambda found: _ranked(found)[:1])],
)
vehicle(
    "slac-second-step-again",
    "the second step is asked again where it is not answered",
    f"{_E}CmValidate_009",
    adjust=matching(silent="again"),
)
vehicle(
    "slac-waits-for-ready",
    "a charger that is not ready is asked again, although it was declared that the next one is tried",
    f"{_E}CmValidate_019",
    adjust=matching(not_ready="retry"),
)
vehicle(
    "slac-needs-proof",
    "a charger that cannot validate is given up on, although it was declared that it is matched",
    f"{_E}CmValidate_015",
    adjust=matching(refused="next"),
)
vehicle(
    "slac-no-proof",
    "a charger that does not require validation is not validated, although that was declared",
    f"{_E}CmValidate_016",
    adjust=matching(not_required="match"),
)
vehicle(
    "slac-farthest",
    "the farthest charger is taken",
    f"{_E}CmSlacMatch_012",
    patches=[(slac.ev_run, "ranked", lambda found: _ranked(found)[::-1])],
)
vehicle(
    "slac-not-ready-once",
    "a charger that is not ready is not asked again",
    f"{_E}CmValidate_018",
    patches=[(slac.ev_validation, "NOT_READY_TIMES", 1)],
)
charger(
    "slac-charger-link-blind",
    "the end of a link is not noticed",
    f"{_S}PLCLinkStatus_005",
    patches=[(slac.evse.Evse, "until_lost", _for_ever)],
)
charger(
    "slac-restless",
    "a link is left as soon as it is there",
    f"{_S}PLCLinkStatus_004",
    patches=[(slac.evse.Evse, "until_lost", async_nothing)],
)
charger(
    "slac-validates-all",
    "several vehicles are validated at once",
    f"{_S}CmValidate_009",
    patches=[(slac.evse_reception.Reception, "_validate", _validating_all)],
)
charger(
    "slac-one-map",
    "one amplitude map is answered only",
    f"{_S}CmAmpMap_007",
    patches=[(slac.amp_map, "answer", _once_a_host(slac.amp_map.answer))],
)
charger(
    "slac-unplugged",
    "a vehicle is answered though nothing is plugged in",
    f"{_S}CmSlacParm_007",
    f"{_S}AttenuationCharacterization_019",
    patches=[
        (slac.evse_reception.Reception, "_hand_out", _hand_out),
        (slac.evse, "while_connected", _whatever_the_pilot),
    ],
)
charger(
    "slac-flat",
    "the attenuation is reported as 20 dB whatever it is",
    f"{_S}AttenuationCharacterization_020",
    adjust=saying(CM_ATTEN_CHAR_IND, aag=bytes([20] * 58)),
)
