"""Why a connection's session ended as it did: the first step that failed, who caused it, and what only follows.

The side that ends a session has a reason: the other side gave it, or it cannot be seen. Reasons are sought in this
order: a refusal (and what was wrong with the refused request), a missing answer or request, what was wrong with the
other side's last message, a loop that took too long, a fault that a side reported, the pilot or the link. Without any
of them, the side that ended the session caused it.
"""

from __future__ import annotations

from dataclasses import replace

from plugfest.traces.chain import pilot
from plugfest.traces.chain.codes import meaning
from plugfest.traces.chain.reasons import (
    APART,
    OF_PAIRING,
    Around,
    Move,
    by_finding,
    reason,
    silent_charger,
    silent_vehicle,
    unheard,
)
from plugfest.traces.chain.session import Session, Told
from plugfest.traces.chain.steps import OTHER, WHO, Diagnosis, Fault, Outcome, Side, Step, side_of
from plugfest.traces.chain.words import answer, listed, time_text, title_of
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.talks import code_of
from v2g import energy, naming
from v2g.protocols import PROTOCOLS
from v2g.rules.bounds import HOLD
from v2g.status import WISHES, of_charger

ENDS_WITHIN = 5.0
"""s within which a session ends after a refusal on a side stream."""


def explain(session: Session, around: Around) -> Diagnosis:
    """The diagnosis of a session with messages."""
    return replace(_explain(session, around), connection=session.number)


def _explain(s: Session, around: Around) -> Diagnosis:
    if s.refusal is None and s.refused_beside is not None and s.last is not None:
        # Every refusal ends the session; messages in progress on the main stream may still come.
        if s.last.time - s.refused_beside[1].time <= ENDS_WITHIN:
            s.refusal, s.refused_in = s.refused_beside, s.step
    if s.refusal is not None:
        return _refused(s, around)
    if s.stopped is not None:
        return _stopped(s, around)
    if (missed := _missed(s)) is not None:
        return _unknown(s, missed)
    if s.ended is not None:
        return _closed(s, around)
    return _unfinished(s, around)


# ---------------------------------------------------------------------------------------------------------------
# Refusals


def _refused(s: Session, around: Around) -> Diagnosis:
    assert s.refusal is not None
    request, response = s.refusal
    code = code_of(response)
    name = request.name if request is not None else naming.request(response.name)
    if response.stream:
        name += f" in {PROTOCOLS[s.protocol].side[response.stream].title}"
    common = Diagnosis(
        Outcome.FAILED, s.refused_in, "", SECC, Fault.REFUSED, response.time, entry=response.index,
        severity="violation", explains=_ends(s),
    )  # fmt: skip
    if code == "Failed_NoNegotiation":
        offers = listed([title_of(offer) for offer in s.offers]) or "nothing"
        tls = around.about(EVCC, request.index, request.index) if request is not None and _secure_alone(s) else None
        if tls is not None and tls.rule == "tls":
            return by_finding(common, tls, f"the charger answered {code}")
        text = f"vehicle and charger have no protocol in common: the vehicle offered {offers}, and the charger answered"
        return replace(common, side="", fault=Fault.NOT_NEGOTIATED, sentence=f"the {text} {code}")
    if apart := around.misfit(response, APART):
        text = f"{apart}; so the charger refused {name} with {code}"
        return replace(common, side="", severity="warning", sentence=text)
    if request is not None:
        cause = around.about(EVCC, request.index, request.index)
        doubled = around.doubled(request.index)
        if doubled is not None and (cause is None or cause.rule in OF_PAIRING or cause is doubled):
            return by_finding(common, doubled, f"the charger refused {name} with {code} after that")
        if cause is not None:
            found = by_finding(common, cause, f"the charger refused {name} with {code}")
            return replace(found, explains=(response.index, *common.explains))
    why = meaning(code)
    if code == "FAILED_SequenceError" and request is not None and s.missed is not None:
        text = f"the charger refused {name} with {code}; what it may mean is not in the recording ({s.missed.note})"
        return replace(common, side="", severity="warning", sentence=text)
    if code == "FAILED_SequenceError" and request is not None:
        why = "although it was in order"
        return replace(common, sentence=f"the charger refused {name} with {code}, {why}")
    told = s.told.get(SECC)
    if told is not None:
        why = f"it reports {told.word}"
    elif request is None:  # it may have been wrong
        common = replace(common, side="", severity="warning")
    elif code == "FAILED" and not around.pilot:
        if wanted := pilot.due(request, s.protocol, ac=s.mode == "AC"):
            why += f", and the recording does not show whether the control pilot was in {pilot.either(wanted)}"
    own = around.said(response.time, SECC)
    why = own or (f": {why}" if why else "")
    return replace(common, sentence=f"the charger refused {name} with {code}{why}")


