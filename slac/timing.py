"""Every timer and constant of matching under its standard name (ISO 15118-3 Annex A, tables A.1 to A.5).

TP_... limits the duration of one's own actions, TT_... the wait for others; if both exist, the difference allows for
the medium. `Timing` holds the values in use, `table` their meanings and the ranges that the standard allows.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Annotated, NamedTuple, get_type_hints

from boundary.choices import unknown


class Rule(NamedTuple):
    """Definition of a timer.

    Attributes:
        side: ``EV``, ``EVSE`` or ``both``.
        meaning: its start and its end.
        low, high: range that the standard allows, in seconds (or a number); None if it gives only the value.
    """

    side: str
    meaning: str
    low: float | None = None
    high: float | None = None


class Row(NamedTuple):
    """A line of `table`: the name, the value in use (seconds, or a number for C_...), and its rule."""

    name: str
    value: float
    rule: Rule


@dataclass(frozen=True)
class Timing:
    """Timers in seconds, and counts. Change some with :meth:`replace`."""

    # Counts
    C_EV_match_MNBC: Annotated[int, Rule("EV", "sounds", 10, 10)] = 10
    C_EV_start_atten_char_inds: Annotated[int, Rule("EV", "CM_START_ATTEN_CHAR.IND sent", 3, 3)] = 3
    C_EV_match_retry: Annotated[int, Rule("both", "repeats of a request without an answer", 2, 2)] = 2
    C_EV_vald_nb_toggles: Annotated[int, Rule("EV", "BCB toggles of a validation, at most", 1, 3)] = 3
    C_EVSE_match_parallel: Annotated[int, Rule("EVSE", "matchings at once, at least", 5)] = 5
    C_conn_max_match: Annotated[int, Rule("EV", "matching attempts, at least", 3)] = 3
    C_sequ_retry: Annotated[int, Rule("EVSE", "repeats of 5 % after E or F where no vehicle talks", 2, 2)] = 2

    # Messages
    TP_match_response: Annotated[float, Rule("both", "message received to answer sent", 0, 0.1)] = 0.1
    TT_match_response: Annotated[float, Rule("both", "message sent to answer received", 0.2, 0.2)] = 0.2
    TP_match_sequence: Annotated[float, Rule("EV", "last CM_SLAC_PARM.CNF to first START", 0, 0.1)] = 0.1
    TT_match_sequence: Annotated[float, Rule("EVSE", "CM_SLAC_PARM.CNF to first START", 0.4, 0.4)] = 0.4
    TP_EV_batch_msg_interval: Annotated[float, Rule("EV", "between STARTs and sounds", 0.02, 0.05)] = 0.03
    TT_EVSE_match_MNBC: Annotated[float, Rule("EVSE", "first START to end of sounds", 0.6, 0.6)] = 0.6
    TP_EVSE_avg_atten_calc: Annotated[float, Rule("EVSE", "last sound to CM_ATTEN_CHAR.IND", 0, 0.1)] = 0.1
    TT_EV_atten_results: Annotated[float, Rule("EV", "first START to last CM_ATTEN_CHAR.IND", 1.2, 1.2)] = 1.2
    TP_EV_match_session: Annotated[float, Rule("EV", "choice to CM_SLAC_MATCH or CM_VALIDATE", 0, 0.5)] = 0.5
    TT_EVSE_match_session: Annotated[float, Rule("EVSE", "CM_ATTEN_CHAR.RSP to MATCH or VALIDATE", 10, 10)] = 10.0

    # Validation
    TP_EV_vald_state_duration: Annotated[float, Rule("EV", "each pilot state of a toggle", 0.2, 0.4)] = 0.3
    TP_EV_vald_toggle: Annotated[float, Rule("EV", "whole toggling", 0.6, 3.5)] = 3.0
    TT_EVSE_vald_toggle: Annotated[float, Rule("EVSE", "whole toggling", 3.5, 3.5)] = 3.5
    T_vald_detect_time: Annotated[float, Rule("EVSE", "edge of the pilot to its detection", 0, 0.2)] = 0.2

    # Start, joining, leaving
    TP_EV_SLAC_init: Annotated[float, Rule("EV", "5 % seen to first CM_SLAC_PARM.REQ", 0, 10)] = 10.0
    TT_EVSE_SLAC_init: Annotated[float, Rule("EVSE", "5 % to first CM_SLAC_PARM.REQ", 20, 50)] = 40.0
    TT_match_join: Annotated[float, Rule("both", "CM_SLAC_MATCH.CNF to link", 12, 12)] = 12.0
    TP_link_ready_notification: Annotated[float, Rule("both", "link up to telling the session layer", 0.2, 1)] = 0.2
    TP_amp_map_exchange: Annotated[float, Rule("both", "link up to CM_AMP_MAP.REQ", 0, 0.1)] = 0.1
    TT_amp_map_exchange: Annotated[float, Rule("both", "link up to CM_AMP_MAP.REQ of the peer", 0.2, 0.2)] = 0.2
    TT_matching_repetition: Annotated[float, Rule("EV", "first attempt to last one", 10, 10)] = 10.0
    TT_matching_rate: Annotated[float, Rule("EV", "end of an attempt to the next", 0.4)] = 0.4
    TP_match_leave: Annotated[float, Rule("both", "end of the connection to leaving the network", 0, 1)] = 1.0
    T_conn_init_HLC: Annotated[float, Rule("EVSE", "5 % to modem ready", 0, 0.2)] = 0.2
    T_conn_max_comm: Annotated[float, Rule("both", "wake-up to communication", 0, 8)] = 8.0
    T_conn_resume: Annotated[float, Rule("both", "wake-up to link, with the old key", 6, 6)] = 6.0
    T_conn_resetup: Annotated[float, Rule("EV", "loss of the link to the last retry", 15, 15)] = 15.0
    T_step_EF: Annotated[float, Rule("EVSE", "E or F held", 4, 8)] = 4.0
    T_step_X1: Annotated[float, Rule("EVSE", "X1 held", 3)] = 3.0

    # The local modem; our own values, since the standard leaves them to the maker
    modem_answer: Annotated[float, Rule("both", "request to the local modem to its answer")] = 0.5
    modem_requests: Annotated[int, Rule("both", "total requests to the local modem")] = 3
    modem_settle: Annotated[float, Rule("both", "change of key to the modem answering again")] = 12.0
    TT_polling_pause: Annotated[float, Rule("both", "between two looks at the link while joining")] = 0.1
    matched_polling: Annotated[float, Rule("both", "between two looks at the link while matched")] = 1.0

    def replace(self, **values: float) -> Timing:
        """A copy with other values.

        Raises:
            ValueError: no timer has this name, or the value is negative.
        """
        known = {field.name for field in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(unknown("SLAC timer", name, known))
            if value < 0:
                raise ValueError(f"{name}: {value:g} is negative")
        typed = {name: int(value) if isinstance(getattr(self, name), int) else value for name, value in values.items()}
        return dataclasses.replace(self, **typed)  # type: ignore[arg-type]  # checked above


STANDARD = Timing()


@cache
def _rules() -> dict[str, Rule]:
    hints = get_type_hints(Timing, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in dataclasses.fields(Timing)}


def table(timing: Timing = STANDARD) -> tuple[Row, ...]:
    """All timers and counts in the order of `Timing`."""
    return tuple(Row(name, getattr(timing, name), rule) for name, rule in _rules().items())


def rule_of(name: str) -> Rule:
    """The definition of a timer.

    Raises:
        KeyError: no timer has this name.
    """
    return _rules()[name]


def outside(timing: Timing) -> tuple[str, ...]:
    """Values that the standard does not allow, one line each; a test may want them."""
    return tuple(
        f"{row.name} is {row.value:g}, allowed {row.rule.low:g}"
        + ("" if row.rule.high == row.rule.low else " or more" if row.rule.high is None else f" to {row.rule.high:g}")
        for row in table(timing)
        if row.rule.low is not None
        and not (row.rule.low <= row.value and (row.rule.high is None or row.value <= row.rule.high))
    )
