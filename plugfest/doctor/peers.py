"""Who answers: the modem on our cable, and the MQTT broker."""

from __future__ import annotations

import asyncio

from plugfest.config.model import Bench
from plugfest.doctor import Finding
from v2g import interfaces
from v2g.errors import SetupError

BROKER_WITHIN = 3.0  # s


async def modem(bench: Bench) -> list[Finding]:
    """A power line modem, its firmware, and whether its role fits ours."""
    name = bench.interface or ""
    if not bench.modem:
        return []
    try:
        interfaces.find(name)
    except SetupError:
        return []
    from slac.errors import SlacError
    from slac.host import Host
    from slac.link import open_link
    from slac.modem import detect

    try:
        link = open_link(name)
    except SlacError:  # no rights: said above
        return [Finding("modem", "unknown", "cannot be asked without raw sockets")]
    try:
        async with Host(link) as host:
            found = await detect(host)
            problem = await found.role_problem("EV" if bench.role == "evcc" else "EVSE") if bench.role != "both" else ""
    except SlacError as why:
        cause = "there is none on this cable, it has no power, or it is of no known kind"
        remedy = "fine where the peer is on a plain cable; else check power, port and interface"
        return [Finding("modem", "warning", str(why).partition(":")[0], cause, remedy)]
    findings = [Finding("modem", "ok", str(found))]
    if found.others:
        findings.append(
            Finding(
                "modem", "warning", "more than one modem answers as ours", "a switch, or two on one cable", "one only"
            )
        )
    if problem:
        findings.append(Finding("modem", "wrong", problem, "its configuration", "plugfest slac modem, and its PIB"))
    return findings


async def broker(bench: Bench) -> list[Finding]:
    """Whether the MQTT broker takes a connection."""
    if bench.mqtt is None:
        return []
    settings = bench.mqtt
    port = settings.port or (8883 if settings.tls else 1883)
    try:
        async with asyncio.timeout(BROKER_WITHIN):
            _, writer = await asyncio.open_connection(settings.host, port)
        writer.close()
    except (OSError, TimeoutError) as why:
        text = getattr(why, "strerror", None) or str(why) or "no answer"
        return [
            Finding("broker", "warning", f"{settings.host}:{port}: {text}", "it does not run there, or is not reached",
                    "a session goes on without; check host, port and the broker")
        ]  # fmt: skip
    return [Finding("broker", "ok", f"{settings.host}:{port} takes connections")]
