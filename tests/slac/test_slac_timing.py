"""The table of timers."""

from __future__ import annotations

import pytest

from slac.timing import STANDARD, Timing, outside, rule_of, table


def test_defaults_are_allowed() -> None:
    """Every default is one that the standard allows, and every timer has a side and a meaning."""
    assert outside(STANDARD) == ()
    rows = table()
    assert {row.rule.side for row in rows} == {"EV", "EVSE", "both"}
    assert all(row.rule.meaning for row in rows)
    assert {"TT_match_response", "TT_EVSE_SLAC_init", "C_EV_match_retry"} <= {row.name for row in rows}


def test_replacing() -> None:
    """Values can be changed, also to ones that the standard does not allow, and those are named."""
    timing = Timing().replace(TT_match_response=0.3, C_EV_match_retry=4.0, T_step_X1=2)
    assert (timing.TT_match_response, timing.C_EV_match_retry) == (0.3, 4)
    assert outside(timing) == (
        "C_EV_match_retry is 4, allowed 2",
        "TT_match_response is 0.3, allowed 0.2",
        "T_step_X1 is 2, allowed 3 or more",
    )
    assert outside(timing.replace(TP_EV_batch_msg_interval=0.06))[2] == (
        "TP_EV_batch_msg_interval is 0.06, allowed 0.02 to 0.05"
    )
    assert rule_of("TT_match_join").side == "both"


def test_wrong_names_and_values() -> None:
    """A timer that does not exist, or a negative time, is refused."""
    with pytest.raises(ValueError, match="unknown SLAC timer 'TT_match_respons'; did you mean TT_match_response"):
        Timing().replace(TT_match_respons=1)
    with pytest.raises(ValueError, match="TT_match_join: -1 is negative"):
        Timing().replace(TT_match_join=-1)
