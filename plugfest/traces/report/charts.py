"""The drawn parts of a report."""

from __future__ import annotations

from boundary.text import visible
from plugfest.traces import chart, slac
from plugfest.traces.agreed import agreed
from plugfest.traces.checks import Finding
from plugfest.traces.entries import Recording
from plugfest.traces.measure import Measure
from plugfest.traces.report import svg
from plugfest.traces.series import series
from plugfest.traces.talks import Talk, talks
from slac.pilot import LEGEND, event_told
from v2g import naming

MAX_ROWS = 400
"""Maximum number of rows of a sequence chart."""

_PANELS = (
    ("Voltage", "V", (("target_voltage", "asked for", "target"), ("present_voltage", "charger", "secc"),
                      ("vehicle_voltage", "vehicle", "evcc"), ("plant_voltage", "plant", "plant"))),
    ("Current", "A", (("target_current", "asked for", "target"), ("present_current", "charger", "secc"),
                      ("max_current", "offered", "secc"), ("plant_current", "plant", "plant"))),
    ("Power", "kW", (("schedule", "schedule", "limit"), ("schedule_back", "schedule, back", "limit"),
                     ("profile", "profile", "target evcc"), ("target_power", "wanted", "target"),
                     ("plant_target", "energy manager", "target"), ("power", "charger", "secc"),
                     ("present_power", "charger", "secc"), ("vehicle_power", "vehicle", "evcc"))),
    ("Price", "", (("price", "charging", "limit"), ("price_back", "giving back", "target"))),
    ("State of charge", "%", (("needs_target", "target", "target"), ("needs_minimum", "minimum", "target"),
                              ("soc", "vehicle", "evcc"), ("plant_soc", "plant", "plant"))),
    ("Meter", "kWh", (("charged", "into the vehicle", "secc"), ("discharged", "out of it", "evcc"))),
)  # fmt: skip
"""Title, unit, and (series, label, style) of each plot."""

_STYLES = {
    "setup": {"supportedAppProtocol", "SessionSetup", "ServiceDiscovery", "ServiceDetail", "PaymentServiceSelection",
              "ServicePaymentSelection", "PaymentDetails", "CertificateInstallation", "CertificateUpdate",
              "Authorization", "ContractAuthentication", "AuthorizationSetup", "ServiceSelection"},
    "prepare": {"ChargeParameterDiscovery", "CableCheck", "PreCharge", "PowerDelivery", "DC_CableCheck", "DC_PreCharge",
                "DC_ChargeParameterDiscovery", "AC_ChargeParameterDiscovery", "ScheduleExchange"},
    "loop": {"CurrentDemand", "ChargingStatus", "MeteringReceipt", "DC_ChargeLoop", "AC_ChargeLoop"},
    "end": {"WeldingDetection", "SessionStop", "DC_WeldingDetection"},
}  # fmt: skip

_MERGED = 0.6
"""s: shorter set-up exchanges share one line of the timeline."""


def timeline(recording: Recording) -> str:
    """Matching, discovery, TLS and the phases of the session."""
    phases: list[svg.Phase] = []
    matching = [e for e in recording.layer("slac") if e.name in slac.MATCHING]
    if matching:
        phases.append(svg.Phase("SLAC", matching[0].time, matching[-1].time, "low"))
    sdp = recording.layer("sdp")
    if sdp:
        phases.append(svg.Phase("SDP", sdp[0].time, sdp[-1].time, "low"))
    for talk in talks(recording):
        tls = [e for e in talk.others if e.layer == "tls" and e.time <= talk.start]
        if tls:
            phases.append(svg.Phase("TLS", tls[0].time, tls[-1].time, "low"))
        for name, count, start, end in _phases(talk):
            style = next((style for style, names in _STYLES.items() if name in names), "")
            detail = f"{count}×, {end - start:.1f} s" if count > 1 else ""
            last = phases[-1] if phases else None
            if style == "setup" and last is not None and last.style == "setup" and end - start < _MERGED and not detail:
                if not last.detail:
                    label = (
                        f"{last.label} … {name}"
                        if "…" not in last.label
                        else f"{last.label.partition(' …')[0]} … {name}"
                    )
                    phases[-1] = svg.Phase(label, last.start, end, "setup")
                    continue
            phases.append(svg.Phase(name, start, end, style, detail))
    if not phases:
        return ""
    span = (phases[0].start, max(p.end for p in phases))
    return svg.timeline(phases[:60], span if span[1] > span[0] else (span[0], span[0] + 1))


