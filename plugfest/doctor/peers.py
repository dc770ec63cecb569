"""Who answers: the modem on our cable, the charger behind it, and the MQTT broker."""

from __future__ import annotations

import asyncio

from boundary.errors import unconnected
from plugfest.config.model import Bench
from plugfest.doctor.finding import Finding
from v2g import interfaces, sdp
from v2g.discovery import discover
from v2g.errors import NothingFound, SetupError
from v2g.timing import ISO2

BROKER_WITHIN = 3.0  # s
SDP_REQUESTS = 3


async def modem(bench: Bench) -> list[Finding]:
    """A power line modem, its firmware, and whether its role fits ours."""
    name = bench.interface or ""
    if not bench.modem:
        return []
    try:
        interfaces.find(name)
    except SetupError:
        return []
    from slac.errors import ModemMissing, SlacError  # SLAC takes time to load, and few benches have a modem
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
        cause = "there is no modem on this cable, it has no power, or its kind is unknown"
        remedy = "fine if the peer is on a plain cable; otherwise check power, port and interface"
        what = f"no modem answers on {name}" if isinstance(why, ModemMissing) else str(why).partition(":")[0]
        return [Finding("modem", "warning", what, cause, remedy)]
    findings = [Finding("modem", "ok", str(found))]
    if found.others:
        findings.append(
            Finding(
                "modem",
                "warning",
                "more than one modem answers as the local one",
                "a switch, or two modems on one cable",
                "connect only one",
            )
        )
    if problem:
        findings.append(Finding("modem", "wrong", problem, "its configuration", "plugfest slac modem, and its PIB"))
    return findings


async def charger(bench: Bench) -> list[Finding]:
    """A charger that answers SDP at this moment, and whether its answer can be used; for vehicles."""
    if bench.role != "evcc":
        return []
    try:
        interface = interfaces.find(bench.interface or "")
        timing = ISO2.replace({"SDP_Max_Requests": SDP_REQUESTS})
        security = sdp.NO_TLS if bench.tls == "none" else sdp.TLS
        found = await discover(interface, security=security, timing=timing)
    except NothingFound as why:
        if why.defect:
            remedy = "nothing to do on this host: the charger has to announce another address, port or security"
            return [Finding("charger", "wrong", str(why), "its SDP answer", remedy)]
        text = f"no charger answers {SDP_REQUESTS} SDP requests now"
        cause = "no charger is connected and matched, or its packet filter drops multicast"
        return [Finding("charger", "warning", text, cause, "fine before plug-in; otherwise check SLAC and the charger")]
    except SetupError:
        return []  # told by the interface's checks
    kind = "with TLS" if found.security == sdp.TLS else "without TLS"
    return [Finding("charger", "ok", f"announces [{found.address}]:{found.port}, {kind}")]


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
        return [
            Finding("broker", "warning", f"{settings.host}:{port}: {unconnected(why)}",
                    "the broker is not running there, or cannot be reached",
                    "sessions run without it; check host, port and broker")
        ]  # fmt: skip
    return [Finding("broker", "ok", f"{settings.host}:{port} accepts connections")]
