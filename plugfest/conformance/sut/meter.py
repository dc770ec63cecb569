"""A measuring device between vehicle and charger: a command that prints one line for each measurement.

A line is ``VOLTS AMPS``, optionally followed by ``open`` or ``closed`` for the contactors of the system under test and
by the number of phases in AC: ``401.5 62.0 closed``, ``230 16 3``. Any program that reads a meter, a power analyser or
the display of a supply can print that. Other lines are ignored; a measurement is valid for :data:`FRESH` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass

from plugfest.conformance.watch.flow import Measured

FRESH = 1.0
"""s for which a measurement is valid."""
LONGEST = 256
"""Maximum length of a line in octets."""
CONTACTORS = {"open": False, "closed": True}


def parse(line: str) -> Measured | None:
    """A measurement from a line; None if the line is not one."""
    words = line.split()
    if not 2 <= len(words) <= 4:
        return None
    try:
        volts, amps = float(words[0]), float(words[1])
        rest = [word for word in words[2:] if word not in CONTACTORS]
        phases = int(rest[0]) if rest else 1
    except ValueError:
        return None
    if not (math.isfinite(volts) and math.isfinite(amps)) or phases not in (1, 2, 3) or len(rest) > 1:
        return None
    closed = next((CONTACTORS[word] for word in words[2:] if word in CONTACTORS), None)
    return Measured(volts, amps, closed, phases=phases)


@dataclass
class Meter:
    """The command of a measuring device.

    Attributes:
        command: for the shell; "": there is no such device.
    """

    command: str = ""
    _process: Process | None = None
    _reader: asyncio.Task[None] | None = None
    _seen: tuple[float, Measured] | None = None

    async def start(self) -> None:
        """Starts the command, if there is one and it is not running yet."""
        if not self.command or self._process is not None:
            return
        self._process = await asyncio.create_subprocess_shell(
            self.command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, limit=LONGEST, start_new_session=True
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # too long: discarded
                continue
            if not line:
                return
            if (measured := parse(line.decode("ascii", "replace"))) is not None:
                self._seen = asyncio.get_running_loop().time(), measured

    def measured(self) -> Measured | None:
        """The last measurement, while it is valid."""
        if self._seen is None or asyncio.get_running_loop().time() - self._seen[0] > FRESH:
            return None
        return self._seen[1]

    async def stop(self) -> None:
        """Ends the command and everything it has started."""
        process, self._process, self._seen = self._process, None, None
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
