"""Cases with a vehicle under test: a run of the catalogue becomes a plan for the tester charger, and is judged.

The tester serves the good case until the request that the stimulus is about, holds it, and deviates. ``PE.X`` as a
precondition says after which response that request comes; the request itself is more precise, so it decides.
Steps are read by the tables of :mod:`.verbs` and :mod:`.expectations`; what the
vocabulary cannot say is a script under the case's id (:mod:`.scripts`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.steps import Step, meant
from plugfest.conformance.evcc.course import Action, Course
from plugfest.conformance.evcc.expectations import EXPECTATIONS
from plugfest.conformance.evcc.reactions import harmless
from plugfest.conformance.evcc.scripts import SCRIPTS, Script
from plugfest.conformance.evcc.tester import LOOPS, TesterEvse
from plugfest.conformance.evcc.verbs import VERBS, awaited
from plugfest.conformance.verdict import NotExecutable, Result
from plugfest.conformance.wire import Arrival
from v2g import naming
from v2g.messages import iso2

LAST = ("WeldingDetectionReq", "DC_WeldingDetectionReq", "SessionStopReq")
"""Requests that come only after the vehicle has stopped."""


AFTER_STOP = re.compile(r"PDE?\.PowerDelivery\.Off|P(20)?E\.PowerDelivery\.Stop")


@dataclass
class Plan:
    """What to do for a run.

    Attributes:
        request: the one to hold; "" if the good case runs through.
        offers: additional services are offered.
        receipts: the loop asks for receipts.
        stops: the tester asks the vehicle to stop after some rounds.
    """

    run: Run
    request: str = ""
    offers: bool = False
    receipts: bool = False
    stops: bool = False
    judged: frozenset[str] = frozenset()
    stimulus: list[Action] = field(default_factory=list)
    expect: list[Action] = field(default_factory=list)
    script: Script | None = None

    async def carry_out(self, tester: TesterEvse, result: Result) -> None:
        """Serves the vehicle, deviates, judges.

        Raises:
            Stop: with the verdict; a pass raises nothing.
        """
        if self.offers:
            number = tester.stimulus.service
            tester.answers.services.append(
                iso2.ServiceType(ServiceID=number, ServiceCategory="OtherCustom", FreeService=True)
            )
        tester.answers.receipts = self.receipts
        if self.stops:
            tester.answers.stops_after = LOOPS
        async with tester.serving():
            if self.script is not None:
                await self.script(tester, self.run, result)
                return
            course = Course(tester, result, judged=self.judged)
            course.caught = tester.catch(self._right) if self.request else None
            await tester.plug()
            for action in self.stimulus:
                await action(course)
            for action in self.expect:
                await action(course)

    def _right(self, arrival: Arrival) -> bool:
        """Whether this is the request to hold; for PowerDeliveryReq, start or stop, as the precondition says."""
        if arrival.name != self.request:
            return False
        state = self.run.case.preconditions[0]
        stops = bool(AFTER_STOP.match(state)) or "ChargingLoop" in state or state == "P20E.ChargeLoop"
        return arrival.name != "PowerDeliveryReq" or harmless(arrival) is stops


_SETUPS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "CP C": {},
    "AC: first, DC: second": {},
    "at most 30 s": {},
    "with a VAS": {"offers": True},
    "with a VAS (ServiceID 62001) offered": {"offers": True},
    "with a VAS (ServiceID 62002) offered": {"offers": True},
    "with ReceiptRequired true": {"receipts": True},
    "with MeteringConfirmation asked for": {"receipts": True},
    "dynamic": {},
}


def plan(run: Run) -> Plan:
    """The plan of a run with a vehicle under test.

    Raises:
        NotExecutable: something in it cannot be done; says what.
    """
    case = run.case
    if (script := SCRIPTS.get(case.id)) is not None:
        if run.variant.get("list") == "tuple id 0 or 256":
            raise NotExecutable("EXI cannot carry a SAScheduleTupleID of 0 or 256: it has 8 bits for 1 to 255")
        return Plan(run, script=script)
    if case.setup not in _SETUPS:
        raise NotExecutable(f"setup {case.setup!r}")
    if not case.preconditions or not case.preconditions[0].startswith(("PE.", "PDE.", "P20E.")):
        raise NotExecutable(f"precondition {case.preconditions}")
    stimulus, expect = run.steps
    if run.protocol == "din70121":
        stimulus, expect = tuple(map(in_din, stimulus)), tuple(map(in_din, expect))
    actions = [meant(step, VERBS, "verb in")(step) for step in stimulus]
    judgements = [meant(step, EXPECTATIONS, "expectation")(step, expect) for step in expect]
    request = next((about for step in stimulus if (about := _about(step))), "")
    last = [request, *(str(step.get("recv", "")) for step in expect)]
    stops = bool(AFTER_STOP.match(case.preconditions[0])) or any(word.startswith(LAST) for word in last)
    judged = frozenset(str(step["recv"]) for step in expect if "recv" in step)
    triggered = any("trigger" in step for step in stimulus)
    return Plan(
        run,
        request,
        stops=stops and not triggered,
        judged=judged,
        stimulus=actions,
        expect=judgements,
        **_SETUPS[case.setup],
    )


def in_din(step: Step) -> dict[str, Any]:
    """A step with DIN's message names."""
    return {key: DIN_NAMES.sub(_din_name, value) if isinstance(value, str) else value for key, value in step.items()}


DIN_NAMES = re.compile(r"\b(PaymentServiceSelection|Authorization)(?=Re[qs]\b)")


def _din_name(match: re.Match[str]) -> str:
    return "ServicePaymentSelection" if match[1] == "PaymentServiceSelection" else "ContractAuthentication"


def _about(step: Step) -> str:
    """The request that a step names, or ""."""
    if "silent" in step and (match := re.search(r"Msg_Timeout_(\w+Req)", str(step["silent"]))):
        return match[1].replace("Supported", "supported")
    if "await" in step and step["await"] != "SDPReq":
        return awaited(str(step["await"]))
    if "instead_of" in step:
        return naming.request(str(step["instead_of"]))
    if "of" in step:
        return naming.request(str(step["of"]))
    for verb in ("reply", "reply_always"):
        if verb in step and re.fullmatch(r"\w+Res", str(step[verb])):
            return naming.request(str(step[verb]))
    return ""
