"""Cases with a charger under test: a run of the catalogue becomes a plan, which is executed and judged.

A plan is completed first, so that anything that cannot be expressed is known before anything is sent (`NotExecutable`).
Its steps are read by the tables of :mod:`.verbs` and :mod:`.expectations`; what the
vocabulary cannot say is a script under the case's id (:mod:`.scripts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import satisfying
from plugfest.conformance.catalogue.protocols import spoken
from plugfest.conformance.catalogue.steps import meant
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.course import Action, Course
from plugfest.conformance.secc.expectations import EXPECTATIONS
from plugfest.conformance.secc.generations import GENERATIONS
from plugfest.conformance.secc.scripts import SCRIPTS, Script
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.secc.verbs import VERBS
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result


@dataclass
class Plan:
    """What to do for a run.

    Attributes:
        state: the state to walk to first. setup: addition to the state.
        stimulus, expect: in order.
        script: does everything instead, if the vocabulary does not suffice.
        by_pilot: the charger refuses, or switches off, because of the pilot's state, which it needs to see.
    """

    run: Run
    state: str
    setup: str = ""
    certificates: int | None = None
    answers: bool = True
    stimulus: list[Action] = field(default_factory=list)
    expect: list[Action] = field(default_factory=list)
    script: Script | None = None
    by_pilot: bool = False

    async def carry_out(self, tester: TesterEv, result: Result) -> None:
        """Walks to the state, deviates, judges.

        Raises:
            Stop: with the verdict; a pass raises nothing.
        """
        tester.certificate_set = self.certificates
        tester.stays_ready = self.setup == "without the change to CP B"
        if (tester.stays_ready or self.by_pilot) and tester.system.pilot.reading.duty is None:
            what = "that the pilot stays where it is" if tester.stays_ready else "the pilot"
            text = f"{what} cannot be shown to the charger: pilot hardware is needed"
            raise Inconclusive(text, cause=Cause.NO_PILOT)
        if self.script is not None:
            await self.script(tester, self.run, result)
            return
        if self.setup == "after an earlier session":
            await tester.until("SessionStop")
            await tester.leave()
            tester.forget()
        await tester.until(self.state)
        if self.setup == "CP C":
            tester.ready()
        course = Course(tester, result, awaits=self.answers)
        for action in self.stimulus:
            await action(course)
        for action in self.expect:
            await action(course)
        keeps_content_rules(tester)


def keeps_content_rules(tester: TesterEv) -> None:
    """Checks that everything the charger sent in ISO 15118-20 follows the content rules.

    Raises:
        Failed: a message broke one.
    """
    if not tester.protocol.abilities.mutual:
        return
    for breach in tester.breaches:
        if breach.rule.severity == "violation":
            raise Failed(str(breach), cause=Cause.WRONG_FIELD, expected=breach.rule.asks, rule=breach.requirement)


_SETUPS = (
    "", "CP C", "CP B", "without the change to CP B", "after an earlier session", "after CertificateInstallation",
    "after CertificateUpdate", "AC: first, DC: second", "with ReceiptRequired",
)  # fmt: skip


def plan(run: Run) -> Plan:
    """The plan of a run with a charger under test.

    Raises:
        NotExecutable: something in it cannot be done; says what.
    """
    case = run.case
    if not case.preconditions:
        raise NotExecutable("no precondition")
    states = [text.partition(".")[2] for text in case.preconditions]
    state = states[-1] if "DC_PreCharge" in states else states[0]
    try:
        protocol = spoken(run.protocol)
        GENERATIONS[protocol.name].way(protocol, satisfying(case), None).way_to(state)
    except (KeyError, ValueError):
        raise NotExecutable(f"precondition {case.preconditions[0]}") from None
    if (script := SCRIPTS.get(case.id)) is not None:
        return Plan(run, state, by_pilot=_told_by_pilot(run), script=script)
    if case.setup not in _SETUPS:
        raise NotExecutable(f"setup {case.setup!r}")
    stimulus, expect = run.steps
    return Plan(
        run,
        state,
        setup=case.setup,
        certificates=_exchange(run),
        answers=not any("no_reply" in step for step in expect),
        by_pilot=_told_by_pilot(run),
        stimulus=[meant(step, VERBS, "verb in")(step) for step in stimulus],
        expect=[meant(step, EXPECTATIONS, "expectation")(step, expect) for step in expect],
    )


def _told_by_pilot(run: Run) -> bool:
    """Nothing but state A or B tells the charger to refuse a valid request, or to switch off."""
    stimulus, expect = run.steps
    shown = [str(step["cp"]) for step in stimulus if "cp" in step]
    return any(state.startswith(("A", "B")) for state in shown) and any(
        step.get("code") == ["FAILED"] or "energy_stop" in step or "then" in step for step in expect
    )


def _exchange(run: Run) -> int | None:
    """The parameter set of the certificate service that a case needs: 1 installation, 2 update."""
    text = f"{run.case.family} {run.case.setup} {' '.join(run.case.preconditions)}"
    if "CertificateUpdate" in text:
        return 2
    return 1 if "CertificateInstallation" in text else None
