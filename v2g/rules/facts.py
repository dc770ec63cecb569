"""What both sides of a session have said so far, as far as later messages are judged by it. Knows no role.

:meth:`Facts.note` takes every message, sent or received, in the order in which they went over the wire. A fact that
was never stated is None or empty, and no rule judges by it, because a recording may begin in mid-session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from v2g.physical import number
from v2g.rules.bounds import FALL, Ceiling, Descent, Lasting
from v2g.rules.iso20 import notes
from v2g.rules.iso20.facts import Facts20
from v2g.rules.metered import LATE, Metered
from v2g.rules.quantities import Found, odd_values
from v2g.rules.schedule import Steps, fewest_phases, read
from v2g.rules.stopping import StopWish
from v2g.status import refuses


def _amps() -> Ceiling:
    return Ceiling(FALL)


@dataclass(slots=True)
class Facts:
    """A session so far.

    Attributes:
        secure: whether it runs over TLS; None: unknown.
        protocol: schema set of the message last judged or noted.
        now: time of that message, s.
        signed: whether the header of the message being judged carries a Signature.
        header_id: session id in that header.
        request: the last request.
        offers: AppProtocols offered, by SchemaID; None: handshake unknown.
        session_id: from the header of SessionSetupRes.
        evse_id: EVSEID of SessionSetupRes.
        payments, modes: payment options and energy transfer modes offered; None: unknown.
        charge_service: ServiceID of the charge service; None: unknown.
        services: ServiceIDs of the other services offered; None: unknown.
        parameter_sets: ParameterSetIDs by ServiceID, if ServiceDetail named them.
        payment: payment option chosen; "" before that.
        contract_details: PaymentDetails was answered, and no AuthorizationReq has followed yet.
        challenge: GenChallenge of PaymentDetailsRes.
        mode: energy transfer mode requested; "" before that.
        max_entries: MaxEntriesSAScheduleTuple of the request; None: no limit.
        departure: DepartureTime, s after the request; None: not given.
        schedules: PMaxSchedules offered, by SAScheduleTupleID; None: unknown.
        planned: time of the response that carried them, s.
        ev_volts, ev_amps, ev_watts: the vehicle's limits; declared_volts: its limit in ChargeParameterDiscovery.
        evse_volts, evse_amps, evse_watts: the charger's maximum limits.
        evse_min_volts, evse_min_amps: the charger's minimum limits; None before they are known.
        tolerance: current tolerance that the charger declares, A.
        target_volts, target_amps: targets of the last CurrentDemandReq or PreChargeReq.
        precharge_volts: EVTargetVoltage of the last PreChargeReq; None before it, and after power was requested.
        present_volts: EVSEPresentVoltage of the last response.
        nominal_volts: EVSENominalVoltage; None in DC.
        line_amps: present EVSEMaxCurrent of the charger.
        checked: a cable check has finished successfully.
        begun: the session is known from SessionSetup on.
        tuple_id: SAScheduleTupleID chosen in PowerDeliveryReq(Start); None before that.
        profile: the ChargingProfile sent with it, or None; it was accepted at ``profiled``, s.
        profile_phases: the lowest number of phases that it names, or None.
        delivering: PowerDelivery(Start) was answered, and no Stop or Renegotiate since then.
        charged: a loop message has been answered since then.
        stopped: PowerDelivery(Stop) was answered.
        meter: MeterInfo of the last loop response; ``asked_meter``: the one for which a receipt is required.
        metered: the meter's readings since PowerDelivery(Start).
        lasting: conditions that last, by name.
        descent: whether the current that the charger reports is falling.
        stop: whether the charger asks the vehicle to stop.
        iso20: the facts of ISO 15118-20.
        asked_beside: the last request of each side stream.
    """

    secure: bool | None = None
    protocol: str = ""
    now: float = 0.0
    signed: bool = False
    header_id: bytes | None = None
    request: Any = None
    offers: dict[int, Any] | None = None
    session_id: bytes | None = None
    evse_id: Any = None
    payments: tuple[str, ...] | None = None
    modes: tuple[str, ...] | None = None
    charge_service: int | None = None
    services: tuple[int, ...] | None = None
    parameter_sets: dict[int, tuple[int, ...]] = field(default_factory=dict)
    payment: str = ""
    contract_details: bool = False
    challenge: bytes | None = None
    mode: str = ""
    max_entries: int | None = None
    departure: int | None = None
    schedules: dict[int, Steps] | None = None
    planned: float = 0.0
    ev_volts: Ceiling = field(default_factory=Ceiling)
    declared_volts: float | None = None
    ev_amps: Ceiling = field(default_factory=_amps)
    ev_watts: Ceiling = field(default_factory=Ceiling)
    evse_volts: Ceiling = field(default_factory=Ceiling)
    evse_amps: Ceiling = field(default_factory=_amps)
    evse_watts: Ceiling = field(default_factory=Ceiling)
    evse_min_volts: float | None = None
    evse_min_amps: float | None = None
    tolerance: float = 0.0
    target_volts: Ceiling = field(default_factory=Ceiling)
    target_amps: Ceiling = field(default_factory=_amps)
    precharge_volts: float | None = None
    present_volts: float | None = None
    nominal_volts: float | None = None
    line_amps: float | None = None
    checked: bool = False
    begun: bool = False
    tuple_id: int | None = None
    profile: Steps | None = None
    profile_phases: int | None = None
    profiled: float = 0.0
    delivering: bool = False
    charged: bool = False
    stopped: bool = False
    meter: Any = None
    asked_meter: Any = None
    metered: Metered = field(default_factory=Metered)
    lasting: dict[str, Lasting] = field(default_factory=dict)
    descent: Descent = field(default_factory=Descent)
    stop: StopWish = field(default_factory=StopWish)
    iso20: Facts20 = field(default_factory=Facts20)
    asked_beside: dict[int, Any] = field(default_factory=dict)
    _walked: Any = None
    _found: tuple[Found, ...] = ()

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def ac(self) -> bool | None:
        """Whether the requested mode is AC; None: unknown."""
        return self.mode.startswith("AC") if self.mode else None

    @property
    def phases(self) -> int | None:
        """Number of phases of the requested AC mode; None in DC."""
        return {"AC_single_phase_core": 1, "AC_three_phase_core": 3}.get(self.mode)

    def odd(self, body: Any) -> tuple[Found, ...]:
        """Values of the message being judged with a wrong unit or an impossible amount; several rules use them."""
        if self._walked is not body:
            self._walked, self._found = body, odd_values(body)
        return self._found

    def lasts(self, what: str, wrong: bool) -> float:
        """Seconds for which a condition has been wrong without a break; 0 if it is not wrong now."""
        if not wrong and what not in self.lasting:
            return 0.0
        return self.lasting.setdefault(what, Lasting()).holds(wrong, self.now)

    def comes_down(self, amps: float) -> bool:
        """Whether the current that the charger reports is falling, at whatever rate it can."""
        return self.descent.falls(abs(amps), self.now)

    def granted(self, seconds: float = 0.0) -> float | None:
        """The most power that schedule and profile allowed in the last ``seconds``, W; None: not always limited."""
        start = self.now - seconds
        bases = ((self._chosen, self.planned), (self.profile, self.planned), (self.profile, self.profiled))
        steps = {base + step.start for given, base in bases if given is not None for step in given.steps}
        most = [self._granted_at(moment) for moment in (start, self.now, *(s for s in steps if start < s < self.now))]
        return None if None in most else max(watts for watts in most if watts is not None)

    def scheduled(self, seconds: float = 0.0) -> float | None:
        """The most power that the schedule alone allowed in the last ``seconds``, W; None: not always limited."""
        offered = self.schedules or {}
        chosen = self._chosen or (next(iter(offered.values())) if len(offered) == 1 else None)
        if chosen is None:
            return None
        end, start = self.now - self.planned, self.now - self.planned - seconds
        most = [chosen.at(moment) for moment in (start, end, *(s.start for s in chosen.steps if start < s.start < end))]
        return None if None in most else max(watts for watts in most if watts is not None)

    @property
    def _chosen(self) -> Steps | None:
        if self.schedules is None or self.tuple_id is None:
            return None
        return self.schedules.get(self.tuple_id)

    def _granted_at(self, now: float) -> float | None:
        """W granted at a time. A role may count a profile from the offer or from its acceptance: the larger applies."""
        chosen, profile = self._chosen, self.profile
        given = None if chosen is None else chosen.at(now - self.planned)
        if profile is None:
            return given
        offered, accepted = profile.at(now - self.planned), profile.at(now - self.profiled)
        if offered is None or accepted is None:
            return given
        asked = max(offered, accepted)
        return asked if given is None else min(given, asked)

    @contextmanager
    def beside(self, stream: int) -> Iterator[None]:
        """While a message of a side stream is judged and noted, ``request`` is that stream's last request."""
        main, self.request = self.request, self.asked_beside.get(stream)
        try:
            yield
        finally:
            self.asked_beside[stream], self.request = self.request, main

    # -- noting ---------------------------------------------------------------------------------------------------

    def note(self, body: Any) -> None:
        """Takes a message into account; ``now`` and ``protocol`` must already be those of the message."""
        name = type(body).__name__
        if name.endswith("Req"):
            self.request = body
        elif refuses(getattr(body, "ResponseCode", "")):
            return
        else:
            self.stop.take(body, self.now)
        if self.protocol not in ("iso2", "din70121", "appproto"):
            notes.note(self.iso20, name, body, self.request, self.now)
            if name == "SessionSetupRes":
                self.session_id = self.header_id
            elif name == "AuthorizationSetupRes":
                mode = body.PnC_ASResAuthorizationMode
                self.challenge = mode.GenChallenge if mode is not None else None
            return
        take = _NOTES.get(name)
        if take is not None:
            take(self, body)

    def _limit(self, ceiling: Ceiling, value: Any) -> None:
        if value is not None:
            ceiling.set(number(value), self.now)

    def limits_of_vehicle(self, part: Any) -> None:
        """The EVMaximum limits of a DC_EVChargeParameter or CurrentDemandReq."""
        self._limit(self.ev_volts, part.EVMaximumVoltageLimit)
        self._limit(self.ev_amps, part.EVMaximumCurrentLimit)
        self._limit(self.ev_watts, part.EVMaximumPowerLimit)

    def limits_of_charger(self, part: Any) -> None:
        """The EVSEMaximum limits of a DC_EVSEChargeParameter or CurrentDemandRes."""
        self._limit(self.evse_volts, part.EVSEMaximumVoltageLimit)
        self._limit(self.evse_amps, part.EVSEMaximumCurrentLimit)
        self._limit(self.evse_watts, part.EVSEMaximumPowerLimit)


