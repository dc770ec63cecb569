"""Async tests run on the virtual loop; those marked ``real_time`` on an ordinary one."""

from __future__ import annotations

import asyncio
import collections
import inspect
import signal

import pytest
from hypothesis import settings

from plugfest.virtual import VirtualLoop

# Started in the background of a shell, Ctrl-C is ignored, and so it is by the commands that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run, however slow the machine; `make slow` explores.
settings.register_profile("plugfest", derandomize=True, deadline=None)
settings.load_profile("plugfest")


REAL_TIME = ("netns", "real_time")
"""Tests with one of these markers wait for real clocks: they run one after the other, whatever runs beside them."""

PORTION = 40
"""Tests of one module that one worker takes at once."""


@pytest.hookimpl(tryfirst=True)  # before the plugin looks at the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """How several workers (``-n 2 --dist loadgroup``) share the tests."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    before: collections.Counter[str] = collections.Counter()
    for item in items:
        module = item.nodeid.partition("::")[0]
        if any(item.get_closest_marker(name) for name in REAL_TIME):
            group = "real-time"
        else:
            group = f"{module}-{before[module] // PORTION}"
            before[module] += 1
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    factory = None if pyfuncitem.get_closest_marker("real_time") else VirtualLoop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True
