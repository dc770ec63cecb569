"""Likely causes of a matching that stopped, with what to try: inferred from the recording, not a fixed list per step.

A cause without evidence is not named. If the recording shows no modem messages, the result says so instead.
"""

from __future__ import annotations

from typing import NamedTuple

from slac.exchange import Agreed, Answerer, Deviation, End, Exchange, ModemLog, Told

SETTLING = 8.0
"""Longest time for which modems do not respond after a key was set, s."""
STATION, COORDINATOR = 0, 2
ALL_AT_ONCE = 0.001
"""Below this, every group counts as zero, dB."""
_FAR = 37.0
"""Above this attenuation no successful charging has been seen, dB."""


class Cause(NamedTuple):
    """A likely cause, and what to try."""

    cause: str
    remedy: str


ROLE_OF_VEHICLE = Cause(
    "wrong modem role: the vehicle's modem is configured as coordinator (charger)",
    "give it the vehicle's configuration (PIB: CCo selection 1, SLAC mode 1); see plugfest slac modem",
)
ROLE_OF_CHARGER = Cause(
    "wrong modem role: the charger's modem is configured as a station (vehicle)",
    "give it the charger's configuration (PIB: CCo selection 2, SLAC mode 2); see plugfest slac modem",
)
NO_BEACON = Cause(
    "no charger's modem on the line: a vehicle's modem that hears no coordinator sends nothing",
    "check that the charger's modem has power and is coordinator; check how both couple to control pilot and earth",
)
NOT_HEARD = Cause(
    "one direction only: the vehicle's modem hears the charger's, but the charger's may not hear it",
    "watch on the charger's host whether the requests arrive, then check coupling and level at the charger",
)
BOTH_ALIKE = Cause(
    "wrong modem role: each role lets only its own direction through",
    "look at both modems with plugfest slac modem: the charger's must be coordinator, the vehicle's must not",
)
NOT_LISTENING = Cause(
    "no charger is listening yet: its SLAC starts with its own plug detection",
    "start the charger first, or check that it sees state B and shows 5 %",
)
ONE_WAY = Cause(
    "one direction only: the charger hears the vehicle and answers each time, but the vehicle does not hear it",
    "check the vehicle's modem role (a charger's modem passes no answers), then coupling and level",
)
START_UNSEEN = Cause(
    "the vehicle did not get the answer, or did not accept it",
    "check at the vehicle; some accept only FORWARDING_STA = their address, 10 sounds, Time_Out 6",
)
NO_SOUNDS = Cause(
    "no sounds are heard: the vehicle's modem does not pass them, or they are lost",
    "check the vehicle's modem role, then level and coupling; other programs on the interface may also send",
)
TOO_LATE = Cause(
    "the vehicle begins its matching too late after the charger offers 5 %",
    "at most 10 s are allowed; look for what keeps the vehicle's modem or controller busy after plugging in",
)
NO_PROFILES = Cause(
    "the attenuation profile is missing: the charger's modem does not report what it hears",
    "the charger's modem needs SLAC mode EVSE (PIB 1653 = 2); AR7420 and QCA7420 report none or empty ones",
)
EMPTY_PROFILES = Cause(
    "the attenuation profile is empty: the charger's modem reports sounds without groups, as a QCA7420 does",
    "the charger must invent values; 9 to 25 dB work",
)
VENDOR_PROFILES = Cause(
    "the charger's modem reports the sounds only in its vendor's format (A14E), which the charger does not read",
    "make the charger read VS_ATTENUATION_CHARACTERISTICS.IND, or use modem firmware that sends CM_ATTEN_PROFILE",
)
CHARGER_SILENT = Cause(
    "the charger has dropped the vehicle", "check its log; some drop a first START that takes longer than 100 to 250 ms"
)
UNLIKED = Cause(
    "the vehicle refuses the attenuation: all zero, or beyond its limit",
    "check the groups below; for a modem that reports none, invent values of 9 to 25 dB",
)
NEIGHBOUR = Cause(
    "a neighbour wins: the vehicle chose another charger that it hears better",
    "compare attenuations; lower the neighbour's level or raise the resistor of its coupling",
)
TOO_FAR = Cause(
    "the attenuation is above the vehicle's limit", "check coupling and level; good sessions show 9 to 37 dB"
)
NOT_VALIDATED = Cause(
    "validation: the charger did not see the toggles of the control pilot",
    "check its pilot measurement; a charger without one should answer 'not required'",
)
ANSWER_LOST = Cause(
    "the charger did not get the request, or does not accept it",
    "check its log; compare CM_SLAC_MATCH.REQ with what was agreed before",
)
KEY_UNANSWERED = Cause(
    "no modem answers CM_SET_KEY: none at this end, or it is restarting",
    "see plugfest slac modem; wait up to 8 s after a key and try again",
)
WRONG_KEY = Cause("wrong key: one modem has a different NMK or NID", "use the NMK and NID of CM_SLAC_MATCH.CNF")
REPORT_REPEATED = Cause(
    "frames are lost: the charger repeats its report although it was answered, so CM_ATTEN_CHAR.RSP does not reach it",
    "check coupling and level from the vehicle to the charger; watch on the charger's host",
)
TWO_KEYS = Cause(
    "wrong key: the charger answered the repeated CM_SLAC_MATCH.REQ with a different network or key",
    "answer a repeated request with the same NID and NMK",
)
REPLY_LOST = Cause(
    "frames are lost: CM_ATTEN_CHAR.RSP did not arrive, and without it the charger accepts no match",
    "check coupling and level from the vehicle to the charger; watch on the vehicle's host",
)
MATCH_REPEATED = Cause(
    "frames are lost: the vehicle repeats CM_SLAC_MATCH.REQ, so the charger's answer with the key does not reach it",
    "check coupling and level from the charger to the vehicle; watch on the vehicle's host",
)
CHOICE_LOST = Cause("the vehicle's CM_SLAC_MATCH.REQ was lost on the way", "watch on the vehicle's host")
NO_START = Cause(
    "frames are lost: sounds arrived, but no CM_START_ATTEN_CHAR.IND before them",
    "check coupling and level from the vehicle to the charger",
)
SAME_MAC = Cause(
    "duplicate address: vehicle and charger have the same MAC",
    "give one of them another address (ip link set IFACE address 02:...); cloned boards often share one",
)
REFUSED_KEY = Cause(
    "the modem did not take the key: it reads back a different network",
    "set it again after 1 s; if that fails, power-cycle the modem and check for a locked configuration (PIB)",
)
SAME_VEHICLE = Cause(
    "duplicate address: two vehicles on this line have the same MAC; their runs overlap",
    "give one of them another address (ip link set IFACE address 02:...); cloned boards often share one",
)
NOT_SHOWN = Cause(
    "the recording does not show the modems: neither whether they took the key nor their state",
    "record on a host that takes part, or check with plugfest slac modem: same NID on both, one coordinator",
)
LINK_UNKNOWN = Cause(
    "nothing shows whether the link came up: only one end's modem was recorded, and nobody asked it",
    "ask both modems with plugfest slac modem, or record at both ends",
)
POWER = Cause(
    "the modem no longer answers its host: it has no power, or is restarting",
    "check its supply and lights; after a key some modems are deaf for up to 8 s",
)

