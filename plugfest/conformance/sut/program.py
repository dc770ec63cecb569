"""A command that replaces plugging in: started at that point; ended, with everything it started, after the case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


@dataclass
class Program:
    """A command that runs from plugging in to the end of the case.

    Attributes:
        command: shell command; "": none.
        ready_after: s between its start and the first message sent.
        ready_when: text it prints when it is ready, awaited for up to 60 s; needs ``log``.
        log: file for its output.
    """

    command: str = ""
    ready_after: float = 0.0
    ready_when: str = ""
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _file: IO[bytes] | None = None

    async def start(self) -> None:
        """Starts the command, if there is one and it is not running yet."""
        if not self.command or self.running:
            return
        self._file = self.log.open("ab") if self.log is not None else None
        begin = self._file.tell() if self._file is not None else 0
        output: Any = self._file if self._file is not None else subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            self.command, shell=True, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        for _ in range(600):
            if not self.ready_when or self.log is None or self.ended:
                break
            with self.log.open("rb") as said:
                said.seek(begin)
                if self.ready_when.encode() in said.read():
                    break
            await asyncio.sleep(0.1)
        await asyncio.sleep(self.ready_after)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended."""
        return self._process is not None and self._process.poll() is not None

    async def stop(self) -> None:
        """Ends it and everything it has started, by force after 3 s."""
        process, self._process = self._process, None
        if process is not None:
            for signum in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signum)
                for _ in range(60):
                    if process.poll() is not None:
                        break
                    await asyncio.sleep(0.05)
            process.wait()
        if self._file is not None:
            self._file.close()
            self._file = None
