"""The few lines at the end of a session."""

from __future__ import annotations

from collections.abc import Iterator

from v2g.outcome import Outcome


def summary(outcome: Outcome, *, role: str) -> Iterator[str]:
    """An outcome in words."""
    verdict = "completed" if outcome.ok else f"not completed ({outcome.cause.name.lower().replace('_', ' ')})"
    yield f"{role}: session {verdict}" + ("" if outcome.ok else f": {outcome.reason}")
    if outcome.protocol:
        state = ", paused" if outcome.paused else ""
        yield f"  {outcome.protocol}, session id {outcome.session_id}{state}"
    if outcome.messages:
        yield f"  {outcome.messages} messages in {outcome.seconds:.1f} s, {outcome.energy_wh / 1000:.3f} kWh"
    elif outcome.energy_wh:
        yield f"  {outcome.seconds:.1f} s, {outcome.energy_wh / 1000:.3f} kWh"
    if outcome.switched_off is not None:
        yield f"  switched off within {outcome.switched_off * 1000:.0f} ms"
    for name in outcome.tolerances:
        yield f"  tolerated: {name}"
    for note in outcome.notes:
        yield f"  note: {note}"
