"""What a session leaves behind: trace, capture, report and key log, independent of each other.

A file that can no longer be written is abandoned: it ends with its last complete record, the others and the session
continue, and the command reports it at its end and in its exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary import write
from boundary.console import complain
from boundary.errors import OutputError
from boundary.write import Growing
from v2g.trace import Bounded, Event, JsonLines, Observe

if TYPE_CHECKING:
    from plugfest.config.model import Bench

SURROUNDINGS = 2
"""Exit code of a session that went well but whose files did not."""
REPORTED = 200_000
"""Number of events kept for a report, the latest ones: some hours of charging."""
_SECRET = {"password"}


@dataclass
class _File:
    """One of the files."""

    observe: Observe
    close: Callable[[], None]


@dataclass
class Outputs:
    """The observer that writes the files.

    Attributes:
        lost: what went wrong with them.
    """

    lost: list[str] = field(default_factory=list)
    _files: list[_File] = field(default_factory=list)

    def add(self, observe: Observe, close: Callable[[], None]) -> None:
        """Adds a file: the function that takes its events, and the one that ends it; both may raise OutputError."""
        self._files.append(_File(observe, close))

    def __call__(self, event: Event) -> None:
        """Takes an event.

        Raises:
            OutputError: a file has just been abandoned; the others have the event.
        """
        failed: OutputError | None = None
        for file in list(self._files):
            try:
                file.observe(event)
            except OutputError as why:
                failed = why
                self.lost.append(f"{why}; it ends at {event.time:.3f} s")
                self._end(file)
        if failed is not None:
            raise failed

    def _end(self, file: _File) -> None:
        self._files.remove(file)
        with contextlib.suppress(OutputError):  # once more what was just noted
            file.close()

    def close(self) -> None:
        """Ends the files, and reports which of them are incomplete."""
        for file in self._files:
            try:
                file.close()
            except OutputError as why:
                self.lost.append(str(why))
        self._files.clear()
        for text in self.lost:
            complain(f"plugfest: {text}")

    def code(self, session: int) -> int:
        """The exit code of a command whose session ended with this one."""
        return session or (SURROUNDINGS if self.lost else 0)


@contextlib.contextmanager
def writing(
    bench: Bench, role: str, now: datetime.datetime | None, *, interface: str | None = None
) -> Iterator[Outputs]:
    """The observer that writes ``--trace``, ``--pcapng``, ``--report`` and ``--key-log``, as requested.

    Args:
        role: who observes: ``evcc``, ``secc``, or ``both`` (the vehicle's view).
        now: wall clock; None for sessions in virtual time.
        interface: the network interface of the session, which is recorded itself if we may; None in memory.

    Raises:
        OutputError: a file cannot be made.
    """
    epoch = now.timestamp() - asyncio.get_running_loop().time() if now else 0.0
    outputs = Outputs()
    try:
        if bench.trace is not None:
            _trace(outputs, Path(bench.trace), epoch, role, configuration(bench))
        if bench.pcapng is not None:
            _packets(outputs, Path(bench.pcapng), role, epoch, interface)
        if bench.report is not None:
            _report(outputs, Path(bench.report), role, epoch, configuration(bench))
        if (keys := bench.key_log or os.environ.get("SSLKEYLOGFILE")) and bench.tls != "none":
            _keys(outputs, Path(keys))
        yield outputs
    finally:
        outputs.close()


def _trace(outputs: Outputs, path: Path, epoch: float, role: str, told: dict[str, Any]) -> None:
    file = Growing(path)
    lines = Bounded(JsonLines(file, epoch=epoch, role=role, configuration=told))

    def close() -> None:
        try:
            lines.finish()
        finally:
            file.close()

    outputs.add(lines, close)


def _keys(outputs: Outputs, path: Path) -> None:
    """Appends the secrets of TLS; other programs use the file and its variable too."""
    file = Growing(path, append=True)

    def keep(event: Event) -> None:
        if event.layer == "tls" and event.name == "keylog":
            file.write(event.data.rstrip(b"\n") + b"\n")
            file.flush()

    outputs.add(keep, file.close)


def _packets(outputs: Outputs, path: Path, role: str, epoch: float, interface: str | None) -> None:
    """The packets of the interface if raw sockets are allowed, otherwise packets made from the session's events."""
    from plugfest.traces import live, writer

    comment = f"plugfest {role}"
    if interface is not None:
        try:
            packets = live.Live(path, interface, comment=comment).__enter__()
            outputs.add(packets, lambda: packets.__exit__(None, None, None))
            return
        except PermissionError:
            complain("note: no permission for raw sockets: the capture gets made-up packets")
    made = writer.File(path, epoch=epoch, role=role, comment=comment)
    outputs.add(made, lambda: made.__exit__())


def _report(outputs: Outputs, path: Path, role: str, epoch: float, told: dict[str, Any]) -> None:
    """Keeps the events, and writes the report at the end, however the session ends."""
    from plugfest.traces.recording import from_events
    from plugfest.traces.report import render

    write.check(path)
    events: deque[Event] = deque(maxlen=REPORTED)
    begun = 0

    def keep(event: Event) -> None:
        nonlocal begun
        if not (event.layer == "tcp" and event.name == "data"):
            events.append(event)
            begun += 1

    bounded = Bounded(keep)

    def close() -> None:
        bounded.finish()
        recording = from_events(events, role=role, name=f"plugfest {role}", epoch=epoch)
        recording.configuration = told
        if begun > REPORTED:
            recording.remarks.append(f"this report has only the last {REPORTED} of {begun} events")
        write.write(path, render(recording))

    outputs.add(bounded, close)


def configuration(bench: Bench) -> dict[str, Any]:
    """The configuration of a bench, for its trace: what differs from the defaults, without secrets."""
    import msgspec

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cleaned(item) for name, item in value.items() if name not in _SECRET}
        return [cleaned(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = cleaned(msgspec.to_builtins(bench))
    return found
