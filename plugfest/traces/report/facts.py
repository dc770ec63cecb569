"""The head of a report: what the session was, in a few facts."""

from __future__ import annotations

import datetime

from boundary.text import visible
from plugfest.traces.entries import Recording
from plugfest.traces.report.svg import escape
from plugfest.traces.series import Series, energies, series
from plugfest.traces.talks import Talk, talks, title
from plugfest.traces.text import show
from v2g.terms import Terms


def origin(recording: Recording) -> str:
    """Kind of file, when, how long."""
    kinds = {"trace": "plugfest trace", "pcap": "capture (pcap)", "pcapng": "capture (pcapng)"}
    roles = {"evcc": " of the vehicle", "secc": " of the charger", "both": " of both roles"}
    words = [kinds[recording.kind] + roles.get(recording.role, "")]
    if recording.epoch > 86400:
        words.append(f"{datetime.datetime.fromtimestamp(recording.epoch, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC")
    words.append(f"{recording.seconds:.1f} s")
    return ", ".join(words)


def _first(talk: Talk, name: str, field: str) -> str:
    for entry in talk.entries:
        if entry.name == name and entry.message is not None:
            value = getattr(entry.body, field, None)
            if isinstance(value, bytes) and field == "EVSEID" and value.isascii() and len(value) > 1:
                return visible(value.decode("ascii"))
            return visible(show(value) or "") if value is not None else ""
    return ""


def telling(recording: Recording, connection: int = 0) -> Talk | None:
    """The conversation that a report is about: that of a connection, otherwise the longest; None without messages."""
    conversations = talks(recording)
    own = next((talk for talk in conversations if talk.number == connection), None)
    return own or max(conversations, key=lambda talk: len(talk.entries), default=None)


def summary(recording: Recording, connection: int = 0) -> str:
    """The facts of a session, as a list.

    Args:
        connection: number of the connection that the verdict is about; 0: none.
    """
    conversations = talks(recording)
    found: list[tuple[str, str]] = []
    if (talk := telling(recording, connection)) is not None:
        found.append(("Protocol", title(talk)))
        hello = next((e.note for e in talk.others if e.name in ("ServerHello", "handshake") and e.note), "")
        agreed = ", ".join(visible(hello.partition(";")[0]).replace("TLS_", "").split(", ")[:2])
        found.append(("Connection", agreed or ("TLS" if talk.secure else "TCP without TLS")))
        found.append(("Session", "completed" if talk.completed else "not completed"))
        found.append(("Session id", talk.session_id.hex() or "none"))
        found.append(("Vehicle (EVCCID)", _first(talk, "SessionSetupReq", "EVCCID")))
        found.append(("Charger (EVSEID)", _first(talk, "SessionSetupRes", "EVSEID")))
        payment = _first(talk, "PaymentServiceSelectionReq", "SelectedPaymentOption")
        payment = payment or _first(talk, "ServicePaymentSelectionReq", "SelectedPaymentOption")
        found.append(("Payment", payment or _first(talk, "AuthorizationReq", "SelectedAuthorizationService")))
        found += terms_of(talk)
        found.append(("Messages", f"{len(talk.entries)} in {talk.end - talk.start:.1f} s"))
        if len(conversations) > 1:
            found.append(("Connections with messages", f"{len(conversations)}; facts of number {talk.number}"))
    found += _numbers(recording)
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found if value)
    return f'<dl class="facts">{items}</dl>'


def _numbers(recording: Recording) -> list[tuple[str, str]]:
    curves = series(recording)
    found = []
    soc = curves.get("soc") or curves.get("plant_soc")
    if soc is not None:
        found.append(("State of charge", f"{soc.points[0][1]:g} % → {soc.points[-1][1]:g} %"))
    power = curves.get("power") or curves.get("present_power")
    if power is not None and len(power.points) > 1:
        into, out = energies(power.points)
        found.append(("Energy at the charger", f"{into:.3f} kWh" + (f" in, {out:.3f} kWh out" if out else "")))
        found.append(("Highest power", f"{max(v for _, v in power.points):.1f} kW"))
        if (least := min(v for _, v in power.points)) < -NOISE_KW:
            found.append(("Highest power given back", f"{-least:.1f} kW"))
    found += _meter(curves)
    for name, label, unit in (
        ("present_voltage", "Highest voltage", "V"),
        ("present_current", "Highest current", "A"),
        ("max_current", "Current offered", "A"),
    ):
        if name in curves:
            found.append((label, f"{max(v for _, v in curves[name].points):.1f} {unit}"))
    return found


def _meter(curves: dict[str, Series]) -> list[tuple[str, str]]:
    """The last readings of the charger's meter in ISO 15118-20: those of the session."""
    readings = [f"{curves[name].points[-1][1]:.3f} kWh {way}" for name, way in _REGISTERS if name in curves]
    return [("Meter reading", ", ".join(readings))] if readings else []


_REGISTERS = (("charged", "in"), ("discharged", "out"))
NOISE_KW = 0.05
"""Negative power that is only the zero error of an ammeter."""


def terms_of(talk: Talk) -> list[tuple[str, str]]:
    """Service, control mode, schedule and mobility needs at the end, of ISO 15118-20."""
    terms = Terms()
    for entry in talk.entries:
        terms.note(entry.body, entry.time)
    found = []
    if terms.service:
        found.append(("Service", f"{terms.service} {terms.control}".strip()))
    needs = terms.needs
    words = [] if needs.departure is None else [f"leaves at {needs.departure:.0f} s"]
    words += [] if needs.minimum is None else [f"at least {needs.minimum} %"]
    words += [] if needs.target is None else [f"target {needs.target} %"]
    if words:
        found.append(("Mobility needs", ", ".join(words) + (f" (set by the {needs.by})" if needs.by else "")))
    if terms.selected:
        found.append(("Schedule", f"{terms.selected} of {', '.join(map(str, terms.offers)) or 'none'}"))
    return found


def footer(recording: Recording) -> str:
    """The origin of the report."""
    remarks = "; ".join(visible(remark) for remark in recording.remarks)
    return "Written by plugfest. Times are seconds from the start of the recording." + (
        f" {remarks}." if remarks else ""
    )
