"""Async tests run on the virtual loop; those marked ``real_time`` on an ordinary one."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
from collections.abc import Iterator

import needs
import pytest
from hypothesis import settings

from plugfest.virtual import VirtualLoop

# Schemas, tables and thousands of tests live as long as the run: to look for garbage among them takes a tenth of it.
gc.set_threshold(100_000, 20, 100)

# Started in the background of a shell, Ctrl-C is ignored, and so it is by the commands that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests write need not outlive a power cut; a PKI is flushed file by file, almost a hundred times.
os.fsync = lambda fd: None

# The same examples on every run, however slow the machine; `make slow` explores.
settings.register_profile("plugfest", derandomize=True, deadline=None)
settings.load_profile("plugfest")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``-n``, whatever ``--dist`` says."""
    from sharing import Scheduling

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _folder_of_other_pytests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each pytest removes what earlier ones left in its folder: those that tests start would do so for minutes."""
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(tmp_path_factory.mktemp("pytest"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    factory = None if pyfuncitem.get_closest_marker("real_time") else VirtualLoop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The very last line: what was skipped for lack of what."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        skipped = [report.longrepr[2] for report in reporter.stats.get("skipped", ())]
        reporter.write_line(needs.summary(skipped))
