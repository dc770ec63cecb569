"""How a failed handshake is reported."""

from __future__ import annotations

import contextlib
from typing import Any

from v2g.tls.endpoint import Endpoint, PeerAlert, PeerClosed
from v2g.tls.failure import CERTIFICATE_ALERTS, OFFER_ALERTS, PEER, Fatal, TlsFailure, of_alert
from v2g.tls.tables import ALERTS, group_name, suite_name, version_name


async def failed(c: Endpoint, why: BaseException) -> TlsFailure:
    """Sends the alert due and returns what happened."""
    details: dict[str, Any] = {"role": c.role, "step": c.step, "file": ""}
    if isinstance(why, Fatal):
        with contextlib.suppress(PeerClosed):
            await c.send_alert(why.alert)
        details |= {"check": why.check, "certificate": why.certificate, "sent": why.alert}
        if why.check in ("unknown-root", "twin-root"):
            details["file"] = c.context.trust.file if c.context.trust else ""
        text = f"{why.text} (alert {why.alert} sent)"
    elif isinstance(why, PeerAlert):
        name = ALERTS[why.code].name if why.code in ALERTS else str(why.code)
        details |= {"check": name, "received": name}
        if why.code in CERTIFICATE_ALERTS and c.credential is not None:
            details["file"] = c.credential.file
        text = of_alert(c.role, why.code, c.step, about(c, why.code))
    elif isinstance(why, PeerClosed):
        details["check"] = "closed"
        text = f"{PEER[c.role]} closed the connection without an alert where {c.step or 'a hello'} was due"
        text += f". {_offer(c)}" if c.step in ("ServerHello", "ClientHello") else ""
    else:
        details["check"] = "deviation"
        text = str(why)
    c.tell("handshake-failed", note=f"TLS handshake failed: {text}")
    return TlsFailure(text, **details)


def about(c: Endpoint, code: int) -> str:
    """What an alert probably refers to: the chain that we sent, or our offer."""
    if code in CERTIFICATE_ALERTS and c.credential is not None:
        text = f"We sent {c.context.describe(c.own_chain)} of {c.credential.file or 'memory'}"
        return text + (f"; the roots it named: {c.roots_named}" if c.roots_named else "")
    if code in CERTIFICATE_ALERTS:
        return ""
    return _offer(c) if code in OFFER_ALERTS and not c.connected else ""


def _offer(c: Endpoint) -> str:
    numbers = c.context.numbers
    suites = ", ".join(suite_name(code) for code in numbers.suites)
    groups = ", ".join(group_name(code) for code in numbers.groups)
    versions = ", ".join(version_name(code) for code in numbers.versions)
    verb = "We offer" if c.role == "client" else "We accept"
    return f"{verb} {versions}; {suites}; {groups}"
