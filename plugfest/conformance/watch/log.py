"""A charger's answers of a whole run, with what they answer: for judgements across messages and sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from v2g.status import refuses

CLASSIC = ("iso2", "din70121")
"""Schema sets of ISO 15118-2 and DIN SPEC 70121."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer.

    Attributes:
        body: the message.
        schema: its schema set.
        session_id: of its header; None where there is no header.
        at: loop time, s.
        request: what it answers; None: nothing was asked.
        asked_id: session id of the request.
        took: s since the request.
    """

    body: Any
    schema: str
    session_id: bytes | None
    at: float
    request: Any = None
    asked_id: bytes | None = None
    took: float = 0.0

    @property
    def name(self) -> str:
        return type(self.body).__name__

    @property
    def asked(self) -> str:
        """Name of the request, or ""."""
        return type(self.request).__name__ if self.request is not None else ""

    @property
    def code(self) -> str:
        return str(getattr(self.body, "ResponseCode", ""))

    @property
    def ok(self) -> bool:
        """It does not refuse."""
        return not refuses(self.code)

    @property
    def classic(self) -> bool:
        """It is of DIN SPEC 70121 or ISO 15118-2."""
        return self.schema in CLASSIC


@dataclass
class Session:
    """The first and the last accepting answer of each kind in one session, by name."""

    first: dict[str, Heard] = field(default_factory=dict)
    last: dict[str, Heard] = field(default_factory=dict)

    def note(self, heard: Heard) -> None:
        if heard.ok:
            self.first.setdefault(heard.name, heard)
            self.last[heard.name] = heard


@dataclass
class Log:
    """All sessions of a run.

    Attributes:
        sessions: the present one last.
        acted: a person at the charger, or a fault of the pilot, gave it a reason to stop.
    """

    sessions: list[Session] = field(default_factory=lambda: [Session()])
    acted: bool = False

    @property
    def present(self) -> Session:
        return self.sessions[-1]

    def begin(self) -> None:
        """Another session."""
        if self.present.first:
            self.sessions.append(Session())

    def earlier(self, name: str) -> Iterator[Heard]:
        """Accepting answers of a name in the sessions before, and the first one of this session."""
        for session in self.sessions:
            if (heard := session.first.get(name)) is not None:
                yield heard

    def paused(self) -> Session | None:
        """The session that the present one of ISO 15118-2 joins; None: it joins none."""
        setup = self.present.first.get("SessionSetupRes")
        return self.joined() if setup is not None and setup.schema == CLASSIC[0] else None

    def joined(self) -> Session | None:
        """The session that the present one joins, in whatever protocol; None: it joins none."""
        setup = self.present.first.get("SessionSetupRes")
        if setup is None or setup.code != "OK_OldSessionJoined":
            return None
        for session in reversed(self.sessions[:-1]):
            before = session.first.get("SessionSetupRes")
            if before is not None and before.session_id == setup.session_id:
                return session
        return None

    def last(self, *names: str) -> Heard | None:
        """The latest accepting answer of one of these names, in whatever session."""
        for session in reversed(self.sessions):
            found = [session.last[name] for name in names if name in session.last]
            if found:
                return max(found, key=lambda heard: heard.at)
        return None
