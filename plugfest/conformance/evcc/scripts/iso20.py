"""ISO 15118-20: what the charger asks for in the loop, power that the charger decides on, and paused sessions."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Mapping, Set

from boundary.text import counted
from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.resume import resume
from plugfest.conformance.evcc.scripts.shown import present
from plugfest.conformance.evcc.scripts.steps import charging, delivers, goes_on, loop_name, loops_more
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.fields import replaced
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from secc.charger import Wish
from v2g import naming
from v2g.protocols.iso20 import METERING, RENEGOTIATION

GRACE = 2.0
"""s after NotificationMaxDelay within which the reaction must be seen: one round of the loop, and the ramp down."""
TAKES_PART = 60.0
"""s within which a vehicle has renegotiated; it may take its time before each request."""

Sign = Callable[[Arrival], bool]


def stopping(session: str) -> Sign:
    """SessionStopReq with this ChargingSession."""
    return lambda one: one.name == "SessionStopReq" and one.message.ChargingSession == session


def named(name: str, stream: int = 0) -> Sign:
    """A request of a name, on a stream."""
    return lambda one: one.name.endswith(name) and one.stream == stream


def progress(*words: str) -> Sign:
    """PowerDeliveryReq with one of these ChargeProgress."""
    return lambda one: any(delivers(one, word) for word in words)


REACTIONS: Mapping[str, tuple[tuple[str, Sign], ...]] = {
    "Terminate": (
        ("PowerDeliveryReq Stop", progress("Stop")),
        ("SessionStopReq Terminate", stopping("Terminate")),
    ),
    "Pause": (
        ("PowerDeliveryReq Stop or Standby", progress("Stop", "Standby")),
    ),
    "ServiceRenegotiation": (
        ("PowerDeliveryReq Stop", progress("Stop")),
        ("SessionStopReq ServiceRenegotiation", stopping("ServiceRenegotiation")),
        ("ServiceDiscoveryReq", named("ServiceDiscoveryReq")),
    ),
    "ScheduleRenegotiation": (
        ("ChargeParameterDiscoveryReq alongside the loop", named("ChargeParameterDiscoveryReq", RENEGOTIATION)),
        ("ScheduleExchangeReq alongside the loop", named("ScheduleExchangeReq", RENEGOTIATION)),
        ("PowerDeliveryReq alongside the loop", named("PowerDeliveryReq", RENEGOTIATION)),
    ),
    "MeteringConfirmation": (
        ("MeteringConfirmationReq alongside the loop", named("MeteringConfirmationReq", METERING)),
    ),
    "ExitStandby": (("PowerDeliveryReq Start, Stop or ScheduleRenegotiation", progress(
        "Start", "Stop", "ScheduleRenegotiation")),),
}  # fmt: skip
"""EVSENotification -> what the vehicle must send, in order."""

WISHES: Mapping[str, Wish] = {
    "Terminate": Wish.STOP, "Pause": Wish.PAUSE, "ServiceRenegotiation": Wish.OTHER_SERVICE,
    "ScheduleRenegotiation": Wish.RENEGOTIATE, "ExitStandby": Wish.EXIT_STANDBY,
}  # fmt: skip
"""EVSENotification -> what the tester's plant is set to want, so that its own responses fit."""


@SCRIPTS.on(
    "PF_EVCC_ISO20_Notifications", "PF_EVCC_ISO20_Notifications_Pause", "PF_EVCC_ISO20_Notifications_Schedule",
    "PF_EVCC_ISO20_Notifications_Metering", "PF_EVCC_ISO20_Notifications_Metering_dynamic",
    "PF_EVCC_ISO20_Notifications_Delay",
)  # fmt: skip
async def notifications(tester: TesterEvse, run: Run, result: Result) -> None:
    """A notification in the loop: the vehicle follows it in time."""
    what, delay = str(run.variant["EVSENotification"]), int(run.variant.get("NotificationMaxDelay", 10))
    tester.answers.receipts = what == "MeteringConfirmation"
    await charging(tester)
    place, began = len(tester.requests), tester.now
    if (wish := WISHES.get(what)) is not None:
        tester.evse.request(wish, delay)
    await in_order(tester, result, place, REACTIONS[what], began + delay + GRACE)
    if what == "Pause":
        await _sleeps(tester, result, place)


async def in_order(
    tester: TesterEvse, result: Result, place: int, signs: tuple[tuple[str, Sign], ...], deadline: float
) -> None:
    """Requests from a position on: the first of these by the deadline, the others after it.

    Raises:
        Failed: one does not come.
    """
    for words, right in signs:
        found = functools.partial(_first, tester, place, right)
        await tester.wait_for(functools.partial(_there, tester, found), deadline - tester.now)
        came = found()
        last = _shown(tester.requests[-1])
        result.saw(words, "came" if came is not None else last)
        if came is None:
            left = _left(tester)
            what = "closed the connection after {}" if left else "sent {} last"
            raise Failed(
                f"{words} did not come; the vehicle {what.format(last)}",
                expected=words, observed=last, cause=Cause.CLOSED if left else Cause.NO_REQUEST,
            )  # fmt: skip
        place = came + 1
        deadline = tester.now + 45.0


