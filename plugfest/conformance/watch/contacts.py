"""A vehicle's pilot and contactors while power flows, and what it draws of AC."""

from __future__ import annotations

import math

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.judgement import Book, Side
from plugfest.conformance.watch.messages import Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT
from slac.pilot import READY, Offer, State
from v2g.physical import AC_OVERDRAW, AC_OVERDRAW_AMPS

BOOK = Book()
EVCC: Side = "evcc"
FRESH = 0.03
"""s that a measurement at the end may be old."""


BEFORE = (Stage.SETUP, Stage.PARAMETERS, Stage.CABLE_CHECK)
"""Stages in which a vehicle's contactors are open."""


def _troubled(flow: Flow) -> bool:
    """The charger has given a reason to open at once: then the load does not matter."""
    over = flow.steps.failed_at is not None or flow.steps.over_at is not None
    return flow.ending.alarmed or flow.startled or flow.unanswered or over


@BOOK.measured(
    "opened-under-load", "a vehicle opens its contactors without current", "ISO 17409", EVCC, cause=Cause.FAULT_IGNORED
)
def opened_under_load(flow: Flow, seen: Measured) -> str:
    """Judged by the current in the last moment before the pilot left C, or the contactors opened."""
    if flow.ac or flow.contacts.opened_at is None or flow.contacts.opened_amps <= SMALL_CURRENT:
        return ""
    opened = flow.contacts
    return f"{opened.opened_what} while {opened.opened_amps:.1f} A flowed; at most {SMALL_CURRENT:g} A may flow"


@BOOK.measured("closed-early", "a vehicle closes its contactors after precharge", "IEC 61851-23", EVCC)
def closed_early(flow: Flow, seen: Measured) -> str:
    """After a renegotiation, from the next cable check on: before that, a current may still have to fall."""
    if flow.ac or not seen.closed or flow.request is None:
        return ""
    before = (Stage.CABLE_CHECK,) if flow.steps.stop_at is not None else BEFORE
    if flow.request.stage not in before:
        return ""
    return f"the vehicle's contactors are closed after {flow.request.name}, which comes before precharge"


@BOOK.measured("overdraw", "a vehicle draws no more than EVSEMaxCurrent", "IEC 61851-1", EVCC)
def overdraw(flow: Flow, seen: Measured) -> str:
    limit = flow.line_amps.at(flow.now)
    if not flow.ac or limit is None or seen.amps <= limit * AC_OVERDRAW + AC_OVERDRAW_AMPS:
        return ""
    return f"the vehicle draws {seen.amps:.1f} A per phase, but EVSEMaxCurrent is {limit:g} A"


@BOOK.measured("overdraw-duty", "a vehicle draws no more than the duty says, whatever EVSEMaxCurrent allows",
               "IEC 61851-1", EVCC, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def overdraw_duty(flow: Flow, seen: Measured) -> str:
    limit = flow.duty_amps.at(flow.now)
    if not flow.ac or limit is None or seen.amps <= limit * AC_OVERDRAW + AC_OVERDRAW_AMPS:
        return ""
    return f"the vehicle draws {seen.amps:.1f} A per phase, but the duty says {limit:g} A"


@BOOK.measured("draws-phases", "a vehicle draws on as many phases as its energy transfer mode has", "ISO 15118-2",
               EVCC, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def draws_phases(flow: Flow, seen: Measured) -> str:
    chosen = flow.facts.phases
    if not flow.ac or chosen is None or seen.phases <= chosen or seen.amps <= SMALL_CURRENT:
        return ""
    return f"the vehicle draws {seen.amps:.1f} A on {seen.phases} phases, but it has requested {flow.facts.mode}"


@BOOK.measured("draws-unasked", "a vehicle draws no AC before and after power delivery", "IEC 61851-1", EVCC)
def draws_unasked(flow: Flow, seen: Measured) -> str:
    if not flow.ac or seen.amps <= SMALL_CURRENT or flow.flowing:
        flow.lasts("draws-unasked", wrong=False)
        return ""
    seconds = flow.lasts("draws-unasked", wrong=True)
    if seconds < flow.terms.contactor or (flow.request is not None and flow.request.progress == "Start"):
        return ""
    return f"the vehicle draws {seen.amps:.1f} A per phase for {seconds:.1f} s without PowerDelivery(Start)"


def duty_seen(flow: Flow, offer: tuple[Offer, float] | None) -> None:
    """Takes what the duty says into account; None: it is not known."""
    if offer is not None and offer[0] is Offer.CURRENT:
        flow.duty_amps.set(offer[1], flow.now)
    elif flow.duty_amps.value is not None:
        flow.duty_amps.set(math.inf, flow.now)


def pilot_moved(flow: Flow, state: State | None) -> None:
    """Takes a state of the pilot into account, with the current that flowed just then."""
    if state in READY:
        flow.contacts.ready, flow.contacts.left_at = True, None
    elif flow.contacts.ready and state in (State.A, State.B):
        flow.contacts.ready, flow.contacts.left_at = False, flow.now
        if flow.steps.stopped_at is None:  # after that, state B is due at once, and the contactors wait for the current
            _opened(flow, f"the pilot went to {state.value}")
    elif state in (State.E, State.F):
        flow.startled = True


def contactors_moved(flow: Flow, closed: bool | None) -> None:
    """The same of contactors that are seen."""
    if flow.contacts.closed and closed is False:
        _opened(flow, "the vehicle's contactors opened")
    if closed is not None:
        flow.contacts.closed = closed
    if closed:
        flow.contacts.shut_at = flow.now


def _opened(flow: Flow, what: str) -> None:
    if flow.steps.on_at is None or not flow.plant.samples or _troubled(flow):
        return
    if flow.steps.stop_at is not None and flow.now - flow.plant.samples[-1].time > FRESH:
        return  # the current falls within moments: what was measured before says nothing
    contacts, amps = flow.contacts, flow.plant.samples[-1].amps
    contacts.opened_at, contacts.opened_what, contacts.opened_amps = flow.now, what, amps