def _secure_alone(s: Session) -> bool:
    """Whether every offered protocol requires the certificates of both sides."""
    own = {offer.namespace for p in PROTOCOLS.values() if p.abilities.mutual for offer in p.offers}
    return bool(s.offers) and set(s.offers) <= own


def _ends(s: Session) -> tuple[int, ...]:
    return () if s.ended is None else (s.ended.index,)


# ---------------------------------------------------------------------------------------------------------------
# Normal ends


def _stopped(s: Session, around: Around) -> Diagnosis:
    assert s.stopped is not None
    common = Diagnosis(Outcome.CHARGED, Step.END, "", since=s.stopped.time, entry=s.stopped.index)
    if s.charge is not None and not s.charge.none_flowed:
        why = _interrupted(s)
        if why is None and s.stop_wish is not None:
            text = f"{_amount(s)}, until the charger asked to stop ({_wish(s.stop_wish)})"
            text += "; then the session paused" if s.paused else "; the session ended normally"
            return replace(common, outcome=Outcome.PAUSED if s.paused else Outcome.CHARGED, sentence=text)
        end = "then the session paused" if s.paused else "and the session ended normally"
        if why is None:
            return replace(common, outcome=Outcome.PAUSED if s.paused else Outcome.CHARGED,
                           sentence=f"{_amount(s)}, {end}")  # fmt: skip
        text = f"{_amount(s)}, until {WHO[why.side]} reported {why.word}; the session ended normally"
        if why.word in WISHES:
            return replace(common, sentence=text)
        return replace(common, outcome=Outcome.FAILED, step=Step.CHARGING, side=why.side, fault=Fault.TOLD,
                       entry=why.entry.index, severity="violation", since=why.entry.time, sentence=text)  # fmt: skip
    if s.paused:
        return replace(common, outcome=Outcome.PAUSED, sentence="the vehicle paused the session")
    if s.charge is not None:
        return _no_current(s, common)
    if s.missed is not None:
        text = f"the session ended normally; the recording does not show whether anything was charged ({s.missed.note})"
        return replace(common, sentence=text)
    assert s.stopping is not None
    if s.stop_after is not None and code_of(s.stop_after).startswith("WARNING"):
        return _warned(s, common)
    move = Move(EVCC, s.stopping, s.stop_after, s.stop_waiting, f"the vehicle ended the session with {s.stopping.name}")
    step = s.stop_step if s.stop_step is not None else s.step
    common = replace(common, outcome=Outcome.NOT_CHARGED, step=step, since=s.stopping.time, entry=s.stopping.index)
    found = reason(s, around, move, replace(common, outcome=Outcome.FAILED))
    told = s.stop_told.get(SECC)
    if found is not None and found.fault is Fault.TOLD and told is not None and told.word in WISHES:
        return replace(found, outcome=Outcome.NOT_CHARGED, severity="warning")  # it asked for the end, and got it
    if found is not None:
        return found
    where = f"in {step.title}, after {answer(s.stop_after)}" if s.stop_after is not None else "at once"
    due = f", where {s.stop_due} was due" if s.stop_due else ""
    text = f"the vehicle ended the session with {s.stopping.name} {where}{due}"
    if s.stop_wish is not None:
        asked = f"nothing was charged: {text}; the charger had asked it to stop ({_wish(s.stop_wish)})"
        return replace(common, side=SECC, fault=Fault.TOLD, severity="warning", sentence=asked)
    said = around.said(s.stopping.time)
    if said:  # the writer of the trace considers the session failed
        text += said
        common = replace(common, outcome=Outcome.FAILED)
    side: Side = EVCC
    if s.stop_after is not None and (offers := _offers(s.stop_after)):
        side = ""  # it may need what is not on offer
        text += f"; the charger offers {offers}"
    elif unfit := _unfit(s, around):
        side, limit = unfit
        text = f"{limit}; {text}"
    text = f"nothing was charged: {text}"
    return replace(common, side=side, fault=Fault.ENDED, severity="warning", sentence=text)


