"""Faults of matching that firmware has: averages, keys, RunIDs, repeats, times and choices, of either role."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import slac.amp_map
import slac.ev
import slac.ev_run
import slac.ev_talk
import slac.ev_validation
import slac.evse
import slac.evse_run
import slac.keys
import slac.pilot
from faults.fault import Adjust, charger, vehicle
from faults.slac import matching, saying
from slac.frames import (
    BROADCAST,
    CM_AMP_MAP_CNF,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    NUM_GROUPS,
    Frame,
    Message,
    Validation,
)
from slac.keys import nmk_of
from slac.pilot import CONNECTED, State

_S, _E = "TC_SECC_CMN_VTB_", "TC_EVCC_CMN_VTB_"
Change = Callable[[Any], Any]


def rewriting(kind: type[Message], change: Callable[[Frame], Any]) -> Adjust:
    """A frame changed on its way out."""

    def adjust(system: Any) -> None:
        system.rewrite[kind] = change

    return adjust


def message(kind: type[Message], change: Change) -> Adjust:
    """A message changed on its way out: its fields by those it has."""
    return rewriting(kind, lambda frame: dataclasses.replace(
        frame, message=dataclasses.replace(frame.message, **change(frame.message))
    ))  # fmt: skip


def later(kind: type[Message], seconds: float) -> Adjust:
    async def wait(frame: Frame) -> Frame:
        await asyncio.sleep(seconds)
        return frame

    return rewriting(kind, wait)


def to_all(kind: type[Message]) -> Adjust:
    return rewriting(kind, lambda frame: dataclasses.replace(frame, destination=BROADCAST))


def only_first(kind: type[Message], times: int = 1) -> Adjust:
    """Sent that often in all, never again."""

    def adjust(system: Any) -> None:
        sent = [0]

        def change(frame: Frame) -> Frame | None:
            sent[0] += 1
            return frame if sent[0] <= times else None

        system.rewrite[kind] = change

    return adjust


def remembering(kind: type[Message], field: str) -> Adjust:
    """A field stays as it was in the first message."""

    def adjust(system: Any) -> None:
        kept: dict[str, Any] = {}

        def change(frame: Frame) -> Frame:
            kept.setdefault(field, getattr(frame.message, field))
            return dataclasses.replace(frame, message=dataclasses.replace(frame.message, **kept))

        system.rewrite[kind] = change

    return adjust


def averaging(change: Callable[[list[bytes]], bytes]) -> list[tuple[Any, str, Any]]:
    return [(slac.evse_run, "average", lambda profiles, adjustment=0: change(list(profiles)))]


def _each(how: Callable[[tuple[int, ...]], float]) -> Callable[[list[bytes]], bytes]:
    return lambda profiles: bytes(min(255, round(how(group))) for group in zip(*profiles, strict=True))


def _mean(group: tuple[int, ...]) -> float:
    return sum(group) / len(group)


# ---------------------------------------------------------------------------------------------------------------
# The charger's report

for _name, _text, _change in (
    ("sum", "the report has the sums of all sounds", _each(sum)),
    ("last", "the report has the last sound only", lambda profiles: profiles[-1]),
    ("first", "the report has the first sound only", lambda profiles: profiles[0]),
    ("highest", "the report has the highest value of each group", _each(max)),
    ("lowest", "the report has the lowest value of each group", _each(min)),
    ("sixteen", "averages are of sixteen sounds, however many came", _each(lambda group: sum(group) / 16)),
    ("even", "all groups have the average of all groups", lambda profiles: bytes(
        [round(_mean(tuple(map(int, _each(_mean)(profiles)))))] * NUM_GROUPS)),
    ("hole", "one group is left at 0", lambda profiles: (
        lambda mean: mean[:17] + b"\0" + mean[18:])(_each(_mean)(profiles))),
    ("shifted", "groups are shifted by one", lambda profiles: (
        lambda mean: mean[1:] + mean[:1])(_each(_mean)(profiles))),
    ("reversed", "groups are in reverse order", lambda profiles: _each(_mean)(profiles)[::-1]),
    ("57", "the last group is missing", lambda profiles: _each(_mean)(profiles)[:-1]),
    ("half-dB", "attenuations are in steps of 0.5 dB", _each(lambda group: 2 * _mean(group))),
):  # fmt: skip
    charger(f"slac-average-{_name}", _text, "PF_SECC_SLAC_Average#1", patches=averaging(_change))
charger("slac-ten-sounds", "the report says 10 sounds, however many came", "PF_SECC_SLAC_Losses#3",
        adjust=saying(CM_ATTEN_CHAR_IND, num_sounds=10))  # fmt: skip
charger("slac-report-groups", "the report counts groups instead of sounds", f"{_S}AttenuationCharacterization_001",
        adjust=saying(CM_ATTEN_CHAR_IND, num_sounds=58))  # fmt: skip
charger("slac-report-late", "the report comes 0.3 s late", f"{_S}AttenuationCharacterization_003",
        adjust=later(CM_ATTEN_CHAR_IND, 0.3))  # fmt: skip
charger("slac-report-to-all", "the report goes to all vehicles", "PF_SECC_SLAC_TwoVehicles#1",
        adjust=to_all(CM_ATTEN_CHAR_IND))  # fmt: skip


def _impatient(self: Any, start: Any) -> Any:
    return _listen(self, dataclasses.replace(start, num_sounds=3))


_listen = slac.evse_run.Run._listen
charger("slac-three-sounds", "the report comes after three sounds", f"{_S}AttenuationCharacterization_001",
        patches=[(slac.evse_run.Run, "_listen", _impatient)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# The charger's answers and keys

charger("slac-parm-late", "CM_SLAC_PARM.CNF comes after 0.17 s", f"{_S}CmSlacParm_001",
        adjust=later(CM_SLAC_PARM_CNF, 0.17))  # fmt: skip
charger("slac-match-late", "CM_SLAC_MATCH.CNF comes after 0.17 s", f"{_S}CmSlacMatch_001",
        adjust=later(CM_SLAC_MATCH_CNF, 0.17))  # fmt: skip
charger("slac-validation-late", "CM_VALIDATE.CNF comes after 0.17 s", f"{_S}CmValidate_001",
        adjust=later(CM_VALIDATE_CNF, 0.17))  # fmt: skip
charger("slac-old-run", "the RunID in CM_SLAC_PARM.CNF is that of the first vehicle",
        f"{_S}AttenuationCharacterization_002", adjust=remembering(CM_SLAC_PARM_CNF, "run_id"))  # fmt: skip
charger("slac-parm-once", "a repeated CM_SLAC_PARM.REQ is not answered", "PF_SECC_SLAC_Losses#1",
        adjust=only_first(CM_SLAC_PARM_CNF))  # fmt: skip
charger("slac-match-once", "a repeated CM_SLAC_MATCH.REQ is not answered", "PF_SECC_SLAC_Losses#5",
        adjust=only_first(CM_SLAC_MATCH_CNF))  # fmt: skip
charger("slac-one-key", "all vehicles get the same key", "PF_SECC_SLAC_NewKey", "PF_SECC_SLAC_NoLink",
        adjust=matching(nmk=bytes(range(16))))  # fmt: skip
charger("slac-default-key", "the key is that of any new modem", f"{_S}CmSlacMatch_001",
        adjust=matching(nmk=nmk_of("HomePlugAV")))  # fmt: skip
charger("slac-zero-key", "the key is zero", f"{_S}CmSlacMatch_001", adjust=matching(nmk=bytes(16)))
charger("slac-key-again", "each repeat of CM_SLAC_MATCH.CNF has another key", "PF_SECC_SLAC_Losses#5",
        adjust=message(CM_SLAC_MATCH_CNF, lambda m: (lambda nmk: {"nmk": nmk, "nid": slac.keys.nid_of(nmk)})(
            _counted().to_bytes(16, "big"))))  # fmt: skip
charger("slac-nmk-other", "CM_SLAC_MATCH.CNF has another key than the modem", f"{_S}PLCLinkStatus_001",
        adjust=saying(CM_SLAC_MATCH_CNF, nmk=bytes(range(16)), nid=slac.keys.nid_of(bytes(range(16)))))  # fmt: skip
charger("slac-secure-nid", "the NID has security level 1", f"{_S}CmSlacMatch_001",
        adjust=message(CM_SLAC_MATCH_CNF, lambda m: {"nid": slac.keys.nid_of(m.nmk, 1)}))  # fmt: skip
charger("slac-match-to-all", "the key goes to all", f"{_S}CmSlacMatch_001", adjust=to_all(CM_SLAC_MATCH_CNF))
charger("slac-ready-toggles", "the first step of a validation has counted one", f"{_S}CmValidate_009",
        adjust=message(CM_VALIDATE_CNF, lambda m: {"toggle_num": max(m.toggle_num, 1)}))  # fmt: skip
charger("slac-counts-edges", "both edges of a toggle are counted", f"{_S}CmValidate_001",
        adjust=message(CM_VALIDATE_CNF, lambda m: {"toggle_num": 2 * m.toggle_num}))  # fmt: skip
charger("slac-no-toggles", "a validation without toggles is a success", "PF_SECC_SLAC_NoToggles",
        adjust=message(CM_VALIDATE_CNF, lambda m: {
            "result": Validation.SUCCESS if m.result == Validation.FAILURE else m.result}))  # fmt: skip
charger("slac-map-refused", "an amplitude map is answered with 1", f"{_S}CmAmpMap_001",
        adjust=saying(CM_AMP_MAP_CNF, result=1))  # fmt: skip
_number = [0]


def _counted() -> int:
    _number[0] += 1
    return _number[0] * 0x0123_4567_89AB_CDEF


def driving(change: Callable[[float], float]) -> Adjust:
    """What the charger shows for a duty."""

    def adjust(system: Any) -> None:
        drive = system.wire._drive
        system.wire._drive = lambda duty: drive(change(duty))

    return adjust


charger("pilot-7", "7 % instead of 5 %", f"{_S}PLCLinkStatus_001",
        adjust=driving(lambda duty: 6.9 if duty == slac.pilot.DIGITAL else duty))  # fmt: skip
charger("pilot-short-ef", "E and F take 1 s", "TC_SECC_AC_VTB_CmSlacParm_002", f"{_S}PLCLinkStatus_005",
        adjust=matching(timing={"T_step_EF": 1}))  # fmt: skip
charger("pilot-short-x1", "X1 takes 1 s", f"{_S}PLCLinkStatus_005",
        adjust=matching(timing={"T_step_X1": 1}))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# The vehicle

vehicle("slac-run-id-again", "all attempts have one RunID", f"{_E}CmSlacParm_010",
        adjust=matching(run_id=b"EV RUN 1"))  # fmt: skip
vehicle("slac-fast-sounds", "sounds are 5 ms apart", f"{_E}AttenuationCharacterization_001",
        adjust=matching(timing={"TP_EV_batch_msg_interval": 0.005}))  # fmt: skip
vehicle("slac-slow-sounds", "sounds are 58 ms apart", f"{_E}AttenuationCharacterization_001",
        adjust=matching(timing={"TP_EV_batch_msg_interval": 0.058}))  # fmt: skip
vehicle("slac-same-count", "all sounds count 9", f"{_E}AttenuationCharacterization_001",
        adjust=saying(CM_MNBC_SOUND_IND, cnt=9))  # fmt: skip
vehicle("slac-counts-up", "the sounds count up", f"{_E}AttenuationCharacterization_001",
        adjust=message(CM_MNBC_SOUND_IND, lambda m: {"cnt": 9 - m.cnt}))  # fmt: skip
vehicle("slac-nine-sounds", "the last sound is missing", f"{_E}AttenuationCharacterization_001",
        adjust=rewriting(CM_MNBC_SOUND_IND, lambda frame: frame if frame.message.cnt else None))  # fmt: skip
vehicle("slac-start-run", "the START has an old RunID", f"{_E}AttenuationCharacterization_001",
        adjust=saying(CM_START_ATTEN_CHAR_IND, run_id=b"\1" * 8))  # fmt: skip
vehicle("slac-forwarding", "FORWARDING_STA of the START is the charger", f"{_E}AttenuationCharacterization_001",
        adjust=saying(CM_START_ATTEN_CHAR_IND, forwarding_sta=b"\2\0\0\0\0\7"))  # fmt: skip
vehicle("slac-time-out", "the START has Time_Out 0", f"{_E}AttenuationCharacterization_001",
        adjust=saying(CM_START_ATTEN_CHAR_IND, time_out=0))  # fmt: skip
vehicle("slac-unicast", "STARTs go to the first charger only", f"{_E}AttenuationCharacterization_002",
        adjust=rewriting(CM_START_ATTEN_CHAR_IND, lambda frame: dataclasses.replace(
            frame, destination=b"\x02\x50\x4c\0\0\2")))  # fmt: skip
vehicle("slac-rsp-late", "CM_ATTEN_CHAR.RSP comes after 0.18 s", f"{_E}AttenuationCharacterization_001",
        adjust=later(CM_ATTEN_CHAR_RSP, 0.18))  # fmt: skip
vehicle("slac-rsp-to-all", "CM_ATTEN_CHAR.RSP goes to all", f"{_E}AttenuationCharacterization_001",
        adjust=to_all(CM_ATTEN_CHAR_RSP))  # fmt: skip
vehicle("slac-rsp-once", "a repeated report is not answered", "PF_EVCC_SLAC_Losses#2",
        adjust=only_first(CM_ATTEN_CHAR_RSP))  # fmt: skip
vehicle("slac-match-once-only", "CM_SLAC_MATCH.REQ is not repeated", "PF_EVCC_SLAC_Losses#3",
        f"{_E}CmSlacMatch_003", adjust=only_first(CM_SLAC_MATCH_REQ))  # fmt: skip
vehicle("slac-match-slow", "CM_SLAC_MATCH.REQ comes 2 s late", f"{_E}CmSlacMatch_001",
        adjust=later(CM_SLAC_MATCH_REQ, 2.0))  # fmt: skip
vehicle("slac-match-mac", "CM_SLAC_MATCH.REQ names another charger", f"{_E}CmSlacMatch_001",
        adjust=saying(CM_SLAC_MATCH_REQ, evse_mac=b"\2\0\0\0\0\7"))  # fmt: skip
vehicle("slac-no-pause", "an attempt follows another at once", f"{_E}CmSlacParm_010",
        adjust=matching(timing={"TT_matching_rate": 0.02}))  # fmt: skip
vehicle("slac-for-ever", "attempts go on for a minute", f"{_E}CmSlacParm_010",
        adjust=matching(timing={"TT_matching_repetition": 60}))  # fmt: skip
vehicle("slac-repeats-early", "a request is repeated after 0.1 s", f"{_E}CmSlacParm_002",
        adjust=matching(timing={"TT_match_response": 0.1}))  # fmt: skip


class _AnyNumber(int):
    """Toggles that nobody compares."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