NO_MODEM = (
    Cause("no modem answers: it has no power, or the cable is in the wrong port", "check its lights and the port's"),
    Cause("the modem is restarting: after a key some are deaf for up to 8 s", "wait and try again"),
    Cause("this is the wrong interface", "give the modem's interface with -i"),
)
NO_VEHICLE = (
    NO_BEACON._replace(cause="no vehicle asked: it is not plugged in, or its modem hears no coordinator"),
    Cause("the vehicle does not see 5 % at state B", "measure the pilot; some vehicles sleep and need E or F first"),
)
NO_REQUEST = (
    Cause("nobody asked: no vehicle is plugged in, or it waits for the 5 % duty", "plug in while this runs"),
    Cause(
        "wrong modem role: a vehicle's modem shows no requests, a charger's no answers",
        "watch on a host that takes part, or on both",
    ),
)
START_OF_PILOT = (
    Cause(
        "the charger's 5 % duty was not seen, so nothing was asked",
        "check the pilot board; --pilot assumed does without it",
    ),
)
NO_LINK_LOCAL = Cause(
    "no IPv6 link-local address: another program manages the interface, or IPv6 is off on it",
    "sysctl net.ipv6.conf.IFACE.disable_ipv6=0 and addr_gen_mode=0; tell NetworkManager to leave it alone",
)
FIREWALL = Cause("a firewall drops SDP", "open UDP 15118 from ff02::1, the TCP ports, and ICMPv6 on the interface")


