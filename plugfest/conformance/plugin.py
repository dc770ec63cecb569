"""The pytest plugin: fixtures for conformance scripts. Loaded by installing plugfest; it imports nothing until used.

==================  ==================================================================================================
``secc_sut``        a tester vehicle at a charger under test (:class:`scripting.VehicleScript`)
``evcc_sut``        a tester charger with a vehicle under test (:class:`scripting.ChargerScript`)
``slac_secc_sut``   a tester vehicle, for SLAC alone (:class:`scripting.SlacVehicleScript`)
``slac_evcc_sut``   a tester charger, for SLAC alone (:class:`scripting.SlacChargerScript`)
``bench``           both roles of ours in memory, with seams at either (:class:`scripting.PairScript`)
``catalogue_case``  a case of the catalogue, on one of several benches (:class:`campaign.by_pytest.CatalogueCase`)
==================  ==================================================================================================

Async tests that use one of them run without further plugins: in virtual time in memory, on an ordinary loop against a
real system. Options say what is tested (``--sut-interface``, ``--sut-pics``, ``--sut-command`` ...); others
(``--sut-protocols``, ``--sut-payments``, ``--sut-profiles``) parametrise every script that does not say otherwise with
the marker ``sut(protocol=..., ac=..., payment=..., profile=...)``; ``service=`` and ``control=`` are ISO 15118-20's.
While a script runs, power, pilot and power line are watched as in a campaign: a rule that the system under test breaks
fails the script, unless its marker says ``watch=False`` or the command line ``--sut-no-watch``. A failing script shows
its last messages and where its trace is; its mistakes are reported at its own lines
(`plugfest.conformance.scripting.mistakes`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugfest.conformance.campaign.by_pytest import CatalogueCase
    from plugfest.conformance.scripting import (
        ChargerScript,
        PairScript,
        Setting,
        SlacChargerScript,
        SlacVehicleScript,
        VehicleScript,
    )  # fmt: skip

FIXTURES = ("secc_sut", "evcc_sut", "slac_secc_sut", "slac_evcc_sut", "bench")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plugfest", "conformance scripts")
    group.addoption(
        "--sut-interface", metavar="IFACE[,IFACE]",
        help="network interface to the system under test; with pytest-xdist one per process",
    )  # fmt: skip
    group.addoption("--sut-address", metavar="ADDR", help="the charger's address, to skip SDP (with --sut-port)")
    group.addoption("--sut-port", metavar="PORT", type=int, help="the charger's TCP port; for a vehicle, the tester's")
    group.addoption("--sut-pilot", metavar="P", default="assumed", help="control pilot, as of plugfest evcc --pilot")
    group.addoption("--sut-slac", action="store_true", help="match the modems (SLAC) in each script and case")
    group.addoption(
        "--sut-action", metavar="NAME=CMD", action="append", help="command for what a person would do (repeatable)"
    )
    group.addoption(
        "--sut-pics", metavar="FILE", help="PICS file: what the system declares; see plugfest conformance pics"
    )
    group.addoption(
        "--sut-command", metavar="CMD", default="", help="start this when plugging in ({interface}: the bench's)"
    )
    group.addoption("--sut-protocols", metavar="P,P", help="run each script with these: iso2, iso20, din")
    group.addoption("--sut-payments", metavar="P,P", help="run each script with these: external, contract")
    group.addoption("--sut-profiles", metavar="P,P", help="run each script with these: strict, tolerant")
    group.addoption(
        "--sut-trace",
        metavar="DIR",
        help="traces of all scripts go here (default: of those that fail, sut-traces)",
    )
    group.addoption(
        "--sut-seed", metavar="N", type=int,
        help="what cases and scripts leave open is drawn from N (scripts: 1, campaigns: a new one each)",
    )  # fmt: skip
    group.addoption(
        "--sut-no-watch", action="store_true", help="do not judge power, pilot and power line while scripts run"
    )
    group.addoption("--sut-campaign", metavar="DIR", help="results and evidence of catalogue cases go here")
    group.addoption("--sut-pki", metavar="DIR", help="certificates for TLS and contracts")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "sut(protocol='iso2', ac=False, payment='external', profile='strict', pics={}, service='DC_BPT',"
        " control='dynamic', watch=True): what a conformance script is about; service and control in ISO 15118-20;"
        " watch=False judges only what the script asserts",
    )
    config.addinivalue_line(
        "markers",
        "catalogue(sut='secc', protocol='iso2,din', cases='WORDS'): which cases of the catalogue a test stands for",
    )
    if any(config.getoption(f"--sut-{name}") for name in ("interface", "address", "pics")):
        from plugfest.conformance.scripting import check_options

        check_options(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrises scripts over what the command line names, unless their marker fixes it; and over the catalogue."""
    if "catalogue_case" in metafunc.fixturenames:
        from plugfest.conformance.campaign.by_pytest import chosen

        marker = metafunc.definition.get_closest_marker("catalogue")
        try:
            runs = chosen(metafunc.config, marker.kwargs if marker is not None else {})
        except pytest.UsageError as why:
            raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {why}") from None
        metafunc.parametrize("catalogue_case", runs, ids=[run.id for run in runs], indirect=True)
    if "sut_setting" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("sut")
    fixed: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    words: list[dict[str, Any]] = [{}]
    for name, option in (("protocol", "protocols"), ("payment", "payments"), ("profile", "profiles")):
        given = metafunc.config.getoption(f"--sut-{option}")
        values = [fixed[name]] if name in fixed else given.split(",") if given else []
        if values:
            words = [{**word, name: value} for word in words for value in values]
    # DIN SPEC 70121 knows no contracts: that combination is left out where there are others.
    words = [word for word in words if not (_din(word) and word.get("payment") == "contract")] or words
    many = len(words) > 1
    ids = ["-".join(word.values()) for word in words] if many else None
    settings = [{**fixed, **word} for word in words]
    if many:
        metafunc.parametrize("sut_setting", settings, ids=ids, indirect=True)
    elif settings != [{}]:
        metafunc.parametrize("sut_setting", settings, ids=[_hidden()], indirect=True)


