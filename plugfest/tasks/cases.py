"""Cases of the catalogue: chosen, listed, shown."""

from __future__ import annotations

import argparse
import collections

from boundary.choices import unknown
from boundary.console import say
from plugfest.config.words import PROTOCOLS
from plugfest.conformance.catalogue import Case, case, cases
from plugfest.conformance.catalogue.protocols import word_of
from plugfest.conformance.catalogue.select import matches
from plugfest.errors import UserError
from v2g.protocols import PROTOCOLS as KNOWN

NAMES = {word: word_of(KNOWN[name]) for word, name in PROTOCOLS.items()} | {"slac": "slac"}
"""Names on the command line -> those of the catalogue."""


def protocol_names(text: str | None) -> set[str] | None:
    """The catalogue's names of ``--protocol``, or None for all."""
    if text is None:
        return None
    names = set()
    for word in text.split(","):
        name = NAMES.get(word.strip().lower())
        if name is None:
            raise UserError(unknown("protocol", word, NAMES))
        names.add(name)
    return names


def chosen(args: argparse.Namespace) -> list[Case]:
    """The cases that pass the filters."""

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
    if not found:
        raise UserError("no case matches --sut, --protocol and -k; see plugfest conformance list")
    if args.count:
        counts = collections.Counter(case.file for case in found)
        protocols = protocol_names(args.protocol)
        runs = collections.Counter(
            case.file for case in found for run in case.runs() if protocols is None or run.protocol in protocols
        )
        for file, number in counts.items():
            say(f"{number:5} cases {runs[file]:5} runs  {file}")
        say(f"{len(found):5} cases {runs.total():5} runs")
        return 0
    for one in found:
        say(f"{one.id:<58} {one.title}")
    return 0


def show_case(args: argparse.Namespace) -> int:
    from plugfest.conformance.campaign.describe import describe  # the scripts of both sides; a list does not need them
    from plugfest.conformance.pair.tell import sections

    try:
        entry = case(args.id)
    except KeyError:
        raise UserError(unknown("case", args.id, [one.id for one in cases()])) from None
    for line in describe(entry, sections(entry) if entry.sut == "pair" else None):
        say(line)
    return 0