def _unfit(s: Session, around: Around) -> tuple[Side, str] | None:
    """Whose limits kept the vehicle from charging ("": neither side can help it), and how; None if they did not."""
    if s.stop_after is None:
        return None
    if misfit := around.misfit(s.stop_after):
        return "", misfit
    return (SECC, "the charger allowed no current") if s.allows_nothing else None


def _offers(entry: Entry) -> str:
    """The ways to charge that a ServiceDiscoveryRes offers; "" for any other message."""
    body = entry.body
    service = getattr(body, "ChargeService", None)
    modes = getattr(getattr(service, "SupportedEnergyTransferMode", None), "EnergyTransferMode", None)
    found = modes or [getattr(service, "EnergyTransferType", None)]
    services = getattr(getattr(body, "EnergyTransferServiceList", None), "Service", ())
    return listed([str(one) for one in found if one] + [energy.title(one.ServiceID) for one in services])


def _warned(s: Session, common: Diagnosis) -> Diagnosis:
    """The charger did not do what was asked, and the vehicle did not try again (ISO 15118-20)."""
    assert s.stopping is not None
    assert s.stop_after is not None
    code, name = code_of(s.stop_after), s.stop_after.name
    why = meaning(code)
    text = f"the charger refused {naming.request(name)} with {code}" + (f": {why}" if why else "")
    text += f"; then the vehicle ended the session with {s.stopping.name}"
    step = s.stop_step if s.stop_step is not None else s.step
    return replace(common, outcome=Outcome.FAILED, step=step, side=SECC, fault=Fault.REFUSED, since=s.stop_after.time,
                   entry=s.stop_after.index, severity="warning", sentence=text)  # fmt: skip


def _no_current(s: Session, common: Diagnosis) -> Diagnosis:
    loop = s.charge
    assert loop is not None
    common = replace(common, outcome=Outcome.NOT_CHARGED, step=Step.CHARGING, since=loop.first, fault=Fault.NO_CURRENT,
                     severity="warning")  # fmt: skip
    lasted = f"nothing was charged: in {loop.seconds:.1f} s of the charge loop no current flowed"
    if loop.flowed is None:
        lasted = f"nothing was charged: in {loop.seconds:.1f} s of the charge loop the charger measured"
        lasted += f" {loop.power or 0.0:.0f} W at most"
    if loop.none_allowed:
        return replace(common, side=SECC, sentence=f"{lasted}; the charger allowed none")
    if loop.asked is not None and loop.asked <= 0.0:
        return replace(common, side=EVCC, sentence=f"{lasted}; the vehicle asked for 0 A throughout")
    told = s.stop_told.get(SECC) or s.told.get(SECC)
    why = f"; the charger reported {told.word}" if told is not None else ""
    if told is not None and told.word not in WISHES:
        common = replace(common, outcome=Outcome.FAILED, fault=Fault.TOLD, severity="violation", since=told.entry.time,
                         entry=told.entry.index)  # fmt: skip
    asked = f", although the vehicle asked for up to {loop.asked:g} A" if loop.asked is not None else ""
    if not asked and loop.allowed is not None:
        if loop.allowed <= 0.0:
            return replace(common, side=EVCC, sentence=f"{lasted}; the vehicle allowed 0 A throughout")
        asked = f", although the vehicle allowed up to {loop.allowed:g} A, and the charger decides (dynamic mode)"
    if not why and loop.wanted < HOLD:
        return replace(common, sentence=f"{lasted}; the vehicle was ready to take one for {loop.wanted:.1f} s of it")
    side: Side = SECC if asked or why else ""
    return replace(common, side=side, sentence=f"{lasted}{asked}{why}")


def _wish(entry: Entry) -> str:
    """EVSENotification of a response."""
    return f"EVSENotification {getattr(of_charger(entry.body), 'EVSENotification', '')}"


def _interrupted(s: Session) -> Told | None:
    """What a side reported that ended the charge loop early."""
    return s.stop_told.get(SECC) or s.stop_told.get(EVCC)


def _amount(s: Session) -> str:
    """For how long and how much was charged."""
    loop = s.charge
    assert loop is not None
    kind = f"{s.mode} charging".strip()
    energy = "" if loop.wh is None else f" ({_energy(loop.wh)})"
    if loop.wh is not None and loop.back_wh:
        energy = f" ({_energy(loop.wh)} into the vehicle, {_energy(loop.back_wh)} out of it)"
    return f"{loop.seconds:.1f} s of {kind}{energy}"


def _energy(wh: float) -> str:
    return f"{wh / 1000:.3f} kWh" if abs(wh) >= 100 else f"{wh:.1f} Wh"


