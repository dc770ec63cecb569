"""Order of messages, timers, messages and ResponseCodes of the protocols, out of the tables that both roles go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, get_args

from boundary.choices import unknown
from exi.schema import (
    AnyType,
    Binary,
    Boolean,
    Choice,
    Complex,
    Element,
    Enumeration,
    Integer,
    Particle,
    String,
    local,
    particles,
)  # fmt: skip
from exi.schema import Sequence as SequenceOf
from plugfest.config.words import PROTOCOLS as WORDS
from plugfest.errors import UserError
from plugfest.explain import slac_messages
from plugfest.explain.page import Page, table
from plugfest.traces.chain.codes import meaning
from slac import timing as slac_timing
from v2g import naming
from v2g.messages import appproto, iso2
from v2g.messages.iso20 import types
from v2g.protocols import PROTOCOLS, Protocol
from v2g.protocols.handshake import APPPROTO
from v2g.rules.iso20.status import CODES as CODES_20
from v2g.rules.status import ANYWHERE, CODES
from v2g.sequence import Step
from v2g.status import refuses
from v2g.timing import Timing

CONDITIONS = {
    "ongoing": "while the answer is Ongoing",
    "contract": "with a contract",
    "dc": "in DC",
    "start": "after Start",
    "start_dc": "after Start in DC",
    "renegotiate": "after Renegotiate",
    "stop": "after Stop",
    "stop_dc": "after Stop in DC",
    "start_unfinished": "while the vehicle works on its profile",
    "profile_unfinished": "while the vehicle works on its profile",
    "arriving": "while the vehicle arrives",
    "leaving": "while the vehicle leaves",
    "joined": "where a paused session is joined",
    "warned": "after a warning",
    "start_warned": "after a warning to Start",
    "another_service": "for another service",
    "receipt": "where a receipt is asked for",
}
"""Conditions of :mod:`v2g.sequence` for people."""

HANDSHAKE = {
    "OK_SuccessfulNegotiationWithMinorDeviation": "the charger has the offered protocol in another minor version",
    "Failed_NoNegotiation": "the charger speaks none of the protocols that the vehicle offers",
}
"""ResponseCodes of supportedAppProtocol that need an explanation."""

_OWNERS = (*PROTOCOLS.values(), APPPROTO)


def _named(name: str, known: Sequence[str], what: str) -> UserError:
    return UserError(unknown(what, name, known))


def _spelled(name: str, known: Sequence[str], what: str) -> str:
    """A name as the tables spell it, whatever the case that it was typed in.

    Raises:
        UserError: there is none of that name.
    """
    if name in known:
        return name
    found = [one for one in known if one.lower() == name.lower()]
    if len(found) != 1:
        raise _named(name, known, what)
    return found[0]


def protocol(name: str) -> Protocol:
    """A protocol by any of its names.

    Raises:
        UserError: there is none of that name.
    """
    return PROTOCOLS[WORDS[_spelled(name, list(WORDS), "protocol")]]


# ---------------------------------------------------------------------------------------------------------------
# Order


def sequence(name: str) -> Page:
    """What may follow each request, main stream and side streams."""
    own = protocol(name)
    streams = [
        (own.title, own.order),
        *((f"{side.title} (0x{code:04x})", side.order) for code, side in own.side.items()),
    ]
    lines: list[str] = []
    for title, order in streams:
        lines += [*(["", title] if lines else [title]), *_drawn(order)]
    data = {title: [_step(step) for step in order] for title, order in streams}
    return Page(f"Order of messages, {own.title}", tuple(lines), data)


def _condition(step: Step) -> str:
    name = step.when.__name__.strip("_") if step.when else ""
    return CONDITIONS.get(name, name.replace("_", " "))


def _words(text: str) -> list[str]:
    """The names of a step for people."""
    pairs = (word.partition(":") for word in text.split())
    return [f"{name}({how.capitalize()})" if how else name for name, _, how in pairs]


def _step(step: Step) -> dict[str, Any]:
    return {
        "after": step.after, "condition": _condition(step), "then": _words(step.then),
        "tolerated": _words(step.tolerated),
    }  # fmt: skip


def _drawn(order: Sequence[Step]) -> Iterator[str]:
    last = None
    for place, step in enumerate(order):
        if step.after != last:
            yield f"  {step.after or 'supportedAppProtocolReq'}"
            last = step.after
        condition = _condition(step)
        then = " or ".join(_words(step.then)) or "the end"
        also = f"; tolerated: {', '.join(_words(step.tolerated))}" if step.tolerated else ""
        more = place + 1 < len(order) and order[place + 1].after == step.after
        yield f"  {'├' if more else '└'}─▶ {f'{condition}: ' if condition else ''}{then}{also}"


# ---------------------------------------------------------------------------------------------------------------
# Timers


def timer(name: str | None = None) -> Page:
    """A timer or all whose name holds the word, of SLAC and of each protocol.

    Raises:
        UserError: there is none.
    """
    wanted = (name or "").lower().removeprefix("v2g_")  # timers of ISO 15118-20 have no such prefix
    rows = [row for row in _timers() if wanted in row[0].lower()]
    if not rows:
        assert name is not None
        raise _named(name, timer_names(), "timer")
    head = ("timer", "of", "value", "what")
    data = [dict(zip(("name", "protocol", "value", "meaning"), row, strict=True)) for row in rows]
    return Page("Timers" if name is None else f"Timers like {name}", tuple(table(head, rows)), data)


def timer_names() -> list[str]:
    """Timers of SLAC and of the protocols, without the message that a value is for."""
    return sorted({row[0].partition(".")[0] for row in _timers()})


def _timers() -> Iterator[tuple[str, str, str, str]]:
    for row in slac_timing.table():
        side = row.rule.side.replace("both", "EV and EVSE")
        bounds = [f"{bound:g}" for bound in (row.rule.low, row.rule.high) if bound is not None]
        allowed = f", {' to '.join(dict.fromkeys(bounds))} allowed" if bounds else ""
        unit = "" if row.name.startswith("C_") else " s"
        yield row.name, "ISO 15118-3", f"{row.value:g}{unit}", f"{side}: {row.rule.meaning}{allowed}"
    for own in PROTOCOLS.values():
        for one in fields(Timing):
            value = getattr(own.timing, one.name)
            if one.name == "overridden" or value is None:
                continue
            shown = own.timer(one.name)
            side = "vehicle" if "EVCC" in shown or shown.startswith("SDP") else "charger" if "SECC" in shown else ""
            if isinstance(value, (int, float)):
                yield shown, own.title, _seconds(shown, value), side
            else:
                for request, seconds in value.items():
                    yield f"{shown}.{request}", own.title, _seconds(shown, seconds), side


def _seconds(name: str, value: float) -> str:
    return f"{value:g}" if name == "SDP_Max_Requests" else f"{value:g} s"


# ---------------------------------------------------------------------------------------------------------------
# Messages


def message(name: str) -> Page:
    """A message of SLAC, or one in each protocol that has it: fields, neighbours, times and ResponseCodes.

    Raises:
        UserError: no protocol has it.
    """
    name = _spelled(name, message_names(), "message")
    if name in slac_messages.names():
        return slac_messages.page(name)
    found = [(own, kind) for own in _OWNERS if (kind := own.message(name)) is not None]
    lines: list[str] = []
    data = []
    for own, kind in found:
        made = _message(own, kind)
        data.append(made)
        lines += [*([""] if lines else []), *_told(made)]
    return Page(name, tuple(lines), data)


def message_names() -> list[str]:
    """Requests and responses of the protocols, then messages of SLAC."""
    known = {one for own in _OWNERS for module in own.modules.values() for one in vars(module)}
    return [*sorted(one for one in known if one.endswith(("Req", "Res"))), *slac_messages.names()]


def _message(own: Protocol, kind: type[Any]) -> dict[str, Any]:
    name = kind.__name__
    request = naming.request(name)
    orders = [own.order, *(side.order for side in own.side.values())]
    steps = [step for order in orders for step in order]
    declared = next(one for one in own.schema_of(kind).model.types if one.cls is kind)
    return {
        "protocol": own.title,
        "schema_set": own.set_of(kind),
        "from": "vehicle" if name.endswith("Req") else "charger",
        "fields": list(_fields(declared)),
        "after": sorted({step.after or "supportedAppProtocolReq" for step in steps if request in _bare(step.then)}),
        "then": sorted({word for step in steps if step.after == request for word in _bare(step.then)}),
        "answered_within": own.timing.V2G_SECC_Msg_Performance_Time.get(
            request, own.timing.V2G_SECC_Msg_Performance_Time["default"]
        ),
        "given_up_after": own.timing.V2G_EVCC_Msg_Timeout.get(request, own.timing.V2G_EVCC_Msg_Timeout["default"]),
        "codes": sorted(_codes_of(own, name)),
    }


def _bare(text: str) -> list[str]:
    return [word.partition(":")[0] for word in text.split()]


def _told(made: dict[str, Any]) -> Iterator[str]:
    yield f"{made['protocol']} ({made['schema_set']}), from the {made['from']}"
    rows = [(f"  {one['name']}", one["type"], one["how_often"]) for one in made["fields"]]
    yield from table(("  field", "type", ""), rows) if rows else ["  no fields"]
    if made["from"] == "vehicle" and made["schema_set"] != APPPROTO.name:
        if not made["after"]:
            yield "  not used: it has no place in the order of messages"
            return
        yield f"  comes after: {', '.join(made['after'])}"
        yield f"  then: {', '.join(made['then']) or 'the end'}"
    yield f"  the charger answers within {made['answered_within']:g} s, the vehicle waits {made['given_up_after']:g} s"
    if made["codes"]:
        yield f"  ResponseCodes of its own: {', '.join(made['codes'])}"


def _fields(declared: Complex) -> Iterator[dict[str, str]]:
    for attribute in declared.attributes:
        often = "" if attribute.required else "optional"
        yield {"name": f"@{local(attribute.name)}", "type": _type(attribute.type), "how_often": often}
    chosen = {id(element) for choice in _choices(declared.content) for element in particles(choice)}
    for element in particles(declared.content):
        often = "one of them" if id(element) in chosen else _often(element)
        yield {"name": local(element.name), "type": _type(element.type), "how_often": often}


def _choices(particle: Particle | None) -> Iterator[Choice]:
    """The alternatives of a content."""
    if isinstance(particle, Choice):
        yield particle
    elif isinstance(particle, SequenceOf):
        for item in particle.items:
            yield from _choices(item)


def _often(element: Element) -> str:
    if element.maximum == 1:
        return "" if element.minimum else "optional"
    most = "any number" if element.maximum is None else f"up to {element.maximum}"
    return f"{element.minimum} to {element.maximum}" if element.minimum and element.maximum else most


def _type(kind: AnyType | None) -> str:
    match kind:
        case Complex():
            return local(kind.name) or "group"
        case Enumeration():
            return " | ".join(kind.values) if len(kind.values) <= 6 else f"one of {len(kind.values)} values"
        case Integer():
            bounds = [str(one) for one in (kind.minimum, kind.maximum) if one is not None]
            return f"integer {' to '.join(bounds)}".rstrip()
        case String():
            return "string" + (f" of up to {kind.max_length}" if kind.max_length else "")
        case Binary():
            return "bytes" + (f", up to {kind.max_length}" if kind.max_length else "")
        case Boolean():
            return "true | false"
        case None:
            return "one of its group"
    return type(kind).__name__.lower()


# ---------------------------------------------------------------------------------------------------------------
# ResponseCodes


def _codes_of(own: Protocol, name: str) -> set[str]:
    """The ResponseCodes that a response has besides those of all."""
    if not name.endswith("Res"):
        return set()
    known = set(_known(own))
    return {code for code in (CODES_20 if own.name == "iso20" else CODES).get(name, ()) if code in known}


def _known(own: Protocol) -> tuple[str, ...]:
    kind = {"iso20": types.responseCodeType, "iso2": iso2.responseCodeType}.get(own.name)
    found: tuple[str, ...] = get_args(kind if kind is not None else own.module.responseCodeType)
    return found


def _carriers(own: Protocol, code: str) -> str:
    if own is APPPROTO:
        return appproto.supportedAppProtocolRes.__name__
    table_of = CODES_20 if own.name == "iso20" else CODES
    carriers = [res for res, codes in table_of.items() if code in codes and own.message(res) is not None]
    return "any response" if code in ANYWHERE else ", ".join(carriers) or "see the standard"


def code_names() -> list[str]:
    """ResponseCodes of all protocols."""
    return sorted({one for own in _OWNERS for one in _known(own)})


def code(name: str) -> Page:
    """A ResponseCode: what it means, its number on the wire, and which responses carry it, by protocol.

    Raises:
        UserError: no protocol has it.
    """
    rows = []
    name = _spelled(name, code_names(), "ResponseCode")
    for own in _OWNERS:
        known = _known(own)
        if name in known:
            rows.append((own.title, known.index(name), _carriers(own, name)))
    says = HANDSHAKE.get(name) or meaning(name)
    effect = (
        "the session goes on" if name.startswith(("OK", "WARNING")) else "the session ends: power off, and the TCP"
        " connection is closed"
    )  # fmt: skip
    lines = [*([says] if says else []), effect, "", *table(("protocol", "number", "carried by"), rows)]
    data = {
        "code": name, "meaning": says, "ends": refuses(name),
        "protocols": [{"protocol": title, "number": number, "carried_by": where} for title, number, where in rows],
    }  # fmt: skip
    return Page(name, tuple(lines), data)
