"""Facts about modems as a table: how to ask each family whether its link is up, and what the family does not support.

An unknown modem is used with the messages that every Green PHY modem should know, and what is missing is reported.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class LinkQuery(enum.Enum):
    """How a modem reports whether the power line link is up. The value describes it."""

    STATUS = "VS_PL_LNK_STATUS"
    NETWORK = "VS_NW_INFO: a network with the key's NID and another station"
    KEY = "CM_GET_KEY to all: two modems answer with the key's NID"
    D_LINK = "NSCM_GET_D_LINK_STATUS"
    DISCOVER = "CC_DISCOVER_LIST: a station in the same network"
    NONE = "not at all"


@dataclass(frozen=True)
class Family:
    """A kind of modem.

    Attributes:
        key: short name, as in configuration.
        title: descriptive name.
        link: how to query the link, most telling first; the next is tried if the modem does not answer.
        accepted: results in CM_SET_KEY.CNF that mean "accepted"; others are retried and reported, never fatal, since
            makers disagree about them.
        deaf: longest usual time without response after a change of key, s; the actual wait is a timer.
        lacks: statements about what this modem does not report or do, for the user.
    """

    key: str
    title: str
    link: tuple[LinkQuery, ...]
    accepted: frozenset[int] = frozenset({0, 1})
    deaf: float = 2.0
    lacks: tuple[str, ...] = ()


_TAKEN = frozenset({1})  # Qualcomm: 1 accepted, 0 refused, the reverse of Green PHY 1.1

QCA7000 = Family("qca7000", "Qualcomm QCA7000/QCA7005", (LinkQuery.STATUS, LinkQuery.NETWORK), _TAKEN)
QCA7420 = Family(
    "qca7420",
    "Qualcomm QCA7420/AR7420",
    (LinkQuery.KEY, LinkQuery.NETWORK),
    _TAKEN,
    deaf=8.0,
    lacks=(
        "as a charger's modem it reports sounds without attenuation groups; a charger has to invent them",
        "it restarts on every key change and is then deaf for 3 to 8 s",
        "it passes SLAC only with a patched configuration (PIB: coordinator selection at F4, SLAC mode at 1653)",
    ),
)
QUALCOMM = Family("qualcomm", "Qualcomm/Atheros", (LinkQuery.NETWORK, LinkQuery.KEY), _TAKEN, deaf=8.0)
INT6400 = Family(
    "int6400",
    "Intellon INT6000 family",
    (LinkQuery.NETWORK, LinkQuery.KEY),
    deaf=8.0,
    lacks=("it is not a Green PHY modem: it passes all SLAC messages in both directions, but measures no attenuation",),
)
CG5317 = Family("cg5317", "Lumissil CG5317", (LinkQuery.D_LINK, LinkQuery.DISCOVER))
GENERIC = Family(
    "generic",
    "unknown Green PHY modem",
    (LinkQuery.DISCOVER, LinkQuery.KEY),
    deaf=8.0,
    lacks=(
        "it answers no vendor message known here: no firmware version, no configured role, no rates",
        "the link is looked for in the list of stations it hears (CC_DISCOVER_LIST), or by keys (CM_GET_KEY)",
    ),
)
NONE = Family(
    "none",
    "no modem",
    (LinkQuery.NONE,),
    deaf=0.0,
    lacks=("there is no modem: no key is set, and the link counts as up once the key is agreed",),
)

FAMILIES = {f.key: f for f in (QCA7000, QCA7420, QUALCOMM, INT6400, CG5317, GENERIC, NONE)}


def of_device(device: int) -> Family:
    """The family for a device id in VS_SW_VER.CNF."""
    if device == 0x22:
        return QCA7000
    if device == 0x20:
        return QCA7420
    return INT6400 if 1 <= device <= 6 else QUALCOMM
