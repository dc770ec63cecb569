"""Problems that may exist although a matching succeeded: lost frames, duplicate addresses, several vehicles.

`slac.causes` explains why a matching stopped; this module adds what else helps with troubleshooting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from slac import causes
from slac.causes import Cause
from slac.exchange import Exchange, ModemLog, Told
from slac.frames import mac_text

_RETRIED = {
    "CM_ATTEN_CHAR.IND": "CM_ATTEN_CHAR.RSP",
    "CM_SLAC_MATCH.REQ": "CM_SLAC_MATCH.CNF",
}
"""Message -> what ends its repeats."""


def losses(x: Exchange) -> Cause | None:
    """Frames that were lost, as far as repeats and counts show it."""
    signs = []
    before = [at for at in x.asked if x.answerers and at < min(one.confirmed for one in x.answerers.values())]
    if len(before) > 1:
        signs.append(f"{len(before) - 1} of {len(before)} requests unanswered")
    sent = len(set(x.counts))
    wanted = x.start.num_sounds if x.start is not None else x.timing.C_EV_match_MNBC
    if x.sounded and sent < wanted and x.answerers:
        signs.append(f"{sent} of {wanted} sounds arrived")
    signs += [
        f"{mac_text(one.mac)} heard {one.num_sounds} of {sent} sounds"
        for one in x.answerers.values()
        if one.attenuation_at is not None and 0 < one.num_sounds < sent
    ]
    counts = Counter((move.name, move.charger) for move in x.moves)
    for name, answer in _RETRIED.items():
        for (said, charger), times in counts.items():
            if said == name and times > 1 and counts[answer, charger]:
                signs.append(f"{name} was sent {times} times")
    if not signs:
        return None
    return Cause(
        f"frames are lost on the line: {', '.join(signs[:4])}",
        "check coupling, level and other senders; compare a recording of the other end",
    )


def remarks(exchanges: Sequence[Exchange]) -> Iterator[Cause]:
    """Remarks that apply even to successful matchings."""
    for x in exchanges[-1:]:
        if x.same_mac:
            yield causes.SAME_MAC
        if x.same_vehicle:
            yield causes.SAME_VEHICLE
        if (lost := losses(x)) is not None:
            yield lost
        if x.vendor_profiles and not x.profiles:
            yield Cause(
                "the charger's modem reports the sounds only in its vendor's format (A14E),"
                " without CM_ATTEN_PROFILE.IND",
                "fine with plugfest; other chargers may read only CM_ATTEN_PROFILE.IND",
            )
    yield from _other_vehicles(exchanges)


def _other_vehicles(exchanges: Sequence[Exchange]) -> Iterator[Cause]:
    vehicles: dict[bytes, list[Exchange]] = {}
    for x in exchanges:
        vehicles.setdefault(x.ev, []).append(x)
    if len(vehicles) < 2:
        return
    levels = []
    for ev, rounds in vehicles.items():
        known = [a.attenuation for x in rounds for a in x.answerers.values() if a.attenuation is not None]
        known += [sum(aag) / len(aag) for x in rounds for heard in x.profiles.values() for aag in heard[:1] if aag]
        level = f", {min(known):.1f} dB" if known else ""
        levels.append(f"{mac_text(ev)}{level}{', matched' if any(x.matched for x in rounds) else ''}")
    yield Cause(
        f"{len(vehicles)} vehicles ask on this line: {'; '.join(levels[:6])}",
        "the one with the least attenuation is on this cable; reduce the crosstalk of the others at their couplings",
    )


def no_vehicle(log: ModemLog | None) -> tuple[Cause, ...]:
    """Why no vehicle asked, as far as the charger's modem shows it."""
    found = []
    if log is not None and log.role == causes.STATION:
        found.append(causes.ROLE_OF_CHARGER)
    if log is not None and causes.silent(log, 0.0):
        found.append(causes.POWER)
    hears = log.last(Told.HEARS) if log is not None else None
    if hears is not None and hears.value:
        found.append(
            Cause(
                "no vehicle asked, though another modem is on the line: its host sends no request, or it is not"
                " heard (one direction only)",
                "watch on the vehicle's host whether it asks, then check coupling and level at this end",
            )
        )
        return (*found, causes.NO_VEHICLE[-1])
    return (*found, *causes.NO_VEHICLE)


def of_modem(log: ModemLog | None) -> tuple[Cause, ...]:
    """What is known about a modem that did not do what it was asked to."""
    if log is None or log.last(Told.ANSWERED) is None:
        return causes.NO_MODEM
    asked = log.last(Told.KEY_ASKED)
    network = log.last(Told.NETWORK, since=asked.time) if asked is not None else None
    if network is not None and asked is not None and network.value not in (b"", asked.value):
        return (causes.REFUSED_KEY,)
    if asked is not None and log.last(Told.KEY_ANSWERED, since=asked.time) is None and not causes.silent(log, 0.0):
        return (causes.KEY_UNANSWERED,)
    return (causes.POWER,)
