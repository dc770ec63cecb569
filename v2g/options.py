"""The session options of both roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from v2g import stamps
from v2g.channel import Channel
from v2g.protocols import DIN, ISO2, Protocol
from v2g.session import Rewrite, Session
from v2g.timing import RELAXED
from v2g.trace import Observe, ignore


@dataclass
class SessionOptions:
    """The options of either role's sessions.

    Attributes:
        protocols: the protocols it speaks; for a vehicle, the preferred ones first.
        tolerant: accept what real vehicles and chargers do, and report it.
        any_transport: also speak ISO 15118-20 over TLS 1.2 or TCP, as many test stacks do, and report it.
        goes_on_after_failed_certificate: continue after a CertificateInstallation or CertificateUpdate that FAILED
            [V2G2-554, 557, 558]; by default it ends the session, as any FAILED does [V2G2-539].
        relaxed: the charge loop of ISO 15118-20 uses the timers of other messages (:data:`v2g.timing.RELAXED`).
        timing: changed timers by name, s; they take precedence.
        rewrite, rewrite_exi, rewrite_frame, rewrite_signature: seams of the session, by class of the sent message.
        observe: receives every event.
        now: wall clock, Unix seconds.
        stamps: unit of the time stamps sent (ISO 15118-20); any unit is read.
    """

    protocols: tuple[Protocol, ...] = (ISO2, DIN)
    tolerant: bool = True
    any_transport: bool = False
    goes_on_after_failed_certificate: bool = False
    relaxed: bool = False
    timing: Mapping[str, float] = field(default_factory=dict)
    rewrite: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_exi: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_frame: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_signature: dict[type[Any], Rewrite] = field(default_factory=dict)
    observe: Observe = ignore
    now: Callable[[], float] = lambda: 0.0
    stamps: stamps.Unit = "s"

    def may_speak(self, protocol: Protocol, channel: Channel) -> bool:
        """Whether a protocol may be offered or selected on a connection [V2G20-1237, 1805, 2356]."""
        return not self.unspeakable(protocol, channel)

    def unspeakable(self, protocol: Protocol, channel: Channel) -> str:
        """Why a protocol may not be offered or selected on a connection, or ""."""
        if not protocol.abilities.mutual:
            return "" if protocol.abilities.tls or not channel.secure else f"{protocol.title} has no TLS"
        if channel.mutual or self.any_transport:
            return ""
        return f"{protocol.title} needs TLS 1.3 with the certificates of both sides"

    def obstacles(self, channel: Channel) -> list[str]:
        """Why protocols of these options may not be spoken on a connection, one line each."""
        return [why for protocol in self.protocols if (why := self.unspeakable(protocol, channel))]

    def session(self, channel: Channel) -> Session:
        """A session with these options on an open connection."""
        return Session(
            channel,
            observe=self.observe,
            tolerant=self.tolerant,
            timing_overrides={**(RELAXED if self.relaxed else {}), **self.timing},
            rewrite=self.rewrite,
            rewrite_exi=self.rewrite_exi,
            rewrite_frame=self.rewrite_frame,
            rewrite_signature=self.rewrite_signature,
            clock=lambda: stamps.stamp(self.now(), self.stamps),
        )
