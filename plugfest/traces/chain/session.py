"""One connection's session as it progresses: the step it has reached, what is due from which side, and who ended it.

It takes one entry after another and keeps only the few moments that a diagnosis needs, so a live session that lasts for
days costs no more than a short one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from plugfest.traces.chain.limits import allows_nothing
from plugfest.traces.chain.steps import Side, Step, step_of
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.talks import ORDERS, TIMINGS, code_of, protocol_of
from plugfest.traces.text import quantity
from v2g import naming
from v2g import timing as timings
from v2g.messages.iso20.types import MeterInfoType
from v2g.protocols import PROTOCOLS
from v2g.rules.iso20.kinds import total
from v2g.sequence import Sequence
from v2g.status import ENDINGS, PAUSES, STOPS, of_charger, of_vehicle, refuses
from v2g.timing import Timing

WAITING = 20
"""Number of unanswered requests that are remembered."""
GAP = 5.0
"""s: longer pauses between two answers of the loop do not count towards its energy."""
NO_CURRENT = 0.5
"""A: what a charger's ammeter may show without current."""
NO_POWER = 50.0
"""W: what a charger's meter may show in AC without a charging vehicle."""

_ENDS = ("closing", "closed", "reset", "refused")


@dataclass
class Charge:
    """What happened in the charge loop.

    Attributes:
        first, last: s of its first and last answer.
        rounds: answers.
        wh: energy into the vehicle in Wh by the charger's present voltage and current, or by its meter in AC of ISO
            15118-20; None if neither side reports it.
        back_wh: the same from the vehicle, as a magnitude.
        readings: the meter's first readings, for both directions.
        asked: the highest target current in A; None in AC.
        flowed: the highest present current in A; None in AC.
        power: the highest present power in AC as measured by the charger, W; None if it does not report it.
        allowed: the highest current that the vehicle allowed if the charger decides, A; None if it does not.
        none_allowed: the charger's limits allowed no current in any answer.
        wanted: s for which the vehicle was ready to take a current, by its requests; standby does not count.
    """

    first: float
    last: float
    rounds: int = 0
    wh: float | None = None
    back_wh: float = 0.0
    readings: tuple[int, int] | None = None
    asked: float | None = None
    flowed: float | None = None
    power: float | None = None
    allowed: float | None = None
    none_allowed: bool = True
    wanted: float = 0.0

    @property
    def seconds(self) -> float:
        return self.last - self.first

    @property
    def none_flowed(self) -> bool:
        """Whether there is proof that nothing was charged."""
        measured = ((self.flowed, NO_CURRENT), (self.power, NO_POWER))
        return any(value is not None and value <= most for value, most in measured)


@dataclass
class Told:
    """A state that a side reported itself, with the first entry that did."""

    side: Side
    word: str
    entry: Entry


