"""A campaign with a pair: our own roles, or a real vehicle at a real charger with a person at the bench."""

from __future__ import annotations

import argparse
from pathlib import Path

from boundary import terminal, write
from boundary.errors import InputError, OutputError
from plugfest.conformance.campaign.campaign import Campaign
from plugfest.conformance.catalogue import Run
from plugfest.conformance.pair import answers, line
from plugfest.conformance.pair import campaign as pairs
from plugfest.conformance.pair.attended import Bench
from plugfest.conformance.pair.guide import Guide
from plugfest.conformance.pair.play import Played
from plugfest.conformance.pair.words import ACTS
from plugfest.errors import UserError
from v2g import interfaces
from v2g.errors import SetupError

ONE_SIDE = ("protocol", "pics", "command", "reset_command", "address", "port", "slac")
"""Options for testing one side, which a pair does not have."""
OF_PAIRS = ("guide", "play", "answers", "write_answers", "key_log")
"""Options for a pair, which a single side does not have."""


def campaign(
    args: argparse.Namespace, folder: Path, runs: list[Run], part: str
) -> tuple[Campaign, list[Run], list[tuple[Run, str]]]:
    """A campaign with a pair, the runs to execute, and the others with the reasons."""
    _refuse(args, ONE_SIDE, "works only with one side under test, not with --sut pair")
    if not args.play:
        _refuse(args, ("pki",), "works only with --play, or with one side under test")
    if not (args.interface or args.guide or args.answers or args.play):
        _refuse(args, ("write_answers", "key_log", "action"), "needs a real pair: -i IFACE, --guide or --answers FILE")
        todo, left = pairs.selected(runs)
        return pairs.own(folder, name=args.name or "", part=part), todo, left
    made = Bench(_guide(args), key_log=args.key_log)
    if args.play:
        made.play = _played(args)
    elif args.interface:
        made.interfaces = args.interface.split(",")
    if why := line.cannot(made.interfaces):
        raise UserError(why)
    todo, left = pairs.answered(runs, made)
    return pairs.real(folder, made, name=args.name or "", part=part), todo, left


def _played(args: argparse.Namespace) -> Played:
    if not args.interface:
        raise UserError("--play needs -i IFACE: the interface to the other end")
    try:
        interfaces.find(args.interface)
    except SetupError as why:
        raise UserError(str(why)) from why
    return Played(args.play, args.interface, args.pki)


def _guide(args: argparse.Namespace) -> Guide:
    if args.answers is None and not terminal.attended():
        raise UserError("this needs a person at a terminal, or --answers FILE (docs/pairs.md)")
    commands = {}
    for text in args.action:
        name, equals, command = text.partition("=")
        if not equals or name.strip() not in ACTS:
            raise UserError(f"--action {text}: use ACT=COMMAND; choose ACT from {', '.join(ACTS)}")
        commands[name.strip()] = command
    try:
        known = answers.load(args.answers) if args.answers is not None else {}
        if args.write_answers is not None:
            write.check(args.write_answers)
    except (InputError, OutputError) as why:
        raise UserError(str(why)) from why
    return Guide(known, args.write_answers, commands)


def refuse(args: argparse.Namespace) -> None:
    """Refuses options of pairs if one side is tested."""
    _refuse(args, OF_PAIRS, "works only with --sut pair")


def _refuse(args: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    if given := next((name for name in names if getattr(args, name)), ""):
        raise UserError(f"--{given.replace('_', '-')} {why}")
