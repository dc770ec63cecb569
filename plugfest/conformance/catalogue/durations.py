"""Times as the catalogue words them: ``V2G_SECC_Sequence_Timeout``, ``2 s``, ``V2G_..._X + 0.25 s``."""

from __future__ import annotations

import re

from plugfest.conformance.catalogue import timer
from plugfest.conformance.verdict import NotExecutable

DELAY = timer("Transmission_Delay")
"""s: added to every limit."""

CLOSE = timer("TCP_Connection_Termination_Timeout")
"""s within which TCP is closed once a session is over."""

_TERM = re.compile(r"(?P<name>[A-Za-z]\w+)|(?P<number>\d+(?:\.\d+)?)\s*s")


def allowed(limit: float, delay: float) -> str:
    """A limit in words, s, with the delay of messages where more than usual is declared."""
    return f"{limit:g} s" if delay <= DELAY else f"{limit:g} s + {delay:g} s (par_CMN_Transmission_Delay)"


def seconds(text: str) -> float:
    """The value in seconds.

    Raises:
        NotExecutable: it is not understood.
    """
    total, sign = 0.0, 1.0
    for part in re.split(r"\s+([+-])\s+", text.strip()):
        if part in ("+", "-"):
            sign = 1.0 if part == "+" else -1.0
            continue
        match = _TERM.match(part)
        if match is None:
            raise NotExecutable(f"time {text!r}")
        try:
            total += sign * (timer(match["name"]) if match["name"] else float(match["number"]))
        except KeyError:
            raise NotExecutable(f"time {text!r}: there is no timer {match['name']}") from None
    return total
