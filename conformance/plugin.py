"""The pytest plugin: fixtures for conformance scripts. Loaded by installing plugfest; it imports nothing until used.

=============  ============================================================================================
``secc_sut``   a tester vehicle at a charger under test (:class:`conformance.scripting.VehicleScript`)
``evcc_sut``   a tester charger with a vehicle under test (:class:`conformance.scripting.ChargerScript`)
``bench``      both roles of ours in memory, with seams at either (:class:`conformance.scripting.PairScript`)
=============  ============================================================================================

Async tests that use one of them run without further plugins: in virtual time in memory, on an ordinary loop against a
real system. Options say what is tested (``--sut-interface``, ``--sut-pics``, ``--sut-command``); ``--sut-protocols``,
``--sut-payments`` and ``--sut-profiles`` parametrise every script that does not say otherwise with the marker
``sut(protocol=..., ac=..., payment=..., profile=...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.scripting import ChargerScript, PairScript, Setting, VehicleScript

FIXTURES = ("secc_sut", "evcc_sut", "bench_sut")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plugfest", "conformance scripts")
    group.addoption("--sut-interface", metavar="IFACE", help="network interface to the system under test")
    group.addoption("--sut-pics", metavar="FILE", help="what is declared; see plugfest conformance pics")
    group.addoption("--sut-command", metavar="CMD", default="", help="start this when plugging in")
    group.addoption("--sut-protocols", metavar="P,P", help="run each script with these: iso2, din")
    group.addoption("--sut-payments", metavar="P,P", help="run each script with these: external, contract")
    group.addoption("--sut-profiles", metavar="P,P", help="run each script with these: strict, tolerant")
    group.addoption("--sut-trace", metavar="DIR", help="write a trace of each script into this folder")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "sut(protocol='iso2', ac=False, payment='external', profile='strict', pics={}): what a conformance script is"
        " about",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrises scripts over what the command line names, unless their marker fixes it."""
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
    many = len(words) > 1
    ids = ["-".join(word.values()) for word in words] if many else None
    settings = [{**fixed, **word} for word in words]
    if many:
        metafunc.parametrize("sut_setting", settings, ids=ids, indirect=True)
    elif settings != [{}]:
        metafunc.parametrize("sut_setting", settings, ids=[_hidden()], indirect=True)


def _hidden() -> Any:
    """An id that is not shown, where pytest has such."""
    return getattr(pytest, "HIDDEN_PARAM", "set")


@pytest.fixture
def sut_setting(request: pytest.FixtureRequest) -> Setting:
    """What this script is about: protocol, payment, profile, and where the system is."""
    from conformance.scripting import setting_of

    return setting_of(request.config, getattr(request, "param", {}), request.node.nodeid)


@pytest.fixture
def secc_sut(sut_setting: Setting) -> Iterator[VehicleScript]:
    """A tester vehicle at a charger under test."""
    from conformance.scripting import VehicleScript

    with VehicleScript.open(sut_setting) as script:
        yield script


@pytest.fixture
def evcc_sut(sut_setting: Setting) -> Iterator[ChargerScript]:
    """A tester charger with a vehicle under test."""
    from conformance.scripting import ChargerScript

    with ChargerScript.open(sut_setting) as script:
        yield script


@pytest.fixture(name="bench")
def bench_sut(sut_setting: Setting) -> Iterator[PairScript]:
    """Both roles of ours in memory, each with its seams."""
    from conformance.scripting import PairScript

    with PairScript.open(sut_setting) as script:
        yield script


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs async tests that use one of our fixtures; all others are left to whoever runs them."""
    if "sut_setting" not in pyfuncitem.fixturenames:
        return None
    import inspect

    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    from conformance.scripting import run_script

    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    setting: Any = pyfuncitem.funcargs["sut_setting"]
    run_script(setting, pyfuncitem.obj, arguments)
    return True
