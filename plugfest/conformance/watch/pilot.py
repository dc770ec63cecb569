"""A charger's end of the control pilot while a session goes on: it offers power until somebody has a reason to stop.

How long a step takes, and which duties there are, :mod:`.line_charger` judges in matching and in sessions alike.
"""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book
from plugfest.conformance.watch.log import Log
from plugfest.conformance.watch.messages import Stage
from plugfest.conformance.watch.offered import DIGITAL_RANGE, FAULTS, Offered
from plugfest.conformance.watch.status import excused
from slac.pilot import CONNECTED, READY, Offer, State, told
from v2g.protocols import ISO2
from v2g.reading import PROTOCOL_OF

BOOK = Book()
SILENT = 0.5
"""Part of its timer without a request, after which a charger may have given up: that of some runs for less."""
DRIVEN = (Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.LOOP)
"""When the pilot of a vehicle that is well is in C or D."""


def has_reason(flow: Flow, log: Log, state: State | None) -> bool:
    """Whether a charger may stop offering power now: it was asked to, refused, gave notice, or the vehicle is gone."""
    ended = flow.steps.failed_at is not None or flow.steps.over_at is not None
    if ended or flow.ending.alarmed or flow.ending.wish_at is not None:
        return True
    if state not in (*CONNECTED, *FAULTS):
        return True
    if flow.request is not None and flow.request.stage in DRIVEN and state not in (*READY, *FAULTS):
        return True
    return _silent(flow) or excused(flow, log)


def _silent(flow: Flow) -> bool:
    """Whether the vehicle has not asked for so long that a charger may end the session."""
    if flow.answered_at is None or flow.owed_since is not None or flow.response is None:
        return False
    timing = PROTOCOL_OF[flow.facts.protocol].timing if flow.facts.protocol in PROTOCOL_OF else ISO2.timing
    return flow.now - flow.answered_at > SILENT * timing.sequence_timeout(in_loop=flow.response.stage is Stage.LOOP)


def _judged(flow: Flow, log: Log, offered: Offered) -> bool:
    """Within a session, without a reason; a request that was refused meanwhile is one."""
    return "SessionSetupRes" in log.present.first and not offered.excused and flow.steps.failed_at is None


def _for(flow: Flow, offered: Offered) -> str:
    after = flow.request.name if flow.request is not None else "the connection"
    return f"for {flow.now - offered.since:.1f} s after {after}"


@BOOK.pilot(
    "pilot-fault", "a charger shows E or F only when something is wrong", "IEC 61851-1", cause=Cause.PILOT_STATE
)
def pilot_fault(flow: Flow, log: Log, offered: Offered) -> str:
    state = offered.reading.state
    if state not in FAULTS or state is None or not _judged(flow, log, offered):
        return ""
    return f"the pilot is in {state.value} {_for(flow, offered)}, and the charger had no reason"


@BOOK.pilot("pilot-offer", "a charger keeps the duty as long as the session needs it: 5 %, or in AC also a current",
            "ISO 15118-3, IEC 61851-1", cause=Cause.PILOT_DUTY)  # fmt: skip
def pilot_offer(flow: Flow, log: Log, offered: Offered) -> str:
    """In AC only while power flows: some chargers offer nothing until somebody has paid."""
    reading = offered.reading
    if reading.duty is None or reading.offer is None or reading.state not in CONNECTED:
        return ""
    if not _judged(flow, log, offered) or (flow.ac and not flow.flowing):
        return ""
    digital = reading.offer[0] is Offer.DIGITAL and DIGITAL_RANGE[0] <= reading.duty <= DIGITAL_RANGE[1]
    if digital or (flow.ac and reading.offer[0] is Offer.CURRENT):
        return ""
    return f"the pilot's duty is {told(reading.duty)} {_for(flow, offered)}"
