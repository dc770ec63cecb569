"""Every time in a recording that is limited by a standard, with its limit.

Times are the recorder's: at the other end of the cable an answer arrives a little later, at its sender it is a little
earlier. That matters for the 25 ms of CurrentDemand, not for the rest.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from plugfest.traces import slac
from plugfest.traces.entries import EVCC, SECC, Entry, Recording
from plugfest.traces.requirements import of_timer
from plugfest.traces.talks import Exchange, Talk, talks
from plugfest.traces.talks import timer as timer_of
from slac import timing as slac_timing
from slac.rounds import Move, Round
from v2g import naming
from v2g.protocols import PROTOCOLS

SLACK = 0.005
"""s by which a pause may be shorter than prescribed before it is reported: clocks and captures are not more exact."""
MARGIN = 1.01
"""Factor by which a time may be longer, for the same reason."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured time.

    Attributes:
        timer: the standard's name of the limit.
        what: what was measured, e.g. the request's name.
        side: the side that must keep the limit: ``evcc`` or ``secc``.
        seconds: as measured.
        limit: s.
        at: time of its end in the recording.
        entry: index of the entry that ended it; -1 for none.
        requirement: identifier where known.
        shortest: the limit is the shortest time allowed, not the longest.
    """

    timer: str
    what: str
    side: str
    seconds: float
    limit: float
    at: float
    entry: int = -1
    requirement: str = ""
    shortest: bool = False

    @property
    def kept(self) -> bool:
        """Whether the limit was kept."""
        return self.seconds >= self.limit - SLACK if self.shortest else self.seconds <= self.limit * MARGIN

    @property
    def is_timeout(self) -> bool:
        """Whether the other side would have given up, as opposed to a performance time that it would not notice."""
        return (self.timer.endswith("_Timeout") and not self.timer.startswith("TCP_")) or self.timer.startswith("TT_")


@dataclass(frozen=True, slots=True)
class Row:
    """The measured times of one kind, s, and how many of them missed the limit."""

    timer: str
    what: str
    side: str
    limit: float
    count: int
    low: float
    median: float
    p95: float
    high: float
    missed: int
    requirement: str = ""
    shortest: bool = False


def rows(measures: list[Measure]) -> list[Row]:
    """The measures by timer and kind, in order of first appearance."""
    groups: dict[tuple[str, str], list[Measure]] = {}
    for measure in measures:
        groups.setdefault((measure.timer, measure.what), []).append(measure)
    found = []
    for (timer, what), group in groups.items():
        seconds = sorted(m.seconds for m in group)
        first = group[0]
        found.append(
            Row(
                timer, what, first.side, first.limit, len(group), seconds[0], statistics.median(seconds),
                seconds[min(len(seconds) - 1, round(0.95 * (len(seconds) - 1)))], seconds[-1],
                sum(not m.kept for m in group), first.requirement, first.shortest,
            )
        )  # fmt: skip
    return found


def paired(found: list[Row]) -> list[list[Row]]:
    """Combines rows about the same times: the performance time and the time-out of one answer."""
    groups: dict[tuple[str, str, int, bool], list[Row]] = {}
    for row in found:
        groups.setdefault((row.what, row.side, row.count, row.shortest), []).append(row)
    return list(groups.values())


def measure(recording: Recording) -> list[Measure]:
    """All measured times of a recording, in order of their end."""
    found = [*_matching(recording), *_discovery(recording)]
    for number, talk in enumerate(talks(recording)):
        before = recording.entries if number == 0 else []  # what came before belongs to the first session
        found += [*_answers(talk), *_beside(talk), *_pauses(talk), *_loops(talk), *_whole(talk, before)]
    return sorted(found, key=lambda m: m.at)


# ---------------------------------------------------------------------------------------------------------------
# Messages


def _name(talk: Talk, timer: str) -> str:
    return timer_of(talk.protocol, timer)


def _answers(talk: Talk) -> Iterator[Measure]:
    yield from _of(talk, talk.exchanges)


def _of(talk: Talk, exchanges: Iterable[Exchange]) -> Iterator[Measure]:
    for exchange in exchanges:
        response, seconds = exchange.response, exchange.seconds
        if seconds is None or response is None:
            continue
        name = exchange.name
        common = (name, SECC, seconds)
        place = (response.time, response.index)
        yield Measure(_name(talk, "V2G_SECC_Msg_Performance_Time"), *common, talk.timing.performance_time(name), *place)
        yield Measure(_name(talk, "V2G_EVCC_Msg_Timeout"), *common, talk.timing.message_timeout(name), *place)


def _beside(talk: Talk) -> Iterator[Measure]:
    """Answers on side streams, which have the time limit of their message wherever it is sent."""
    for exchanges in talk.sides.values():
        yield from _of(talk, exchanges)


def _pauses(talk: Talk) -> Iterator[Measure]:
    """Response -> next request."""
    for before, after in pairwise(talk.exchanges):
        if before.response is None or after.request is None or after.request.time < before.response.time:
            continue
        if talk.misses(EVCC, before.response, after.request):
            continue
        seconds = after.request.time - before.response.time
        fast = talk.timing.Loop_Sequence_Timeout is not None and before.name.endswith("_ChargeLoopReq")
        performance = talk.timing.sequence_performance(in_loop=fast)
        timeout = talk.timing.sequence_timeout(in_loop=fast)
        timers = ("V2G_EVCC_Sequence_Performance_Time", "V2G_SECC_Sequence_Timeout")
        ids = [of_timer(name, talk.protocol, in_loop=fast) for name in timers]
        what = "charge loop response to next request" if fast else "response to next request"
        place = (after.request.time, after.request.index)
        yield Measure(
            _name(talk, "V2G_EVCC_Sequence_Performance_Time"), what, EVCC, seconds, performance, *place, ids[0]
        )
        yield Measure(_name(talk, "V2G_SECC_Sequence_Timeout"), what, EVCC, seconds, timeout, *place, ids[1])


_ONGOING = {
    "AuthorizationReq", "ContractAuthenticationReq", "ChargeParameterDiscoveryReq", "ScheduleExchangeReq",
    "CertificateInstallationReq",
}  # fmt: skip


def _runs(talk: Talk) -> Iterator[list[Exchange]]:
    """Exchanges of one kind that follow each other."""
    run: list[Exchange] = []
    for exchange in talk.exchanges:
        if run and exchange.name != run[0].name:
            yield run
            run = []
        run.append(exchange)
    if run:
        yield run


def _loops(talk: Talk) -> Iterator[Measure]:
    """Loops with a limit for the whole loop: Ongoing, cable check, precharge."""
    timing = talk.timing
    for run in _runs(talk):
        name = run[0].name
        last = run[-1].response
        first = run[0].request
        if last is None or first is None:
            continue
        place = (last.time, last.index)
        if name in _ONGOING and len(run) > 1 and run[0].response is not None:
            seconds = last.time - run[0].response.time
            what = f"{naming.exchange(name)}, first Ongoing to the last answer"
            for timer, limit in (
                ("V2G_SECC_Ongoing_Performance_Time", timing.V2G_SECC_Ongoing_Performance_Time),
                ("V2G_EVCC_Ongoing_Timeout", timing.V2G_EVCC_Ongoing_Timeout),
            ):
                ask = of_timer(timer, talk.protocol)
                yield Measure(_name(talk, timer), what, SECC, seconds, limit, *place, ask)
        if name in ("CableCheckReq", "DC_CableCheckReq"):
            seconds = last.time - first.time
            what = "first CableCheckReq to the last answer"
            performance = timing.V2G_SECC_CableCheck_Performance_Time
            yield Measure(_name(talk, "V2G_SECC_CableCheck_Performance_Time"), what, SECC, seconds, performance, *place)
            timeout = timing.V2G_EVCC_CableCheck_Timeout
            yield Measure(_name(talk, "V2G_EVCC_CableCheck_Timeout"), what, SECC, seconds, timeout, *place)
        if name in ("PreChargeReq", "DC_PreChargeReq"):
            seconds = last.time - first.time
            what = "first PreChargeReq to the last answer"
            performance = timing.V2G_SECC_PreCharge_Performance_Time
            yield Measure(_name(talk, "V2G_SECC_PreCharge_Performance_Time"), what, SECC, seconds, performance, *place)
            timeout = timing.V2G_EVCC_PreCharge_Timeout
            yield Measure(_name(talk, "V2G_EVCC_PreCharge_Timeout"), what, SECC, seconds, timeout, *place)


def _whole(talk: Talk, entries: list[Entry]) -> Iterator[Measure]:
    """Set-up, ready to charge, and the end of the connection; ``entries`` may contain the start of the link."""
    timing = talk.timing
    setup = next((e for e in talk.entries if e.name == "SessionSetupRes"), None)
    if setup is not None:
        # If the recording does not show the link coming up, the first SDP request is nearest to it.
        before = [e for e in entries if e.time <= setup.time and e.connection in (0, talk.number)]
        sdp = [e for e in before if e.name == "SDPRequest"]
        matched = [e for e in before if e.name == "CM_SLAC_MATCH.CNF"]
        begin = (matched or sdp[:1])[-1:]
        if begin:
            what = "link up to SessionSetupRes" if matched else "first SDP request to SessionSetupRes"
            seconds = setup.time - begin[0].time
            limits = (timing.V2G_SECC_CommunicationSetup_Performance_Time, timing.V2G_EVCC_CommunicationSetup_Timeout)
            place = (setup.time, setup.index)
            names = ("V2G_SECC_CommunicationSetup_Performance_Time", "V2G_EVCC_CommunicationSetup_Timeout")
            for timer, limit, side in zip(names, limits, (SECC, EVCC), strict=True):
                yield Measure(_name(talk, timer), what, side, seconds, limit, *place, of_timer(timer, talk.protocol))
        ready = next((e for e in talk.entries if e.name == "PowerDeliveryRes"), None)
        performance, timeout = timing.V2G_SECC_ReadyToCharge_Performance_Time, timing.V2G_EVCC_ReadyToCharge_Timeout
        if ready is not None and performance is not None and timeout is not None:
            seconds = ready.time - setup.time
            place = (ready.time, ready.index)
            what = "SessionSetupRes to PowerDeliveryRes"
            yield Measure("V2G_SECC_ReadyToCharge_Performance_Time", what, SECC, seconds, performance, *place)
            yield Measure("V2G_EVCC_ReadyToCharge_Timeout", what, SECC, seconds, timeout, *place)
    stop = next((e for e in reversed(talk.entries) if e.name == "SessionStopRes"), None)
    closed = next((e for e in talk.others if e.layer == "tcp" and e.name in ("closing", "closed", "reset")), None)
    if stop is None or closed is None or closed.time < stop.time or _goes_on(talk, stop):
        return
    limit, seconds = timing.TCP_Connection_Termination_Timeout, closed.time - stop.time
    holds = talk.protocol in PROTOCOLS and PROTOCOLS[talk.protocol].abilities.held
    if not holds:
        what = "SessionStopRes to the end of the connection"
        yield Measure("TCP_Connection_Termination_Timeout", what, closed.sender or EVCC, seconds, limit, closed.time,
                      closed.index)  # fmt: skip
    elif closed.sender == SECC and closed.packet:  # in its own trace it starts to wait for the vehicle's end
        what = "SessionStopRes to the charger's end of the connection"
        yield Measure("TCP_Connection_Termination_Timeout", what, SECC, seconds, limit, closed.time, closed.index,
                      shortest=True)  # fmt: skip


def _goes_on(talk: Talk, stop: Entry) -> bool:
    """Whether the session continued with another service (ISO 15118-20)."""
    return any(entry.index > stop.index for entry in talk.entries)


# ---------------------------------------------------------------------------------------------------------------
# Discovery and matching


def _discovery(recording: Recording) -> Iterator[Measure]:
    last: Entry | None = None
    for entry in recording.layer("sdp"):
        if entry.name == "SDPRequest":
            if last is not None:
                what = "SDP request to the next one, without an answer"
                yield Measure("SDP_Request_Interval", what, EVCC, entry.time - last.time, 0.25, entry.time, entry.index,
                              "V2G2-159", shortest=True)  # fmt: skip
            last = entry
        elif entry.name == "SDPResponse":
            if last is not None:
                yield Measure("SDP_Request_Interval", "SDP request to its response", SECC, entry.time - last.time, 0.25,
                              entry.time, entry.index, "V2G2-159")  # fmt: skip
            last = None


_ANSWERED = {
    "CM_SLAC_PARM.CNF": "CM_SLAC_PARM.REQ",
    "CM_ATTEN_CHAR.RSP": "CM_ATTEN_CHAR.IND",
    "CM_SLAC_MATCH.CNF": "CM_SLAC_MATCH.REQ",
}
"""Answer -> what it answers."""


def _matching(recording: Recording) -> Iterator[Measure]:
    """SLAC, by round: messages of others, and copies, are ignored."""
    for one in slac.rounds(recording):
        yield from _round(one)


def _round(one: Round) -> Iterator[Measure]:
    limits = slac_timing.STANDARD
    seen: dict[tuple[str, bytes], float] = {}
    first_start: float | None = None
    reported: set[bytes] = set()
    for move in one.seen.moves:
        side, place = slac.SIDES[move.end], (move.time, move.place)

        def since(
            start: float | None, name: str, *timers: str, side: str = side, place: tuple[float, int] = place,
            kind: str = move.name,
        ) -> Iterator[Measure]:  # fmt: skip
            for timer in timers if start is not None else ():
                seconds = place[0] - (start or 0.0)
                yield Measure(timer, f"{name} to {kind}", side, seconds, float(getattr(limits, timer)), *place)

        asked = _ANSWERED.get(move.name)
        if asked is not None:
            start = seen.pop((asked, move.charger), None)
            if start is None and asked == "CM_SLAC_PARM.REQ" and (move.name, move.charger) not in seen:
                start = seen.get((asked, b""))
            yield from since(start, asked, "TP_match_response", "TT_match_response")
        last = seen.get((move.name, b""))
        if move.name == "CM_START_ATTEN_CHAR.IND":
            if last is not None:
                yield from _interval(last, move)
            else:
                answers = [at for (name, _), at in seen.items() if name == "CM_SLAC_PARM.CNF"]
                start = max(answers, default=None)
                yield from since(start, "CM_SLAC_PARM.CNF", "TP_match_sequence", "TT_match_sequence")
                first_start = move.time
        elif move.name == "CM_MNBC_SOUND.IND" and last is not None:
            yield from _interval(last, move)
        elif move.name == "CM_ATTEN_CHAR.IND" and move.charger not in reported:
            reported.add(move.charger)
            yield from since(first_start, "first START", "TT_EV_atten_results")
        seen[move.name, move.charger] = move.time


def _interval(before: float, move: Move) -> Iterator[Measure]:
    rule = slac_timing.rule_of("TP_EV_batch_msg_interval")
    seconds = move.time - before
    low, high = rule.low or 0.0, rule.high or 0.05
    place = (move.time, move.place)
    yield Measure("TP_EV_batch_msg_interval (shortest)", f"between {move.name}", EVCC, seconds, low, *place,
                  shortest=True)  # fmt: skip
    yield Measure("TP_EV_batch_msg_interval", f"between {move.name}", EVCC, seconds, high, *place)
