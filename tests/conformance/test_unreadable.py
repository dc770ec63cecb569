"""A vehicle that cannot read a response may go on waiting for one, until its message timer expires."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from faults.fault import Fault
from faults.runs import RUNS, one

import evcc.charge
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Verdict

RIGHT = evcc.charge._close


def closing_after(seconds: float) -> Fault:
    async def close(session: Any, *, gently: bool) -> None:
        await asyncio.sleep(seconds)
        await RIGHT(session, gently=gently)

    return Fault("", "", "evcc", (), patches=((evcc.charge, "_close", close),))


@pytest.mark.parametrize(
    "name",
    ["PF_EVCC_ISO20_OtherSet_Common#4", "PF_EVCC_ISO20_CutExi_Common#1", "PF_EVCC_ISO2_ServiceDiscovery_BadExi"],
)
@pytest.mark.parametrize(("seconds", "verdict"), [(6.5, Verdict.PASS), (8.0, Verdict.FAIL)])
def test_tcp_is_closed_5_s_after_the_message_timer(name: str, seconds: float, verdict: Verdict) -> None:
    """Of 2 s; a vehicle that ends its session at once is not asked for more."""
    result = one(RUNS[name], closing_after(seconds))
    assert result.verdict is verdict, result.reason
    assert result.cause in (Cause.STILL_OPEN, Cause.UNSTATED), result.cause
