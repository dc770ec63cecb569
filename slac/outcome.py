"""Results of a matching."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slac.frames import mac_text


class Verdict(enum.Enum):
    """A vehicle's verdict on a charger that it measured (ISO 15118-3 A.9.4)."""

    FOUND = "EVSE_FOUND"
    POTENTIALLY_FOUND = "EVSE_POTENTIALLY_FOUND"
    NOT_FOUND = "EVSE_NOT_FOUND"


@dataclass(frozen=True)
class Candidate:
    """A charger that reported attenuations.

    Attributes:
        mac: address of its host.
        aag: attenuation per carrier group, dB; empty if its modem reports no groups.
        sounds: number of sounds averaged.
        verdict: the vehicle's verdict on it.
    """

    mac: bytes
    aag: bytes
    sounds: int
    verdict: Verdict = Verdict.NOT_FOUND

    @property
    def attenuation(self) -> float | None:
        """Mean over the groups, dB; None without groups."""
        return statistics.fmean(self.aag) if self.aag else None

    def __str__(self) -> str:
        known = "no attenuation" if self.attenuation is None else f"{self.attenuation:.1f} dB"
        return f"{mac_text(self.mac)}: {known}, {self.sounds} sounds, {self.verdict.value}"


def judge(attenuation: float | None, sounds: int, direct: float, indirect: float) -> Verdict:
    """The verdict on a charger by its mean attenuation (dB), and C_EV_match_signalattn_direct and _indirect.

    A charger that heard sounds but whose modem reports no groups may be the right one.
    """
    if sounds == 0:
        return Verdict.NOT_FOUND
    if attenuation is None:
        return Verdict.POTENTIALLY_FOUND
    if attenuation <= direct:
        return Verdict.FOUND
    return Verdict.POTENTIALLY_FOUND if attenuation <= indirect else Verdict.NOT_FOUND


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The usable candidates: found ones first, by rising attenuation; those without attenuation last."""
    usable = [c for c in candidates if c.verdict is not Verdict.NOT_FOUND]
    return sorted(
        usable,
        key=lambda c: (c.verdict is Verdict.POTENTIALLY_FOUND, c.attenuation is None, c.attenuation or 0.0, c.mac),
    )


def average(profiles: Sequence[bytes], adjustment: int = 0) -> bytes:
    """Mean of the profiles per group, rounded down, minus ``adjustment`` dB, clamped to 0 to 255.

    Ignores profiles without groups, and those whose length differs from the first.
    """
    usable = [p for p in profiles if p]
    usable = [p for p in usable if len(p) == len(usable[0])]
    return bytes(min(255, max(0, sum(group) // len(usable) - adjustment)) for group in zip(*usable, strict=True))


@dataclass(frozen=True)
class Match:
    """A vehicle and a charger that share a network.

    Attributes:
        run_id: RunID of the matching.
        ev_mac, evse_mac: addresses of the two hosts.
        nid, nmk: network id and key.
        attenuation: mean attenuation between them, dB; None if not measured.
        aag: attenuation per carrier group, dB, of which it is the mean.
        candidates: all chargers that the vehicle measured; empty at the charger.
        validated: whether a BCB toggle proved the pairing.
        time: loop time at which the link was ready, s.
        notes: remarks on what could not be checked, or was tolerated.
    """

    run_id: bytes
    ev_mac: bytes
    evse_mac: bytes
    nid: bytes
    nmk: bytes = field(repr=False)
    attenuation: float | None = None
    aag: bytes = b""
    candidates: tuple[Candidate, ...] = ()
    validated: bool = False
    time: float = 0.0
    notes: tuple[str, ...] = ()
