"""Verdicts, and what a run of a case leaves behind.

none < pass < inconc < fail < error: the worst wins. For authors of checks, cases and testers:

* ``raise Failed("it came too late", cause=Cause.TOO_LATE, expected="X within 2 s", observed="X after 3.1 s")``: the
system did not do what the standard requires. The run fails.
* ``raise Inconclusive("nothing on this bench can press stop", cause=Cause.NO_ACTION)``: the case could not reach its
  point.
* ``result.find("a port outside 49152..65535", Severity.NOTE)``: a finding beside the verdict. Safety and security
  findings fail the run, the others do not.
* ``result.saw(expected, observed)``: what was judged, right or wrong, for the report.
* A case of the catalogue whose expectation is our own reading of the standard says so with ``reading: note`` (or
  ``reading``, ``security``, ``safety``); what it fails with is a finding of that severity. All other cases fail.
* The cause is a :class:`~plugfest.conformance.cause.Cause`; nobody reads sentences. For an error from a lower layer,
  :func:`plugfest.conformance.stops.cause_of` knows it.
* ``expected`` names rule and value, ``observed`` what came; what was done before, and since when, is added where the
  verdict is made (:func:`.campaign.execute.execute`), so that the sentence stands alone.
"""

from __future__ import annotations

import enum
import re
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from boundary.text import clause
from plugfest.conformance.cause import Cause, Severity


class Verdict(enum.IntEnum):
    """In order of severity; the worst of several is the largest."""

    NONE = 0
    PASS = 1
    INCONC = 2
    FAIL = 3
    ERROR = 4

    @property
    def word(self) -> str:
        """The verdict as shown in reports."""
        return self.name.lower()


