"""Whatever a vehicle of ISO 15118-20 may say about schedules and AC power: an answer that can be sent, or a refusal."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from instances import roots, seeded
from visits import visit

from exi import encode
from secc import agreed, iso20
from secc.ac import watch
from secc.plan import Plan, Slot
from v2g.errors import RemoteError
from v2g.messages.iso20 import ac, common
from v2g.prices import flat
from v2g.protocols import ISO20

SEEDS = 120
KINDS = {
    kind: next(
        one
        for one in roots("iso20-ac" if kind.__module__.endswith(".ac") else "iso20-common", fragment=False)
        if one.name.endswith(f"}}{kind.__name__}")
    )
    for kind in (
        ac.AC_ChargeParameterDiscoveryReq,
        common.ScheduleExchangeReq,
        common.PowerDeliveryReq,
        ac.AC_ChargeLoopReq,
    )
}
PLAN = Plan((Slot(0, 9_000.0), Slot(60, 4_000.0)), discharge=(Slot(0, -5_000.0),), tariff=flat(0.3), tolerance=500.0)


@pytest.mark.parametrize("service", ["AC", "AC_BPT"])
@pytest.mark.parametrize("dynamic", [False, True])
async def test_any_request_is_answered_or_refused(service: str, dynamic: bool) -> None:
    """Random valid messages in the order of a session; and what was agreed then stays within the outlet's ratings."""
    answered = 0
    for seed in range(SEEDS):
        made = await visit(service, dynamic=dynamic, plans=(PLAN,))
        assert made.evse.ac is not None
        made.evse.ac.close()
        made.evse.target_power = (-7_000.0, 5_000.0)[seed % 2]
        for kind, root in KINDS.items():
            request: Any = seeded(root, seed).message
            if kind is common.PowerDeliveryReq and (request.EVProcessing, request.ChargeProgress) == (
                "Finished",
                "Start",
            ):
                made.delivering = True  # the contactor is closed, nobody waits for the pilot
            try:
                response = iso20.ANSWERS[kind](made, request)
                response = await response if inspect.isawaitable(response) else response
            except RemoteError:
                continue
            encode(ISO20.schema_of(type(response)), response)
            answered += 1
            now = agreed.now(made)
            assert now.least <= 0.0 <= now.watts
            watch(made)
            assert made.evse.ac.offered <= made.evse.ac.max_current
            assert made.evse.ac.taken_back <= (made.evse.ac.max_discharge_current if service == "AC_BPT" else 0.0)
    assert answered > SEEDS