Note = Callable[[Facts, Any], None]
_NOTES: dict[str, Note] = {}


def _on(*names: str) -> Callable[[Note], Note]:
    def register(take: Note) -> Note:
        _NOTES.update(dict.fromkeys(names, take))
        return take

    return register


@_on("supportedAppProtocolReq")
def _handshake(facts: Facts, body: Any) -> None:
    facts.offers = {entry.SchemaID: entry for entry in body.AppProtocol}


@_on("supportedAppProtocolRes")
def _agreed(facts: Facts, body: Any) -> None:
    entry = (facts.offers or {}).get(body.SchemaID)
    facts.iso20.namespace = "" if entry is None else str(entry.ProtocolNamespace)


@_on("SessionSetupRes")
def _session(facts: Facts, body: Any) -> None:
    facts.evse_id, facts.session_id, facts.begun = body.EVSEID, facts.header_id, True


@_on("ServiceDiscoveryRes")
def _services(facts: Facts, body: Any) -> None:
    if facts.protocol == "din70121":
        facts.payments = tuple(body.PaymentOptions.PaymentOption)
        facts.modes = (str(body.ChargeService.EnergyTransferType),)
        facts.charge_service = body.ChargeService.ServiceTag.ServiceID
        facts.services = ()
        return
    facts.payments = tuple(body.PaymentOptionList.PaymentOption)
    facts.modes = tuple(body.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
    facts.charge_service = body.ChargeService.ServiceID
    found = tuple(service.ServiceID for service in body.ServiceList.Service) if body.ServiceList else ()
    if getattr(facts.request, "ServiceCategory", None) is None and not getattr(facts.request, "ServiceScope", None):
        facts.services = found
    elif facts.services is not None:  # the answer to a filtered request: earlier offers still stand
        facts.services = tuple(dict.fromkeys((*facts.services, *found)))


@_on("ServiceDetailRes")
def _details(facts: Facts, body: Any) -> None:
    sets = body.ServiceParameterList.ParameterSet if body.ServiceParameterList else []
    facts.parameter_sets[body.ServiceID] = tuple(one.ParameterSetID for one in sets)


@_on("PaymentServiceSelectionRes", "ServicePaymentSelectionRes")
def _selected(facts: Facts, body: Any) -> None:
    facts.payment = str(getattr(facts.request, "SelectedPaymentOption", ""))


@_on("PaymentDetailsRes")
def _challenged(facts: Facts, body: Any) -> None:
    facts.challenge, facts.contract_details = body.GenChallenge, True


@_on("AuthorizationRes")
def _authorized(facts: Facts, body: Any) -> None:
    facts.contract_details = False


@_on("ChargeParameterDiscoveryReq")
def _asked(facts: Facts, body: Any) -> None:
    wanted = getattr(body, "RequestedEnergyTransferMode", None) or getattr(body, "EVRequestedEnergyTransferType", None)
    facts.mode = str(wanted or "")
    facts.max_entries = getattr(body, "MaxEntriesSAScheduleTuple", None)
    parameter: Any = getattr(body, "EVChargeParameter", None)
    facts.departure = getattr(parameter, "DepartureTime", None)
    if type(parameter).__name__ == "DC_EVChargeParameterType":
        facts.limits_of_vehicle(parameter)
        facts.declared_volts = number(parameter.EVMaximumVoltageLimit)


@_on("ChargeParameterDiscoveryRes")
def _answered(facts: Facts, body: Any) -> None:
    parameter: Any = body.EVSEChargeParameter
    match type(parameter).__name__:
        case "DC_EVSEChargeParameterType":
            facts.limits_of_charger(parameter)
            facts.evse_min_volts = number(parameter.EVSEMinimumVoltageLimit)
            facts.evse_min_amps = number(parameter.EVSEMinimumCurrentLimit)
            slack = (parameter.EVSECurrentRegulationTolerance, parameter.EVSEPeakCurrentRipple)
            facts.tolerance = sum(max(number(value), 0.0) for value in slack if value is not None)
        case "AC_EVSEChargeParameterType":
            facts.line_amps = number(parameter.EVSEMaxCurrent)
            nominal = getattr(parameter, "EVSENominalVoltage", None)
            facts.nominal_volts = None if nominal is None else number(nominal)
    if str(body.EVSEProcessing) == "Finished":
        tuples = getattr(getattr(body, "SASchedules", None), "SAScheduleTuple", None)
        facts.schedules = None if tuples is None else {one.SAScheduleTupleID: read(one) for one in tuples}
        facts.planned = facts.now


@_on("CableCheckRes")
def _tested(facts: Facts, body: Any) -> None:
    if str(body.EVSEProcessing) == "Finished":
        facts.checked = True


@_on("PreChargeReq")
def _precharge(facts: Facts, body: Any) -> None:
    facts.precharge_volts = number(body.EVTargetVoltage)
    _target(facts, body)


@_on("CurrentDemandReq")
def _demand(facts: Facts, body: Any) -> None:
    facts.limits_of_vehicle(body)
    _target(facts, body)


def _target(facts: Facts, body: Any) -> None:
    facts.target_volts.set(max(number(body.EVTargetVoltage), 0.0), facts.now)
    facts.target_amps.set(max(number(body.EVTargetCurrent), 0.0), facts.now)


@_on("PreChargeRes", "WeldingDetectionRes")
def _measured(facts: Facts, body: Any) -> None:
    facts.present_volts = number(body.EVSEPresentVoltage)


@_on("PowerDeliveryReq")
def _power_asked(facts: Facts, body: Any) -> None:
    if progress(body) == "Start":
        facts.precharge_volts = None


@_on("PowerDeliveryRes")
def _power(facts: Facts, body: Any) -> None:
    request = facts.request
    how = progress(request)
    facts.delivering, facts.stopped, facts.charged = how == "Start", how == "Stop", False
    if how == "Start":
        profile = request.ChargingProfile
        facts.tuple_id = tuple_of(request)
        facts.profile = Steps.of_profile(profile) if profile is not None else None
        facts.profile_phases, facts.profiled = fewest_phases(profile), facts.now
        facts.meter, facts.metered = None, Metered(facts.now + LATE)


@_on("CurrentDemandRes", "ChargingStatusRes")
def _flows(facts: Facts, body: Any) -> None:
    facts.charged = True
    present = getattr(body, "EVSEPresentVoltage", None)
    if present is not None:
        facts.present_volts = number(present)
        facts.limits_of_charger(body)
    line = getattr(body, "EVSEMaxCurrent", None)
    if line is not None:
        facts.line_amps = number(line)
    facts.meter = getattr(body, "MeterInfo", None) or facts.meter
    if getattr(body, "ReceiptRequired", None):
        facts.asked_meter = getattr(body, "MeterInfo", None)


def progress(request: Any) -> str:
    """Start, Stop or Renegotiate of either protocol's PowerDeliveryReq; "" for any other message."""
    ready = getattr(request, "ReadyToChargeState", None)
    if ready is not None:
        return "Start" if ready else "Stop"
    return str(getattr(request, "ChargeProgress", ""))


def tuple_of(request: Any) -> int | None:
    """SAScheduleTupleID of either protocol's PowerDeliveryReq; None if it has none."""
    own: int | None = getattr(request, "SAScheduleTupleID", None)
    return own if own is not None else getattr(getattr(request, "ChargingProfile", None), "SAScheduleTupleID", None)
