"""What a content rule is: a name, the side whose messages it judges, and a function that says what is wrong with one.

A rule knows no role and no recording. A charger refuses a request that breaks one, a vehicle ends the session on a
response that does, and the check of a recording reports both: all three use the same table (:mod:`v2g.rules.table`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from v2g.rules.facts import Facts

Severity = Literal["violation", "warning", "note"]
Side = Literal["evcc", "secc", ""]

EVCC: Side = "evcc"
SECC: Side = "secc"

DIN = "din70121"
ISO2 = "iso2"
CLASSIC = (ISO2, DIN, "appproto")
"""Schema sets that a rule applies to unless it says otherwise."""
ISO20 = tuple(f"iso20-{part}" for part in ("common", "ac", "dc", "wpt", "acdp"))
COMMON20, AC20, DC20 = "iso20-common", "iso20-ac", "iso20-dc"

Judge = Callable[[Facts, Any], str]


class Live(Enum):
    """What a role does about a message that breaks a rule. The value is the text on the page of the docs."""

    REFUSED = "refused"
    """The charger refuses the request; the vehicle ends the session."""
    TOLERATED = "tolerated and reported; refused by a strict role"
    PROTECTED = "the vehicle disconnects and stops charging"
    TOLD = "reported"
    UNSEEN = "reported by a check only"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: stable name.
        asks: what it requires, as a clause.
        side: the side whose messages it judges; "" if neither is to blame.
        messages: names of these messages; empty: all of that side.
        judge: says what is wrong with a message given the facts before it; "" if nothing is.
        severity: severity in the check of a recording.
        live: what a role does.
        code: the charger's ResponseCode.
        error: the EVErrorCode of a vehicle that disconnects, "" for none.
        codes: ResponseCodes that differ, by protocol.
        requirements: requirement identifiers if known, by protocol.
        protocols: schema sets in which it applies; empty: :data:`CLASSIC`.
        failed: it also judges refusals, whose other fields are minimal.
    """

    name: str
    asks: str
    side: Side
    messages: tuple[str, ...]
    judge: Judge
    severity: Severity = "violation"
    live: Live = Live.REFUSED
    code: str = "FAILED"
    error: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    requirements: tuple[tuple[str, str], ...] = ()
    protocols: tuple[str, ...] = ()
    failed: bool = False

    def code_in(self, protocol: str) -> str:
        """Its ResponseCode in a protocol."""
        return dict(self.codes).get(protocol, self.code)

    def requirement_in(self, protocol: str) -> str:
        """Its requirement identifier in a protocol, or ""."""
        return dict(self.requirements).get("iso20" if protocol in ISO20 else protocol, "")


@dataclass(frozen=True, slots=True)
class Breach:
    """A message that breaks a rule.

    Attributes:
        rule: the rule it breaks.
        text: one sentence: what was found, what was expected.
        protocol: schema set of the message.
    """

    rule: Rule
    text: str
    protocol: str

    @property
    def code(self) -> str:
        """The ResponseCode that answers it."""
        return self.rule.code_in(self.protocol)

    @property
    def requirement(self) -> str:
        """The requirement that it violates, or ""."""
        return self.rule.requirement_in(self.protocol)

    def __str__(self) -> str:
        return f"{self.text} [{self.requirement}]" if self.requirement else self.text


@dataclass
class Book:
    """The rules of one module, in the order in which they are judged; the first one broken gives the code."""

    rules: list[Rule] = field(default_factory=list)

    def rule(
        self,
        name: str,
        asks: str,
        side: Side,
        *messages: str,
        severity: Severity = "violation",
        live: Live = Live.REFUSED,
        code: str = "FAILED",
        error: str = "",
        din_code: str = "",
        iso2: str = "",
        din: str = "",
        iso20: str = "",
        only: tuple[str, ...] = (),
        failed: bool = False,
    ) -> Callable[[Judge], Judge]:
        """Registers a rule; the arguments are those of :class:`Rule`, the requirements by protocol.

        Args:
            din_code: ResponseCode in DIN SPEC 70121 if it differs.
            iso2, din, iso20: requirement identifiers.
            only: protocols in which it applies.
        """
        codes = ((DIN, din_code),) if din_code else ()
        requirements = tuple((key, value) for key, value in ((ISO2, iso2), (DIN, din), ("iso20", iso20)) if value)

        def register(judge: Judge) -> Judge:
            self.rules.append(
                Rule(name, asks, side, messages, judge, severity, live, code, error, codes, requirements, only, failed)
            )
            return judge

        return register