class Stop(Exception):
    """Ends a run with a verdict.

    Attributes:
        cause: why it stopped.
        expected, observed: what should have been seen, and what was.
        rule: the clause or requirement, if it differs from the case's.
        at: loop time at which the message ``observed`` came, s, if it was wrong; None: the run stopped at once.
    """

    verdict = Verdict.ERROR

    def __init__(
        self,
        reason: str,
        *,
        cause: Cause = Cause.UNSTATED,
        expected: str = "",
        observed: str = "",
        rule: str = "",
        at: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.at = at
        self.cause = cause
        self.expected = expected
        self.observed = observed
        self.rule = rule


class Failed(Stop):
    """The system under test did not do what was expected."""

    verdict = Verdict.FAIL

    def __init__(
        self,
        reason: str,
        *,
        cause: Cause,
        expected: str,
        observed: str = "",
        rule: str = "",
        at: float | None = None,
    ) -> None:
        super().__init__(reason, cause=cause, expected=expected, observed=observed, rule=rule, at=at)


class Inconclusive(Stop):
    """The case could not reach its point."""

    verdict = Verdict.INCONC

    def __init__(self, reason: str, *, cause: Cause, expected: str = "", observed: str = "") -> None:
        super().__init__(reason, cause=cause, expected=expected, observed=observed)


class NotExecutable(Exception):
    """This tester cannot do what the case asks for; the text says what is missing."""


class Finding(NamedTuple):
    """A deviation reported in addition to the verdict."""

    text: str
    severity: Severity = Severity.NOTE
    cause: Cause = Cause.UNSTATED

    def __str__(self) -> str:
        return f"{self.severity.word}: {self.text}"


@dataclass(frozen=True)
class Judged:
    """The basis of a verdict; together, a sentence that stands alone.

    Attributes:
        did: what was done before, by whom.
        what: what went wrong, in short.
        expected: what should have come, with its value and limit.
        rule: clause, requirement or case that says so.
        observed: what came.
        since: when it came, counted from what.
    """

    did: str = ""
    what: str = ""
    expected: str = ""
    rule: str = ""
    observed: str = ""
    since: str = ""

    def __str__(self) -> str:
        what = _CITED.sub(lambda cited: "" if cited[1] in self.rule else cited[0], self.what)
        said = f"{self.did}: {clause(what)}" if self.did else what
        since = f" ({self.since})" if self.since else ""
        rule = f" ({self.rule})" if self.rule and self.rule not in self.expected else ""
        expected = f"; expected: {self.expected}{rule}" if self.expected else rule
        observed = "" if _says(self.what, self.observed) else f"; observed: {self.observed}"
        return f"{said}{since}{expected}{observed}"


_WORD = re.compile(r"[\w.+-]+")
_CITED = re.compile(r" \[([^\s\]]+)\]")
"""A requirement in what went wrong, which is not said again where it is the rule, too."""


def _says(what: str, observed: str) -> bool:
    """Whether a sentence has each word of what was observed already."""
    if observed.startswith(("nothing", "no ")) and re.search(r"\bno\b|\bnot\b", what):
        return True
    return set(_WORD.findall(observed)) <= set(_WORD.findall(what))


@dataclass
class Result:
    """One run of a case.

    Attributes:
        run: id of the run.
        case: id of the case.
        verdict: overall.
        reason: a sentence that stands alone; "" for a plain pass.
        cause: why the run stopped where it did.
        judged: the parts of the reason, where the system was judged.
        findings: deviations in addition to the verdict.
        expected, observed: one line each per expectation that was judged.
        look: what to look at first, for the person at the bench.
        not_observed: what the case wants seen and this bench cannot see.
        seconds: on the bench's clock.
        started: wall clock, ISO 8601, "" in virtual time.
        protocol, requirements, title: of the case.
        tags: of the case, such as field_conflict.
        attempts: how often it was run in this campaign.
        seed: what the case leaves open was drawn from it; None: nothing was.
        blamed: the side that caused a failure, ``evcc`` or ``secc``, if a pair was tested; "" if unknown.
        broken: rules that hold in every case and fail a run, where this one broke them, in order of time.
        itself: what the case came to by itself, where one of those failed the run; None elsewhere.
    """

    run: str
    case: str = ""
    verdict: Verdict = Verdict.NONE
    reason: str = ""
    cause: Cause = Cause.UNSTATED
    judged: Judged | None = None
    findings: list[Finding] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)
    look: str = ""
    not_observed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    started: str = ""
    protocol: str = ""
    title: str = ""
    requirements: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attempts: int = 1
    seed: int | None = None
    blamed: str = ""
    broken: list[Judged] = field(default_factory=list)
    itself: Verdict | None = None

    def saw(self, expected: str, observed: str) -> None:
        """Notes what was judged."""
        self.expected.append(expected)
        self.observed.append(observed)

    def find(self, text: str, severity: Severity = Severity.NOTE, cause: Cause = Cause.UNSTATED) -> None:
        """Notes a deviation; one of safety or security fails the run."""
        severity = max(severity, cause.meaning.severity)
        self.findings.append(Finding(text, severity, cause))
        if severity.fails and self.verdict < Verdict.FAIL:
            self.verdict, self.reason, self.cause = Verdict.FAIL, text, cause

    @property
    def severity(self) -> Severity | None:
        """The worst of the findings; None: there are none."""
        return max((finding.severity for finding in self.findings), default=None)

    def to_json(self) -> dict[str, Any]:
        """For the campaign's file of results."""
        data: dict[str, Any] = {key: value for key, value in vars(self).items() if value not in ("", [], None)}
        data["verdict"] = self.verdict.word
        if self.broken:
            data["broken"] = [{key: value for key, value in asdict(one).items() if value} for one in self.broken]
        if self.itself is not None:
            data["itself"] = self.itself.word
        data.pop("cause")
        if self.cause is not Cause.UNSTATED:
            data["cause"] = self.cause.value
        if self.judged is not None:
            data["judged"] = {key: value for key, value in asdict(self.judged).items() if value}
        if self.findings:
            data["findings"] = [
                {"text": one.text, "severity": one.severity.word, "cause": one.cause.value} for one in self.findings
            ]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """Reads what :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it did not.
        """
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["verdict"] = Verdict[data["verdict"].upper()]
        known["broken"] = [Judged(**one) for one in data.get("broken", ())]
        known["itself"] = Verdict[data["itself"].upper()] if "itself" in data else None
        known["cause"] = Cause(data.get("cause", Cause.UNSTATED))
        known["findings"] = [
            Finding(one["text"], Severity[one["severity"].upper()], Cause(one["cause"]))
            for one in data.get("findings", ())
        ]
        known["judged"] = Judged(**data["judged"]) if "judged" in data else None
        return cls(**known)
