"""``plugfest conformance``: the catalogue of test cases, and campaigns with it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from plugfest.errors import UserError

if TYPE_CHECKING:
    from conformance.catalogue import Case

PROTOCOLS = {
    "iso2": "iso15118-2",
    "iso15118-2": "iso15118-2",
    "din": "din70121",
    "din70121": "din70121",
    "iso20": "iso15118-20",
    "iso15118-20": "iso15118-20",
    "slac": "slac",
}


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "conformance",
        help="test a charger or a vehicle against the catalogue of conformance cases",
        description="Lists, shows and runs conformance cases against a charger (secc) or a vehicle (evcc).",
    )
    inner = parser.add_subparsers(metavar="ACTION")
    listing = inner.add_parser("list", help="the cases, one a line")
    add_filters(listing)
    listing.add_argument("--count", action="store_true", help="only count them, by file")
    listing.set_defaults(run=list_cases)
    show = inner.add_parser("show", help="everything about one case")
    show.add_argument("id", metavar="ID", help="id of a case")
    show.set_defaults(run=show_case)
    parser.set_defaults(run=lambda args: _help(parser))


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Options that choose among the cases."""
    parser.add_argument("--sut", choices=("secc", "evcc", "pair"), help="what is tested: a charger or a vehicle")
    parser.add_argument("--protocol", metavar="P[,P]", help="iso2, din, iso20, slac")
    parser.add_argument("-k", dest="words", metavar="EXPR", help="words in id, title, tags: 'SessionSetup and not 004'")


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 2


def protocol_names(text: str | None) -> set[str] | None:
    """The catalogue's names of ``--protocol``, or None for all."""
    if text is None:
        return None
    names = set()
    for word in text.split(","):
        name = PROTOCOLS.get(word.strip().lower())
        if name is None:
            raise UserError(f"no protocol {word!r}; there are iso2, din, iso20 and slac")
        names.add(name)
    return names


def chosen(args: argparse.Namespace) -> list[Case]:
    """The cases that the filters leave."""
    from conformance.catalogue import cases
    from conformance.select import matches

    protocols = protocol_names(args.protocol)
    try:
        return [
            case
            for case in cases()
            if (args.sut is None or case.sut == args.sut)
            and (protocols is None or protocols & set(case.protocols))
            and (args.words is None or matches(args.words, case))
        ]
    except ValueError as why:
        raise UserError(f"-k {args.words}: {why}") from why


def list_cases(args: argparse.Namespace) -> int:
    found = chosen(args)
    if args.count:
        import collections

        counts = collections.Counter(case.file for case in found)
        runs = collections.Counter({file: sum(1 for c in found if c.file == file for _ in c.runs()) for file in counts})
        for file, number in counts.items():
            print(f"{number:5} cases {runs[file]:5} runs  {file}")
        print(f"{len(found):5} cases {runs.total():5} runs")
        return 0
    for case in found:
        print(f"{case.id:<58} {case.title}")
    return 0


def show_case(args: argparse.Namespace) -> int:
    from conformance.catalogue import case
    from conformance.describe import describe

    try:
        entry = case(args.id)
    except KeyError:
        raise UserError(f"no case {args.id!r}; see plugfest conformance list") from None
    for line in describe(entry):
        print(line)
    return 0
