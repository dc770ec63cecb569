"""A foreign program at one end of a lab, and our role at the other.

The program starts in its namespace with ``PLUGFEST_INTERFACE`` in its environment, and has the terminal. When it ends,
the lab ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

import msgspec

from boundary.console import complain
from plugfest.config.model import Bench
from plugfest.errors import UserError
from plugfest.lab.both import Cable, line
from plugfest.lab.network import INTERFACE, Network
from plugfest.tasks import evcc, secc
from v2g.outcome import Cause

ENDS = {"vehicle": "charger", "charger": "vehicle"}
"""End of the foreign program -> ours."""
SETTLES = 1.0
"""s that a program has to end by itself, once our role is done."""
FAREWELL = 10.0
"""s that a program has to end by itself after Ctrl-C, such as a campaign that writes its report."""
GRACE = 3.0
"""s that a program has to end after SIGTERM."""
SHELL = ("sh", "-c")
SPECIAL = frozenset("$`\"'\\|&;<>()*?[#~%!{}=\n")
"""Characters of a first word that only the shell can interpret."""


def check(command: str) -> None:
    """Refuses a command that cannot start, before anything is set up for it.

    The first word is looked up if it is a plain one; what comes later, only the shell can tell.

    Raises:
        UserError: one line that says what to do.
    """
    read = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    if read.returncode:
        raise UserError(f"--peer {command}: {read.stderr.strip().removeprefix('sh: 1: ')}")
    words = command.split()
    if not words:
        raise UserError("--peer is empty: give a program and its arguments, such as --peer bash")
    name = words[0]
    if SPECIAL & set(name):
        return
    if "/" not in name:
        known = subprocess.run([*SHELL, f"command -v -- {shlex.quote(name)}"], capture_output=True, check=False)
        if known.returncode:
            where = f"./{name}" if Path(name).is_file() else f"/path/to/{name}"
            raise UserError(f"--peer {name}: not found in PATH (sudo has its own); give its path, such as {where}")
    elif not Path(name).is_file():
        raise UserError(f"--peer {name}: there is no such file, seen from {Path.cwd()}")
    elif not os.access(name, os.X_OK):
        raise UserError(f"--peer {name}: not executable; `chmod +x {name}`, or name its interpreter first")


async def run(
    bench: Bench, network: Network, cable: Cable, command: str, end: str, ready_after: float, sessions: int | None
) -> int:
    """Runs a program at ``end`` and our role at the other one, until one of them is over; returns the exit code.

    Args:
        command: for the shell.
        ready_after: s that a foreign charger has to start before our vehicle comes.
        sessions: after how many our role is over; None: our vehicle after one, our charger never.
    """
    ours = ENDS[end]
    role_name = "evcc" if ours == "vehicle" else "secc"
    own = msgspec.structs.replace(
        bench, role=role_name, interface=network.interface(ours), sessions=sessions if ours == "charger" else None
    )
    async with line(network, cable, bench.seed or 1):
        role = None
        if ours == "charger":
            role = asyncio.create_task(secc.serve(own))
            await asyncio.sleep(0)
        program = await _started(command, network.namespace(end))
        try:
            waiting = asyncio.create_task(program.wait())
            if role is None:
                await asyncio.wait([waiting], timeout=ready_after)
                if waiting.done():
                    complain(f"--peer {command}: ended with exit code {_code(program)}, before our vehicle came")
                    return _code(program) or int(Cause.NO_PEER)
                role = asyncio.create_task(_visits(own, program, sessions or 1))
            await asyncio.wait({role, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if role.done():
                with contextlib.suppress(TimeoutError):  # it may see the end by itself, and say something of it
                    async with asyncio.timeout(SETTLES):
                        await program.wait()
                return role.result()
            if ours == "vehicle":  # the charger has gone: the vehicle says what it makes of that
                code = await role
                return code if sessions is None else _code(program)
            if _code(program):
                complain(f"--peer {command}: ended with exit code {_code(program)}")
            return _code(program)
        except asyncio.CancelledError:  # Ctrl-C, which the program has got too
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await program.wait()
            raise
        finally:
            if role is not None:
                role.cancel()
                await asyncio.gather(role, return_exceptions=True)
            await _ended(program)


async def _visits(own: Bench, program: asyncio.subprocess.Process, sessions: int) -> int:
    """Our vehicle comes to a foreign charger, a number of times; the exit code is that of the first failure."""
    code = 0
    for _ in range(sessions):
        ended = await evcc.drive(own)
        code = code or ended
        if program.returncode is not None:
            break
    return code


async def _started(command: str, namespace: str) -> asyncio.subprocess.Process:
    words = ("ip", "netns", "exec", namespace, *SHELL, command)
    environment = {**os.environ, "PLUGFEST_INTERFACE": INTERFACE}
    return await asyncio.create_subprocess_exec(*words, env=environment)


def _code(program: asyncio.subprocess.Process) -> int:
    """The exit code as a shell gives it, also after a signal."""
    code = program.returncode or 0
    return code if code >= 0 else 128 - code


async def _ended(program: asyncio.subprocess.Process) -> None:
    """Ends it, if it has not ended."""
    if program.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        program.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE):
            await program.wait()
    except TimeoutError:
        program.kill()
        await program.wait()