def deviating(found: Deviation) -> Cause:
    """The cause for a message that its receiver may have ignored."""
    what = "send it in time" if found.late else f"send {found.field} {found.expected}"
    return Cause(f"the receiver may refuse it: {found.text}", what)


def no_answer(x: Exchange) -> list[Cause]:
    """Causes when no charger answered CM_SLAC_PARM.REQ."""
    causes = []
    words = [log.last(Told.KEY_ASKED, before=x.begun) for log in x.modems.values()]
    keyed = [word.time for word in words if word is not None]
    if keyed and x.begun - max(keyed) < SETTLING:
        causes.append(_settling(x.begun - max(keyed)))
    own = x.modems.get(x.ev)
    role = own.role if own is not None else None
    others = [log.role for host, log in x.modems.items() if host != x.ev and log.role is not None]
    if role == COORDINATOR:
        causes.append(ROLE_OF_VEHICLE)
    if STATION in others:
        causes.append(ROLE_OF_CHARGER)
    hears = own.last(Told.HEARS) if own is not None else None
    if own is not None and silent(own, x.begun):
        causes.append(POWER)
    if hears is not None and hears.value:
        causes += [NOT_LISTENING, NOT_HEARD]
    elif hears is not None:
        causes += [NO_BEACON, NOT_LISTENING]
    else:
        causes += [NOT_LISTENING, NO_BEACON]
    if role is None and not others:
        causes.append(BOTH_ALIKE)
    return causes


def silent(log: ModemLog, since: float) -> bool:
    """Whether a modem that had answered before was asked again since then, and no longer answered."""
    asked, answered = log.last(Told.ASKED, since=since), log.last(Told.ANSWERED)
    return asked is not None and answered is not None and asked.time - answered.time > 1.0


def _settling(seconds: float) -> Cause:
    return Cause(
        f"settle time: a modem was given a key {seconds:.1f} s earlier and may still have been deaf",
        f"wait until it answers again, up to {SETTLING:g} s, before asking",
    )


def no_start(x: Exchange) -> list[Cause]:
    """Causes when a charger answered, but the vehicle did not begin."""
    first = min(one.confirmed for one in x.answerers.values())
    return [ONE_WAY] if sum(at > first for at in x.asked) >= 1 else [START_UNSEEN]


def no_report(x: Exchange) -> list[Cause]:
    """Causes when sounds were sent, but no attenuation was reported."""
    causes = []
    if x.started and x.answerers:
        gap = x.started[0] - max(one.confirmed for one in x.answerers.values())
        if gap > x.timing.TP_match_sequence:
            causes.append(
                Cause(
                    f"the first START came {gap * 1e3:.0f} ms after the answer; some chargers wait only 100 to 250 ms",
                    "start within 100 ms",
                )
            )
    profiles = [aag for reported in x.profiles.values() for aag in reported]
    if any(profiles):
        return [*causes, CHARGER_SILENT]
    if profiles:
        return [*causes, EMPTY_PROFILES, CHARGER_SILENT]
    if x.vendor_profiles:
        return [*causes, VENDOR_PROFILES, CHARGER_SILENT]
    return [*causes, NO_PROFILES, CHARGER_SILENT]


def no_choice(answered: list[Answerer]) -> list[Cause]:
    """Causes when the vehicle answered the reports, but chose no charger."""
    levels = [one.attenuation or 0.0 for one in answered]
    if not all(level > ALL_AT_ONCE for level in levels):
        return [UNLIKED, NEIGHBOUR]
    return [TOO_FAR, NEIGHBOUR] if min(levels) > _FAR else [NEIGHBOUR, CHOICE_LOST, TOO_FAR]


