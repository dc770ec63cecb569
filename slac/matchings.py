"""Which matching a frame belongs to.

A matching begins with a CM_SLAC_PARM.REQ of a new vehicle or run, or with one that comes too late for a repeat: some
vehicles always use the same RunID. A frame belongs to the matching whose vehicle and RunID it names; if the RunID
belongs to no matching of the vehicle, it counts for the newest one, as a deviation.
"""

from __future__ import annotations

from slac.agreed import UNKNOWN_MAC
from slac.exchange import MOST, Answerer, Exchange, add
from slac.frames import BROADCAST, CM_SLAC_PARM_CNF, Frame
from slac.link_proof import Links
from slac.timing import Timing

REPEAT_WITHIN = 0.5
"""A CM_SLAC_PARM.REQ later than this is not a repeat, s (TT_match_response with a margin for slow vehicles)."""
KEPT = 200
"""Number of matchings kept; older ones are dropped, so that an interface can be watched for days."""


class Matchings:
    """The matchings seen.

    Attributes:
        kept: those that are kept, in the order in which they began.
        open: the newest of each vehicle.
        offered_at: time at which the pilot went to B with 5 %, from which the next matching counts; None: unknown.
        lapsed: when the last such offer began and ended, if no vehicle asked in it.
    """

    def __init__(self, timing: Timing, links: Links) -> None:
        self.kept: list[Exchange] = []
        self.open: dict[bytes, Exchange] = {}
        self.offered_at: float | None = None
        self.lapsed: tuple[float, float] | None = None
        self._by_run: dict[tuple[bytes, bytes], Exchange] = {}  # newest by vehicle and RunID
        self._timing = timing
        self._links = links

    def offers(self, time: float, *, offers: bool) -> None:
        """Notes whether the control pilot offers charging by messages."""
        if offers and self.offered_at is None:
            self.offered_at, self.lapsed = time, None
        elif not offers and self.offered_at is not None:
            self.lapsed, self.offered_at = (self.offered_at, time), None

    def begin(self, time: float, ev: bytes, run_id: bytes) -> Exchange:
        """Begins a matching; the vehicle's previous one is superseded."""
        before = self.open.get(ev)
        if before:
            before.superseded_at = time
        exchange = Exchange(ev, run_id, self._timing, [time], pilot_at=self.offered_at, modems=self._links.modems)
        exchange.lapsed = self.lapsed
        self.offered_at = None  # further attempts do not count from it
        self.open[ev] = self._by_run[ev, run_id] = exchange
        self.kept.append(exchange)
        if len(self.kept) > KEPT:
            self._forget(self.kept.pop(0))
        self._links.watch(exchange, before)
        return exchange

    def asked(self, time: float, ev: bytes, run_id: bytes) -> Exchange:
        """The matching of a CM_SLAC_PARM.REQ, which may begin it."""
        exchange = self.open.get(ev)
        if (
            exchange is not None
            and exchange.run_id == run_id
            and not exchange.started
            and time - exchange.asked[-1] <= REPEAT_WITHIN
        ):
            add(exchange.asked, time)
            return exchange
        return self.begin(time, ev, run_id)

    def of_run(self, ev: bytes, run_id: bytes, time: float) -> Exchange | None:
        """The matching with this RunID if it is recent; else the vehicle's newest."""
        newest = self.open.get(ev)
        named = self._by_run.get((ev, run_id))
        if named is None or named is newest:
            return newest
        recent = time - named.last <= 2 * self._timing.TT_EV_atten_results
        return named if recent else newest

    def of_charger(self, frame: Frame, time: float) -> Exchange | None:
        """The matching of a charger's message: by its destination, or by the vehicle it names if that was lost."""
        message = frame.message
        run_id: bytes = getattr(message, "run_id", b"")
        if frame.destination != UNKNOWN_MAC:
            if frame.destination == BROADCAST:  # only the content can tell
                named = getattr(message, "pev_mac", b"") or getattr(message, "forwarding_sta", b"")
                return self.of_run(named, run_id, time)
            return self.of_run(frame.destination, run_id, time)
        named = (
            getattr(message, "source_address", b"") or getattr(message, "forwarding_sta", b"")
            or getattr(message, "pev_mac", b"")
        )  # fmt: skip
        if named in self.open:
            return self.of_run(named, run_id, time)
        running = [x for x in self.open.values() if run_id == x.run_id or (not run_id and frame.source in x.answerers)]
        return running[-1] if running else None

    def _forget(self, old: Exchange) -> None:
        if self.open.get(old.ev) is old:
            del self.open[old.ev]
        if self._by_run.get((old.ev, old.run_id)) is old:
            del self._by_run[old.ev, old.run_id]
        self._links.forget(old)


def addressed(exchange: Exchange, frame: Frame) -> Answerer | None:
    """The charger that a vehicle's message is for."""
    if frame.destination == UNKNOWN_MAC:
        named: bytes = getattr(frame.message, "evse_mac", b"")
        if named in exchange.answerers:
            return exchange.answerers[named]
        reported = [one for one in exchange.answerers.values() if one.attenuation_at is not None]
        unanswered = [one for one in reported if one.answered_at is None]
        waiting = unanswered or reported
        return waiting[-1] if waiting else None
    return exchange.answerers.get(frame.destination)


def answerer(exchange: Exchange, time: float, mac: bytes) -> Answerer:
    """The charger, even if its CM_SLAC_PARM.CNF was not seen."""
    one = exchange.answerers.get(mac)
    if one is None:
        cnf = CM_SLAC_PARM_CNF(exchange.run_id, exchange.ev)
        one = Answerer(mac, time, cnf, cnf_seen=False)
        if len(exchange.answerers) < MOST:
            exchange.answerers[mac] = one
    return one