def _left(tester: TesterEvse) -> bool:
    """Whether the vehicle closed the connection without having ended its session."""
    return tester.hung_up and tester.requests[-1].name != "SessionStopReq"


def _shown(arrival: Arrival) -> str:
    """A request, with where it takes the session."""
    where = (getattr(arrival.message, name, None) for name in ("ChargeProgress", "ChargingSession"))
    return " ".join([arrival.name, *map(str, filter(None, where))])


def _first(tester: TesterEvse, place: int, right: Sign) -> int | None:
    """The index of the first matching request from a position on, or None."""
    return next((number for number, one in enumerate(tester.requests) if number >= place and right(one)), None)


def _there(tester: TesterEvse, found: Callable[[], int | None]) -> bool:
    return found() is not None or tester.over


async def _sleeps(tester: TesterEvse, result: Result, place: int) -> None:
    """After a Stop for a pause: SessionStopReq Pause; a vehicle in standby may stay."""
    if not any(delivers(one, "Stop") for one in tester.requests[place:]):
        return
    await in_order(tester, result, place, (("SessionStopReq Pause", stopping("Pause")),), tester.now + 10.0)


# ---------------------------------------------------------------------------------------------------------------
# Pause and resume


@SCRIPTS.on("PF_EVCC_ISO20_Resume")
async def old_session(tester: TesterEvse, run: Run, result: Result) -> None:
    """A vehicle comes back: it continues if the session is joined, otherwise starts over, and trusts no stranger."""
    case = str(run.variant["code"])
    await charging(tester)
    tester.evse.request(Wish.PAUSE, 10)
    await tester.wait_for(lambda: tester.over, 60.0)
    if not stopping("Pause")(tester.requests[-1]):
        raise Inconclusive(
            f"the vehicle did not pause; its last request was {tester.requests[-1].name}", cause=Cause.POINTLESS
        )
    await tester.wait_for(lambda: tester.system.ended() is not False, 10.0)
    old, stranger = tester.wire.session.id, case.endswith("from another SECC certificate")
    if not case.startswith("OK_OldSessionJoined"):
        tester.answers.paused.clear()
    if stranger:
        _another_certificate(tester)
    held = await resume(tester, len(tester.requests))
    if stranger:
        await _distrusts(tester, result, held, old)
        return
    if held.session_id != old:
        raise Inconclusive(
            f"the vehicle asked for session {held.session_id.hex()}, not for the paused {old.hex()}",
            cause=Cause.POINTLESS,
        )
    response = await tester.good(held)
    if response.ResponseCode != case:
        raise Inconclusive(f"the tester answers {response.ResponseCode}", cause=Cause.POINTLESS)
    await tester.reply(response)
    following = await goes_on(tester, result, held)
    expected = "ChargeParameterDiscoveryReq" if case == "OK_OldSessionJoined" else "AuthorizationSetupReq"
    result.saw(f"{expected} after {case}", following.name)
    if not following.name.endswith(expected):
        raise Failed(
            f"{following.name} after {case}", expected=expected, observed=following.name, cause=Cause.WRONG_MESSAGE
        )
    if following.session_id != tester.wire.session.id:
        raise Failed(
            f"{following.name} does not carry the session id of SessionSetupRes",
            cause=Cause.WRONG_SESSION,
            expected="the session id of SessionSetupRes",
        )


def _another_certificate(tester: TesterEvse) -> None:
    """The charger comes back with another certificate of the same PKI."""
    assert tester.tls is not None
    bench, day = tester.certificates, datetime.timedelta(days=1)
    good, now = tester.tls.credentials[0], bench.now()
    changes = {"not_before": now - day, "not_after": now + 50 * day}
    entry = bench.issue(Role.SECC, bench.store[Role.CPO_SUB2], "secc another", changes)
    present(bench, tester.tls, entry, [entry.certificate, *good.chain[1:]])


async def _distrusts(tester: TesterEvse, result: Result, held: Arrival, old: bytes) -> None:
    """A charger other than the one before the pause claims to know the session: the vehicle does not continue it."""
    joined = replaced(await tester.good(held), "ResponseCode", "OK_OldSessionJoined")
    await tester.reply(joined, session_id=old)
    await tester.wait_for(lambda: tester.after(held) or tester.over, 10.0)
    later = [one.name for one in tester.after(held)]
    result.saw("the session is not joined with another charger", ", ".join(later) or "closed")
    if any(name.endswith(("ChargeParameterDiscoveryReq", "ScheduleExchangeReq")) for name in later):
        raise Failed(
            f"{later[0]}: the vehicle joined its session with another charger", expected="the end", cause=Cause.ACCEPTED
        )


# ---------------------------------------------------------------------------------------------------------------
# Standby


