"""The one table of content rules, and how a message is judged by it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from v2g.rules import choices, handshake, loop, parameters, payment, status, values
from v2g.rules.facts import Facts
from v2g.rules.iso20 import delivery, limits, outputs, parking, schedules, services
from v2g.rules.iso20 import loop as loop20
from v2g.rules.iso20 import status as status20
from v2g.rules.rule import CLASSIC, EVCC, SECC, Breach, Rule
from v2g.status import refuses

RULES: tuple[Rule, ...] = (
    *handshake.BOOK.rules,
    *status.BOOK.rules,
    *choices.BOOK.rules,
    *parameters.BOOK.rules,
    *values.BOOK.rules,
    *payment.BOOK.rules,
    *loop.BOOK.rules,
    *status20.BOOK.rules,
    *services.BOOK.rules,
    *parking.BOOK.rules,
    *limits.BOOK.rules,
    *schedules.BOOK.rules,
    *delivery.BOOK.rules,
    *loop20.BOOK.rules,
    *outputs.BOOK.rules,
)
"""All rules in the order in which they are judged: the first one broken gives the ResponseCode."""


@cache
def _rules_for(name: str, protocol: str, failed: bool) -> tuple[Rule, ...]:
    side = EVCC if name.endswith("Req") else SECC
    return tuple(
        rule
        for rule in RULES
        if (name in rule.messages if rule.messages else rule.side == side)
        and protocol in (rule.protocols or CLASSIC)
        and (rule.failed or not failed)
    )


def judge(facts: Facts, body: Any) -> Sequence[Breach]:
    """The rules that a message breaks, given the messages before it. ``facts`` already has its time and protocol."""
    failed = refuses(getattr(body, "ResponseCode", ""))
    found = []
    for rule in _rules_for(type(body).__name__, facts.protocol, failed):
        text = rule.judge(facts, body)
        if text:
            found.append(Breach(rule, text, facts.protocol))
    return found


def hear(
    facts: Facts, body: Any, *, protocol: str, now: float, session_id: bytes | None = None, signed: bool = False,
    stream: int = 0,
) -> Sequence[Breach]:  # fmt: skip
    """Judges a message, then takes it into account.

    Args:
        protocol: its schema set.
        now: s, on one clock for the whole session.
        session_id: session id in its header; None in supportedAppProtocol.
        signed: its header carries a Signature.
        stream: payload type of its side stream, which has requests of its own; 0: the main stream.
    """
    facts.now, facts.protocol, facts.header_id, facts.signed = now, protocol, session_id, signed
    if stream:
        with facts.beside(stream):
            found = judge(facts, body)
            facts.note(body)
        return found
    found = judge(facts, body)
    facts.note(body)
    return found


def say(
    facts: Facts, body: Any, *, protocol: str, now: float, session_id: bytes | None = None, stream: int = 0
) -> None:
    """Takes a message of our own into account without judging it."""
    facts.now, facts.protocol, facts.header_id = now, protocol, session_id
    if stream:
        with facts.beside(stream):
            facts.note(body)
    else:
        facts.note(body)
