"""``plugfest explain``: what the tables know of the line and of the protocols."""

from __future__ import annotations

from typing import Any

TOPICS = (
    ("cp", "", "the control pilot's states, with volts, and the times of their changes"),
    ("pp", "", "resistors of the proximity contact"),
    ("duty", "?VALUE", "the current that a duty cycle allows; VALUE is a percentage (53.3) or a current (32A)"),
    ("connector", "?NAME", "contacts and limits of ccs1, ccs2, nacs, mcs, type1 or type2; without NAME, of all"),
    ("sequence", "PROTOCOL", "what may follow each request in din, iso2 or iso20"),
    ("timer", "?NAME", "timers of SLAC and the protocols whose name contains NAME; without NAME, all"),
    ("message", "NAME", "fields, neighbours, times and ResponseCodes of a message, of SLAC too (CM_SLAC_PARM.REQ)"),
    ("code", "NAME", "what a ResponseCode means, and which responses carry it"),
)
"""Topic, its argument (with a question mark where it may be left out), and what it explains."""


def add(commands: Any) -> None:
    top = commands.add_parser(
        "explain", help="look up pilot states, connectors, message order, timers, messages, codes"
    )
    kinds = top.add_subparsers(metavar="|".join(name for name, _, _ in TOPICS), required=True)
    for name, argument, text in TOPICS:
        parser = kinds.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if argument:
            how = "?" if argument.startswith("?") else None
            parser.add_argument("value", nargs=how, metavar=argument.removeprefix("?"))
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.set_defaults(run="plugfest.tasks.explain:run", topic=name)
