"""A matching as frames, step by step: what tests of its judgement begin with."""

from __future__ import annotations

from slac.frames import (
    BROADCAST,
    CC_DISCOVER_LIST_CNF,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
    CM_SET_KEY_CNF,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    LOCAL_MODEM,
    Heard,
    Message,
)
from slac.keys import nid_of

EV, EVSE, OTHER, EV_MODEM, EVSE_MODEM = (bytes([2, 0, 0, 0, 0, n]) for n in range(1, 6))
RUN, NMK = bytes(range(8)), bytes(range(16))
NID = nid_of(NMK)
Sent = tuple[float, bytes, bytes, Message]


def sounds(*, n: int = 10, profiles: bool = True, at: float = 1.06) -> list[Sent]:
    found: list[Sent] = [
        (at + i * 0.03, EV, BROADCAST, CM_START_ATTEN_CHAR_IND(run_id=RUN, forwarding_sta=EV)) for i in range(3)
    ]
    for i in range(n):
        found.append((at + 0.09 + i * 0.03, EV, BROADCAST, CM_MNBC_SOUND_IND(run_id=RUN, cnt=9 - i)))
        if profiles:
            profile = CM_ATTEN_PROFILE_IND(pev_mac=EV, aag=bytes([20] * 58))
            found.append((at + 0.092 + i * 0.03, EVSE_MODEM, BROADCAST, profile))
    return found


ASKED: list[Sent] = [(1.0, EV, BROADCAST, CM_SLAC_PARM_REQ(RUN))]
ANSWERED: list[Sent] = [*ASKED, (1.02, EVSE, EV, CM_SLAC_PARM_CNF(run_id=RUN, forwarding_sta=EV))]
SOUNDED = [*ANSWERED, *sounds()]
REPORTED: list[Sent] = [
    *SOUNDED,
    (1.7, EVSE, EV, CM_ATTEN_CHAR_IND(source_address=EV, run_id=RUN, aag=bytes([20] * 58))),
]
AGREED: list[Sent] = [*REPORTED, (1.71, EV, EVSE, CM_ATTEN_CHAR_RSP(source_address=EV, run_id=RUN))]
CHOSEN: list[Sent] = [*AGREED, (2.3, EV, EVSE, CM_SLAC_MATCH_REQ(run_id=RUN, pev_mac=EV, evse_mac=EVSE))]
CONFIRMED: list[Sent] = [
    *CHOSEN, (2.31, EVSE, EV, CM_SLAC_MATCH_CNF(run_id=RUN, pev_mac=EV, evse_mac=EVSE, nid=NID, nmk=NMK))
]  # fmt: skip
KEYED: list[Sent] = [
    *CONFIRMED,
    (2.32, EV, LOCAL_MODEM, CM_SET_KEY_REQ(nid=NID, new_key=NMK)),
    (2.33, EV_MODEM, EV, CM_SET_KEY_CNF()),
]
LINKED: list[Sent] = [
    *KEYED, (5.0, EV_MODEM, EV, CC_DISCOVER_LIST_CNF(stations=(Heard(EVSE_MODEM, 2, 1, 4, 16, 0, 0),)))
]  # fmt: skip