def _din(word: dict[str, Any]) -> bool:
    return str(word.get("protocol", "")).startswith("din")


def _hidden() -> Any:
    """An id that is not shown, where pytest has such."""
    return getattr(pytest, "HIDDEN_PARAM", "set")


@pytest.fixture
def sut_setting(request: pytest.FixtureRequest) -> Setting:
    """What this script is about: protocol, payment, profile, and where the system is."""
    from plugfest.conformance.scripting import setting_of

    marker = request.node.get_closest_marker("sut")
    words = getattr(request, "param", dict(marker.kwargs) if marker is not None else {})
    try:
        return setting_of(request.config, words, request.node.nodeid)
    except pytest.UsageError as why:
        text = str(why)
    pytest.fail(text, pytrace=False)


@pytest.fixture
def secc_sut(sut_setting: Setting) -> Iterator[VehicleScript]:
    """A tester vehicle at a charger under test."""
    from plugfest.conformance.scripting import VehicleScript

    with VehicleScript.open(sut_setting) as script:
        yield script


@pytest.fixture
def evcc_sut(sut_setting: Setting) -> Iterator[ChargerScript]:
    """A tester charger with a vehicle under test."""
    from plugfest.conformance.scripting import ChargerScript

    with ChargerScript.open(sut_setting) as script:
        yield script


@pytest.fixture
def slac_secc_sut(sut_setting: Setting) -> Iterator[SlacVehicleScript]:
    """A tester vehicle at the power line of a charger under test."""
    from plugfest.conformance.scripting import SlacVehicleScript

    with SlacVehicleScript.open(sut_setting) as script:
        yield script


@pytest.fixture
def slac_evcc_sut(sut_setting: Setting) -> Iterator[SlacChargerScript]:
    """A tester charger at the power line of a vehicle under test."""
    from plugfest.conformance.scripting import SlacChargerScript

    with SlacChargerScript.open(sut_setting) as script:
        yield script


@pytest.fixture(name="bench")
def bench_sut(sut_setting: Setting) -> Iterator[PairScript]:
    """Both roles of ours in memory, each with its seams."""
    from plugfest.conformance.scripting import PairScript

    with PairScript.open(sut_setting) as script:
        yield script


@pytest.fixture
def catalogue_case(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogueCase:
    """A run of a case that the test's marker chooses."""
    from plugfest.conformance.campaign.by_pytest import opened

    try:
        return opened(request.config, request.param, tmp_path)
    except pytest.UsageError as why:
        text = str(why)
    pytest.fail(text, pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Says what could not be executed."""
    if session.config.getoption("--sut-campaign"):
        from plugfest.conformance.campaign.by_pytest import leave_out

        leave_out(session.config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Makes the report of a campaign when all processes are done."""
    if folder := config.getoption("--sut-campaign"):
        from plugfest.conformance.campaign.by_pytest import finish

        for line in finish(Path(folder)):
            terminalreporter.write_line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs async tests that use one of our fixtures; all others are left to other plugins."""
    if "sut_setting" not in pyfuncitem.fixturenames:
        return None

    __tracebackhide__ = True
    script = inspect.unwrap(pyfuncitem.obj)  # pytest-asyncio in auto mode puts a plain function around it
    if not inspect.iscoroutinefunction(script):
        if used := [name for name in FIXTURES if name in pyfuncitem.fixturenames]:
            pytest.fail(f"{pyfuncitem.name} uses {used[0]}: write async def, and await what it calls", pytrace=False)
        return None
    from plugfest.conformance.scripting import keep_evidence, run_script
    from plugfest.conformance.scripting.mistakes import forgotten_awaits, plain

    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    setting: Any = pyfuncitem.funcargs["sut_setting"]
    found: BaseException | None = None
    with forgotten_awaits() as forgotten:
        try:
            run_script(setting, script, arguments)
        except (Exception, pytest.fail.Exception) as why:  # noqa: BLE001 - raised again below
            found = why
    if found is None and forgotten:
        found = pytest.fail.Exception(f"{forgotten[0]}(...) was not awaited: write await before it", pytrace=False)
    if found is None:
        return True
    for title, text in keep_evidence(setting):
        pyfuncitem.add_report_section("call", title, text)
    bare = isinstance(found, pytest.fail.Exception) or pyfuncitem.config.getoption("fulltrace")
    raise found if bare else plain(found)
