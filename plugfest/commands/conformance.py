"""``plugfest conformance``: the catalogue of test cases, and campaigns with it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.console import complain, say
from boundary.text import dumps
from plugfest.commands import options
from plugfest.errors import UserError

if TYPE_CHECKING:
    from plugfest.conformance.campaign.campaign import Campaign
    from plugfest.conformance.catalogue import Case, Run
    from plugfest.conformance.catalogue.pics import Pics
    from plugfest.conformance.verdict import Result
    from plugfest.progress import Show
    from plugfest.web.campaign import CampaignPanel

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
    _add_run(inner)
    merging = inner.add_parser("report", help="summary, JUnit XML and zip of a campaign; merges several folders")
    merging.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of campaigns or shards")
    merging.add_argument("--out", metavar="DIR", type=Path, help="merge into this folder (default: the first one)")
    merging.set_defaults(run=report_folders)
    _add_pics(inner)
    _add_judge(inner)
    parser.set_defaults(run=lambda args: _help(parser))


def _add_judge(inner: Any) -> None:
    parser = inner.add_parser(
        "judge",
        help="what a recording alone proves of a charger or a vehicle, rule by rule",
        description="Judges one side of a recorded session: every rule that a recording can prove, with its verdict and"
        " requirement. The first sentence is the overall verdict.",
        epilog="exit codes: 0 nothing failed, 1 a rule is broken or nothing could be judged, 2 wrong arguments or file",
    )
    parser.add_argument("file", metavar="CAPTURE", type=Path, help="pcap or pcapng, or a trace of ours")
    parser.add_argument("--sut", choices=("secc", "evcc"), required=True, help="the side that is judged")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--key-log", metavar="FILE", type=Path, help="TLS session secrets (SSLKEYLOGFILE)")
    parser.add_argument(
        "--roots", metavar="PATH", type=Path, action="append", default=[],
        help="trusted roots: a file or a PKI directory (repeatable)",
    )  # fmt: skip
    parser.set_defaults(run=judge_recording)


def judge_recording(args: argparse.Namespace) -> int:
    from plugfest.certificates import roots
    from plugfest.commands.trace import read
    from plugfest.conformance.recorded.judge import judge
    from plugfest.conformance.recorded.page import lines

    found = judge(read(args.file, args.key_log), args.sut, roots.of(args.roots))
    if args.json:
        say(dumps(found.to_json()))
    else:
        for line in lines(found):
            say(line)
    return 0 if found.ok else 1


def _add_run(inner: Any) -> None:
    parser = inner.add_parser(
        "run",
        help="run cases against a charger or a vehicle, and leave the evidence in a folder",
        description="Runs cases and writes a report. Without -i, against this program's own role in memory, in virtual"
        " time. Interrupted with Ctrl-C, the same command goes on where it stopped.",
        epilog="exit codes: 0 nothing failed and nothing was found that concerns safety or security, 1 a run failed or"
        " ended with an error, 2 wrong arguments or surroundings, 3 most runs could not be brought to their"
        " point, 7 interrupted",
    )
    add_filters(parser)
    _add_reach(parser)
    parser.add_argument("--pics", metavar="FILE", type=Path, help="what is declared; see plugfest conformance pics")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the evidence (default conformance-SUT)")
    parser.add_argument("--rerun-failed", action="store_true", help="run again what did not pass")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results in the folder")
    parser.add_argument(
        "--seed", metavar="N", type=int,
        help="draw what the cases leave open (ids, priorities, multipliers, offers, targets) from N, to repeat a"
        " campaign (default: a new seed for each)",
    )  # fmt: skip
    parser.add_argument("--shard", metavar="I/N", help="run only part I of N; results merge in one folder")
    parser.add_argument("--name", metavar="TEXT", help="of the system, for the report")
    options.add_web(parser)
    group = parser.add_argument_group("the system under test")
    group.add_argument("--command", metavar="CMD", help="start this when plugging in, end it after each case")
    group.add_argument("--ready-after", metavar="S", type=float, default=1.0, help="s until the command is ready")
    group.add_argument("--ready-when", metavar="TEXT", help="the command is ready when it says this")
    group.add_argument(
        "--action", metavar="NAME=CMD", action="append", default=[],
        help="command for what a person would do: stop, authorise, refuse, pause ... (repeatable)",
    )  # fmt: skip
    group.add_argument("--reset-command", metavar="CMD", help="run this when the system does not answer any more")
    group.add_argument("--pause", metavar="S", type=float, help="s between cases (default: as declared)")
    group.add_argument("--longest", metavar="S", type=float, help="end a case by force after so long")
    group.add_argument("--pki", metavar="DIR", type=Path, help="certificates for TLS and contracts")
    parser.set_defaults(run=run_campaign)


def _add_reach(parser: argparse.ArgumentParser) -> None:
    """Where the system under test is."""
    parser.add_argument("-i", "--interface", metavar="IFACE", help="network interface to the system under test")
    group = parser.add_argument_group("how it is reached")
    group.add_argument("--slac", action="store_true", help="match the modems (SLAC) at the beginning of each case")
    group.add_argument(
        "--pilot", metavar="P", default="assumed",
        help="control pilot: assumed (default), sim, serial:DEVICE, tcp:HOST:PORT or mqtt://HOST/BASE (docs/pilot.md)",
    )  # fmt: skip
    group.add_argument("--no-modem", dest="modem", action="store_false", help="SLAC without a modem, on a plain cable")
    group.add_argument("--address", metavar="ADDRESS", help="the charger's address, to skip SDP (with --port)")
    group.add_argument("--port", metavar="PORT", type=int, help="the charger's TCP port; for a vehicle, the tester's")


def _reach(args: argparse.Namespace) -> Any:
    """Where the system is, or None: in memory."""
    import asyncio

    from plugfest.conformance.sut.network import Reach, try_pilot
    from slac.pilot_board import PilotError
    from v2g.errors import SetupError

    if not args.interface and not args.address:
        if args.slac or args.port or args.pilot != "assumed":
            raise UserError("-i IFACE is needed: the network interface to the system under test")
        return None
    reach = Reach(args.interface or "", args.address or "", args.port or 0, args.pilot, args.slac, args.modem)
    if args.address and args.sut == "evcc":
        raise UserError("--address is a charger's; a vehicle finds the tester by SDP, or at --port")
    try:
        reach.check()
        asyncio.run(try_pilot(reach, args.sut))
    except (SetupError, PilotError) as why:
        raise UserError(str(why)) from why
    return reach


def _add_pics(inner: Any) -> None:
    parser = inner.add_parser(
        "pics",
        help="make the file of what is declared, by questions or by probing",
        description="Writes a PICS file: asks on the terminal, or with -i looks at the system under test.",
    )
    parser.add_argument("out", metavar="FILE", type=Path, help="to write")
    parser.add_argument("--sut", choices=("secc", "evcc"), default="secc", help="what is tested")
    _add_reach(parser)
    parser.add_argument("--defaults", action="store_true", help="ask nothing: every value with its default")
    parser.add_argument("--command", metavar="CMD", help="start this when plugging in")
    parser.add_argument("--ready-after", metavar="S", type=float, default=1.0, help="s until the command is ready")
    parser.add_argument("--pki", metavar="DIR", type=Path, help="certificates for TLS")
    parser.set_defaults(run=make_pics)


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
    from plugfest.conformance.catalogue import cases
    from plugfest.conformance.catalogue.select import matches

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
            say(f"{number:5} cases {runs[file]:5} runs  {file}")
        say(f"{len(found):5} cases {runs.total():5} runs")
        return 0
    for case in found:
        say(f"{case.id:<58} {case.title}")
    return 0


def show_case(args: argparse.Namespace) -> int:
    from plugfest.conformance.campaign.describe import describe
    from plugfest.conformance.catalogue import case

    try:
        entry = case(args.id)
    except KeyError:
        raise UserError(f"no case {args.id!r}; see plugfest conformance list") from None
    for line in describe(entry):
        say(line)
    return 0


# ---------------------------------------------------------------------------------------------------------------
# Campaigns


def _pics(args: argparse.Namespace) -> Pics | None:
    from plugfest.conformance.catalogue.pics import PicsError, load

    if args.pics is None:
        return None
    try:
        return load(args.pics)
    except PicsError as why:
        raise UserError(str(why)) from why


def run_campaign(args: argparse.Namespace) -> int:
    from plugfest.conformance.campaign import campaign, outcome, report, setup, storage
    from plugfest.progress import Show
    from v2g.errors import SetupError

    if args.sut not in ("secc", "evcc"):
        raise UserError("--sut secc (a charger is tested) or --sut evcc (a vehicle is tested) is needed")
    pics = _pics(args)
    reach = _reach(args)
    if reach is not None and pics is None:
        raise UserError("--pics FILE is needed with a real system; make one with plugfest conformance pics FILE")
    folder: Path = args.out or Path(f"conformance-{args.sut}")
    protocols = protocol_names(args.protocol)
    runs: list[Run] = [
        run for case in chosen(args) for run in case.runs() if protocols is None or run.protocol in protocols
    ]
    todo, left = campaign.selected(runs, pics)
    if not todo:
        raise UserError("no case is left by --sut, --protocol, -k and the PICS; see plugfest conformance list")
    try:
        shard = campaign.Shard.parse(args.shard) if args.shard else campaign.Shard()
    except ValueError as why:
        raise UserError(f"--shard {why}") from why
    try:
        made = setup.campaign(
            folder, args.sut, pics,
            reach=reach, command=args.command or "", ready_after=args.ready_after,
            ready_when=args.ready_when or "",
            actions=_actions(args.action), reset_command=args.reset_command or "", pause=args.pause, pki=args.pki,
            name=args.name or "", longest=args.longest, part=shard.part,
        )  # fmt: skip
    except SetupError as why:
        raise UserError(str(why)) from why
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
        raise UserError(f"cannot write {what}; what was done before is kept: the same command goes on") from why
    _tell(results.values())
    say(f"report: {page}; everything: {packed}")
    if stopped:
        complain(f"{stopped}; the same command goes on from here")
        return 7
    return outcome.exit_code(results.values())


def _seed(args: argparse.Namespace, folder: Path) -> int:
    """The campaign's seed: the one given, that of the folder's campaign, or a new one."""
    import secrets

    from plugfest.conformance.campaign import storage
    from plugfest.conformance.stimulus import SEEDS

    if args.seed is not None and not 0 <= args.seed < SEEDS:
        raise UserError(f"--seed {args.seed}: a whole number from 0 to {SEEDS - 1} is needed")
    known = None if args.fresh else storage.seed_of(folder)
    if known is not None and args.seed not in (None, known):
        raise UserError(
            f"{folder} was begun with seed {known}: leave --seed out, or begin anew with --fresh or --out DIR"
        )
    if known is not None:
        return known
    return args.seed if args.seed is not None else secrets.randbelow(SEEDS)


def _panel(args: argparse.Namespace, made: Campaign, show: Show) -> CampaignPanel:
    """The campaign in the browser; the terminal shows it as ever."""
    from plugfest.conformance.campaign.storage import read_results
    from plugfest.web.campaign import CampaignPanel

    panel = CampaignPanel(
        args.web, f"campaign, {'charger' if args.sut == 'secc' else 'vehicle'} under test", made.folder, show
    )
    panel.known(read_results(made.folder).values())
    return panel


def _outset(made: Campaign, mine: list[Run], others: int, *, again: bool) -> str:
    """What is going to happen: how many runs, how many are done already, how long it takes."""
    from plugfest.conformance.campaign.campaign import AGAIN
    from plugfest.conformance.campaign.storage import read_results
    from plugfest.progress import left

    known = read_results(made.folder)
    open_ = [run for run in mine if run.id not in known or (again and known[run.id].verdict in AGAIN)]
    done = len(mine) - len(open_)
    before = f" of {len(mine)}, the others are done" if done else ""
    time = "" if made.virtual else f", about {left(sum(map(made.expected, open_))).removesuffix(' left')}"
    runs = "1 run" if len(open_) == 1 else f"{len(open_)} runs"
    return f"{runs}{before}{time}; {others} not executed; seed {made.seed}; evidence in {made.folder}"


def _command_line() -> str:
    """As it was typed, without passwords of brokers."""
    import re
    import shlex

    return re.sub(r"://[^/@\s]*@", "://", f"plugfest {shlex.join(sys.argv[1:])}")


def _actions(texts: list[str]) -> dict[str, str]:
    actions = {}
    for text in texts:
        name, equals, command = text.partition("=")
        if not equals or not command:
            raise UserError(f"--action {text}: NAME=COMMAND is needed")
        actions[name.strip()] = command
    return actions


def _tell(results: Collection[Result]) -> None:
    """What a campaign came to: the common cause first, where there is one."""
    from plugfest.conformance.campaign import outcome

    if cause := outcome.common_cause_text(results):
        say(cause)
    say(outcome.total(results))


def report_folders(args: argparse.Namespace) -> int:
    from plugfest.conformance.campaign import outcome, report, storage

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
    from plugfest.conformance.campaign import ask, probe, setup
    from plugfest.conformance.catalogue.pics import Pics, save
    from v2g.errors import SetupError

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
            say(f"{asked - len(pics.declared)} questions were not answered: their defaults hold")
    try:
        save(pics, args.out)
    except OSError as why:
        raise UserError(f"cannot write {args.out}: {why.strerror}") from why
    say(f"written: {args.out}, {len(pics.declared)} values declared")
    return 0
