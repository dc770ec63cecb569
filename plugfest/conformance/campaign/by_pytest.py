"""The catalogue through pytest: cases as tests, several benches, and one campaign shared by all.

A test that asks for ``catalogue_case`` is there once per executable run of the cases that its marker chooses, as in
``@pytest.mark.catalogue(sut="secc", protocol="din", cases="SessionSetup and not 004")``, and calls
:meth:`CatalogueCase.check`. With pytest-xdist each process takes a bench of its own from ``--sut-interface eth1,eth2``;
all of them work on the campaign in ``--sut-campaign DIR``: each writes its own results file, and the report is made
from all of them when the last one is done. Runs that already passed are not run again.
"""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boundary.console import say
from plugfest.conformance.campaign import report, setup
from plugfest.conformance.campaign.campaign import Campaign, selected
from plugfest.conformance.campaign.outcome import WORDS, first_lines, total
from plugfest.conformance.campaign.storage import read_results, seed_of
from plugfest.conformance.catalogue import PROTOCOLS, Run, cases
from plugfest.conformance.catalogue.pics import Pics, PicsError, load
from plugfest.conformance.catalogue.select import matches
from plugfest.conformance.stimulus import SEEDS
from plugfest.conformance.sut.reach import Reach
from plugfest.conformance.verdict import Result, Verdict
from v2g.errors import SetupError

_CLAIMED = pytest.StashKey[tuple[str, socket.socket | None]]()
_CAMPAIGNS = pytest.StashKey[dict[str, tuple[Campaign, dict[str, Result]]]]()
_PLANNED = pytest.StashKey[list[Run]]()
_LEFT_OUT = pytest.StashKey[dict[str, tuple[Run, str]]]()


# ---------------------------------------------------------------------------------------------------------------
# Benches


def interfaces(config: pytest.Config) -> list[str]:
    """The interfaces that the command line names; none: our own roles in memory."""
    given: str = config.getoption("--sut-interface") or ""
    return [name for name in (word.strip() for word in given.split(",")) if name]


def interface(config: pytest.Config) -> str:
    """The interface of this process's bench, reserved until the process ends; "": our own roles in memory.

    Raises:
        pytest.UsageError: others work at all of them.
    """
    if _CLAIMED not in config.stash:
        names = interfaces(config)
        claimed = next(((name, held) for name in names if (held := claim(name)) is not None), None)
        if names and claimed is None:
            raise pytest.UsageError(f"other processes test on {', '.join(names)}: name one interface per process")
        config.stash[_CLAIMED] = claimed or ("", None)
        if claimed is not None:
            config.add_cleanup(claimed[1].close)
    return config.stash[_CLAIMED][0]


def claim(name: str) -> socket.socket | None:
    """Reserves an interface in this network namespace for as long as the socket is open; None: already taken."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0plugfest bench {name}")  # an abstract name, without a file: it disappears with the process
    except OSError:
        held.close()
        return None
    return held


def reach(config: pytest.Config) -> Reach | None:
    """Where the system under test of this process is; None: our own roles in memory.

    Raises:
        pytest.UsageError: others work at all of the interfaces.
    """
    name, address = interface(config), config.getoption("--sut-address")
    if not name and not address:
        return None
    return Reach(
        name, address or "", config.getoption("--sut-port") or 0, config.getoption("--sut-pilot"),
        config.getoption("--sut-slac"),
    )  # fmt: skip


def actions(config: pytest.Config) -> dict[str, str]:
    """The commands given by ``--sut-action NAME=CMD``."""
    words = [text.partition("=") for text in config.getoption("--sut-action") or []]
    return {name.strip(): command for name, _, command in words}


def worker(config: pytest.Config) -> str:
    """Name of this pytest-xdist worker; "" without workers."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


# ---------------------------------------------------------------------------------------------------------------
# Cases


def chosen(config: pytest.Config, words: Mapping[str, Any]) -> list[Run]:
    """The runs that a marker chooses and that can be executed.

    Args:
        words: ``sut``, ``protocol`` and ``cases`` (an expression of words, as ``plugfest conformance -k``).

    Raises:
        pytest.UsageError: a word, the system, the protocol or the expression is invalid.
    """
    sut, wanted = words.get("sut", "secc"), words.get("cases")
    short = {"din": "din70121"}
    protocols = [short.get(word.strip(), word.strip()) for word in str(words.get("protocol", "iso2,din")).split(",")]
    if sut not in ("secc", "evcc") or not set(protocols) <= set(PROTOCOLS.values()) or words.keys() - _WORDS:
        raise pytest.UsageError(f"catalogue: sut is secc or evcc, protocol some of {_NAMES}, cases words; not {words}")
    try:
        runs = [
            run
            for case in cases()
            if case.sut == sut and (wanted is None or matches(wanted, case))
            for run in case.runs()
            if PROTOCOLS.get(run.protocol) in protocols
        ]
    except ValueError as why:
        raise pytest.UsageError(f"catalogue: cases={wanted!r}: {why}") from why
    todo, left = selected(runs, _pics(config))
    config.stash.setdefault(_PLANNED, []).extend(todo)
    config.stash.setdefault(_LEFT_OUT, {}).update({run.id: (run, why) for run, why in left})
    return todo


