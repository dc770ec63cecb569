"""What the charger has offered in a session, taken from its latest responses, and what the tester chooses of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PROFILE_STEPS = 24
"""Maximum number of entries in a charging profile."""


@dataclass
class Offered:
    """The charger's offers.

    Attributes:
        responses: its latest responses by name.
        schedules: takes the schedules from them.
        choice: decides which schedule is chosen.
        kept_id: id of the schedule before a pause, which is kept if it is offered again; None: there was none.
    """

    responses: Mapping[str, Any]
    schedules: Callable[[Mapping[str, Any]], list[Any]]
    choice: int
    kept_id: int | None

    @property
    def services(self) -> list[Any]:
        """Value-added services."""
        found = self.responses.get("ServiceDiscoveryRes")
        listed = getattr(found, "ServiceList", None)
        return list(listed.Service) if listed is not None else []

    @property
    def charge_service(self) -> int:
        """ServiceID of the charge service."""
        found = self.responses.get("ServiceDiscoveryRes")
        if found is None:
            return 1
        service = found.ChargeService
        return int(getattr(service, "ServiceTag", service).ServiceID)

    @property
    def schedule(self) -> Any:
        """The chosen schedule: any of those offered, after a pause the previous one; None: none is offered."""
        tuples = self.schedules(self.responses)
        if not tuples:
            return None
        kept = [entry for entry in tuples if self.kept_id is not None and _id(entry) == self.kept_id]
        return kept[0] if kept else tuples[self.choice % len(tuples)]

    @property
    def tuple_ids(self) -> list[int]:
        """SAScheduleTupleIDs offered."""
        listed = getattr(self.responses.get("ChargeParameterDiscoveryRes"), "SASchedules", None)
        return [int(one.SAScheduleTupleID) for one in getattr(listed, "SAScheduleTuple", ())]

    @property
    def tuple_id(self) -> int:
        """Id of the chosen schedule."""
        schedule = self.schedule
        return 1 if schedule is None else _id(schedule)

    @property
    def profile_steps(self) -> list[Any]:
        """Steps of the chosen schedule, as many as a charging profile may have."""
        return list(self.schedule.PMaxSchedule.PMaxScheduleEntry[:PROFILE_STEPS]) if self.schedule is not None else []


def _id(schedule: Any) -> int:
    """The id of a schedule; 0 is legal in DIN SPEC 70121."""
    named = getattr(schedule, "SAScheduleTupleID", None)
    return int(schedule.ScheduleTupleID if named is None else named)
