"""Conformance campaigns: run, reported, properties declared."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import secrets
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from boundary.console import complain, say
from boundary.text import counted
from plugfest.conformance.campaign import ask, campaign, outcome, probe, report, setup, storage
from plugfest.conformance.campaign.campaign import AGAIN, Campaign
from plugfest.conformance.campaign.storage import read_results
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics, PicsError, load, save
from plugfest.conformance.stimulus import SEEDS
from plugfest.conformance.sut.reach import Reach, try_pilot
from plugfest.conformance.verdict import Result
from plugfest.errors import UserError
from plugfest.progress import Show, left
from plugfest.tasks import pairs
from plugfest.tasks.cases import chosen, protocol_names
from plugfest.web.campaign import CampaignPanel
from slac.pilot_board import PilotError
from v2g.errors import SetupError

UNDER_TEST = {"secc": "charger", "evcc": "vehicle", "pair": "vehicle and charger"}


def _reach(args: argparse.Namespace) -> Any:
    """Where the system is; None: in memory."""

    if not args.interface and not args.address:
        if args.slac or args.port or args.pilot != "assumed":
            raise UserError("give -i IFACE, the network interface to the system under test")
        return None
    reach = Reach(args.interface or "", args.address or "", args.port or 0, args.pilot, args.slac, args.modem)
    if args.address and args.sut == "evcc":
        raise UserError("--address is only for a charger; a vehicle finds the tester by SDP, or at --port")
    try:
        reach.check()
        asyncio.run(try_pilot(reach, args.sut))
    except (SetupError, PilotError) as why:
        raise UserError(str(why)) from why
    return reach


def _pics(args: argparse.Namespace) -> Pics | None:
    if args.pics is None:
        return None
    try:
        return load(args.pics)
    except PicsError as why:
        raise UserError(str(why)) from why


def run_campaign(args: argparse.Namespace) -> int:
    if args.sut is None:
        raise UserError("give --sut secc (test a charger), evcc (test a vehicle) or pair (test both)")
    folder: Path = args.out or Path(f"conformance-{args.sut}")
    protocols = protocol_names(args.protocol)
    runs: list[Run] = [
        run for case in chosen(args) for run in case.runs() if protocols is None or run.protocol in protocols
    ]
    try:
        shard = campaign.Shard.parse(args.shard) if args.shard else campaign.Shard()
    except ValueError as why:
        raise UserError(f"--shard {why}") from why
    put_together = pairs.campaign if args.sut == "pair" else _campaign
    made, todo, left = put_together(args, folder, runs, shard.part)
    if not todo:
        raise UserError("no case matches --sut, --protocol, -k and the PICS; see plugfest conformance list")
    made.seed = _seed(args, folder)
    show = Show()
    panel = _panel(args, made, show) if args.web else None
    made.shard, made.tell = shard, show if panel is None else panel
    made.info = {**made.info, "run with": _command_line()}
    stopped = ""
    try:
        if args.fresh:
            storage.forget(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with storage.alone(folder, shard.part):
            report.leave_out(folder, left)
            report.plan(folder, todo)
            say(_outset(made, shard.mine(todo), len(left), again=args.rerun_failed), flush=True)
            with contextlib.nullcontext() if panel is None else panel.running(lambda text: say(text, flush=True)):
                try:
                    results = made.run(todo, rerun_failed=args.rerun_failed)
                except campaign.Interrupted as why:
                    stopped, results = str(why), storage.read_results(folder)
                show.clear()
                page, _, packed = report.write(folder)
    except storage.Occupied as why:
        raise UserError(str(why)) from why
    except OSError as why:
        what = f"{why.filename or folder}: {why.strerror}"
        raise UserError(
            f"cannot write {what}; earlier results are kept, and the same command continues from there"
        ) from why
    _tell(results.values())
    say(f"report: {page}; everything: {packed}")
    if stopped:
        complain(f"{stopped}; run the same command again to continue")
        return 7
    return outcome.exit_code(results.values())


def _campaign(
    args: argparse.Namespace, folder: Path, runs: list[Run], part: str
) -> tuple[Campaign, list[Run], list[tuple[Run, str]]]:
    """A campaign against one side, the runs to execute, and the others with the reasons."""
    pairs.refuse(args)
    pics = _pics(args)
    reach = _reach(args)
    if reach is not None and pics is None:
        raise UserError("--pics FILE is needed with a real system; make one with plugfest conformance pics FILE")
    todo, left = campaign.selected(runs, pics)
    try:
        made = setup.campaign(
            folder, args.sut, pics,
            reach=reach, command=args.command or "", ready_after=args.ready_after,
            ready_when=args.ready_when or "",
            actions=_actions(args.action), reset_command=args.reset_command or "", pause=args.pause, pki=args.pki,
            name=args.name or "", longest=args.longest, part=part,
        )  # fmt: skip
    except SetupError as why:
        raise UserError(str(why)) from why
    return made, todo, left


def _seed(args: argparse.Namespace, folder: Path) -> int:
    """The campaign's seed: the one given, that of the folder's campaign, or a new one."""

    if args.seed is not None and not 0 <= args.seed < SEEDS:
        raise UserError(f"--seed {args.seed}: give a whole number from 0 to {SEEDS - 1}")
    known = None if args.fresh else storage.seed_of(folder)
    if known is not None and args.seed not in (None, known):
        raise UserError(
            f"{folder} was started with seed {known}: leave out --seed, or start over with --fresh or --out DIR"
        )
    if known is not None:
        return known
    return args.seed if args.seed is not None else secrets.randbelow(SEEDS)


def _panel(args: argparse.Namespace, made: Campaign, show: Show) -> CampaignPanel:
    """The campaign in the browser; the terminal shows it as usual."""

    panel = CampaignPanel(args.web, f"campaign, {UNDER_TEST[args.sut]} under test", made.folder, show)
    panel.known(read_results(made.folder).values())
    return panel


def _outset(made: Campaign, mine: list[Run], others: int, *, again: bool) -> str:
    """What is going to happen: how many runs, how many are already done, how long it takes."""

    known = read_results(made.folder)
    open_ = [run for run in mine if run.id not in known or (again and known[run.id].verdict in AGAIN)]
    done = len(mine) - len(open_)
    time = "" if made.virtual else f", about {left(sum(map(made.expected, open_))).removesuffix(' left')}"
    runs = f"{len(open_)} of {counted(len(mine), 'run')}, {done} done already" if done else counted(len(mine), "run")
    left_out = f"; {others} not executed" if others else ""
    return f"{runs}{time}{left_out}; seed {made.seed}; evidence in {made.folder}"


def _command_line() -> str:
    """The command line as typed, without broker passwords."""

    return re.sub(r"://[^/@\s]*@", "://", f"plugfest {shlex.join(sys.argv[1:])}")


def _actions(texts: list[str]) -> dict[str, str]:
    actions = {}
    for text in texts:
        name, equals, command = text.partition("=")
        if not equals or not command:
            raise UserError(f"--action {text}: use NAME=COMMAND")
        actions[name.strip()] = command
    return actions


def _tell(results: Collection[Result]) -> None:
    """The outcome of a campaign: what many of its runs share comes first."""
    for line in outcome.first_lines(results):
        say(line)
    say(outcome.total(results))


def report_folders(args: argparse.Namespace) -> int:
    for folder in args.folders:
        if not list(folder.glob("results*.jsonl")):
            raise UserError(f"{folder} holds no results of a campaign")
    target: Path = args.out or args.folders[0]
    try:
        storage.merge(args.folders, target)
        page, junit, packed = report.write(target)
    except OSError as why:
        raise UserError(f"cannot write {target}: {why.strerror}") from why
    results = storage.read_results(target)
    _tell(results.values())
    say(f"report: {page}; JUnit: {junit}; everything: {packed}")
    return outcome.exit_code(results.values())


def make_pics(args: argparse.Namespace) -> int:
    if args.out.exists() and not args.force:
        raise UserError(f"{args.out} exists already; give another name, or --force to replace what it declares")
    if (reach := _reach(args)) is not None:
        try:
            system = setup.system(args.sut, reach, command=args.command or "", ready_after=args.ready_after)
            modern = setup.certificates(args.pki, args.sut, "iso20") if args.pki else probe.NO_SIDE
            pics, notes = probe.probe(args.sut, system, setup.certificates(args.pki, args.sut)[0], modern)
        except SetupError as why:
            raise UserError(str(why)) from why
        for note in notes:
            say(note)
    elif args.defaults:
        pics = Pics()
    else:
        pics = ask.ask(args.sut, input, say)
        asked = len(ask.questions(args.sut))
        if len(pics.declared) < asked:
            say()
            say(f"{asked - len(pics.declared)} questions were not answered; their defaults are used")
    try:
        save(pics, args.out)
    except OSError as why:
        raise UserError(f"cannot write {args.out}: {why.strerror}") from why
    say(f"written: {args.out}, {counted(len(pics.declared), 'value')} declared")
    return 0
