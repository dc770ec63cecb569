"""A command that stands for plugging in: started then, and ended with all it has started when the case is over."""

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
        command: for the shell; "": none.
        ready_after: s after its start before anything is sent.
        ready_when: what it says when it is ready, for which up to 60 s are waited; needs ``log``.
        log: what it says goes there.
    """

    command: str = ""
    ready_after: float = 0.0
    ready_when: str = ""
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _file: IO[bytes] | None = None

    async def start(self) -> None:
        """Starts it, if there is one that does not run yet."""
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
        """It was started and is over."""
        return self._process is not None and self._process.poll() is not None

    async def stop(self) -> None:
        """Ends it and all it has started, by force after 3 s."""
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