def _phases(talk: Talk) -> list[tuple[str, int, float, float]]:
    found: list[tuple[str, int, float, float]] = []
    for exchange in talk.exchanges:
        entry = exchange.request or exchange.response
        assert entry is not None
        name = naming.exchange(exchange.name)
        end = (exchange.response or entry).time
        if found and name in ("MeteringReceipt", "MeteringConfirmation"):
            found[-1] = (*found[-1][:3], end)  # part of the loop
        elif found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + 1, found[-1][2], end)
        else:
            found.append((name, 1, entry.time, end))
    return found


def plots(recording: Recording) -> str:
    """Voltage, current, power and state of charge over the same time."""
    curves = series(recording)
    times = [t for one in curves.values() for t, _ in one.points]
    if not times or max(times) <= min(times):
        return ""
    span = (min(times), max(times))
    panels = []
    drawn = {name: one.points for name, one in curves.items()}
    steps, price_unit = agreed(recording, span)
    drawn.update(steps)
    if "discharged" not in drawn:
        drawn.pop("charged", None)  # a single direction is visible in the other panels
    if "target_power" in drawn:
        drawn.pop("plant_target", None)
    for title, unit, wanted in _PANELS:
        chosen = [svg.Curve(label, drawn[name], style) for name, label, style in wanted if name in drawn]
        if chosen:
            panels.append((title, unit or price_unit, chosen))
    return "".join(
        svg.plot(chosen, unit, span, title=title, axis=place == len(panels) - 1)
        for place, (title, unit, chosen) in enumerate(panels)
    )


def sequence(recording: Recording, findings: list[Finding], measures: list[Measure]) -> str:
    """The sequence chart, loops folded."""
    arrows: list[svg.Arrow] = []
    rows = chart.rows(recording, [f for f in findings if f.severity != "note"], measures)
    for row in rows[:MAX_ROWS]:
        entry = row.entry
        if entry is None:
            arrows.append(svg.Arrow("", f"… {row.hidden} more …", ""))
            continue
        shown = entry.name if entry.layer in ("message", "sdp", "slac") else f"{entry.layer} {entry.name}"
        shown = event_told(entry.name) if entry.layer == "pilot" else shown
        if entry.stream:
            shown = f"{shown} ({chart.stream_title(entry.stream)})"
        direction = entry.sender if entry.layer in ("message", "sdp", "slac", "tls") else ""
        link = f"m{entry.index}" if entry.layer == "message" else ""
        style = "late" if row.late else "side" if entry.stream else ""
        right = " ".join(visible(row.text).split())
        arrows.append(svg.Arrow(f"{entry.time:.3f}", visible(shown), right, direction, style, link))
        for finding in row.findings:
            arrows.append(svg.Arrow("", "", visible(f"{finding.severity}: {finding.text}"), "", finding.severity))
    if not arrows:
        return ""
    more = f'<p class="soft">{len(rows) - MAX_ROWS} further rows are left out.</p>' if len(rows) > MAX_ROWS else ""
    if any(row.entry is not None and row.entry.layer == "pilot" for row in rows):
        more += f'<p class="soft">Control pilot: {LEGEND}.</p>'
    return f'<div class="scroll">{svg.sequence(arrows)}</div>{more}'


def attenuation(recording: Recording) -> str:
    """The profile of every CM_ATTEN_CHAR.IND; if there is none, the modem's first profile."""
    found: list[str] = []
    for name in ("CM_ATTEN_CHAR.IND", "CM_ATTEN_PROFILE.IND"):
        for entry in recording.layer("slac"):
            profile = slac.attenuation(entry.data) if entry.name == name else None
            if profile is not None and len(found) < 6:
                source = entry.data[6:12].hex(":")
                sounds = f", mean of {profile.sounds} sounds" if profile.sounds else ", one sound"
                found.append(svg.bars(profile.groups, f"{name} at {entry.time:.3f} s from {source}{sounds}", "dB"))
        if found:
            break
    return "".join(found)
