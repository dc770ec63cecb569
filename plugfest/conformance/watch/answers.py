"""A charger's answers: against the request that they answer, and against what it answered before, in any session."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.catalogue.durations import allowed
from plugfest.conformance.cause import Cause
from plugfest.conformance.randomness import follows, hardly_random, predictable
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.log import Heard, Log
from v2g import naming
from v2g.protocols import DIN
from v2g.reading import PROTOCOL_OF
from v2g.rules.facts import tuple_of
from v2g.rules.iso20.loop import RESPONSES as LOOP20
from v2g.rules.loop import LOOP
from v2g.rules.schedule import read as steps

BOOK = Book()
hears = BOOK.hears

SAME_SECOND = 5.0
"""s for which two readings may have one time: it has whole seconds, and may be older than its reading."""
STEADY = 60.0
"""s by which a charger's clock may move beyond the time that has passed."""
IN_FLIGHT = 0.3
"""s after a refusal in which a request may have been on its way."""
SECONDS = 2.0
"""s by which a schedule may go on too early or too late: it has whole seconds."""
SAME_POWER = 0.02
"""Part of a power by which that of the same schedule may differ after a pause."""
OFF = 1500.0
"""s by which two clocks of a charger may differ: less than any time zone."""
SHORT = 2
"""Octets of a session id that two random ones have in common by chance often enough to meet."""
KNOWN = 1_000_000_000
"""s since 1970, below which a time was never set."""


@hears("answer-other", "a request is answered by its own response", SPOKEN,
       cause=Cause.WRONG_MESSAGE)  # fmt: skip
def answer_other(flow: Flow, log: Log, heard: Heard) -> str:
    meant = naming.response(heard.asked)
    if not heard.asked or not heard.ok or heard.name == meant:
        return ""
    return f"{heard.name} {heard.code} came in answer to {heard.asked}"


@hears("session-id-kept", "each response carries the session id of SessionSetupRes", SPOKEN,
       cause=Cause.WRONG_SESSION)  # fmt: skip
def session_id_kept(flow: Flow, log: Log, heard: Heard) -> str:
    setup = log.present.last.get("SessionSetupRes")
    if setup is None or heard.name == "SessionSetupRes" or not heard.ok or heard.session_id is None:
        return ""
    if heard.session_id == setup.session_id or heard.asked_id != setup.session_id:
        return ""
    return f"{heard.name} has session id {_hex(heard.session_id)}, but SessionSetupRes had {_hex(setup.session_id)}"


def _hex(value: bytes | None) -> str:
    return value.hex() if value else "none"


@hears("session-id-fresh", "a new session has an id of its own that nobody can foresee, and a joined session has"
    " the id of the request",
       SPOKEN, "SessionSetupRes", cause=Cause.WRONG_SESSION)  # fmt: skip
def session_id_fresh(flow: Flow, log: Log, heard: Heard) -> str:
    given = heard.session_id
    if not heard.ok or not given:
        return ""
    if not any(given):
        return f"SessionSetupRes {heard.code} has an all-zero session id"
    if heard.code == "OK_OldSessionJoined":
        if given != heard.asked_id:
            asked = _hex(heard.asked_id)
            return f"SessionSetupRes {heard.code} has session id {given.hex()}, but the request asked for {asked}"
        return ""
    if given == heard.asked_id:
        return f"SessionSetupRes {heard.code} has session id {given.hex()}, which the vehicle sent"
    earlier = [one.session_id or b"" for one in log.earlier("SessionSetupRes")]
    by_chance = len(given) <= SHORT and earlier.count(given) < 2
    if given in earlier and not by_chance:
        return f"SessionSetupRes {heard.code} has session id {given.hex()}, which an earlier session had"
    if heard.schema != DIN.name and (near := next((one for one in earlier if follows(one, given)), None)):
        return f"SessionSetupRes {heard.code} has session id {given.hex()}, hardly different from {near.hex()} before"
    return ""