# ---------------------------------------------------------------------------------------------------------------
# Closes


def _closed(s: Session, around: Around) -> Diagnosis:
    assert s.ended is not None
    end = s.ended
    side = side_of(end)
    last = s.last
    assert last is not None
    how = "reset" if end.name == "reset" else "closed"
    move = Move(
        side, end, s.by.get(OTHER[side]) if side else last, s.close_waiting, f"{WHO[side]} {how} the connection"
    )
    common = Diagnosis(Outcome.FAILED, s.step, "", side, Fault.CLOSED, end.time, entry=end.index, severity="violation",
                       explains=_ends(s))  # fmt: skip
    if s.stopping is not None and s.charge is None and s.stopping.time < end.time and s.stop_step is not None:
        first = Move(EVCC, s.stopping, s.stop_after, s.stop_waiting, f"the vehicle went on to {s.stopping.name}")
        found = reason(s, around, first, replace(common, step=s.stop_step))
        if found is not None:
            return found
    found = reason(s, around, move, common)
    if found is not None:
        return found
    where = f"in {s.step.title}, after {answer(last)}"
    if s.waiting and s.waiting[-1] is last and side == SECC:
        where = f"instead of answering {last.name}"
    elif s.close_waiting and side == EVCC:
        request = s.close_waiting[0]
        waited, limit = end.time - request.time, s.timing.message_timeout(request.name)
        where = f"{time_text(waited)} after {request.name}, for whose answer it should wait {time_text(limit)}"
    before = f"after {_amount(s)}, " if s.charge is not None else ""
    text = f"{before}{WHO[side]} {how} the connection {where}"
    return replace(common, sentence=text + (around.said(end.time) or "; the recording shows no reason"))


# ---------------------------------------------------------------------------------------------------------------
# Recordings that end


def _missed(s: Session) -> Entry | None:
    """What is missing from the capture after the last message that was read; None: nothing."""
    if s.unreadable is not None:
        return s.unreadable
    if s.last is not None and s.last.name == "SessionStopRes" and s.messages == 1:
        return s.last
    if s.missed is None or s.last is None:
        return None
    behind = s.missed.index > s.last.index
    return s.missed if behind or naming.exchange(s.last.name) == "SessionStop" else None


def _unknown(s: Session, missed: Entry) -> Diagnosis:
    """The recording does not contain the end, so nobody can be blamed for it."""
    assert s.last is not None
    so_far = f", after {_amount(s)}" if s.charge is not None else ""
    text = f"how the session ended is unknown: the recording lacks the messages in {s.step.title}{so_far}"
    why = missed.note or f"it begins with {missed.name}"
    return Diagnosis(Outcome.OPEN, s.step, f"{text} ({why})", "", Fault.OPEN, s.last.time,
                     entry=missed.index, severity="warning", explains=_ends(s))  # fmt: skip


def _unfinished(s: Session, around: Around) -> Diagnosis:
    last = s.last
    assert last is not None
    common = Diagnosis(Outcome.FAILED, s.step, "", entry=last.index, since=last.time, fault=Fault.OPEN)
    if s.unheard is not None:
        return unheard(s, around, common)
    event = around.event(around.until)
    until = around.over(last.time, SECC if s.waiting else EVCC)
    waited = until - last.time
    if event is not None and event.time >= last.time:
        return replace(common, side=event.side, fault=Fault.LINK_LOST, severity="" if event.found else "violation",
                       since=event.time, sentence=f"{event.text}, in {s.step.title}")  # fmt: skip
    if s.waiting:
        request = s.waiting[0]
        waited = until - request.time
        if waited > s.timing.message_timeout(request.name):
            return silent_charger(s, request, waited, common)
        due = naming.response(request.name)
        limit = time_text(s.timing.message_timeout(request.name))
        text = f"the recording ends in {s.step.title}, {time_text(waited)} after {request.name}"
        text += f", which the charger still had to answer (within {limit})"
        return replace(common, outcome=Outcome.OPEN, due=due, due_from=SECC, severity="warning", since=request.time,
                       entry=request.index, sentence=text)  # fmt: skip
    if waited > s.sequence_timeout:
        return silent_vehicle(s, waited, common)
    so_far = f", after {_amount(s)}" if s.charge is not None else ""
    text = f"the recording ends in {s.step.title} with {last.name}, without SessionStop{so_far}"
    return replace(
        common, outcome=Outcome.OPEN, due="the next request", due_from=EVCC, severity="warning", sentence=text
    )