@SCRIPTS.on("PF_EVCC_ISO20_Standby")
async def standby(tester: TesterEvse, run: Run, result: Result) -> None:
    """Asked to pause, a vehicle that prefers standby says so; the charger refuses, allows it, or demands the end."""
    await charging(tester)
    if not await tester.system.do("standby"):
        raise Inconclusive("nothing on this bench can suspend power at the vehicle", cause=Cause.NO_ACTION)
    held = await tester.held(
        tester.catch(progress("Standby")), "PowerDeliveryReq Standby", 30.0, due="the wish for standby"
    )
    response, code = await tester.good(held), str(run.variant["code"])
    if code != "OK":
        response = replaced(response, "ResponseCode", code)
    await tester.reply(response)
    place, name = len(tester.requests), loop_name(tester)
    await tester.wait_for(lambda: len(tester.requests) > place + 3 or tester.over, 10.0)
    later = [one.name for one in tester.requests[place:]]
    result.saw(f"{code}: the loop goes on", ", ".join(later[:3]))
    if name not in later:
        raise Failed(
            f"no {name} after PowerDeliveryRes {code} to Standby",
            cause=Cause.CLOSED if tester.over else Cause.NO_REQUEST,
            expected="the vehicle goes on",
        )
    if code == "OK" and run.variant.get("then") == "ExitStandby":
        mark, began = len(tester.requests), tester.now
        tester.evse.request(Wish.EXIT_STANDBY, 5)
        await in_order(tester, result, mark, REACTIONS["ExitStandby"], began + 5 + GRACE)


# ---------------------------------------------------------------------------------------------------------------
# Schedule renegotiation alongside the loop


@SCRIPTS.on("PF_EVCC_ISO20_Renegotiation")
async def renegotiation(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger wants another schedule, and answers one of the messages alongside the loop wrongly."""
    request, answer = str(run.variant["request"]), str(run.variant["answer"])
    await charging(tester)
    caught = tester.catch(lambda one: one.stream == RENEGOTIATION and one.name.endswith(request))
    tester.evse.request_renegotiation(10)
    held = await tester.held(caught, f"{request} alongside the loop", 30.0, due="ScheduleRenegotiation")
    place, name = len(tester.requests), loop_name(tester)
    if answer == "none":
        await tester.wait_for(lambda: tester.over, 1.5)
        rounds = [one for one in tester.requests[place:] if one.name == name]
        result.saw("the loop goes on meanwhile", counted(len(rounds), "round"))
        if len(rounds) < 3:
            raise Failed(
                "the charge loop stops while the charger works on a schedule",
                expected="the loop",
                cause=Cause.NO_REQUEST,
            )
        tester.release()
        return
    await ends_beside(tester, result, held, answer, {name})


def _agreed(tester: TesterEvse, place: int) -> bool:
    """Whether the vehicle has renegotiated since then, or its session is over."""
    later = tester.requests[place:]
    return tester.over or any(one.stream == RENEGOTIATION and one.name == "PowerDeliveryReq" for one in later)


@SCRIPTS.on("PF_EVCC_ISO20_Renegotiation_Twice")
async def renegotiates_twice(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger wants another schedule, and later on again: the vehicle answers both."""
    await charging(tester)
    for which in ("first", "second"):
        place = len(tester.requests)
        tester.evse.request_renegotiation(10)
        await tester.wait_for(functools.partial(_agreed, tester, place), TAKES_PART)
        agreed = _agreed(tester, place) and not tester.over
        result.saw(f"the {which} new schedule is agreed on", "agreed on" if agreed else tester.requests[-1].name)
        if not agreed:
            left = _left(tester)
            how = "closed the connection after" if left else f"has not followed, within {TAKES_PART:g} s,"
            raise Failed(
                f"the vehicle {how} the {which} ScheduleRenegotiation of a session",
                expected="PowerDeliveryReq alongside the loop", cause=Cause.CLOSED if left else Cause.NO_REQUEST,
            )  # fmt: skip
        await loops_more(tester, 4)
        if tester.over:
            raise Failed(
                f"the session ends after the {which} new schedule", expected="the loop", cause=Cause.CLOSED,
            )  # fmt: skip


async def ends_beside(tester: TesterEvse, result: Result, held: Arrival, answer: str, going_on: Set[str]) -> None:
    """Answers a request beside the loop wrongly; no request of these names may come after that, and the vehicle ends.

    Args:
        answer: a ResponseCode; OK: with another session's id.
    """
    response = made(tester, naming.response(held.name), answer, asked=held.message)
    if answer == "OK":
        await tester.send(response, session_id=bytes(8))
    else:
        await tester.send(response)
    tester.release()
    sent = tester.now
    await tester.wait_for(lambda: tester.over, 10.0)
    later = [one.name for one in tester.requests if one.time > sent + GRACE and one.name in going_on]
    result.saw("the session ends", "it ends" if tester.over and not later else tester.requests[-1].name)
    if later or not tester.over:
        raise Failed(
            f"{held.name} was answered {answer} alongside the loop, but the vehicle goes on",
            expected="the end",
            cause=Cause.WENT_ON,
        )
