"""Runs a script, judges what was watched during it, and keeps the evidence if it fails."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from boundary.text import visible, visible_lines
from plugfest.conformance.campaign.evidence import evidence
from plugfest.conformance.campaign.physics import judged
from plugfest.conformance.scripting.setting import Setting
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.virtual import VirtualLoop
from v2g.errors import SetupError


def run_script(setting: Setting, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Runs an async script to completion with the testers it uses."""

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for script in setting.started:
                await stack.enter_async_context(script.running())
            result = function(**arguments)
            if inspect.isawaitable(result):
                await result

    with asyncio.Runner(loop_factory=VirtualLoop if setting.virtual else None) as runner:
        try:
            runner.run(main())
            text = broken(setting)
            if not text and setting.captured and setting.trace is None:
                shutil.rmtree(setting.place, ignore_errors=True)
            if not text:
                return
        except Failed as why:
            text = str(why)
        except Inconclusive as why:
            # pytest has no verdict in between; a skipped test would look like a passed one.
            text = broken(setting) or f"inconclusive: {why}"
        except SetupError as why:
            text = str(why)
    pytest.fail("\n".join(visible_lines(text)), pytrace=False)


def broken(setting: Setting) -> str:
    """The rules that the system under test broke, whatever the script was testing; "" if it broke none."""
    return "\n".join(str(judged(one)) for script in setting.started for one in script.violations if one.fails)


def keep_evidence(setting: Setting) -> Iterator[tuple[str, str]]:
    """Writes the traces of a failed script, unless already written; returns titles and texts for its report."""
    for script in setting.started:
        if not script.trace.events:
            continue
        if script.violations:
            yield "watch", "\n".join(visible(str(judged(one))) for one in script.violations)
        folder = setting.place
        if setting.trace is None and not setting.captured:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with evidence(folder, script.epoch, script.role) as observe:
                    for event in script.trace.events:
                        observe(event)
            except OSError as why:
                yield "evidence", f"cannot write {folder}: {why.strerror}"
                continue
        yield "last messages", "\n".join(map(visible, script.trace.lines(12)))
        yield "evidence", f"{folder / 'trace.pcapng'}\n{folder / 'trace.jsonl'}"
