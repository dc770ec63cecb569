"""What is still known of a session after a gap in its recording: only what cannot change during the session.

The messages that were not captured may have changed limits, targets, schedules and the power delivered.
"""

from __future__ import annotations

from v2g.rules.facts import Facts
from v2g.rules.iso20.facts import Facts20


def behind_gap(facts: Facts) -> Facts:
    """The facts that survive a gap in a capture; the rest is unknown, as in a recording that begins late."""
    own = facts.iso20
    return Facts(
        secure=facts.secure,
        offers=facts.offers,
        session_id=facts.session_id,
        evse_id=facts.evse_id,
        payments=facts.payments,
        modes=facts.modes,
        charge_service=facts.charge_service,
        parameter_sets=facts.parameter_sets,
        iso20=Facts20(namespace=own.namespace, authorizations=own.authorizations, installs=own.installs, sets=own.sets),
    )
