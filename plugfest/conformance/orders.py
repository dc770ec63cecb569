"""Messages out of order: which ones a state forbids, and a rotation by seed through which each kind comes.

What is forbidden is read off the tables that both roles follow (:mod:`v2g.sequence`); what they tolerate is allowed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from v2g.protocols import Protocol
from v2g.sequence import START
from v2g.sequence import Sequence as Order


def _named(name: str, **fields: Any) -> Any:
    """A message as far as the tables look at it."""
    return type(name, (SimpleNamespace,), {})(**fields)


_PROGRESS = {"Start": "Start", "Stop": "Stop", "Renegotiate": "Renegotiate"}


def _answered(state: str, ac: bool, contract: bool) -> Any:
    """The request whose good answer leads to a state of the catalogue; None: nothing was asked yet."""
    name, _, how = state.partition(".")
    if name == "SAP":
        return None
    if name == "ChargingLoop":
        return _named("ChargingStatusReq" if ac else "CurrentDemandReq")
    payment = {"SelectedPaymentOption": "Contract" if contract else "ExternalPayment"}
    return _named(f"{name}Req", **payment, **({"ChargeProgress": _PROGRESS[how]} if how else {}))


def requests(protocol: Protocol) -> list[str]:
    """Every request that the protocol's table knows."""
    return list(dict.fromkeys(step.after for step in protocol.order if step.after != START))


def forbidden(protocol: Protocol, state: str, *, ac: bool = False, contract: bool = False) -> list[str]:
    """The requests that may not come in a state, in any form.

    Args:
        state: as of the catalogue's preconditions: ``SAP``, ``CableCheck``, ``PowerDelivery.Stop``.
    """
    order = Order(protocol.order, dc=not ac)
    if (request := _answered(state, ac, contract)) is not None:
        order.advance(request, _named("Response", ResponseCode="OK", EVSEProcessing="Finished"))
    names = {name.partition(":")[0] for name in (*order.allowed, *order.tolerated)}
    return [name for name in requests(protocol) if name not in names]


def rotation(choices: Mapping[str, Sequence[str]], places: int, seed: int) -> Mapping[str, Sequence[str]]:
    """So many different ones for each state, by seed, and as evenly over all states as the choices allow.

    Args:
        choices: state -> what may be chosen there.
    """
    rng = random.Random(f"rotation {seed}")
    names = sorted({name for few in choices.values() for name in few})
    rank = {name: number for number, name in enumerate(rng.sample(names, len(names)))}
    used = dict.fromkeys(names, 0)
    chosen: dict[str, list[str]] = {state: [] for state in choices}
    for _ in range(places):
        for state in rng.sample(list(choices), len(choices)):
            left = [name for name in choices[state] if name not in chosen[state]]
            if left:
                taken = min(left, key=lambda name: (used[name], rank[name]))
                used[taken] += 1
                chosen[state].append(taken)
    return chosen