def no_link(x: Exchange, until: float) -> tuple[list[Cause], End | None]:
    """Causes, and the end to blame, when a match produced no link: what both modems have shown since."""
    match = x.agreed
    if match is None:
        return [], None
    causes: list[Cause] = []
    blamed: End | None = None
    if (new := x.new_key) is not None and new.time - match.at < x.timing.TT_match_join:
        after = f"{new.time - match.at:.1f} s after the match, before a link was seen"
        causes.append(
            Cause(
                f"the {new.end.value} gave its modem a different key (network {new.nid.hex()}) {after}",
                "keep the key of CM_SLAC_MATCH.CNF for TT_match_join; check that end's log for why it gave up",
            )
        )
        blamed = new.end
    if sum(move.name == "CM_SLAC_MATCH.REQ" and move.time > match.at for move in x.moves):
        causes.append(MATCH_REPEATED)
    if any(d.move.name == "CM_SLAC_MATCH.CNF" and d.field in ("NID", "NMK") for d in x.deviations):
        causes.append(TWO_KEYS)
        blamed = End.CHARGER
    for end in End:
        log = x.modem(end)
        if log is None:
            continue
        found = _of_modem(end, log, match, until)
        causes += found
        if found and blamed is None:
            blamed = end
    roles = [log.role if (log := x.modem(end)) is not None else None for end in End]
    if roles[0] == COORDINATOR:
        causes.append(ROLE_OF_VEHICLE)
    if roles[1] == STATION:
        causes.append(ROLE_OF_CHARGER)
    if not causes and x.modem(End.VEHICLE) is None and x.modem(End.CHARGER) is None:
        causes.append(NOT_SHOWN)
    if not causes:
        near = End.VEHICLE if x.modem(End.VEHICLE) is not None else End.CHARGER
        log = x.modem(near)
        down = log is not None and any(word.value is False for word in log.since(match.at, Told.LINK))
        if not down:
            causes.append(LINK_UNKNOWN)
        whose = f"the {near.other.value}'s modem"
        joins = "does not join" if down else "may not have joined"
        causes.append(
            Cause(
                f"{whose} {joins}: it has a different key, is restarting, has no power, or has the wrong role",
                f"ask {whose} with plugfest slac modem: network {match.cnf.nid.hex()} is needed",
            )
        )
    return causes, blamed


def _of_modem(end: End, log: ModemLog, match: Agreed, until: float) -> list[Cause]:
    """Evidence against the modem of one end, up to the end of the round."""
    whose = f"the {end.value}'s modem"
    nid, since = match.cnf.nid, match.at
    if end is End.CHARGER:  # its key was set before the match
        asked = log.last(Told.KEY_ASKED, before=since)
        since = asked.time if asked is not None else since
    asked = log.last(Told.KEY_ASKED, since=since, before=until)
    told = log.last(Told.KEY_ANSWERED, since=since, before=until)
    network = log.last(Told.NETWORK, since=asked.time if asked is not None else since, before=until)
    if network is not None and isinstance(network.value, bytes) and network.value not in (b"", nid):
        return [
            Cause(
                f"{whose} did not take the key: it is in network {network.value.hex()} instead of {nid.hex()}",
                "set the key again after 1 s and read it back (plugfest slac modem); if that fails, power-cycle it",
            )
        ]
    if asked is None:
        if end is End.VEHICLE and any(log.since(since, Told.ASKED)):
            return [Cause("the vehicle gave its modem no key after the match", "send CM_SET_KEY.REQ with NID and NMK")]
        return []
    if told is None:
        return [KEY_UNANSWERED]
    if told.value not in (0, 1):
        return [Cause(f"{whose} refused the key: result {told.value!r}", "set it again and read it back")]
    answers = [word for word in log.since(told.time + 1e-6, Told.ANSWERED) if word.time < until]
    asks = [word for word in log.since(told.time + 1e-6, Told.ASKED) if word.time < until]
    if asks and not answers and until - asks[0].time > 1.0:
        return [
            Cause(
                f"{whose} was silent for {until - told.time:.1f} s after its key: it is restarting, or lost power",
                "wait until it answers (a QCA7420 takes 7 to 8 s) without setting the key again; check its supply",
            )
        ]
    if answers and asks and asks[-1].time - answers[-1].time > 1.0:
        return [
            Cause(
                f"{whose} stopped answering {max(answers[-1].time - match.at, 0.0):.1f} s after the match: no power, or"
                " it restarts",
                "check its supply; a modem that restarts by itself often has too little",
            )
        ]
    if told.value == 0 and network is None:
        return [
            Cause(
                f"{whose} answered the key with result 0, which from a Qualcomm modem means that it did not take it",
                "read it back with plugfest slac modem (NID); set it again after 1 s",
            )
        ]
    return []