_WORDS = {"sut", "protocol", "cases"}
_NAMES = ", ".join(PROTOCOLS.values())


def _pics(config: pytest.Config) -> Pics | None:
    path = config.getoption("--sut-pics")
    if path is None:
        if interfaces(config) or config.getoption("--sut-address"):
            raise pytest.UsageError("--sut-pics FILE is needed with a real system; see plugfest conformance pics")
        return None
    try:
        return load(Path(path))
    except PicsError as why:
        raise pytest.UsageError(str(why)) from why


@dataclass
class CatalogueCase:
    """A run of a case, on this process's bench.

    Attributes:
        run: the run from the catalogue.
        campaign: the campaign it belongs to.
        results: the campaign's results from before this process began, and its own.
    """

    run: Run
    campaign: Campaign
    results: dict[str, Result]

    def check(self) -> Result:
        """Runs the case and returns its result, or the campaign's result if the case has already passed.

        The test fails unless the verdict is pass; findings are printed.
        """
        result = self.results.get(self.run.id)
        if result is None or result.verdict is not Verdict.PASS:
            result = self.results[self.run.id] = self.campaign.one(self.run)
            self.campaign.record(result)
        for finding in result.findings:
            say(f"finding, {finding}")
        if result.verdict is not Verdict.PASS:
            pytest.fail(f"{WORDS[result.verdict]}: {result.reason}", pytrace=False)
        return result


def opened(config: pytest.Config, run: Run, folder: Path) -> CatalogueCase:
    """A run for a test; all tests of a process share one campaign.

    Args:
        folder: where the evidence goes if the command line names no folder.
    """
    made = config.stash.setdefault(_CAMPAIGNS, {})
    sut = run.case.sut
    if sut not in made:
        folder = Path(config.getoption("--sut-campaign") or folder)
        name = worker(config)
        mine, pki = interface(config), config.getoption("--sut-pki")
        try:
            campaign = setup.campaign(
                folder, sut, _pics(config), reach=reach(config), part=f"-{name}" if name else "",
                command=config.getoption("--sut-command").replace("{interface}", mine),
                actions=actions(config), pki=Path(pki) if pki else None,
            )  # fmt: skip
            campaign.seed = seed(config, folder)
            campaign.begin()
        except SetupError as why:
            raise pytest.UsageError(str(why)) from why
        except OSError as why:
            raise pytest.UsageError(f"cannot write {folder}: {why.strerror}") from why
        made[sut] = campaign, read_results(folder)
    return CatalogueCase(run, *made[sut])


def seed(config: pytest.Config, folder: Path) -> int:
    """The seed of a campaign: the given one, that of the folder's campaign, or a new one, the same for all processes.

    Raises:
        pytest.UsageError: the folder's campaign has a different seed from the one given.
    """
    given, known = config.getoption("--sut-seed"), seed_of(folder)
    if known is not None and given not in (None, known):
        raise pytest.UsageError(f"{folder} was started with seed {known}: leave out --sut-seed, or use another folder")
    if known is not None or given is not None:
        return int(known if known is not None else given)
    shared = getattr(config, "workerinput", {}).get("testrunuid")
    return random.Random(shared).randrange(SEEDS) if shared else secrets.randbelow(SEEDS)


def leave_out(config: pytest.Config) -> None:
    """Records what was not executed; only one process does this."""
    folder = config.getoption("--sut-campaign")
    if folder and _LEFT_OUT in config.stash and worker(config) in ("", "gw0"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        report.leave_out(Path(folder), config.stash[_LEFT_OUT].values())
        planned: list[Run] = config.stash.get(_PLANNED, [])
        report.plan(Path(folder), planned)


def finish(folder: Path) -> list[str]:
    """Makes the report of a campaign; returns lines about it."""
    results = read_results(folder)
    if not results:
        return []
    page, junit, packed = report.write(folder)
    return [
        *first_lines(results.values()),
        f"{total(results.values())}; seed {seed_of(folder)}",
        f"report: {page}; JUnit: {junit}; everything: {packed}",
    ]