@hears("charge-service", "the charge service is of category EVCharging, and nothing is offered twice", SPOKEN,
       "ServiceDiscoveryRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def charge_service(flow: Flow, log: Log, heard: Heard) -> str:
    """In ISO 15118-2 its ServiceID is 1; in DIN SPEC 70121 chargers have any."""
    service = getattr(heard.body, "ChargeService", None)
    if service is None or not heard.ok or not heard.classic:
        return ""
    tag = getattr(service, "ServiceTag", service)
    if str(tag.ServiceCategory) != "EVCharging":
        return f"ServiceDiscoveryRes has a charge service of category {tag.ServiceCategory}"
    if tag is service and service.ServiceID != 1:
        return f"ServiceDiscoveryRes has a charge service with ServiceID {service.ServiceID}, which is 1"
    modes = getattr(service, "SupportedEnergyTransferMode", None)
    payments = getattr(heard.body, "PaymentOptionList", None) or getattr(heard.body, "PaymentOptions", None)
    for listed in (getattr(modes, "EnergyTransferMode", ()), getattr(payments, "PaymentOption", ())):
        if twice := next((one for one in listed if list(listed).count(one) > 1), None):
            return f"ServiceDiscoveryRes offers {twice} twice"
    return ""


@hears("resumed-choices", "after a pause, payment and energy transfer mode are those chosen before", "V2G2-463",
       "ServiceDiscoveryRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def resumed_choices(flow: Flow, log: Log, heard: Heard) -> str:
    before = log.paused()
    if before is None or not heard.ok:
        return ""
    offered = heard.body.ChargeService.SupportedEnergyTransferMode
    for name, field, chosen, now in (
        ("ChargeParameterDiscoveryRes", "RequestedEnergyTransferMode", "EnergyTransferMode", offered),
        ("PaymentServiceSelectionRes", "SelectedPaymentOption", "PaymentOption", heard.body.PaymentOptionList),
    ):
        kept = before.last.get(name)
        wanted = [getattr(kept.request, field)] if kept is not None and kept.request is not None else None
        given = list(getattr(now, chosen))
        if wanted is not None and given != wanted:
            return f"{heard.name} offers {', '.join(map(str, given))} after a pause of a session with {wanted[0]}"
    return ""


@hears("resumed-schedule", "after a pause, the schedule offered is the one chosen before", "V2G2-740, V2G2-741",
       "ChargeParameterDiscoveryRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def resumed_schedule(flow: Flow, log: Log, heard: Heard) -> str:
    """In the first offer of a resumed session; later ones may come from a renegotiation."""
    before, offered = log.paused(), getattr(heard.body, "SASchedules", None)
    kept = before.first.get("PowerDeliveryRes") if before is not None else None
    if kept is None or offered is None or not heard.ok or "PowerDeliveryRes" in log.present.first:
        return ""
    ids = [one.SAScheduleTupleID for one in offered.SAScheduleTuple]
    chosen = tuple_of(kept.request)
    if chosen is None or ids == [chosen]:
        return ""
    return f"{heard.name} offers schedule {', '.join(map(str, ids))} after a pause of a session with schedule {chosen}"


@hears("resumed-power", "after a pause, the schedule goes on where it was", "V2G2-740, V2G2-741",
       "ChargeParameterDiscoveryRes", weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def resumed_power(flow: Flow, log: Log, heard: Heard) -> str:
    """A charger may have less power by now, so that it is a finding."""
    before, offered = log.paused(), getattr(heard.body, "SASchedules", None)
    old = before.last.get("ChargeParameterDiscoveryRes") if before is not None else None
    if old is None or offered is None or not heard.ok or "PowerDeliveryRes" in log.present.first:
        return ""
    plans = {one.SAScheduleTupleID: steps(one) for one in getattr(old.body, "SASchedules", offered).SAScheduleTuple}
    for one in offered.SAScheduleTuple:
        plan, now = plans.get(one.SAScheduleTupleID), steps(one).at(0.0)
        passed = heard.at - old.at
        was = [plan.at(passed + late) or 0.0 for late in (0.0, -SECONDS, SECONDS)] if plan is not None else []
        if was and all(was) and now is not None and all(abs(now - watts) > watts * SAME_POWER for watts in was):
            return f"{heard.name} begins schedule {one.SAScheduleTupleID} with {now:.9g} W, where it had {was[0]:.9g} W"
    return ""


@hears("failed-goes-on", "each FAILED ends the session on all streams", "ISO 15118-20, response codes",
       cause=Cause.WENT_ON)  # fmt: skip
def failed_goes_on(flow: Flow, log: Log, heard: Heard) -> str:
    failed = flow.steps.failed_at
    if failed is None or heard.classic or not heard.ok or heard.name == "SessionStopRes":
        return ""
    if heard.at - heard.took <= failed + IN_FLIGHT:
        return ""
    return f"{heard.name} {heard.code} answers a request that came {heard.at - heard.took - failed:.1f} s after FAILED"


@hears("check-out-open", "a check-out that the vehicle has completed is completed", "ISO 15118-20, parking",
       "VehicleCheckOutRes", weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def check_out_open(flow: Flow, log: Log, heard: Heard) -> str:
    asked, told = getattr(heard.request, "EVCheckOutStatus", ""), getattr(heard.body, "EVSECheckOutStatus", "")
    if not heard.ok or asked != "Completed" or told == "Completed":
        return ""
    return f"VehicleCheckOutRes has EVSECheckOutStatus {told}, but the vehicle has reported Completed"


@hears("challenge-fresh", "GenChallenge is new and random each time", "V2G2-825", "PaymentDetailsRes",
       "AuthorizationSetupRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def challenge_fresh(flow: Flow, log: Log, heard: Heard) -> str:
    given = _challenge(heard.body)
    if not given or not heard.ok:
        return ""
    told = (heard.session_id or b"", str(getattr(heard.request, "eMAID", "") or "").encode())
    if why := predictable(given, *told):
        return f"{heard.name} has GenChallenge {given.hex()}, {why}"
    before = [one for session in log.sessions for one in (session.first.get(heard.name), session.last.get(heard.name))]
    earlier = [_challenge(one.body) or b"" for one in before if one is not None]
    if given in earlier:
        return f"{heard.name} has GenChallenge {given.hex()} again"
    if alike := next((one for one in earlier if hardly_random(one, given)), None):
        return f"{heard.name} has GenChallenge {given.hex()}, hardly different from {alike.hex()} before"
    return ""


def _challenge(body: Any) -> bytes | None:
    part = getattr(body, "PnC_ASResAuthorizationMode", None) or body
    given: bytes | None = getattr(part, "GenChallenge", None)
    return given


SEALED = ("CertificateInstallationRes", "CertificateUpdateRes")


@hears("sealing-key-fresh", "each contract is sealed with an ephemeral key of its own", "V2G2-819", *SEALED,
       cause=Cause.WRONG_FIELD)  # fmt: skip
def sealing_key_fresh(flow: Flow, log: Log, heard: Heard) -> str:
    """The same answer again, as from a store of a back end, is not judged."""
    key, sealed = _sealed(heard)
    kept = [part.get(name) for one in log.sessions for part in (one.first, one.last) for name in SEALED]
    before = [_sealed(one) for one in kept if one is not None]
    if not key or not any(old == key and other != sealed for old, other in before):
        return ""
    return f"{heard.name} has the ephemeral key {key[:9].hex()}... again, for another sealed key"


def _sealed(heard: Heard) -> tuple[bytes, bytes]:
    """Ephemeral public key and sealed private key; both empty where nothing is delivered yet."""
    body = heard.body
    if not heard.ok or str(getattr(body, "EVSEProcessing", "Finished")) != "Finished":
        return b"", b""
    if (data := getattr(body, "SignedInstallationData", None)) is None:
        return bytes(body.DHpublickey.value), bytes(body.ContractSignatureEncryptedPrivateKey.value)
    kinds = (data.SECP521_EncryptedPrivateKey, data.X448_EncryptedPrivateKey, data.TPM_EncryptedPrivateKey)
    return bytes(data.DHPublicKey), next((bytes(one) for one in kinds if one), b"")


@hears("evse-id-one", "an outlet has one EVSEID", SPOKEN, "SessionSetupRes", *LOOP, cause=Cause.WRONG_FIELD)
def evse_id_one(flow: Flow, log: Log, heard: Heard) -> str:
    before, given = log.last("SessionSetupRes"), getattr(heard.body, "EVSEID", None)
    if before is None or given is None or not heard.ok or not heard.classic or given == before.body.EVSEID:
        return ""
    return f"{heard.name} has EVSEID {given}, but SessionSetupRes had {before.body.EVSEID}"


# ---------------------------------------------------------------------------------------------------------------
# Meters and clocks


def _meter(heard: Heard | None) -> Any:
    return getattr(heard.body, "MeterInfo", None) if heard is not None and heard.classic else None


@hears("meter-continues", "a meter continues from its last reading in each session", SPOKEN, *LOOP)
def meter_continues(flow: Flow, log: Log, heard: Heard) -> str:
    now, before = _meter(heard), _meter(log.last(*LOOP))
    if now is None or before is None or not heard.ok or now.MeterID != before.MeterID:
        return ""
    if now.MeterReading is None or before.MeterReading is None or flow.energy.into.metered is not None:
        return ""  # within a session, another judgement has that
    if _wh(now.MeterReading) >= _wh(before.MeterReading):
        return ""
    return f"{heard.name} shows {_wh(now.MeterReading):g} Wh, but {_wh(before.MeterReading):g} Wh in the session before"


@hears("meter-resumed", "a resumed session continues its energy", "ISO 15118-20", *LOOP20, weight=Weight.NOTED)
def meter_resumed(flow: Flow, log: Log, heard: Heard) -> str:
    """A finding: ISO 15118-20 counts the energy of a service session, which one may take to end with a pause."""
    session, info = log.joined(), getattr(heard.body, "MeterInfo", None)
    if session is None or info is None or not heard.ok:
        return ""
    loops = [session.last[name] for name in LOOP20 if name in session.last]
    before = getattr(loops[0].body, "MeterInfo", None) if loops else None
    if before is None or before.MeterID != info.MeterID or info.ChargedEnergyReadingWh >= before.ChargedEnergyReadingWh:
        return ""
    return (
        f"{heard.name} shows {info.ChargedEnergyReadingWh} Wh, but {before.ChargedEnergyReadingWh} Wh before the pause "
        "of the same session"
    )


def _wh(reading: Any) -> float:
    return float(reading) if isinstance(reading, (int, float)) else float(reading.Value * 10.0**reading.Multiplier)


@hears("meter-one", "an outlet has one meter", SPOKEN, *LOOP, weight=Weight.NOTED)
def meter_one(flow: Flow, log: Log, heard: Heard) -> str:
    now, before = _meter(heard), _meter(log.last(*LOOP))
    if now is None or before is None or not heard.ok or now.MeterID == before.MeterID:
        return ""
    return f"{heard.name} has MeterID {now.MeterID}, but it was {before.MeterID} before"


def _stamp(heard: Heard | None) -> int | None:
    """The time of the meter's reading, as sent; None without one."""
    info = getattr(heard.body, "MeterInfo", None) if heard is not None else None
    found: int | None = getattr(info, "TMeter", None) or getattr(info, "MeterTimestamp", None)
    return found


def _reading(heard: Heard) -> Any:
    info = getattr(heard.body, "MeterInfo", None)
    return getattr(info, "MeterReading", None) or getattr(info, "ChargedEnergyReadingWh", None)


@hears("meter-clock", "the time of a meter does not run backwards", SPOKEN, *LOOP, *LOOP20)
def meter_clock(flow: Flow, log: Log, heard: Heard) -> str:
    now, before = _stamp(heard), _stamp(log.last(*LOOP, *LOOP20))
    if now is None or before is None or not heard.ok or now >= before:
        return ""
    return f"{heard.name} has {_clock(heard)} {now}, but it was {before} before"


@hears("meter-clock-stands", "a later reading of a meter has a later time", SPOKEN, *LOOP, *LOOP20)
def meter_clock_stands(flow: Flow, log: Log, heard: Heard) -> str:
    now, reading = _stamp(heard), _reading(heard)
    if now is None or reading is None or not heard.ok:
        return ""
    if flow.stamped is None or flow.stamped[0] != now:
        flow.stamped = now, heard.at, reading
    seconds = heard.at - flow.stamped[1]
    if reading == flow.stamped[2] or seconds <= SAME_SECOND:
        return ""
    return f"{heard.name} has {_clock(heard)} {now} for {seconds:.0f} s, although the reading has changed"


def _clock(heard: Heard) -> str:
    return "TMeter" if heard.classic else "MeterTimestamp"


@hears("clock-steady", "the charger's clock goes on evenly in a session", SPOKEN, "PaymentDetailsRes",
       weight=Weight.NOTED)  # fmt: skip
def clock_steady(flow: Flow, log: Log, heard: Heard) -> str:
    """A clock may be set in a session; that is noted."""
    setup = log.present.first.get("SessionSetupRes")
    began = getattr(setup.body, "EVSETimeStamp", None) if setup is not None else None
    if setup is None or not began or not heard.ok:
        return ""
    passed, shown = heard.at - setup.at, heard.body.EVSETimeStamp - began
    if abs(shown - passed) <= STEADY:
        return ""
    return f"EVSETimeStamp went on by {shown} s in {passed:.0f} s, from SessionSetupRes to {heard.name}"


@hears("clock", "a charger and its meter have the same time", SPOKEN, *LOOP, "SessionSetupRes", weight=Weight.NOTED)
def clock(flow: Flow, log: Log, heard: Heard) -> str:
    """Times of the charger against each other; whether they are right nobody here knows.

    A charger that knows no time leaves it out: 0 is a time, too.
    """
    setup = log.present.first.get("SessionSetupRes")
    if setup is None or not heard.ok or not heard.classic:
        return ""
    field, began = _told(setup.body)
    shown = getattr(_meter(heard), "TMeter", None)
    if began is None or began < KNOWN or not shown or abs(shown - began - (heard.at - setup.at)) <= OFF:
        return ""
    return (
        f"{heard.name} has TMeter {shown}, but SessionSetupRes had {field} {began} {heard.at - setup.at:.0f} s before"
    )


@hears("clock-unset", "a charger without a clock leaves its time out", SPOKEN, "SessionSetupRes", weight=Weight.NOTED)
def clock_unset(flow: Flow, log: Log, heard: Heard) -> str:
    field, began = _told(heard.body)
    if began is None or not heard.ok or began >= KNOWN:
        return ""
    return f"{heard.name} has {field} {began}, which is in {1970 + began // 31_556_952}"


def _told(setup: Any) -> tuple[str, int | None]:
    """The time in SessionSetupRes, with its name; None without one."""
    fields = ((name, getattr(setup, name, None)) for name in ("EVSETimeStamp", "DateTimeNow"))
    return next(((name, time) for name, time in fields if time is not None), ("", None))


# ---------------------------------------------------------------------------------------------------------------
# Time


@hears("answer-time", "an answer comes within V2G_SECC_Msg_Performance_Time", "V2G_SECC_Msg_Performance_Time",
       cause=Cause.TOO_LATE)  # fmt: skip
def answer_time(flow: Flow, log: Log, heard: Heard) -> str:
    """Outside the loop, whose performance times a bench cannot measure: there the vehicle's time-out counts."""
    protocol = PROTOCOL_OF[heard.schema]
    if not heard.asked or protocol.is_loop(heard.asked) or flow.startled:
        return ""
    most = protocol.timing.performance_time(heard.asked)
    if heard.took <= most + flow.terms.transmission:
        return ""
    limit = allowed(most, flow.terms.transmission)
    return f"{heard.name} came {heard.took:.2f} s after {heard.asked}; the limit is {limit}"