async def _takes_any(self: Any, *args: Any, right: Any = slac.ev_talk.Talk.awaited) -> Any:
    told = await right(self, *args)
    counted = isinstance(told, CM_VALIDATE_CNF)
    return dataclasses.replace(told, toggle_num=_AnyNumber(told.toggle_num)) if counted else told


vehicle("slac-any-toggles", "a validation is a success, however many toggles are reported",
        "PF_EVCC_SLAC_OtherToggles", patches=[(slac.ev_talk.Talk, "awaited", _takes_any)])  # fmt: skip
vehicle("slac-first-report", "the charger that reports first is taken", "PF_EVCC_SLAC_Nearest#3",
        patches=[(slac.ev_run, "ranked", lambda found: [*found][:1])])  # fmt: skip
vehicle("slac-any-attenuation", "a charger is chosen whatever it reports", "PF_EVCC_SLAC_OutOfReach#1",
        adjust=matching(direct=300.0, indirect=300.0))  # fmt: skip
vehicle("slac-no-sounds", "a report based on no sounds is accepted", "PF_EVCC_SLAC_OutOfReach#2",
        patches=[(slac.ev_talk, "judge", lambda attenuation, sounds, *limits: _judge(attenuation, 10, *limits))],
        adjust=matching(strict=False))  # fmt: skip
