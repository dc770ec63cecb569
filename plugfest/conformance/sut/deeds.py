"""Commands of a bench that replace a person at the system under test: plug, unplug, authorise, break something."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping


def pulled(actions: Mapping[str, str]) -> bool:
    """Pulls out the connector, if there is a command for that; True: it is out."""
    command = actions.get("unplug")
    return command is not None and succeeds(command)


def succeeds(command: str) -> bool:
    """Runs a short command to completion; returns whether it succeeded."""
    try:
        return subprocess.run(command, shell=True, timeout=10, check=False, stdin=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


async def act(actions: Mapping[str, str], action: str) -> bool:
    """Runs the command of an action; returns whether there is one and it succeeded."""
    command = actions.get(action)
    if command is None:
        return False
    process = await asyncio.create_subprocess_shell(command, stdin=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0
