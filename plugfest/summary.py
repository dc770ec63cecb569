"""The few lines at the end of a session."""

from __future__ import annotations

from collections.abc import Iterator

from boundary.text import clause
from v2g.outcome import Cause, Outcome

CAUSES = {
    Cause.NO_PEER: "no connection",
    Cause.NO_PROTOCOL: "no protocol in common",
    Cause.TIMEOUT: "time-out",
    Cause.ABORTED: "aborted",
    Cause.MISFIT: "vehicle and charger do not fit together",
}
"""What an exit code adds to the reason, which names the side that is to blame."""


def summary(outcome: Outcome, *, role: str) -> Iterator[str]:
    """An outcome in words."""
    more = CAUSES.get(outcome.cause, "")
    lines = list(_why(outcome, role))
    done = "ended" if lines else "completed"  # what follows says what was wrong with it
    state = done if outcome.ok else f"not completed ({more})" if more else "not completed"
    energy = f"{outcome.energy_wh / 1000:.3f} kWh"
    if outcome.discharged_wh:
        energy = f"{energy} into the vehicle, {outcome.discharged_wh / 1000:.3f} kWh out of it"
    if outcome.ok and not lines:
        lines = [f"{energy} in {outcome.seconds:.1f} s"]
        energy = ""
    yield f"{role}: session {state}" + (f": {clause(lines[0])}" if lines else "")
    yield from (f"  {line}" for line in lines[1:])
    if outcome.protocol:
        state = ", paused" if outcome.paused else ""
        yield f"  {outcome.protocol}, session id {outcome.session_id}{state}"
    if outcome.messages:
        yield f"  {outcome.messages} messages" + (f" in {outcome.seconds:.1f} s, {energy}" if energy else "")
    elif energy and (outcome.energy_wh or outcome.discharged_wh):
        yield f"  {outcome.seconds:.1f} s, {energy}"
    if outcome.switched_off is not None:
        yield f"  switched off within {outcome.switched_off * 1000:.0f} ms"
    for name in outcome.tolerances:
        yield f"  tolerated: {name}"
    for note in outcome.notes:
        yield f"  note: {note}"


def _why(outcome: Outcome, role: str) -> Iterator[str]:
    """Why it ended that way: what was judged, and what the role itself says; our own decisions come first."""
    if outcome.cause is Cause.ABORTED or not outcome.verdict:
        if not outcome.ok:
            yield outcome.reason
        if outcome.verdict and outcome.reason not in outcome.verdict:
            yield outcome.verdict
        return
    yield outcome.verdict
    if not outcome.ok and outcome.reason not in outcome.verdict:
        yield f"in the {role}'s words: {outcome.reason}"