_judge = slac.ev_talk.judge


def _measured_by(how: Callable[[bytes], float]) -> list[tuple[Any, str, Any]]:
    return [(slac.ev_run, "ranked", lambda found: sorted(found, key=lambda one: how(one.aag)))]


vehicle("slac-highest-group", "chargers are compared by their highest group", "PF_EVCC_SLAC_Nearest#1",
        patches=_measured_by(max))  # fmt: skip
vehicle("slac-lowest-group", "chargers are compared by their lowest group", "PF_EVCC_SLAC_Nearest#2",
        patches=_measured_by(min))  # fmt: skip
vehicle("slac-first-group", "chargers are compared by their first group", "PF_EVCC_SLAC_Nearest#2",
        patches=_measured_by(lambda aag: aag[0]))  # fmt: skip


async def _joins_computed(self: Any, charger: bytes, nid: bytes, nmk: bytes) -> float:
    return await _join(self, charger, slac.keys.nid_of(nmk), nmk)


_join = slac.ev.Ev._join
vehicle("slac-own-nid", "the NID is computed, not taken", "PF_EVCC_SLAC_OddNid",
        patches=[(slac.ev.Ev, "_join", _joins_computed)])  # fmt: skip


async def _stays(self: Any) -> None:
    """The key is kept."""