@dataclass
class Session:
    """A connection and its messages so far.

    Attributes:
        number: of the connection.
        step: the step that the last message belongs to; the furthest one is ``furthest``.
        begun, moved: by step, the entry that first reached it, and the last one in it.
        waiting: requests without an answer, oldest first.
        unpaired: the last answer without a waiting request.
        last: the last message; ``by`` has the last one of each side.
        refusal: request and response of the last refusal that was followed only by an end.
        ongoing: the first Ongoing answer of the current loop.
        charge: the charge loop, once there was one.
        told: faults that a side currently reports about itself.
        wish: the charger's request that the vehicle stop.
        stopping: the request with which the vehicle left the path to charging, or the charge loop.
        stopped: the SessionStopReq that was accepted.
        missed: the last bytes missing from the capture.
        unreadable: point from which one side's TLS data cannot be read.
        ended: the close, reset or refusal of the connection.
        unheard: what was sent repeatedly and never acknowledged.
        tardy: a request that came later than the charger has to wait, and the previous answer.
        beside: unanswered requests on side streams, by stream; ``refused_beside`` is the last refusal there.
        overdue: the last answer if it came later than the vehicle has to wait, and its request.
        standby: the vehicle is in standby (ISO 15118-20).
        allows_nothing: the charger's limits, as last sent, allow no current.
    """

    number: int
    protocol: str = ""
    mode: str = ""
    step: Step = Step.CONNECTION
    furthest: Step = Step.CONNECTION
    messages: int = 0
    begun: dict[Step, Entry] = field(default_factory=dict)
    moved: dict[Step, Entry] = field(default_factory=dict)
    waiting: deque[Entry] = field(default_factory=lambda: deque(maxlen=WAITING))
    last: Entry | None = None
    by: dict[str, Entry] = field(default_factory=dict)
    before: Entry | None = None
    refusal: tuple[Entry | None, Entry] | None = None
    refused_in: Step = Step.CONNECTION
    ongoing: Entry | None = None
    charge: Charge | None = None
    told: dict[Side, Told] = field(default_factory=dict)
    wish: Entry | None = None
    stopping: Entry | None = None
    stop_after: Entry | None = None
    stop_step: Step | None = None
    stop_due: str = ""
    stop_told: dict[Side, Told] = field(default_factory=dict)
    stop_wish: Entry | None = None
    stopped: Entry | None = None
    missed: Entry | None = None
    unreadable: Entry | None = None
    paused: bool = False
    ended: Entry | None = None
    unheard: Entry | None = None
    opened: list[Entry] = field(default_factory=list)
    connected: Entry | None = None
    tls: dict[str, Entry] = field(default_factory=dict)
    alert: Entry | None = None
    broken: Entry | None = None
    offers: tuple[str, ...] = ()
    volts: float | None = None
    target: float | None = None
    stop_waiting: tuple[Entry, ...] = ()
    close_waiting: tuple[Entry, ...] = ()
    tardy: tuple[Entry, Entry] | None = None
    overdue: tuple[Entry, Entry] | None = None
    beside: dict[int, Entry] = field(default_factory=dict)
    refused_beside: tuple[Entry | None, Entry] | None = None
    standby: bool = False
    allows_nothing: bool = False
    _order: Sequence | None = None

    @property
    def sequence_timeout(self) -> float:
        """How long the charger now waits for the next request, s."""
        protocol = PROTOCOLS.get(self.protocol)
        name = naming.request(self.last.name) if self.last is not None else ""
        return self.timing.sequence_timeout(in_loop=protocol is not None and protocol.is_loop(name))

    @property
    def timing(self) -> Timing:
        """The protocol's timers; those of ISO 15118-2 until a protocol is agreed on."""
        return TIMINGS.get(self.protocol, timings.ISO2)

    def add(self, entry: Entry) -> None:
        """Takes the next entry of the connection."""
        if entry.layer == "message" and entry.sender:
            if entry.stream:
                self._beside(entry)
            else:
                self._message(entry)
        elif entry.layer == "tcp":
            self._tcp(entry)
        elif entry.layer == "v2gtp" and entry.name == "broken":
            self.broken = self.broken or entry
        elif entry.layer == "tls":
            self.tls.setdefault(entry.name, entry)
            if entry.name == "remark" and self.messages:
                self.unreadable = self.unreadable or entry
            if entry.name == "alert" and entry.data[1:2] != b"\0" and not self.messages:
                self.alert = self.alert or entry

    def _tcp(self, entry: Entry) -> None:
        if entry.name == "opening":
            self.opened.append(entry)
            del self.opened[1:-1]
        elif entry.name == "connected":
            self.connected = self.connected or entry
        elif entry.name == "lost":  # in the capture: an answer may be among them
            self.waiting.clear()
            self.missed = entry
        elif entry.name == "unacknowledged":
            self.unheard = self.unheard or entry
        elif entry.name in _ENDS and self.ended is None:
            self.ended = entry
            self.close_waiting = tuple(self.waiting)

    # -- messages -------------------------------------------------------------------------------------------------

    def _message(self, entry: Entry) -> None:
        self.messages += 1
        if entry.schema != "appproto" and entry.message is not None and not self.protocol:
            self.protocol = protocol_of(entry.schema)
        if entry.sender == EVCC:
            self._request(entry)
        else:
            self._response(entry)
        self.before, self.last = self.last, entry
        self.moved[self.step] = entry
        self.by[entry.sender] = entry

    def _beside(self, entry: Entry) -> None:
        """A message of a side stream, which does not change the step of the session."""
        if entry.sender == EVCC:
            self.beside[entry.stream] = entry
            return
        request = self.beside.pop(entry.stream, None)
        if refuses(code_of(entry)):
            self.refused_beside = request, entry

    def _due(self, entry: Entry) -> str:
        """Requests that lead on towards charging, as opposed to one that ends the session."""
        table = ORDERS.get(self.protocol)
        if table is None or self._order is None:
            return ""
        leads = [name for name in self._order.allowed if name not in ("SessionStopReq", entry.name)]
        return " or ".join(name.partition(":")[0] for name in leads if not name.endswith(":stop"))

    def _reach(self, step: Step | None, entry: Entry) -> None:
        if step is None:
            return
        if step is not self.step:
            self.ongoing = None
            self.begun.pop(step, None)  # a second cable check has its own time
        self.begun.setdefault(step, entry)
        self.step = step
        self.furthest = max(self.furthest, step)

    def _request(self, entry: Entry) -> None:
        body, name = entry.body, naming.exchange(entry.name)
        last = self.last
        if last is not None and last.sender == SECC and entry.time - last.time > self.sequence_timeout:
            self.tardy = entry, last
        progress = str(getattr(body, "ChargeProgress", "") or "")
        if progress == "" and getattr(body, "ReadyToChargeState", None) is not None:  # DIN
            progress = "Start" if body.ReadyToChargeState else "Stop"
        step = step_of(entry.name, progress)
        leaves = name == "SessionStop" or progress == "Stop"
        if leaves and self.stopping is None:
            self.stopping, self.stop_after, self.stop_step = entry, self.by.get(SECC), self.step
            self.stop_waiting = tuple(self.waiting)
            self.stop_due = self._due(entry)
            self.stop_told, self.stop_wish = dict(self.told), self.wish
        elif not leaves and step is not None and step < Step.STOP:
            self.stopping = None
        if not leaves and step not in (Step.STOP, Step.END):
            self.refusal = None
        self._reach(step, entry)
        self.waiting.append(entry)
        self._vehicle_tells(entry)
        target = quantity(getattr(body, "EVTargetVoltage", None)) if body is not None else None
        self.target = target[0] if target else self.target
        parameter = type(getattr(body, "EVChargeParameter", None)).__name__
        if parameter.startswith(("AC_", "DC_")):
            self.mode = parameter[:2]
        elif name in ("ChargingStatus", "AC_ChargeLoop", "AC_ChargeParameterDiscovery"):
            self.mode = "AC"
        elif name.startswith("DC_") or name in ("CableCheck", "PreCharge", "CurrentDemand"):
            self.mode = "DC"
        if name == "supportedAppProtocol" and body is not None:
            ranked = sorted(getattr(body, "AppProtocol", ()), key=lambda offer: offer.Priority)
            self.offers = tuple(str(offer.ProtocolNamespace) for offer in ranked)

    def _response(self, entry: Entry) -> None:
        request = next((e for e in self.waiting if naming.exchange(e.name) == naming.exchange(entry.name)), None)
        if request is None and self.waiting:
            request = self.waiting[0]
        if request is not None:
            self.waiting.remove(request)
            late = entry.time - request.time > self.timing.message_timeout(request.name)
            self.overdue = (request, entry) if late else None
        code = code_of(entry)
        if refuses(code):
            self.refusal, self.refused_in = (request, entry), self.step
        elif request is None:
            self._reach(step_of(entry.name), entry)  # the recording starts in the middle, or has only this side
            return
        body, name = entry.body, naming.exchange(entry.name)
        if str(getattr(body, "EVSEProcessing", "")).startswith("Ongoing"):
            self.ongoing = self.ongoing or entry
        elif name != naming.exchange(self.last.name if self.last else ""):
            self.ongoing = None
        if request is not None and request.body is not None and body is not None and request.schema != "appproto":
            if self._order is None and (table := ORDERS.get(self.protocol)) is not None:
                self._order = Sequence(table)
            if self._order is not None:
                self._order.advance(request.body, body)
        self._charger_tells(entry)
        nothing = allows_nothing(body)
        self.allows_nothing = self.allows_nothing if nothing is None else nothing
        volts = quantity(getattr(body, "EVSEPresentVoltage", None)) if body is not None else None
        self.volts = volts[0] if volts else self.volts
        if name in ("CurrentDemand", "ChargingStatus", "AC_ChargeLoop", "DC_ChargeLoop") and code.startswith(
            ("OK", "WARNING")
        ):
            self._charged(entry, request)
        if name == "PowerDelivery" and request is not None and code.startswith("OK"):
            self.standby = str(getattr(request.body, "ChargeProgress", "")) == "Standby"
        if (
            name == "SessionStop"
            and code.startswith("OK")
            and request is not None
            and naming.exchange(request.name) == name
        ):
            how = str(getattr(request.body, "ChargingSession", ""))
            if how == "ServiceRenegotiation":  # the session continues with another service
                self.stopping = None
                return
            self.stopped = request
            self.stopping = self.stopping or request  # a request of a later phase came between: a second one, or late
            self.paused = how == "Pause"

    def _charged(self, entry: Entry, request: Entry | None) -> None:
        body = entry.body
        if self.charge is None:
            self.charge = Charge(entry.time, entry.time)
        loop = self.charge
        volts = quantity(getattr(body, "EVSEPresentVoltage", None))
        amps = quantity(getattr(body, "EVSEPresentCurrent", None))
        asked = quantity(_target(request.body)) if request is not None else None
        if asked:
            loop.asked = max(loop.asked or 0.0, asked[0])
        if volts and amps:
            loop.flowed = max(loop.flowed or 0.0, abs(amps[0]))
            held = min(entry.time - loop.last, GAP) if loop.rounds else 0.0
            moved = volts[0] * amps[0] * held / 3600.0
            loop.wh = (loop.wh or 0.0) + max(moved, 0.0)
            loop.back_wh += max(-moved, 0.0)
        elif isinstance(meter := getattr(body, "MeterInfo", None), MeterInfoType):
            readings = meter.ChargedEnergyReadingWh, meter.BPT_DischargedEnergyReadingWh or 0
            loop.readings = loop.readings or readings
            loop.wh, loop.back_wh = (float(now - first) for now, first in zip(readings, loop.readings, strict=True))
        watts = total(getattr(body, "CLResControlMode", None), "EVSEPresentActivePower")
        if watts is not None:
            loop.power = max(loop.power or 0.0, abs(watts))
        control = getattr(request.body, "CLReqControlMode", None) if request is not None else None
        limit = quantity(getattr(control, "EVMaximumChargeCurrent", None))
        if limit is not None and not asked:
            loop.allowed = max(loop.allowed or 0.0, limit[0])
        loop.none_allowed &= self.allows_nothing
        given = asked or limit
        if loop.rounds and not self.standby and (given is None or given[0] > 0.0):
            loop.wanted += min(entry.time - loop.last, GAP)
        loop.last = entry.time
        loop.rounds += 1

    def _tells(self, side: Side, word: str, entry: Entry) -> None:
        if not word:
            self.told.pop(side, None)
        elif side not in self.told or self.told[side].word != word:
            self.told[side] = Told(side, word, entry)

    def _vehicle_tells(self, entry: Entry) -> None:
        status = of_vehicle(entry.body)
        if status is not None:
            code = str(status.EVErrorCode)
            self._tells(EVCC, "" if code == "NO_ERROR" else code, entry)

    def _charger_tells(self, entry: Entry) -> None:
        status = of_charger(entry.body)
        if status is None and not hasattr(entry.body, "EVSEStatus"):  # ISO 15118-20: a notification or nothing
            return
        code = str(getattr(status, "EVSEStatusCode", "") or "")
        isolation = str(getattr(status, "EVSEIsolationStatus", "") or "")
        word = code if code in ENDINGS else "RCD" if getattr(status, "RCD", False) is True else ""
        if not word and isolation == "Fault":
            word = "EVSEIsolationStatus Fault"
        self._tells(SECC, word, entry)
        wishes = str(getattr(status, "EVSENotification", "") or "")
        self.wish = (self.wish or entry) if wishes in (*STOPS, *PAUSES) else None


def _target(body: Any) -> Any:
    """The target current of a loop request; in ISO 15118-20 it is inside the control mode."""
    found = getattr(body, "EVTargetCurrent", None)
    control = getattr(body, "Scheduled_DC_CLReqControlMode", None) or getattr(body, "CLReqControlMode", None)
    return getattr(control, "EVTargetCurrent", None) if found is None else found