vehicle("slac-key-kept", "the network is never left", "PF_EVCC_SLAC_NoLink", patches=[(slac.ev.Ev, "leave", _stays)])
vehicle("slac-join-short", "a link that does not come within 5 s is given up", "PF_EVCC_SLAC_LateLink",
        adjust=matching(timing={"TT_match_join": 5.0}))  # fmt: skip
vehicle("slac-at-once", "matching begins before the 5 % duty", f"{_E}CmSlacParm_013",
        patches=[(slac.ev.Ev, "_offered", lambda self, reading: reading.state in CONNECTED)])  # fmt: skip


def _ready_at_once(system: Any) -> None:
    """C as soon as it is plugged in."""
    plug = system.wire.plug

    def plugs() -> None:
        plug()
        asyncio.get_running_loop().call_later(1.0, system.wire.ev.set, State.C)

    system.wire.plug = plugs


vehicle("pilot-c-in-matching", "the pilot goes to C while matching", f"{_E}CmSlacParm_010",
        adjust=_ready_at_once)  # fmt: skip
vehicle("slac-short-toggles", "a state of a toggle takes 0.1 s", f"{_E}CmValidate_001",
        adjust=matching(timing={"TP_EV_vald_state_duration": 0.1}))  # fmt: skip


async def _toggling_more(pilot: Any, times: int, pulse: float) -> None:
    await slac.pilot.toggle(pilot, times + 3, pulse)


vehicle("slac-toggles-after", "four toggles", f"{_E}CmValidate_001",
        patches=[(slac.ev_validation, "toggle", _toggling_more)])  # fmt: skip


def _announcing(timer: int) -> Change:
    return lambda m: {"timer": timer if m.timer else 0}


vehicle("slac-toggle-window", "the second step announces 5 s", f"{_E}CmValidate_001",
        adjust=message(CM_VALIDATE_REQ, _announcing(49)))  # fmt: skip


def _by_address(*, best_last: bool) -> Any:
    return lambda candidates: sorted(_ranked(candidates), key=lambda one: one.mac, reverse=best_last)


_ranked = slac.ev_run.ranked
vehicle("slac-lowest-address", "the usable charger with the lowest address is taken", "PF_EVCC_SLAC_Nearest#2",
        "PF_EVCC_SLAC_Nearest#4", patches=[(slac.ev_run, "ranked", _by_address(best_last=False))])  # fmt: skip
vehicle("slac-highest-address", "the usable charger with the highest address is taken", "PF_EVCC_SLAC_Nearest#1",
        "PF_EVCC_SLAC_Nearest#3", patches=[(slac.ev_run, "ranked", _by_address(best_last=True))])  # fmt: skip
